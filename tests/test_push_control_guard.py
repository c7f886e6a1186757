"""Who may control a service."""

from __future__ import annotations

from tests.control_rig import OWN, ControlTestCase

TOKEN = "a-token-of-sixteen-or-more"


class SocketTests(ControlTestCase):
    """Through a Unix socket."""

    def test_no_token(self) -> None:
        """Whoever can open the socket may look, by whatever name."""
        self.assertEqual(self.ask("GET", "/status", headers={"Host": "anything"}).status, 200)

    def test_changes_need_the_header(self) -> None:
        """What changes something needs a header that no form can send."""
        response = self.ask("POST", "/pause")
        self.assertEqual(response.status, 403)
        self.assertIn("Txresumable-Control: 1", response.json["error"])
        self.assertFalse(self.service.is_paused)
        self.assertEqual(self.ask("POST", "/pause", headers=OWN).status, 200)
        self.assertTrue(self.service.is_paused)

    def test_pages_of_others(self) -> None:
        """Pages from another origin are refused, even with the header; our own is not."""
        for origin in ("http://evil.example", "null", "https://localhost:99", "http://[", ""):
            response = self.ask("POST", "/pause", headers={**OWN, "Origin": origin})
            self.assertEqual(response.status, 403, origin)
        response = self.ask("GET", "/status", headers={"Sec-Fetch-Site": "cross-site"})
        self.assertEqual(response.status, 403)
        self.assertFalse(self.service.is_paused)
        own = {**OWN, "Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
        self.assertEqual(self.ask("POST", "/pause", headers=own).status, 200)

    def test_no_preflight(self) -> None:
        """A preflight grants nothing."""
        asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
        response = self.ask("OPTIONS", "/pause", headers=asked)
        self.assertEqual(response.status, 403)
        self.assertNotIn("access-control-allow-origin", response.headers)


class PortTests(ControlTestCase):
    """Through a port."""

    token = TOKEN

    def test_token(self) -> None:
        """Without the token, nothing is shown or done, whatever is asked for."""
        for path in ("/status", "/files", "/files/1", "/metrics", "/events", "/nothing"):
            for given in ("", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", "Bearer \xfc"):
                response = self.ask("GET", path, headers={"Authorization": given})
                self.assertEqual(response.status, 401, (path, given))
                self.assertEqual(response.headers.get("www-authenticate"), "bearer", path)
        self.assertEqual(self.ask("POST", "/pause", headers=OWN).status, 401)
        self.assertFalse(self.service.is_paused)
        right = {**OWN, "Authorization": f"bearer {TOKEN}"}
        self.assertEqual(self.ask("POST", "/pause", headers=right).status, 200)

    def test_names(self) -> None:
        """
        Only names that no page can choose are responded to: a site whose name leads here has
        nobody to talk to.
        """
        right = {"Authorization": f"Bearer {TOKEN}"}
        for host in ("evil.example", "localhost.evil.example", "", "127.0.0.1.evil.example"):
            response = self.ask("GET", "/status", headers={**right, "Host": host})
            self.assertEqual(response.status, 421, host)
            self.assertEqual(self.ask("GET", "/healthz", headers={"Host": host}).status, 421)
            self.assertEqual(self.ask("GET", "/", headers={"Host": host}).status, 421)
        for host in ("127.0.0.1:8000", "[::1]:8000", "LOCALHOST", "push.example:1"):
            response = self.ask("GET", "/status", headers={**right, "Host": host})
            self.assertEqual(response.status, 200, host)

    def test_health(self) -> None:
        """Whether it is well is no secret, and neither is the page."""
        for path in ("/healthz", "/readyz", "/", "/page.js", "/plot.js", "/page.css"):
            self.assertEqual(self.ask("GET", path).status, 200, path)

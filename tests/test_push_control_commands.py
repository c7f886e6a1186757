"""Commands for the whole service."""

from __future__ import annotations

from tests.control_rig import ControlTestCase
from txresumable.push import PushState


class CommandsTests(ControlTestCase):
    """What an operator does to everything."""

    def test_status(self) -> None:
        """Where everything is; nobody may keep it."""
        self.queued("a", "b")
        response = self.ask("GET", "/status")
        self.assertEqual(response.json["folders"]["scans"]["files"], {"queued": 2})
        self.assertEqual(response.headers["cache-control"], "no-store")
        self.assertEqual(self.ask("GET", "/status?x=1").status, 400)

    def test_health(self) -> None:
        """It is healthy while it responds, and ready while it delivers."""
        self.assertEqual(self.ask("GET", "/healthz").json, {"status": "ok"})
        self.assertEqual(self.ask("GET", "/readyz").status, 200)
        self.service.trouble = "no space left"
        response = self.ask("GET", "/readyz")
        self.assertEqual(
            (response.status, response.json["error"]), (503, "There is trouble: no space left.")
        )
        self.service.trouble, self.service.running = "", False
        self.assertEqual(self.ask("GET", "/readyz").status, 503)
        self.assertEqual(self.ask("GET", "/healthz").status, 200)

    def test_pause(self) -> None:
        """Everything is paused and resumed."""
        self.assertEqual(self.post("/pause").json, {"paused": True})
        self.assertTrue(self.service.is_paused)
        self.assertEqual(self.post("/resume").json, {"paused": False})
        self.assertFalse(self.service.is_paused)

    def test_rate(self) -> None:
        """A rate is a number, null for none, or that of the rules."""
        for rate in (0, 1.5, 2000000, None):
            self.assertEqual(self.post("/rate", {"rate": rate}).json, {"rate": rate})
        self.post("/rate", {"rate": "rules"})
        wanted = [("set_rate", 0), ("set_rate", 1.5), ("set_rate", 2000000), ("set_rate", None)]
        self.assertEqual(self.service.calls, [*wanted, ("set_rate",)])
        for body in ({}, {"rate": -1}, {"rate": True}, {"rate": "fast"}, {"rate": 1e19}, {"x": 1}):
            self.assertEqual(self.post("/rate", body).status, 400, body)
        self.assertEqual(self.post("/rate", b'{"rate": NaN}').status, 400)
        self.assertEqual(self.post("/rate", b'{"rate": Infinity}').status, 400)

    def test_concurrency(self) -> None:
        """A concurrency is a number or "auto", which the options check."""
        for number in (4, "auto"):
            self.assertEqual(self.post("/concurrency", {"concurrency": number}).status, 200)
        self.assertEqual(self.service.calls, [("set_concurrency", 4), ("set_concurrency", "auto")])
        response = self.post("/concurrency", {"concurrency": 0})
        self.assertEqual(response.status, 400)
        self.assertIn("must be at least 1", response.json["error"])
        self.assertEqual(self.post("/concurrency").status, 400)

    def test_rescan(self) -> None:
        """One folder is looked at, or all."""
        self.post("/rescan")
        self.post("/rescan", {"folder": "scans"})
        self.assertEqual(self.service.calls, [("rescan", None), ("rescan", "scans")])

    def test_reload(self) -> None:
        """Settings that are wrong are reported."""
        response = self.post("/reload")
        self.assertEqual(response.status, 400)
        self.assertIn("must be a folder", response.json["error"])

    def test_retry(self) -> None:
        """All files in a state are retried, those that failed by default."""
        self.assertEqual(self.post("/retry").json, {"files": 3})
        self.post("/retry?state=waiting")
        wanted = [("retry_all", PushState.FAILED), ("retry_all", PushState.WAITING)]
        self.assertEqual(self.service.calls, wanted)
        self.assertEqual(self.post("/retry?state=lost").status, 400)

    def test_bodies(self) -> None:
        """A body that is no JSON object is refused, and so is one that is long."""
        for body in (b"x", b"[]", b"\xff", b"[" * 60000, b'{"rate": 1, "more": 2}'):
            self.assertEqual(self.post("/rate", body).status, 400, body[:10])
        _, transport = self.send("POST", "/rate", b"", {"Content-Length": "65537"})
        self.assertIn(b" 413 ", transport.value())
        self.assertTrue(transport.disconnecting)

    def test_long_in_pieces(self) -> None:
        """A long body that does not say how long it is, is cut off."""
        channel, transport = self.connect()
        channel.dataReceived(
            b"POST /rate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n11000\r\n"
        )
        channel.dataReceived(b"x" * 0x10800)
        self.assertIn(b" 413 ", transport.value())
        self.assertTrue(transport.disconnecting)

    def test_unexpected(self) -> None:
        """What should not happen is logged, and not shown."""
        self.service.status = lambda: 1 / 0  # type: ignore[assignment]
        response = self.ask("GET", "/status")
        self.assertEqual(response.status, 500)
        self.assertNotIn("division", response.json["error"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

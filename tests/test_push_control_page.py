"""The page for browsers, without one: tests/interop/test_push_page.py has it in Chromium."""

from __future__ import annotations

from tests.control_rig import ControlTestCase, FakeService
from txresumable.push.control.guard import Guard
from txresumable.push.control.root import make_root
from txresumable.push.control.site import ControlSite


class PageTests(ControlTestCase):
    """What is loaded."""

    def test_policy(self) -> None:
        """Nothing but its own script and style is run, and nobody may frame it."""
        response = self.ask("GET", "/")
        self.assertEqual(response.headers["content-type"], "text/html; charset=utf-8")
        policy = response.headers["content-security-policy"]
        for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"):
            self.assertIn(part, policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(response.headers["x-content-type-options"], "nosniff")

    def test_files(self) -> None:
        """Its files have their types, and there are no others."""
        for path, type in (
            ("page.js", "javascript"),
            ("plot.js", "javascript"),
            ("page.css", "css"),
        ):
            self.assertIn(type, self.ask("GET", f"/{path}").headers["content-type"])
        for path in ("/page.html", "/../page.py", "/page.js/x", "/static/page.js"):
            self.assertEqual(self.ask("GET", path).status, 404, path)

    def test_off(self) -> None:
        """Without the option there is none."""
        service = FakeService(self)
        root = make_root(service, Guard(None), self.log, self.traffic)
        self.site = ControlSite(root, self.clock)
        for path in ("/", "/page.js"):
            self.assertEqual(self.ask("GET", path).status, 404)
        response = self.ask("GET", "/metrics")
        self.assertEqual(response.status, 501)

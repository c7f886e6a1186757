"""Tests for the page to drop files on; browsers open it in ``tests.interop``."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

from tests.receiver_rig import ClientFile, ReceiverTestCase, Response, request
from txresumable.errors import InvalidOption
from txresumable.receiver import Refused, make_site


class PageTests(ReceiverTestCase):
    """Who gets the page, and what it says."""

    def get(self, url: str = "/upload", accept: str = "text/html,*/*;q=0.8", **headers: str) -> Any:
        """What a browser gets."""
        return self.ask(request("GET", url, {"Accept": accept, **headers}))

    def protocol(self, response: Response) -> Any:
        """What the page is told of the protocol."""
        found = re.search(r'data-protocol="([^"]*)"', response.body.decode())
        assert found is not None
        return json.loads(unescape(found[1]))

    def test_page(self) -> None:
        """A browser gets HTML that loads a script and a style sheet from the same URL."""
        self.start(site={"page": True})
        response = self.get()
        self.assertEqual(response.status, 200)
        self.assertEqual(response.headers["content-type"], "text/html; charset=utf-8")
        self.assertIn(b"<h1>Upload files</h1>", response.body)
        for query, type in (("page.js", "text/javascript"), ("page.css", "text/css")):
            self.assertIn(f'"?{query}"'.encode(), response.body)
            found = self.get(f"/upload?{query}", "*/*")
            self.assertEqual(found.status, 200)
            self.assertEqual(found.headers["content-type"], f"{type}; charset=utf-8")
            self.assertGreater(len(found.body), 500)

    def test_head(self) -> None:
        """``HEAD`` has the same headers and no body."""
        self.start(site={"page": True})
        response = self.ask(request("HEAD", "/", {"Accept": "text/html"}))
        self.assertEqual((response.status, response.body), (200, b""))
        self.assertEqual(response.headers["content-length"], str(len(self.get("/").body)))

    def test_policy(self) -> None:
        """Nothing in the page is inline, nothing comes from elsewhere, and nobody may frame it."""
        self.start(site={"page": True})
        response = self.get()
        policy = response.headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn("frame-ancestors 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(response.headers["x-content-type-options"], "nosniff")
        self.assertNotRegex(response.body.decode(), r"(?i)<style|\sstyle=|\son\w+=|//")
        self.assertNotRegex(response.body.decode(), r"(?i)<script(?! src=\"\?page.js\" defer></)")

    def test_only_if_asked_for(self) -> None:
        """Without ``page`` there is none."""
        self.start()
        self.assertEqual(self.get().status, 400)
        self.assertEqual(self.get("/upload?page.js", "*/*").status, 400)

    def test_is_no_test(self) -> None:
        """
        A test never gets the page, for 200 says that the chunk is stored: not one in another
        dialect, and none with its parameters elsewhere.
        """
        self.start(site={"page": True})
        file = ClientFile(b"x" * 30)
        self.assertEqual(self.ask(file.test(1, accept="text/html")).status, 404)
        self.assertEqual(self.get("/upload?flowChunkNumber=1").status, 400)
        self.assertEqual(self.get(accept="*/*").status, 400)
        self.assertEqual(self.ask(request("GET", "/upload", {})).status, 400)
        with_body = request("GET", "/upload", {"Accept": "text/html", "Content-Length": "1"}, b"x")
        self.assertEqual(self.ask(with_body).status, 400)
        self.assertEqual(self.get("/upload?page.js=1", "*/*").status, 400)

    def test_kept_parameters(self) -> None:
        """Parameters that are kept with each file may stand in the page's URL."""
        self.start(site={"page": True, "parameters": ["album"]})
        self.assertEqual(self.get("/upload?album=summer").status, 200)
        self.assertEqual(self.get("/upload?album=summer&x=y").status, 400)

    def test_protocol(self) -> None:
        """The page knows what the receiver's parameters are called."""
        self.start(site={"page": True, "dialect": "flow", "namespace": "\"<&'-"})
        names = self.protocol(self.get())["names"]
        self.assertEqual(names["chunk_number"], "\"<&'-flowChunkNumber")
        self.assertEqual(names["type"], "")

    def test_final(self) -> None:
        """What the receiver refuses for good the page does not send again; the rest it does."""
        self.start(site={"page": True})
        permanent = self.protocol(self.get())["permanent"]
        self.assertLessEqual({400, 401, 403, 409, 410, 413, 415, 421, 422, 500}, set(permanent))
        self.assertFalse({200, 429, 502, 503, 504, 507} & set(permanent))

    def test_login(self) -> None:
        """Who has to log in has to for the page and its files, too."""

        def owner(asking: Any) -> str:
            if asking.getHeader("authorization") is None:
                raise Refused(401, "log in", challenge='Basic realm="uploads"')
            return "alice"

        self.start(site={"page": True, "owner": owner})
        for url in ("/", "/?page.js", "/?page.css"):
            response = self.get(url)
            self.assertEqual(response.status, 401)
            self.assertEqual(response.headers["www-authenticate"], 'Basic realm="uploads"')
            self.assertEqual(self.get(url, Authorization="Basic eDp5").status, 200)

    def test_other_host(self) -> None:
        """Under a name that is not the receiver's there is no page."""
        self.start(site={"page": True, "hosts": "files.example.com"})
        self.assertEqual(self.get().status, 421)

    def test_must_be_a_flag(self) -> None:
        """``page`` is true or false."""
        self.start()
        with self.assertRaises(InvalidOption):
            make_site(self.store, page="yes")  # type: ignore[arg-type]

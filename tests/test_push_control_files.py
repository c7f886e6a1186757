"""Files by control."""

from __future__ import annotations

import os

from tests.control_rig import OWN, ControlTestCase
from tests.journal_rig import seen
from txresumable.push import PushState


class FilesTests(ControlTestCase):
    """What is known about files, and what is done to them."""

    def test_file(self) -> None:
        """All about a file, whatever its name is."""
        name = os.fsdecode(b"a<b>\n\xff.dcm")
        [entry] = self.queued(name)
        response = self.ask("GET", f"/files/{entry.id}")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.headers["content-type"], "application/json")
        file = response.json["file"]
        self.assertEqual(file["name"], r"a<b>\n\xff.dcm")
        self.assertEqual(file["path"], "a%3Cb%3E%0A%FF.dcm")
        self.assertEqual((file["id"], file["folder"]), (entry.id, "scans"))
        self.assertEqual((file["state"], file["size"], file["until"]), ("queued", 1, None))
        self.assertEqual(file["event_id"], entry.event_id)

    def test_pages(self) -> None:
        """Files are listed a page at a time, all of them once."""
        self.queued(*"abcde")
        names, after = [], 0
        while after is not None:
            page = self.ask("GET", f"/files?limit=2&after={after}").json
            self.assertLessEqual(len(page["files"]), 2)
            names += [file["name"] for file in page["files"]]
            after = page["next"]
        self.assertEqual(names, list("abcde"))

    def test_chosen(self) -> None:
        """Files are listed by state and by folder."""
        first, second, _ = self.queued("a", "b", "c")
        self.queued("d", folder="other")
        self.result(self.journal.move(first.id, PushState.HELD))
        self.result(self.journal.move(second.id, PushState.GONE))

        def names(query: str) -> list[str]:
            files = self.ask("GET", f"/files?{query}").json["files"]
            return [file["name"] for file in files]

        self.assertEqual(names("state=held&state=gone"), ["a", "b"])
        self.assertEqual(names("state=queued"), ["c", "d"])
        self.assertEqual(names("state=queued&folder=scans"), ["c"])
        self.assertEqual(names("folder=none"), [])

    def test_wrong_queries(self) -> None:
        """What cannot be asked for is refused, with a sentence."""
        for query in (
            "state=lost",
            "limit=0",
            "limit=1001",
            "limit=x",
            "limit=%C2%B2",
            "after=-1",
            "after=99999999999999999999",
            "folder=a&folder=b",
            "other=1",
        ):
            response = self.ask("GET", f"/files?{query}")
            self.assertEqual(response.status, 400, query)
            self.assertRegex(response.json["error"], r"^[A-Z].*\.$")

    def test_unknown(self) -> None:
        """A file, an action or a URL that does not exist is 404."""
        self.queued("a")
        for path in (
            "/files/9",
            "/files/x",
            "/files/1/x",
            "/files/",
            "/x",
            "/status/x",
            "/files/%B2",
        ):
            response = self.ask("GET", path)
            self.assertEqual(response.status, 404, path)
            self.assertIn("error", response.json)
        self.assertEqual(self.post("/files/9/hold").status, 404)
        self.assertEqual(self.ask("GET", "/files/" + "9" * 19).status, 404)

    def test_operator(self) -> None:
        """A file is held, released, cancelled and retried; what cannot be is 409."""
        [entry] = self.queued("a")
        url = f"/files/{entry.id}"
        for action, state in (
            ("hold", "held"),
            ("release", "queued"),
            ("cancel", "failed"),
            ("retry", "queued"),
            ("cancel", "failed"),
            ("again", "queued"),
        ):
            response = self.post(f"{url}/{action}")
            self.assertEqual(response.status, 200, action)
            self.assertEqual(response.json["file"]["state"], state)
        response = self.post(f"{url}/release")
        self.assertEqual(response.status, 409)
        self.assertEqual(response.json["error"], "'a' is queued and cannot be queued.")

    def test_methods(self) -> None:
        """Another method is 405, and which ones there are is in Allow."""
        response = self.ask("GET", "/files/1/hold")
        self.assertEqual((response.status, response.headers["allow"]), (405, "post"))
        response = self.post("/status")
        self.assertEqual((response.status, response.headers["allow"]), (405, "get, head"))
        for method in ("POST", "TRACE", "DELETE"):
            for path in ("/metrics", "/", "/page.js", "/nothing/at/all"):
                response = self.ask(method, path, headers=OWN)
                self.assertIn(response.status, (405, 404), (method, path))
                self.assertEqual(response.status == 405, path != "/nothing/at/all")
        response = self.ask("HEAD", "/files")
        self.assertEqual((response.status, response.body), (200, b""))

    def test_add(self) -> None:
        """A file is added; one that is not there, or not named, is refused."""
        self.assertEqual(self.post("/files", {"folder": "scans", "path": "a"}).json, {"file": None})
        self.assertEqual(self.service.calls, [("add", "scans", "a")])
        response = self.post("/files", {"folder": "scans", "path": "missing"})
        self.assertEqual(response.status, 400)
        self.assertIn("No such file", response.json["error"])
        for body in ({}, {"folder": "scans"}, {"folder": "scans", "path": ""}, {"folder": 1}):
            self.assertEqual(self.post("/files", body).status, 400, body)

    def test_no_journal(self) -> None:
        """Without a journal files are not known now."""
        self.service.journal = None
        for path in ("/files", "/files/1"):
            self.assertEqual(self.ask("GET", path).status, 503)

    def test_closed_journal(self) -> None:
        """A journal that cannot be read is reported."""
        self.result(self.journal.close())
        response = self.ask("GET", "/files")
        self.assertEqual(response.status, 503)
        self.assertIn("journal is not available", response.json["error"])

    def test_growing(self) -> None:
        """A file that grows has its present size."""
        self.observe(seen("a", 1))
        self.observe(seen("a", 5, mtime_ns=2))
        [file] = self.ask("GET", "/files?state=settling").json["files"]
        self.assertEqual(file["size"], 5)

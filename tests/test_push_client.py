"""Tests for what asks a running service, and what it shows."""

from __future__ import annotations

import json
import os
import socket
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from txresumable._cli import main as command
from txresumable._cli.push import client
from txresumable._cli.push.client import Control, ControlRefused, NotRunning
from txresumable._cli.push.options import COMMANDS, STATES
from txresumable._cli.push.verify import verify
from txresumable.push import PushState

FILE = {
    "id": 7,
    "folder": "scans",
    "name": "a\x1b.dat",
    "path": "a%1B.dat",
    "size": 3_000_000,
    "state": "waiting",
    "why": "refused with 503",
    "until": 1_700_000_000.0,
    "digest": "",
    "location": None,
}
STATUS = {
    "version": "1",
    "pid": 9,
    "running": True,
    "paused": False,
    "rate": 2048.0,
    "trouble": "",
    "was_damaged": False,
    "folders": {
        "scans": {
            "path": "/srv/scans",
            "target": "lab",
            "files": {"done": 4, "waiting": 1, "failed": 0},
            "problem": "",
        }
    },
    "targets": {
        "lab": {
            "url": "https://example.com/",
            "up": False,
            "why": "nobody listens",
            "until": 0,
            "paused": False,
            "sending": 0,
        }
    },
}


class _Server(UnixStreamServer):
    """A service that responds as it is told."""

    def __init__(self, path: str) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.responses: dict[str, tuple[int, Any]] = {}
        super().__init__(path, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._respond(None)

    def do_POST(self) -> None:
        self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _respond(self, body: Any) -> None:
        self.server.asked.append((self.command, self.path, body))
        status, found = self.server.responses.get(self.path, (200, {}))
        content = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class ClientTestCase(SynchronousTestCase):
    """Has a service."""

    def setUp(self) -> None:
        self.path = os.path.join(mkdtemp(), "control")
        self.server = _Server(self.path)
        thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def run_command(self, *arguments: str) -> tuple[int, str]:
        """The exit status of a command, and what it said."""
        given = [*arguments, "--socket", self.path]
        result = CliRunner().invoke(command.command_group(), given, prog_name="txresumable")
        return result.exit_code, result.output


class ControlTests(ClientTestCase):
    """Asking it."""

    def test_pages(self) -> None:
        """All files are listed, page after page."""
        pages = ((0, [1, 2], 2), (2, [3], None))
        for after, ids, following in pages:
            path = f"/files?state=done&state=held&after={after}&limit=1000"
            found = {"files": [{"id": id} for id in ids], "next": following}
            self.server.responses[path] = (200, found)
        found = list(Control(self.path).files(state=["done", "held"], folder=None))
        self.assertEqual([each["id"] for each in found], [1, 2, 3])

    def test_wrong(self) -> None:
        """Nobody there, something else there, and a refusal are told apart."""
        self.assertRaises(NotRunning, Control(self.path + "x").get, "/status")
        self.server.responses = {"/a": (200, b"<html>"), "/b": (409, {"error": "It is done."})}
        self.assertRaises(NotRunning, Control(self.path).get, "/a")
        error = self.assertRaises(ControlRefused, Control(self.path).post, "/b")
        self.assertEqual(str(error), "It is done.")
        given = ["status", "--socket", self.path + "x"]
        self.assertEqual(CliRunner().invoke(command.command_group(), given).exit_code, 3)

    def test_no_response(self) -> None:
        """One that does not respond, as it is stopped, is told after a while."""
        path = os.path.join(mkdtemp(), "control")
        with socket.socket(socket.AF_UNIX) as listening, patch.object(client, "PATIENCE", 0.05):
            listening.bind(path)
            listening.listen()
            result = CliRunner().invoke(command.command_group(), ["status", "--socket", path])
        self.assertEqual(
            (result.exit_code, result.output),
            (3, "the service does not respond within 0.05 s: it may be stopped, or busy\n"),
        )
        self.assertLess(client.PATIENCE, 10)


class CommandTests(ClientTestCase):
    """What people type."""

    def test_status(self) -> None:
        """The status is shown, or printed as it is; failed files make it 1."""
        self.server.responses["/status"] = (200, STATUS)
        status, said = self.run_command("status")
        self.assertEqual(
            (status, said.splitlines()),
            (
                0,
                [
                    "txresumable 1, pid 9: running; rate: 2.0 KiB/s",
                    "folder scans (/srv/scans): 4 done, 1 waiting",
                    "target lab (https://example.com/): nobody listens; 0 chunks under way",
                ],
            ),
        )
        for up, shown in (True, "up"), (False, "down"), (None, "not tried yet"):
            target = {**STATUS["targets"]["lab"], "why": "", "up": up}
            self.server.responses["/status"] = (200, {**STATUS, "targets": {"lab": target}})
            self.assertIn(f"{shown}; 0 chunks", self.run_command("status")[1])
        self.server.responses["/status"] = (200, STATUS)
        status, said = self.run_command("status", "--json")
        self.assertEqual((status, json.loads(said)), (0, STATUS))
        failed = {**STATUS, "folders": {"x": {"path": "", "files": {"failed": 1}, "problem": "No"}}}
        self.server.responses["/status"] = (200, {**failed, "trouble": "full", "paused": True})
        status, said = self.run_command("status")
        self.assertEqual(status, 1)
        for part in (": paused;", "TROUBLE: full", "1 failed", "PROBLEM: No"):
            self.assertIn(part, said)

    def test_ls(self) -> None:
        """Files are listed on a line each, harmlessly."""
        path = "/files?state=waiting&folder=scans&after=0&limit=1000"
        self.server.responses[path] = (200, {"files": [FILE], "next": None})
        status, said = self.run_command("ls", "--state", "waiting", "--folder", "scans")
        self.assertEqual(status, 0)
        self.assertRegex(
            said,
            r"^      7  waiting       2\.9 MiB  scans/a\\x1b\.dat  refused with 503 \(until 2023-",
        )
        given = ("ls", "--state", "waiting", "--folder", "scans", "--json")
        self.assertEqual(json.loads(self.run_command(*given)[1]), FILE)

    def test_on_files(self) -> None:
        """Each file is asked for; one that is refused is told, and the others are done."""
        for verb in ("retry", "hold", "release", "cancel", "again"):
            self.server.responses[f"/files/7/{verb}"] = (200, {"file": FILE})
            self.server.responses[f"/files/8/{verb}"] = (409, {"error": "No."})
            status, said = self.run_command(verb, "8", "7")
            self.assertEqual(status, 1)
            self.assertIn("8: No.", said)
            self.assertIn("scans/a", said)
            self.assertEqual(self.run_command(verb, "7")[0], 0)
            self.assertEqual(self.run_command(verb)[0], 2)
        self.server.responses["/retry?state=failed"] = (200, {"files": 3})
        self.assertEqual(self.run_command("retry", "--state", "failed"), (0, "3 files\n"))
        self.assertEqual(self.run_command("retry", "7", "--state", "failed")[0], 2)

    def test_others(self) -> None:
        """What is asked for has the form that the service takes."""
        for typed, asked in (
            (("pause",), ("/pause", {})),
            (("resume",), ("/resume", {})),
            (("reload",), ("/reload", {})),
            (("rate", "2M"), ("/rate", {"rate": 2 << 20})),
            (("rate", "0"), ("/rate", {"rate": 0})),
            (("rate", "none"), ("/rate", {"rate": None})),
            (("rate", "rules"), ("/rate", {"rate": "rules"})),
            (("concurrency", "auto"), ("/concurrency", {"concurrency": "auto"})),
            (("concurrency", "5"), ("/concurrency", {"concurrency": 5})),
            (("rescan",), ("/rescan", {"folder": None})),
            (("rescan", "--folder", "scans"), ("/rescan", {"folder": "scans"})),
        ):
            self.assertEqual(self.run_command(*typed), (0, ""))
            self.assertEqual(self.server.asked.pop(), ("POST", *asked))
        for wrong in (("rate", "fast"), ("concurrency", "many"), ("ls", "--state", "x")):
            self.assertEqual(self.run_command(*wrong)[0], 2)

    def test_verify(self) -> None:
        """What differs, or cannot be verified, is told; the rest is counted."""
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "a").write_bytes(b"a")
        digest = sha256(b"a").hexdigest()
        status = {**STATUS, "folders": {"scans": {"path": str(folder)}}}
        self.server.responses["/status"] = (200, status)
        files = [
            {**FILE, "id": id, "path": "a", "digest": given}
            for id, given in ((1, digest), (2, "0" * 64), (3, ""))
        ]
        path = "/files?state=done&after=0&limit=1000"
        self.server.responses[path] = (200, {"files": files, "next": None})
        code, said = self.run_command("verify")
        self.assertEqual(code, 1)
        unasked, differs, unknown, summary = said.splitlines()
        self.assertIn("The receiver is not asked: /etc/txresumable.toml", unasked)
        self.assertIn(f"2  scans/a\\x1b.dat differs: SHA-256 {digest} here, 000", differs)
        self.assertIn("3  scans/a\\x1b.dat cannot be verified: the receiver gave no", unknown)
        counted = "1 are what the receiver has, 1 differ, 1 cannot be verified; 0 by what it says"
        self.assertTrue(summary.startswith(counted), summary)

    def test_verify_places(self) -> None:
        """A file is looked for where it lies now; one that does not is told."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "b\n").write_bytes(b"a")
        digest = sha256(b"a").hexdigest()
        moved = {**FILE, "digest": f"sha256:{digest.upper()}", "location": f"{folder}/b%0A"}
        self.assertEqual(verify(moved, "/nowhere")[0], True)
        self.assertEqual(verify({**moved, "digest": ""}, "", digest)[0], True)
        differs, how = verify(moved, "", "0" * 64)
        self.assertEqual((differs, how.endswith("000 there now")), (False, True))
        self.assertEqual(
            verify({**moved, "location": None}, str(folder)),
            (None, "cannot be verified: it lies here no more"),
        )
        os.symlink(folder / "b\n", folder / "c")
        linked = {**moved, "location": f"{folder}/c"}
        self.assertIs(verify(linked, "")[0], None)

    def test_states(self) -> None:
        """The states that can be named are those that there are."""
        self.assertEqual(set(STATES), {state.value for state in PushState})

    def test_names(self) -> None:
        """Each command has a name of its own and says what it does."""
        names = [each.name for each in COMMANDS]
        self.assertEqual(len(set(names)), len(names))
        self.assertTrue(all(each.help for each in COMMANDS))

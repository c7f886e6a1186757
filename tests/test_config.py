"""Tests for the configuration file of watched folders."""

from __future__ import annotations

import os
from datetime import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txresumable import identifiers
from txresumable._cli.config import BadConfig, control_of, load
from txresumable._cli.config.target import KEYS
from txresumable.options import Options
from txresumable.push import PushSettings
from txresumable.push.settings import NOT_OF_TARGETS

DATA = Path(__file__).parent / "data"
LEAST = """
state = "state"
[target.lab]
url = "https://example.com/upload"
[folder.scans]
path = "scans"
target = "lab"
"""


class ConfigTestCase(SynchronousTestCase):
    """Has files."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.patch(os, "environ", {"PATH": os.environ["PATH"]})

    def write(self, text: str, name: str = "config.toml") -> str:
        """A file; its path."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def read(self, text: str) -> PushSettings:
        """What a file says."""
        return load(self.write(text))

    def problems(self, text: str) -> list[str]:
        """What is wrong with a file."""
        path = self.write(text)
        error = self.assertRaises(BadConfig, load, path)
        lines = str(error).splitlines()
        self.assertTrue(all(line.startswith(path) for line in lines), lines)
        return [line[len(path) + 1 :].strip() for line in lines]


class ReadTests(ConfigTestCase):
    """What is right."""

    def test_least(self) -> None:
        """Paths are relative to the file, and what is left out has its default."""
        settings = self.read(LEAST)
        self.assertEqual(settings.state, os.path.join(self.folder, "state"))
        self.assertEqual(settings.control.socket, os.path.join(self.folder, "state", "control"))
        [folder] = settings.folders.values()
        self.assertEqual((folder.name, folder.target, folder.settle), ("scans", "lab", 30.0))
        self.assertEqual(folder.path, os.path.join(self.folder, "scans"))
        [target] = settings.targets.values()
        self.assertEqual(target.options["target"], "https://example.com/upload")
        self.assertEqual(target.checked.min_file_size, 0)

    def test_all(self) -> None:
        """Every kind of key is read as the command reads it, or as TOML has it."""
        self.write("x" * 20 + "\n", "token")
        settings = self.read(
            """
            state = "/var/lib/push"
            keep = "7d"
            hooks_at_once = 2
            [control]
            socket = "/run/push"
            port = 8000
            interface = "::1"
            token_file = "token"
            page = true
            [[rate]]
            days = "fri-mon"
            from = "08:00"
            to = "24:00"
            max = "2M"
            [[rate]]
            days = ["mon,wed", "Tue - Thu"]
            from = 08:30:00
            max = 0
            [[rate]]
            max = "none"
            [target.lab]
            url = "https://example.com/upload"
            [folder.scans]
            path = "/srv/scans"
            target = "lab"
            include = ["*.dcm", "*.jpg"]
            exclude = ".*"
            order = "newest"
            settle = "1.5m"
            rescan = 5
            marker = ".done"
            after = "move:/srv/sent"
            failed = "failed"
            attempts = 7
            again = 0.5
            identify = "safe"
            on_sent = ["/usr/bin/sent", "a b"]
            on_failed = "/usr/bin/failed 'a b'"
            hook_timeout = "1h"
            ping = "https://example.com/ping"
            """
        )
        self.assertEqual((settings.state, settings.keep), ("/var/lib/push", 7 * 86400.0))
        self.assertEqual(settings.hooks_at_once, 2)
        control = settings.control
        self.assertEqual((control.socket, control.port, control.page), ("/run/push", 8000, True))
        self.assertEqual((control.interface, control.token), ("::1", "x" * 20))
        first, second, third = settings.rates
        self.assertEqual((first.days, first.begin, first.end), ({4, 5, 6, 0}, time(8), time(0)))
        self.assertEqual((second.days, second.begin), ({0, 1, 2, 3}, time(8, 30)))
        self.assertEqual((first.max_rate, second.max_rate, third.max_rate), (2 << 20, 0, None))
        self.assertEqual((third.days, third.begin), (frozenset(range(7)), time(0)))
        folder = settings.folders["scans"]
        self.assertEqual((folder.include, folder.exclude), (("*.dcm", "*.jpg"), (".*",)))
        self.assertEqual((folder.order, folder.marker), ("newest", ".done"))
        self.assertEqual((folder.settle, folder.rescan, folder.again), (90.0, 5.0, 0.5))
        self.assertEqual(folder.sent, "/srv/sent")
        self.assertEqual(folder.failed, os.path.join(self.folder, "failed"))
        self.assertEqual((folder.attempts, folder.identifier), (7, identifiers.safe))
        self.assertEqual(folder.on_sent, ("/usr/bin/sent", "a b"))
        self.assertEqual(folder.on_failed, ("/usr/bin/failed", "a b"))
        self.assertEqual(folder.hook_timeout, 3600.0)
        self.assertEqual(folder.ping, "https://example.com/ping")

    def target(self, lines: str) -> dict[str, Any]:
        """The options of a target with more keys."""
        url = 'url = "https://example.com/upload"\n'
        settings = self.read(LEAST.replace(url, url + lines + "\n"))
        return dict(settings.targets["lab"].options)

    def test_target(self) -> None:
        """The keys of a target are the client's options, with underscores or hyphens."""
        self.patch(os, "environ", {"TOKEN": "Bearer x", "CREDENTIALS_DIRECTORY": self.folder})
        self.write("X-Key: secret", "headers")
        for line, option, value in (
            ("chunk_size = '512K'", "chunk_size", 512 << 10),
            ("chunk-size = 1000", "chunk_size", 1000),
            ("connect_timeout = 0.5", "connect_timeout", 0.5),
            ("max_offline = '7d'", "max_offline", 604800.0),
            ("in_order = true", "in_order", True),
            ("in_order = 'no'", "in_order", False),
            ("test_chunks = false", "test_chunks", False),
            ("test_chunks = 'adaptive'", "test_chunks", "adaptive"),
            ("force_chunk_size = true", "force_chunk_size", True),
            ("permanent_errors = [400, 404]", "permanent_errors", {400, 404}),
            ("permanent_errors = '400,404'", "permanent_errors", {400, 404}),
            ("file_type = ['jpg', 'image/*']", "file_type", ("jpg", "image/*")),
            ("checksum = 'sha256'", "checksum", "sha256"),
            ("query = { site = 'x', n = 1 }", "query", {"site": "x", "n": "1"}),
            ("query = ['site=x']", "query", {"site": "x"}),
            ("header = { X-Site = 'x' }", "headers", {"X-Site": "x"}),
            ("header = 'X-Site: x'", "headers", {"X-Site": "x"}),
            ("proxy = 'http://proxy:3128'", "proxy", "http://proxy:3128"),
            (
                "header_from_env = { Authorization = 'TOKEN' }",
                "headers",
                {"Authorization": "Bearer x"},
            ),
        ):
            self.assertEqual(self.target(line)[option], value, line)
        for path in ("headers", "$CREDENTIALS_DIRECTORY/headers"):
            headers = self.target(f"header_file = '{path}'")["headers"]
            self.assertEqual(headers.headers, {"X-Key": "secret"})
        self.target("header_command = 'cat token'")

    def test_every_option(self) -> None:
        """Each option of the client is a key, but for those that are no target's."""
        options = {argument.option for argument in KEYS.values()}
        every = {each.name for each in Options.__attrs_attrs__}  # type: ignore[attr-defined]
        self.assertEqual(options, every - set(NOT_OF_TARGETS))

    def test_control_of(self) -> None:
        """The socket is found without reading secrets, nor all that is wrong."""
        state = "state = 'a'\n[target.x]\nheader_file = 'missing'\n"
        self.assertEqual(control_of(self.write(state)), os.path.join(self.folder, "a", "control"))
        self.assertEqual(
            control_of(self.write(f"{state}[control]\nsocket = 'b'")),
            os.path.join(self.folder, "b"),
        )
        for wrong in (
            "",
            "state = 1",
            "control = 1\nstate = ''",
            "state = 'a'\ncontrol.socket = 1",
        ):
            self.assertRaises(BadConfig, control_of, self.write(wrong))


class ProblemTests(ConfigTestCase):
    """What is wrong."""

    def test_all(self) -> None:
        """All that is wrong is told at once: line, key, value, and what it takes."""
        found = self.problems((DATA / "wrong.toml").read_text())
        self.assertNotIn("hunter2", "".join(found))
        told = (DATA / "wrong.txt").read_text().splitlines()
        self.assertEqual([line.replace(f"{self.folder}/", "") for line in found], told)

    def test_together(self) -> None:
        """What does not go together is told at the table that it is in."""
        nested = '[folder.two]\npath = "scans/two"\ntarget = "lab"\nafter = "delete"\n'
        [told] = self.problems(LEAST + nested)
        self.assertRegex(
            told, r"^8: folder\.two: '/.*' must not be in, or around, .*/scans, which is"
        )
        [told] = self.problems(LEAST + "[control]\nport = 1\n")
        self.assertEqual(told, "9: control.port: 1 must go with a token")
        [told] = self.problems(LEAST + "[control]\nsocket = 'x" + "x" * 100 + "'\n")
        self.assertRegex(told, r"^9: control\.socket: must be a path of at most 107 bytes, not '/")

    def test_kinds(self) -> None:
        """What has to be a table is told to be one, and what is needed to be missing."""
        for text, *told in (
            ("", "state is needed", "a table [target.NAME] is needed", "a table [folder.NAME] is"),
            ("target = 1\nfolder.x = 2", "1: target: must be tables", "2: folder.x: must be a tab"),
            (LEAST + "[rate]\nmax = 1", "8: rate: must be tables, as [[rate]]"),
            ("control = 1\n" + LEAST, "1: control: must be a table, as [control]"),
            (LEAST.replace("path", "#"), "5: folder.scans: path is needed"),
            (LEAST.replace("url", "#"), "3: target.lab.url: is needed: the URL"),
        ):
            found = " | ".join(self.problems(text))
            for part in told:
                self.assertIn(part, found)

    def test_no_toml(self) -> None:
        """What is no TOML is told with the line, and a file that cannot be read with why."""
        [told] = self.problems("a = 1\nb = \n")
        self.assertRegex(told, "^2: Invalid value")
        [told] = self.problems("a = '''")
        self.assertRegex(told, "^1: ")
        error = self.assertRaises(BadConfig, load, os.path.join(self.folder, "missing"))
        self.assertIn("cannot be read: No such file", str(error))
        path = self.write("")
        with open(path, "wb") as file:
            file.write(b"a = '\xff'")
        self.assertIn("is not in UTF-8", str(self.assertRaises(BadConfig, load, path)))

    def test_environment(self) -> None:
        """A proxy of the environment that cannot be is told without a key."""
        self.patch(os, "environ", {"HTTPS_PROXY": "socks5://example.com"})
        [told] = self.problems(LEAST)
        self.assertRegex(told, r"^3: target\.lab: must be ")

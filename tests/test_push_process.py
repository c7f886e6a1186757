"""Tests for what a process does that watches folders; its life is in ``test_push_command``."""

from __future__ import annotations

import gc
import os
import tempfile
from unittest.mock import patch

from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.examples import ROOT
from tests.push_rig import PushTestCase
from txresumable._cli.push.process import make_push, start_status, tell_daemon
from txresumable.errors import InvalidOption
from txresumable.push import AlreadyRunning
from txresumable.push.errors import JournalTooNew, JournalUnavailable


class MakingTests(PushTestCase):
    """The service."""

    def test_modules(self) -> None:
        """Garbage is not looked for in what was loaded: that would hold everything up."""
        done: list[str] = []
        with (
            patch.object(gc, "collect", lambda: done.append("collect")),
            patch.object(gc, "freeze", lambda: done.append("freeze")),
        ):
            make_push("push.toml", self.settings(), Clock())
        self.assertEqual(done, ["collect", "freeze"])


class StatusTests(SynchronousTestCase):
    """The exit status of a service that could not start."""

    def test_status(self) -> None:
        """What starting once more does not help against is 2, which systemd is told of."""
        for error, status in (
            (InvalidOption("after", "move:/x", "is on another file system"), 2),
            (JournalTooNew(9, 5), 2),
            (ImportError("psycopg"), 2),
            (AlreadyRunning(7), 75),
            (JournalUnavailable("disk"), 1),
            (OSError(5, "broken"), 1),
        ):
            self.assertEqual(start_status(error), status, error)
            self.assertEqual(start_status(Failure(error)), status, error)
        unit = (ROOT / "contrib/systemd/txresumable-push.service").read_text()
        self.assertIn("\nRestartPreventExitStatus=2 75\n", unit)


class DaemonTests(SynchronousTestCase):
    """Who waits on the terminal for a daemon."""

    def tell(self, why: str) -> tuple[str, str]:
        """What is written to the terminal, and to the pipe of twistd."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        before = os.dup(2)
        with tempfile.TemporaryFile() as terminal:
            os.dup2(terminal.fileno(), 2)
            try:
                options = {"nodaemon": False}
                take = tell_daemon(options)
            finally:
                os.dup2(before, 2)
                os.close(before)
            options["statusPipe"] = writing
            told = take()
            self.assertIsNone(options["statusPipe"])
            told(why)
            told("once more")
            terminal.seek(0)
            said = terminal.read().decode()
        self.assertRaises(OSError, os.close, writing)
        return said, os.read(reading, 100).decode()

    def test_why(self) -> None:
        """All that is wrong is written to the terminal, however long, as text that is safe."""
        why = "[folder.scans] after 'x\x1b' is on another file system: " + "long " * 60
        said, told = self.tell(why)
        self.assertEqual(said, why.replace("\x1b", "\\x1b") + "\n")
        self.assertEqual(told, "1 it could not start")

    def test_started(self) -> None:
        """Once it has started, nothing is said."""
        self.assertEqual(self.tell(""), ("", "0"))

    def test_no_daemon(self) -> None:
        """A process that is no daemon has no terminal but its own."""
        with patch.object(os, "dup", side_effect=AssertionError):
            tell_daemon({"nodaemon": True})()("why")
            tell_daemon({})()("why")

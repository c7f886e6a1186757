"""
One owner of a folder of state.
"""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.descriptors import open_descriptors
from txresumable.push.errors import AlreadyRunning
from txresumable.push.journal.lock import Lock

HOLDER = """
import sys
from txresumable.push.journal.lock import Lock
lock = Lock(sys.argv[1])
print("locked", flush=True)
sys.stdin.read()
"""


class LockTests(SynchronousTestCase):
    """Locking."""

    def setUp(self) -> None:
        self.path = self.mktemp()

    def test_one(self) -> None:
        """Only one has it, even within a process; released, it is the next one's."""
        first = Lock(self.path)
        error = self.assertRaises(AlreadyRunning, Lock, self.path)
        self.assertEqual(error.pid, os.getpid())
        self.assertTrue(first.is_first)
        first.release()
        first.release()
        second = Lock(self.path)
        self.assertFalse(second.is_first)
        self.assertRaises(AlreadyRunning, Lock, self.path)
        second.release()

    def test_killed(self) -> None:
        """Another process is named; when it is killed, the lock is free."""
        command = [sys.executable, "-c", HOLDER, self.path]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            self.assertEqual(holder.stdout.readline(), b"locked\n")
            self.assertEqual(self.assertRaises(AlreadyRunning, Lock, self.path).pid, holder.pid)
            holder.kill()
        Lock(self.path).release()

    def test_unknown_owner(self) -> None:
        """An owner who could not write down its process is unknown."""
        lock = Lock(self.path)
        os.truncate(self.path, 0)
        error = self.assertRaises(AlreadyRunning, Lock, self.path)
        self.assertEqual((error.pid, str(error)), (0, "already running, pid unknown"))
        lock.release()

    def test_rewritten(self) -> None:
        """The process of an earlier owner is forgotten, however many digits it has."""
        with open(self.path, "w") as file:
            file.write("12345678901234\n")
        lock = Lock(self.path)
        self.assertEqual(self.assertRaises(AlreadyRunning, Lock, self.path).pid, os.getpid())
        lock.release()

    def test_link(self) -> None:
        """A link that somebody has put there is not followed."""
        os.symlink("/etc/passwd", self.path)
        self.assertRaises(OSError, Lock, self.path)

    def test_nothing_is_left(self) -> None:
        """Neither a failed attempt nor a release leaves a descriptor."""
        before = open_descriptors()
        lock = Lock(self.path)
        for _ in range(3):
            self.assertRaises(AlreadyRunning, Lock, self.path)
        lock.release()
        self.assertEqual(open_descriptors(), before)

"""Telling the service manager what a process is at."""

from __future__ import annotations

import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from txresumable._runtime.notify import Notifier


class NotifierTests(SynchronousTestCase):
    """What arrives at the socket."""

    def listen(self, address: str) -> socket.socket:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listening.close)
        listening.setblocking(False)
        listening.bind(address)
        return listening

    def test_messages(self) -> None:
        """Each notification is a datagram in the manager's words; a status is one line."""
        name = os.urandom(8).hex()
        listening = self.listen(f"\0{name}")
        notifier = Notifier({"NOTIFY_SOCKET": f"@{name}"})
        notifier.ready()
        notifier.status("3 files\nREADY=1")
        notifier.alive()
        notifier.stopping()
        notifier.reloading()
        received = [listening.recv(1000).decode() for _ in range(5)]
        wanted = ["READY=1", "STATUS=3 files READY=1", "WATCHDOG=1", "STOPPING=1"]
        self.assertEqual(received[:4], wanted)
        self.assertRegex(received[4], r"\ARELOADING=1\nMONOTONIC_USEC=[0-9]+\Z")

    def test_path(self) -> None:
        """The socket may be in the file system."""
        path = os.path.relpath(self.mktemp())
        os.makedirs(os.path.dirname(path), exist_ok=True)
        listening = self.listen(path)
        Notifier({"NOTIFY_SOCKET": path}).ready()
        self.assertEqual(listening.recv(100), b"READY=1")

    def test_nobody(self) -> None:
        """Without a manager, and with one that has gone, nothing happens."""
        for environment in {}, {"NOTIFY_SOCKET": "/nowhere/socket"}:
            Notifier(environment).ready()
        self.assertFalse(Notifier({}).is_heard)

    def test_watchdog(self) -> None:
        """The watchdog's time is of this process only."""
        here = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "30000000"}
        self.assertEqual(Notifier(here).watchdog, 30.0)
        self.assertEqual(Notifier({**here, "WATCHDOG_PID": str(os.getpid())}).watchdog, 30.0)
        self.assertEqual(Notifier({**here, "WATCHDOG_PID": "1"}).watchdog, 0.0)
        self.assertEqual(Notifier({"WATCHDOG_USEC": "30000000"}).watchdog, 0.0)
        self.assertEqual(Notifier({**here, "WATCHDOG_USEC": "x"}).watchdog, 0.0)

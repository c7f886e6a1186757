"""
Telling the service manager what a process is at: the protocol of ``sd_notify(3)``.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

__all__ = ["Notifier"]


class Notifier:
    """
    Sends notifications to systemd, or to nobody, if it did not start this process.

    :ivar watchdog: within how many seconds :meth:`alive` has to be called again; 0 for never.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """
        :param environment: that of this process by default.
        """
        given = os.environ if environment is None else environment
        path = given.get("NOTIFY_SOCKET", "")
        # An address that begins with @ is none of the file system.
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        self.watchdog = 0.0
        period, pid = given.get("WATCHDOG_USEC", ""), given.get("WATCHDOG_PID", "")
        if self._address and period.isdecimal() and pid in ("", str(os.getpid())):
            self.watchdog = int(period) / 1e6

    @property
    def is_heard(self) -> bool:
        """Whether there is somebody to notify."""
        return bool(self._address)

    def ready(self) -> None:
        """The service has begun."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """
        What it is at, for people.

        :param text: one line.
        """
        self._send(f"STATUS={' '.join(text.split())}")

    def alive(self) -> None:
        """It makes progress."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """It reads its settings; :meth:`ready` when that is done."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now}")

    def stopping(self) -> None:
        """It is about to end."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
            sending.setblocking(False)
            try:
                sending.sendto(text.encode(), self._address)
            except OSError:  # it is busy or gone, and it asks for nothing
                return

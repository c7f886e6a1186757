"""
Processes of a round.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater

__all__ = ["Process", "Receiver", "peak_of"]

_ROOT = Path(__file__).resolve().parent.parent.parent


def peak_of(process: int | str) -> int:
    """
    The most memory that a process has had, in bytes: since its program began, which
    :func:`resource.getrusage` does not know from what it was forked from.

    :param process: its number, or ``self``.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) * 1024 if found else 0


class Process(ProcessProtocol):
    """
    A Python process, whose output goes to a file.

    :ivar log: that file.
    :ivar ended: fires when it is gone.
    :ivar exit: its status, or the signal as a negative number, once it is gone.
    """

    transport: Any

    def __init__(self, reactor: Any, log: Path, *arguments: str) -> None:
        self.log = log
        self.ended: Deferred[None] = Deferred()
        self.exit: int | None = None
        command = [sys.executable, "-X", "faulthandler", "-m", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"}
        with log.open("ab") as file:
            descriptors: Any = {0: "w", 1: file.fileno(), 2: file.fileno()}
            reactor.spawnProcess(
                self,
                command[0],
                command,
                env=environment,
                path=str(log.parent),
                childFDs=descriptors,
            )

    def processEnded(self, reason: Any) -> None:
        self.exit = -reason.value.signal if reason.value.signal else reason.value.exitCode
        self.ended.callback(None)

    def signal(self, name: str) -> None:
        """Send a signal to it and to what it forked, if it is there."""
        if self.exit is None:
            for child in self._children():
                with suppress(ProcessLookupError):
                    os.kill(child, 9)
            self.transport.signalProcess(getattr(signal, f"SIG{name}"))

    def open_links(self) -> list[str]:
        """What its descriptors are."""
        links = []
        for fd in os.listdir(f"/proc/{self.transport.pid}/fd"):
            with suppress(OSError):
                links.append(os.readlink(f"/proc/{self.transport.pid}/fd/{fd}"))
        return links

    def peak(self) -> int:
        """The most memory that it has had, in bytes."""
        return peak_of(self.transport.pid)

    def _children(self) -> list[int]:
        pid = self.transport.pid
        with suppress(OSError):
            return [int(e) for e in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []


class Receiver(Process):
    """``twistd resumable-receive``."""

    _said = 0

    def __init__(self, reactor: Any, log: Path, sweeps: float, arguments: tuple[str, ...]) -> None:
        self._reactor = reactor
        self._said = log.stat().st_size if log.exists() else 0
        super().__init__(reactor, log, "tests.soak.receiver", str(sweeps), *arguments)

    async def port(self) -> int:
        """Wait until it listens.  :raises RuntimeError: if it ends instead."""
        while True:
            found = re.search(rb"Receiving at \S+:(\d+)/", self.log.read_bytes()[self._said :])
            if found:
                return int(found[1])
            if self.exit is not None:
                raise RuntimeError(f"the receiver ended ({self.exit}) before it listened")
            await deferLater(self._reactor, 0.02)

"""
A command in a process of its own, for which there is a limit.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

__all__ = ["Command", "in_own_session"]

_ENOUGH = 64 * 1024
"""Bytes that it may write."""
_LAUNCHER = "import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])"


def in_own_session(words: Sequence[bytes]) -> list[bytes]:
    """
    The words that run a command as the leader of a session, so that what it starts is killed with
    it, and a signal of the terminal does not reach it.

    :param words: those of the command.
    """
    launcher = shutil.which("setsid")
    if launcher is not None:
        return [os.fsencode(launcher), *words]
    return [os.fsencode(sys.executable), b"-I", b"-S", b"-c", _LAUNCHER.encode(), *words]


class Command(ProcessProtocol):
    """
    A command that runs: the protocol for ``spawnProcess()``.  If it leads a session
    (:func:`in_own_session`), what it has started in that is killed with it.
    """

    def __init__(
        self,
        reactor: Any,
        limit: float,
        ended: Callable[[bytes, str], object],
        *,
        given: bytes = b"",
        is_heard: bool = True,
    ) -> None:
        """
        :param reactor: limits it.
        :param limit: seconds after which it is killed.
        :param ended: called once with what it wrote, and what went wrong or nothing.
        :param given: its standard input.
        :param is_heard: whether all that it writes is wanted.  Otherwise it is over as soon as it
            has exited, even if what it has started has its pipes, and it may write any number of
            bytes.
        """
        self._ended = ended
        self._given = given
        self._is_heard = is_heard
        self._written = {1: b"", 2: b""}
        self._why = ""
        self._limit = reactor.callLater(limit, self.kill, f"did not end within {limit:g} s")

    def connectionMade(self) -> None:
        transport: Any = self.transport
        if self._given:
            transport.writeToChild(0, self._given)
        transport.closeStdin()

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        written = self._written[childFD] + data
        if len(written) > _ENOUGH:
            written = b"" if self._is_heard else written[-_ENOUGH:]
            if self._is_heard:
                self.kill(f"wrote more than {_ENOUGH} bytes")
        self._written[childFD] = written

    def kill(self, why: str) -> None:
        """
        End it now.

        :param why: what ``ended`` is called with.
        """
        self._why = self._why or why
        transport: Any = self.transport
        if transport.pid is not None:  # else it has ended, and the number may be another's
            with suppress(OSError):  # it leads no group, or not yet
                os.killpg(transport.pid, signal.SIGKILL)
        with suppress(ProcessExitedAlready):
            transport.signalProcess("KILL")
        transport.loseConnection()  # what it has started may have its pipes

    def is_over(self) -> None:
        """It has ended, or does not even begin."""
        if self._limit.active():
            self._limit.cancel()

    def processExited(self, reason: Failure) -> None:
        if not self._is_heard:
            transport: Any = self.transport
            transport.loseConnection()

    def processEnded(self, reason: Failure) -> None:
        self.is_over()
        ended: Any = reason.value
        if not self._why and (ended.exitCode or ended.signal):
            how = f"signal {ended.signal}" if ended.signal else f"status {ended.exitCode}"
            lines = self._written[2].decode("utf-8", "replace").split("\n")
            said = next((line.strip() for line in reversed(lines) if line.strip()), "")
            self._why = f"ended with {how}{said and ': '}{said[:200]}"
        self._ended(self._written[1], self._why)

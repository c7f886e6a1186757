"""
One of the receivers: a port, and one process after the other that listens there.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

__all__ = ["Receiver"]

ROOT = Path(__file__).resolve().parent.parent.parent


class Receiver(ProcessProtocol):
    """
    A process that is forked anew for each life, see :mod:`tests.fleet.killed`.

    :param log: a file for what all of them write.
    :param arguments: of ``twistd``.
    """

    def __init__(self, reactor: Any, log: Path, arguments: list[str], environment: Any) -> None:
        self.log = log
        self._arguments = arguments
        self._rest = b""
        self._errors = b""
        self._process_id = 0
        self._started: Deferred[None] | None = None
        self._ended: Deferred[None] | None = None
        self.gone: Deferred[None] = Deferred()
        more = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", **environment}
        command = [sys.executable, "-m", "tests.fleet.killed"]
        spawned = {**os.environ, **more}
        reactor.spawnProcess(self, command[0], command, env=spawned, path=str(ROOT))

    async def start(self, point: str = "") -> Deferred[None]:
        """
        Start one.

        :param point: where it kills itself.
        :returns: when it runs, a Deferred that fires at its end.
        """
        assert self.transport is not None and self._ended is None
        ended = self._ended = Deferred()
        self._started = Deferred()
        life = {"point": point, "arguments": self._arguments, "log": str(self.log)}
        self.transport.write(json.dumps(life).encode() + b"\n")
        await self._started
        return ended

    def signal(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the one that runs."""
        if self._ended is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process_id, how)

    @property
    def is_stopped(self) -> bool:
        """Whether the one that runs has stopped itself."""
        try:
            state = Path(f"/proc/{self._process_id}/stat").read_text().rpartition(")")[2]
        except OSError:
            return False
        return state.split()[0] == "T"

    async def close(self) -> None:
        """End all."""
        if not self.gone.called:
            self._started = self._ended = None
            assert self.transport is not None
            self.transport.signalProcess("KILL")  # and so ends what it has forked
            await self.gone

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"started"):
                self._process_id = int(line.split()[1])
                started, self._started = self._started, None
                assert started is not None
                started.callback(None)
            else:
                ended, self._ended = self._ended, None
                assert ended is not None
                ended.callback(None)

    def errReceived(self, data: bytes) -> None:
        self._errors += data

    def processEnded(self, reason: Failure) -> None:
        for waiting in self._started, self._ended:
            if waiting is not None:
                waiting.errback(AssertionError(self._errors.decode()))
        self._started = self._ended = None
        self.gone.callback(None)

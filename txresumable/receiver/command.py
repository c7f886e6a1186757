"""
An ``on_complete`` that runs a command.
"""

from __future__ import annotations

import json
import shlex
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore, TimeoutError
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from .store.received import ReceivedFile
from .store.refused import Refused

__all__ = ["Command"]

_KEPT = 4096
_LATER = 75  # EX_TEMPFAIL of sysexits.h
_AGAIN_AFTER = 30
_LAST_WORDS = 1.0
# Who stops the receiver often stops all that it has started, and before it.
_STOPPED_BY = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Command:
    """
    Runs a command for each file, with the file's path as its last argument, and what else is known
    as JSON at its standard input.

    Exit status 0 accepts the file.  75 (``EX_TEMPFAIL``) is not now: it is run again later, as it
    is if it cannot be started, or is stopped by ``SIGTERM``, ``SIGINT`` or ``SIGHUP``.  With any
    other, or if another signal ends it, the file is rejected with 422, and the first line that it
    wrote to its standard output is the reason.

    :param command: the command; a :class:`str` is split as a shell does, and no shell runs it.
    :param reactor: starts processes; the installed one by default.
    :param at_once: how many run at once.
    :param patience: for how many seconds a file waits for its turn; after that it is not now.
    :raises ValueError: if there is no command in it.
    """

    _log = Logger()

    def __init__(
        self,
        command: str | Sequence[str],
        *,
        reactor: Any = None,  # Any: IReactorProcess and IReactorTime
        at_once: int = 8,
        patience: float = 60.0,
    ) -> None:
        self.arguments = shlex.split(command) if isinstance(command, str) else list(command)
        if not self.arguments:
            raise ValueError("must be a command")
        if reactor is None:
            from twisted.internet import reactor
        self._reactor = reactor
        self._patience = patience
        self._running = DeferredSemaphore(at_once)

    def __call__(self, file: ReceivedFile) -> Deferred[None]:
        """
        Run it.

        :returns: a Deferred that fires if the file is accepted, and fails with :class:`Refused` if
            not.  Cancelling ends the process with ``SIGTERM``.
        """
        return Deferred.fromCoroutine(self._in_turn(file))

    async def _in_turn(self, file: ReceivedFile) -> None:
        turn = self._running.acquire()
        if not turn.called:
            turn.addTimeout(self._patience, self._reactor)
        try:
            await turn
        except TimeoutError:
            self._log.error("{command}: too many are running", command=self.arguments[0])
            raise _not_now() from None
        try:
            await self._run(file)
        finally:
            self._running.release()

    async def _run(self, file: ReceivedFile) -> None:
        process = _Process(json.dumps(file.facts()).encode(), self._reactor)
        program = self.arguments[0]
        try:
            self._reactor.spawnProcess(process, program, [*self.arguments, file.path], env=None)
        except OSError as error:
            self._log.error("{command} cannot be run: {error}", command=program, error=error)
            raise _not_now() from error
        self._judge(await process.ended, process)

    def _judge(self, status: int | None, process: _Process) -> None:
        errors = process.kept[2].decode("utf-8", "replace").strip()
        if errors:
            self._log.warn("{command}: {errors}", command=self.arguments[0], errors=errors)
        if status == _LATER or process.signal in _STOPPED_BY:
            raise _not_now()
        if status != 0:
            lines = process.kept[1].decode("utf-8", "replace").split("\n")
            raise Refused(422, lines[0].strip() or "this file is rejected")


def _not_now() -> Refused:
    return Refused(503, "this file cannot be checked now", retry_after=_AGAIN_AFTER)


class _Process(ProcessProtocol):
    """
    A command while it runs.

    :ivar ended: fires with its exit status, or nothing if a signal ended it.
    :ivar signal: that signal.
    :ivar kept: the beginning of what it wrote, by descriptor.
    """

    def __init__(self, given: bytes, clock: Any) -> None:
        self._given = given
        self._clock = clock
        self._last_words: Any = None
        self.signal: int | None = None
        self.kept = {1: b"", 2: b""}
        self.ended: Deferred[int | None] = Deferred(self._cancel)

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._given)
        self.transport.closeStdin()

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self.kept[childFD] = (self.kept[childFD] + data)[:_KEPT]

    def processExited(self, reason: Failure) -> None:
        # What it has started may keep its output open for as long as it likes.
        if not self.ended.called:
            self._last_words = self._clock.callLater(_LAST_WORDS, self._end, reason)

    def processEnded(self, reason: Failure) -> None:
        if self._last_words is not None and self._last_words.active():
            self._last_words.cancel()
        self._end(reason)

    def _end(self, reason: Failure) -> None:
        if not self.ended.called:
            error = reason.value
            assert isinstance(error, (ProcessDone, ProcessTerminated))
            self.signal = error.signal
            self.ended.callback(error.exitCode)

    def _cancel(self, _: object) -> None:
        assert self.transport is not None
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("TERM")

"""
A command that prints headers, for tokens that expire.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .._engine.shortage import out_of_descriptors
from .._runtime.command import Command
from .._runtime.observers import OneShotObserver
from ..errors import ResumableError
from ..file import ResumableChunk
from .headers import headers_in

__all__ = ["LIMIT", "HeaderCommand"]

LIMIT = 60.0
"""Seconds after which a command that has not ended is killed."""
_WHAT = "the command of --header-command"
_REMEMBERED = 256
"""Chunks; more than are under way at once."""


class HeaderCommand:
    """
    Headers that a command prints.  It is run before the first request, and again when a request was
    refused; once for all chunks that were refused with what it printed before.

    :ivar headers: what it printed last.
    """

    def __init__(self, command: str, *, reactor: Any = None) -> None:
        """
        :param command: for the shell.
        :param reactor: runs it; by default the installed one, looked up then.
        """
        self._command = command
        self._reactor = reactor
        self.headers: Mapping[str, str] = {}
        self._runs = 0
        self._running: OneShotObserver[None] | None = None
        self._given: OrderedDict[tuple[str, int], int] = OrderedDict()

    def renew(self, chunk: ResumableChunk | None) -> Deferred[None] | None:
        """
        Run it, if need be.

        :param chunk: what is to be sent, if it is one.
        :returns: a Deferred that fires when it has printed headers, and fails if it fails, or does
            not end; :data:`None` if there is nothing to wait for.  Cancelling that detaches this
            chunk alone.
        :raises OSError: if there are no descriptors left for a process.
        :raises ResumableError: if it cannot be started for another reason.
        """
        key, is_refused = ("", 0), False
        if chunk is not None:
            key = chunk.file.unique_identifier, chunk.offset
            is_refused = bool(chunk.refused) and self._given.get(key, self._runs) == self._runs
        if self._running is None and self._runs and not is_refused:
            self._note(key)
            return None
        running = self._running or self._run()
        return running.wait().addCallback(lambda _: self._note(key))

    def _note(self, key: tuple[str, int]) -> None:
        self._given[key] = self._runs
        self._given.move_to_end(key)
        if len(self._given) > _REMEMBERED:
            self._given.popitem(last=False)

    def _run(self) -> OneShotObserver[None]:
        reactor = self._reactor
        if reactor is None:
            from twisted.internet import reactor
        running: OneShotObserver[None] = OneShotObserver()
        process = Command(reactor, LIMIT, self._ended)
        try:
            reactor.spawnProcess(process, "/bin/sh", ("sh", "-c", self._command), env=None)
        except OSError as error:
            process.is_over()
            if out_of_descriptors(error):  # which passes: the chunk is tried again
                raise
            raise ResumableError(f"{_WHAT} cannot be started: {error.strerror}") from error
        self._running = running
        return running

    def _ended(self, output: bytes, why: str) -> None:
        running, self._running = self._running, None
        assert running is not None
        try:
            if why:
                raise ValueError(why)
            headers = headers_in(output.decode("utf-8", "replace"))
            if not headers:
                raise ValueError("printed nothing")
        except ValueError as error:
            running.settle(Failure(ResumableError(f"{_WHAT} {error}")))
            return
        self.headers = headers
        self._runs += 1
        running.settle(None)

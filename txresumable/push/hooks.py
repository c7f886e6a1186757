"""
Commands that are run for a file that is sent or has failed, and the URL that is called then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import Agent

from .._runtime.clock import steady
from .._runtime.command import Command, in_own_session
from .turns import Turns

__all__ = ["HookFailed", "Hooks", "Ping"]

_PATIENCE = 15.0
"""Seconds that the URL has to respond."""
_BETWEEN = 10.0
"""Seconds between two calls of the URL."""
_PREFIX = "TXRESUMABLE_"
_NOT_THEIRS = (_PREFIX, "LISTEN_", "NOTIFY_SOCKET", "WATCHDOG_", "CREDENTIALS_DIRECTORY")
"""What the environment has for this process, secrets included, and not for those that it starts."""


class HookFailed(Exception):
    """A command failed, did not end in time, or could not be started."""


class Hooks:
    """
    Runs commands, a few at a time, those of each folder in turn.

    A command gets the facts about the file as environment variables, ``TXRESUMABLE_PATH`` for the
    fact ``path``, and as one JSON object on its standard input.  It may be run more than once for
    one file, with the same ``id`` each time.  It is killed together with what it has started.

    Those that are run once more, as they have failed or did not end before, leave a place to
    others: files whose commands hang each time do not hold up all.

    :ivar at_once: how many may run at a time.
    """

    def __init__(self, reactor: Any, *, at_once: int) -> None:
        """
        :param reactor: starts processes.
        :param at_once: how many may run at a time.
        """
        self.at_once = at_once
        self._reactor = reactor
        self._clock = steady(reactor)
        self._free = at_once
        self._free_again = max(at_once - 1, 1)
        self._is_going_on = False
        self._waiting: Turns[Callable[[], None]] = Turns()
        self._waiting_again: Turns[Callable[[], None]] = Turns()

    def run(
        self,
        command: Sequence[str],
        facts: Mapping[str, Any],
        path: bytes,
        *,
        limit: float,
        is_again: bool = False,
    ) -> Deferred[None]:
        """
        Run a command.

        :param command: its words; no shell reads them.
        :param facts: what it is about; ``folder`` has its turn.
        :param path: the path of the file, as the system has it: the fact ``path`` is text.
        :param limit: seconds after which it is killed.
        :param is_again: whether it has failed for this file before.
        :returns: a Deferred that fires when it has ended with 0, and fails with
            :class:`HookFailed`.  Cancelling it kills the command.
        """
        started: list[Command] = []
        folder = str(facts["folder"])
        waiting = self._waiting_again if is_again else self._waiting

        def begin() -> None:
            self._free -= 1
            self._free_again -= is_again
            started.append(self._begin(command, facts, path, limit, ended))

        def ended(_: bytes, why: str) -> None:
            self._free += 1
            self._free_again += is_again
            self._go_on()
            if not outcome.called:
                outcome.callback(Failure(HookFailed(f"{command[0]} {why}")) if why else None)

        def cancel(_: Deferred[None]) -> None:
            waiting.remove(folder, begin)
            for process in started:
                process.kill("was stopped")

        outcome: Deferred[None] = Deferred(cancel)
        waiting.add(folder, begin)
        self._go_on()
        return outcome

    def _go_on(self) -> None:
        """Begin what there is room for; not from within itself, as one may end at once."""
        if self._is_going_on:
            return
        self._is_going_on = True
        try:
            while (waiting := self._next()) is not None:
                waiting.next()()
        finally:
            self._is_going_on = False

    def _next(self) -> Turns[Callable[[], None]] | None:
        if self._free and self._waiting:
            return self._waiting
        if self._free and self._free_again and self._waiting_again:
            return self._waiting_again
        return None

    def _begin(
        self,
        command: Sequence[str],
        facts: Mapping[str, Any],
        path: bytes,
        limit: float,
        ended: Callable[[bytes, str], object],
    ) -> Command:
        given = json.dumps(facts).encode() + b"\n"
        process = Command(self._clock, limit, ended, given=given, is_heard=False)
        environment = {**_environment(), **_variables(facts), b"TXRESUMABLE_PATH": path}
        try:
            words = in_own_session([os.fsencode(word) for word in command])
            self._reactor.spawnProcess(process, words[0], words, env=environment, path=b"/")
        except (OSError, ValueError) as error:  # the latter for what no program can be given
            process.is_over()
            ended(b"", f"cannot be started: {getattr(error, 'strerror', error)}")
        return process


def _environment() -> dict[bytes, bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_THEIRS)}
    return {os.fsencode(name): os.fsencode(value) for name, value in kept.items()}


def _variables(facts: Mapping[str, Any]) -> dict[bytes, bytes]:
    return {
        f"{_PREFIX}{name.upper()}".encode(): os.fsencode(str(value).replace("\0", ""))
        for name, value in facts.items()
    }


class Ping:
    """
    Calls a URL when files are sent or all is well, and the same with ``/fail`` when a file has
    failed, as services that watch cron jobs want it: with the last news every few seconds.
    """

    _log = Logger()

    def __init__(self, url: str, reactor: Any, client: HTTPClient | None = None) -> None:
        """
        :param url: where to; nothing is called if it is empty.
        :param reactor: times it.
        :param client: makes requests, as treq's ``HTTPClient``.
        """
        self._url = url
        self._reactor = reactor
        self._clock = steady(reactor)
        self._client = client
        self._news: bool | None = None
        self._calling: Deferred[Any] | None = None
        self._next: Any = None

    def sent(self) -> None:
        """A file was sent, or there is none to send."""
        self._call(True)

    def failed(self) -> None:
        """A file has failed: that is called even if others are sent soon after."""
        self._call(False)

    def stop(self) -> None:
        """Call nothing more."""
        self._news = None
        if self._calling is not None:
            self._calling.cancel()
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None

    def _call(self, is_fine: bool) -> None:
        if not self._url:
            return
        self._news = is_fine and self._news is not False
        if self._next is None and self._calling is None:
            self._send()

    def _send(self) -> None:
        self._next = None
        news, self._news = self._news, None
        if news is None:
            return
        if self._client is None:
            self._client = HTTPClient(Agent(self._reactor, connectTimeout=_PATIENCE))
        url = self._url if news else f"{self._url.rstrip('/')}/fail"
        calling = self._calling = Deferred.fromCoroutine(self._get(self._client, url))
        calling.addTimeout(_PATIENCE, self._clock)
        calling.addErrback(self._not_called)
        calling.addBoth(self._called)

    async def _get(self, client: HTTPClient, url: str) -> None:
        response: Any = await client.request("GET", url, unbuffered=True)
        response.deliverBody(_Ignored())
        if response.code >= 400:
            raise HookFailed(f"responds with {response.code}")

    def _not_called(self, failure: Failure) -> None:
        said = failure.getErrorMessage() or type(failure.value).__name__
        self._log.warn("The ping URL failed: {said}", said=said)

    def _called(self, _: object) -> None:
        self._calling = None
        self._next = self._clock.callLater(_BETWEEN, self._send)


class _Ignored(Protocol):
    """A body that nobody reads: the status says it all."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()

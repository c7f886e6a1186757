"""
A server that says yes to everything is no receiver: before it is believed that it has a chunk, it
is asked for one that cannot exist.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field
from twisted.internet.defer import Deferred

from .._http.response import Response
from .._protocol.control import impossible_name
from .._protocol.dialect import STORED, Verdict
from .._protocol.template import Template
from .._protocol.url import without_query
from ..errors import NotAReceiver
from .attempt import Attempt
from .turn import Turn

__all__ = ["Control"]

_LATER = (429, 502, 503, 504)
"""Statuses that say nothing of a chunk, but of the server or of what is before it."""

Wait = Callable[[Attempt, Any], Awaitable[Any]]
Ask = Callable[[Template, str], Awaitable["tuple[Verdict, Response] | None"]]


@define(eq=False)
class _Question:
    """
    What a server is asked.

    :ivar attempt: who asks.
    :ivar waiting: those who wait for what comes of it.
    """

    attempt: Attempt
    waiting: deque[Deferred[None]] = field(factory=deque)


class Control:
    """
    Knows which servers can tell what they have from what they have not.

    :param turn: notifies those who wait for the same server.
    :param wait: waits for them (``Lending.wait``).
    """

    def __init__(self, turn: Turn, wait: Wait) -> None:
        self._turn = turn
        self._wait = wait
        self._passed: set[str] = set()
        self._asking: dict[str, _Question] = {}

    async def passes(
        self, attempt: Attempt, template: Template, url: str, dialect: str, ask: Ask
    ) -> Response | None:
        """
        Ask a server, once, for a chunk that it cannot have.

        :param attempt: what was tested.
        :param template: writes the requests of its file.
        :param url: where the test went to.
        :param dialect: the option.
        :param ask: makes the same test with another template; awaited, what the response means, and
            the response; or nothing if the URL would be the same.
        :returns: :data:`None` if the server can be believed; its response if it has to be asked
            again later.
        :raises NotAReceiver: if it claims to have that chunk.
        """
        scheme, server = urlsplit(url)[:2]
        origin = f"{scheme}://{server}"
        while origin in self._asking:
            waiting: Deferred[None] = Deferred()
            self._asking[origin].waiting.append(waiting)
            await self._wait(attempt, waiting)
            attempt.check()
        if origin in self._passed:
            return None
        question = self._asking[origin] = _Question(attempt)
        try:
            name = impossible_name(template.file.file_name)
            file = template.file._replace(file_name=name, relative_path=name, identifier=name)
            asked = await ask(Template(template.encoder, file), url)
            attempt.check()
            if asked is not None and asked[1].code in _LATER:
                return asked[1]
            if asked is not None and asked[0] is STORED:
                name = attempt.transfer.file_name
                raise NotAReceiver(without_query(url), dialect, asked[1].code, name)
            self._passed.add(origin)
            return None
        finally:
            self._over(origin, question)

    def lent(self, attempt: Attempt) -> None:
        """
        An attempt waits for a hook or a disk for long: where it is to ask a server, others do.

        :param attempt: which has lent its slot.
        """
        for origin, question in list(self._asking.items()):
            if question.attempt is attempt:
                self._over(origin, question)

    def _over(self, origin: str, question: _Question) -> None:
        if self._asking.get(origin) is question:
            del self._asking[origin]
        others, question.waiting = question.waiting, deque()
        if others:  # after the news of what comes of this one, which is posted yet
            self._turn.post(self._turn.post, self._let_go, others)

    def _let_go(self, waiting: deque[Deferred[None]]) -> None:
        """One after the other: what comes of one is notified before the next goes on."""
        first = waiting.popleft()
        if not first.called:
            first.callback(None)
        if waiting:
            self._turn.post(self._let_go, waiting)

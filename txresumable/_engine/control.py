"""
A server that says yes to everything is no receiver: before it is believed that it has a chunk, it
is asked for one that cannot exist.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import takewhile
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

_NUMBER = re.compile("[0-9]+")
_LATER = (429, 502, 503, 504)
"""Statuses that say nothing of a chunk, but of the server or of what is before it."""

Wait = Callable[[Attempt, Any], Awaitable[Any]]
Ask = Callable[[Template, str], Awaitable["tuple[str, Verdict, Response] | None"]]


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
    Knows at which URLs servers can tell what they have from what they have not: below one path
    there may be a receiver, and a page for everything else.

    :param turn: notifies those who wait for the same server.
    :param wait: waits for them (``Lending.wait``).
    """

    def __init__(self, turn: Turn, wait: Wait) -> None:
        self._turn = turn
        self._wait = wait
        self._passed: dict[str, set[str]] = {}  # of each origin: paths, and folders of names
        self._asking: dict[str, _Question] = {}

    async def passes(
        self, attempt: Attempt, template: Template, url: str, dialect: str, ask: Ask
    ) -> Response | None:
        """
        Ask a server, once at each URL, for a chunk that it cannot have.

        :param attempt: what was tested.
        :param template: writes the requests of its file.
        :param url: where the test went to.
        :param dialect: the option.
        :param ask: makes the same test with another template; awaited, the URL, what the response
            means, and the response; or nothing if the URL would be the same.
        :returns: :data:`None` if the server can be believed; its response if it has to be asked
            again later.
        :raises NotAReceiver: if it claims to have that chunk.
        """
        origin, path = _place(url)
        while origin in self._asking:
            waiting: Deferred[None] = Deferred()
            self._asking[origin].waiting.append(waiting)
            await self._wait(attempt, waiting)
            attempt.check()
        if self._has_passed(origin, path):
            return None
        question = self._asking[origin] = _Question(attempt)
        try:
            name = impossible_name(template.file.file_name)
            file = template.file._replace(file_name=name, relative_path=name, identifier=name)
            asked = await ask(Template(template.encoder, file), url)
            attempt.check()
            if asked is None:  # which says nothing of other files
                return None
            there, verdict, answer = asked
            if answer.code in _LATER:
                return answer
            if verdict is STORED:
                name = attempt.transfer.file_name
                raise NotAReceiver(without_query(url), dialect, answer.code, name)
            asked_origin, asked_path = _place(there)
            if asked_origin == origin:
                self._passed.setdefault(origin, set()).add(_in_common(path, asked_path))
            return None
        finally:
            self._over(origin, question)

    def _has_passed(self, origin: str, path: str) -> bool:
        """Whether the server was asked at a path, or below the same folder."""
        return any(map(path.startswith, self._passed.get(origin, ())))

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


def _place(url: str) -> tuple[str, str]:
    """The origin of a URL; and its whole path, without numbers: chunks have some, and users."""
    scheme, server, path, _, _ = urlsplit(without_query(url))
    return f"{scheme}://{server}", _NUMBER.sub("#", path) + "?"


def _in_common(path: str, other: str) -> str:
    """A path; or the folder that it has in common with another, where names are in them."""
    if path == other:
        return path
    pairs = zip(path.split("/"), other.split("/"), strict=False)
    shared = [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return "/".join((*shared, "")) or path

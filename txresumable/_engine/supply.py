"""
What a feed takes files out of: iterables, asynchronous ones, and Deferreds.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from inspect import isawaitable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .lending import settled

__all__ = ["EXHAUSTED", "Supply", "several"]

EXHAUSTED: Any = object()
"""What a supply gives when it has nothing more."""

_log = Logger()


def several(sources: Iterable[Any]) -> Iterable[Any]:
    """:raises TypeError: if one file was given where several are taken."""
    if isinstance(sources, (str, bytes, bytearray, memoryview, os.PathLike, Mapping)):
        raise TypeError(f"several files are given as a list or another iterable, not {sources!r}")
    return sources


class Supply:
    """
    Gives one thing after the other out of what a feed was given.
    """

    def __init__(self, sources: Any) -> None:
        """
        :param sources: an iterable or an asynchronous one, or an awaitable of it.  What it gives
            may be awaitable as well.
        :raises TypeError: if it is none of these, or one file.
        """
        self._asynchronous: AsyncIterator[Any] | None = None
        self._is_running = self._is_closed = False
        self._next: Callable[[], Any] = lambda: self._first(sources)
        if not isawaitable(sources):
            self._open(sources)

    def take(self) -> Any:
        """
        The next.

        :returns: it, or :data:`EXHAUSTED`; or, if that has to be waited for, a Deferred of it.
        """
        given = self._next()
        return Deferred.fromCoroutine(_all_of(given)) if isawaitable(given) else given

    def close(self) -> None:
        """Take no more: what is left of an asynchronous generator runs, and nobody waits for it."""
        self._next, self._is_closed = lambda: EXHAUSTED, True
        if not self._is_running:  # else it is closed as it gives what it is at work on
            self._finish()

    def _finish(self) -> None:
        close = getattr(self._asynchronous, "aclose", None)
        if close is not None:
            Deferred.fromCoroutine(settled(close())).addErrback(_not_closed)

    def _open(self, sources: Any) -> None:
        if hasattr(sources, "__aiter__"):
            self._asynchronous = sources.__aiter__()
            self._next = self._next_asynchronous
        else:
            iterator = iter(several(sources))
            self._next = lambda: next(iterator, EXHAUSTED)

    async def _first(self, sources: Any) -> Any:
        self._open(await settled(sources))
        return self._next()

    async def _next_asynchronous(self) -> Any:
        assert self._asynchronous is not None
        self._is_running = True
        try:
            return await self._asynchronous.__anext__()
        except StopAsyncIteration:
            return EXHAUSTED
        finally:
            self._is_running = False
            if self._is_closed:
                self._finish()


async def _all_of(given: Any) -> Any:
    while isawaitable(given):
        given = await settled(given)
    return given


def _not_closed(failure: Failure) -> None:
    if not failure.check(CancelledError):
        _log.failure("An asynchronous generator that is fed raised as it was closed", failure)

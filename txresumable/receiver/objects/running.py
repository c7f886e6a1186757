"""
What is under way in a store.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..store.refused import Refused
from ..store.usage import Usage
from ..store.work import closing

__all__ = ["Running"]

_T = TypeVar("_T")


class Running:
    """
    What is under way, until the store closes.

    :ivar usage: is in use while anything is.
    """

    _log = Logger()

    def __init__(self) -> None:
        self.usage = Usage()
        self._is_closed = False
        self._cancelled_at_end: dict[Deferred[Any], None] = {}  # in their order

    @property
    def is_closed(self) -> bool:
        """Whether the store closes, or has."""
        return self._is_closed

    def check(self) -> None:
        """:raises Refused: if the store closes."""
        if self._is_closed:
            raise closing()

    def until_closed(self, work: Coroutine[Any, Any, _T]) -> Deferred[_T]:
        """
        Do something that is cancelled when the store closes.

        :returns: a Deferred of its result, which fails with :exc:`Refused` then.
        """

        async def counted() -> _T:
            if self._is_closed:
                work.close()
                raise closing()
            with self.usage:
                return await work

        doing = Deferred.fromCoroutine(counted())
        self._cancelled_at_end[doing] = None

        def ended(result: Any) -> Any:
            self._cancelled_at_end.pop(doing, None)
            if isinstance(result, Failure) and result.check(CancelledError) and self._is_closed:
                return Failure(closing())
            return result

        return doing.addBoth(ended)

    async def unless_closed(self, waiting: Deferred[None]) -> None:
        """Wait for something, but no longer than until the store closes."""

        async def wait() -> None:
            await waiting

        try:
            await self.until_closed(wait())
        except Refused:
            waiting.addErrback(lambda failure: None).cancel()

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that nobody waits for, and that is no harm if it fails."""

        def failed(failure: Failure) -> None:
            if not (self._is_closed or failure.check(Refused)):
                self._log.warn("{error}", error=failure.getErrorMessage())

        self.until_closed(work).addErrback(failed)

    async def close(self) -> None:
        """Refuse what is new, cancel what can be, and return when nothing is under way."""
        self._is_closed = True
        for each in list(self._cancelled_at_end):
            each.cancel()
        await self.usage.idle()

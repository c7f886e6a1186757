"""
Changes of files, one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from twisted.internet.defer import CancelledError, Deferred

from .._runtime.observers import Signal
from .entry import Entry

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Changes"]


class Changes:
    """
    Files that have got into another state, for ``async for``: each as it is then.  Who is slow gets
    only the last state of each file, so that no more is kept than one for each.

    Leaving it as a context manager (``with``), or :meth:`close`, ends it.
    """

    def __init__(self, changed: Signal[[Union[Entry, None], Entry]]) -> None:
        """
        :param changed: notifies of them.
        """
        self._changed = changed
        self._news: dict[int, Entry] = {}
        self._waiting: Deferred[None] | None = None
        self._is_closed = False
        changed.register(self._note)

    def _note(self, _: Entry | None, after: Entry) -> None:
        self._news.pop(after.id, None)
        self._news[after.id] = after
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Entry:
        while not self._news:
            if self._is_closed:
                raise StopAsyncIteration
            self._waiting = Deferred()
            try:
                await self._waiting
            except CancelledError:
                self.close()
                raise
        return self._news.pop(next(iter(self._news)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it: what has not been taken yet can still be taken."""
        if not self._is_closed:
            self._is_closed = True
            self._changed.unregister(self._note)
            self._wake()

"""
Files out of an iterable, no more of them at a time than there is room for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ..errors import FilesFailed
from ..file import transfer_of
from .handle import Upload
from .reasons import as_error
from .room import Room
from .supply import EXHAUSTED, Supply
from .transfer import Transfer

__all__ = ["Feed"]


class Feed:
    """
    Takes the next files out of an iterable when half of those before them are at their end.

    :ivar done: a Deferred that fires, when the iterable is exhausted and each of its files is at
        its end, with how many of them are on the server.  It fails then as the iterable raised,
        or with :class:`~txresumable.errors.FilesFailed`.  Cancelling it takes no more and cancels
        what is not at its end.
    """

    def __init__(
        self,
        supply: Supply,
        ahead: int,
        stop_on_error: bool,
        add: Callable[[Any], Upload],
        remove: Callable[[Transfer], None],
        failed: Callable[[Transfer, Failure], None],
        room: Room,
    ) -> None:
        """
        :param supply: where files come from.
        :param ahead: how many may be there at a time.
        :param stop_on_error: whether the first that fails ends all.
        :param add: takes one in.
        :param remove: takes one that is at its end off the list.
        :param failed: called with each that failed for good, and why.
        :param room: how many files there may be, others included.
        """
        self._supply: Supply | None = supply
        self._ahead = room.limit(ahead)
        self._stop_on_error = stop_on_error
        self._add = add
        self._remove = remove
        self._fail = failed
        self._room = room
        self._there: dict[Transfer, None] = {}
        self._awaited: Deferred[Any] | None = None
        self._stored = 0
        self._failed: list[Transfer] = []
        self._error: Failure | None = None
        self._drawing = False
        self.done: Deferred[int] = Deferred(self._cancel)

    def draw(self) -> None:
        """
        Take as many as there is room for, once that is worth it: several are looked at in one go.
        """
        if len(self._there) <= self._ahead // 2:
            self._draw()

    def _draw(self) -> None:
        """One that fails at once, or is there at once, does not lead to recursion."""
        if self._drawing or self._awaited is not None:
            return
        self._drawing = True
        while self._supply is not None and len(self._there) < self._ahead:
            if self._room.must_wait(self.draw):
                break
            try:
                given = self._supply.take()
            except BaseException as error:  # of the iterable
                self._break_off(error)
                break
            if not isinstance(given, Deferred):
                self._take(given)
                continue
            self._awaited = given
            given.addBoth(self._arrived)
            if self._awaited is not None:
                break
        self._drawing = False
        if self._supply is None and not self._there and not self.done.called:
            self.done.callback(self._result())

    def _arrived(self, given: Any) -> None:
        """What had to be waited for is there, or cannot be had."""
        self._awaited = None
        if self._supply is None:  # nobody wants it any more
            return
        if isinstance(given, Failure):
            self._break_off(given.value)
        else:
            self._take(given)
        self._draw()

    def _take(self, given: Any) -> None:
        if given is EXHAUSTED:
            self._supply = None
            return
        try:
            upload = self._add(given)
        except BaseException as error:  # what it gave is no file
            self._break_off(error)
            return
        transfer = transfer_of(upload)
        self._there[transfer] = None
        self._room.enter()
        upload.addBoth(self._ended, transfer)
        if self.done.called:  # who was told of it has cancelled all
            upload.cancel()

    def _break_off(self, error: BaseException | None) -> None:
        self._error = Failure(as_error(error))
        self._close()

    def _close(self) -> None:
        """Take no more."""
        supply, self._supply = self._supply, None
        if self._awaited is not None:
            self._awaited.cancel()
        if supply is not None:
            supply.close()

    def _ended(self, result: Any, transfer: Transfer) -> None:
        if transfer.is_unfinished and not self.done.called:  # somebody tries it again
            transfer.when_completed().addBoth(self._ended, transfer)
            return
        del self._there[transfer]
        self._remove(transfer)
        if not isinstance(result, Failure):
            self._stored += 1
        elif not result.check(CancelledError):
            self._failed.append(transfer)
            self._fail(transfer, result)
            if self._stop_on_error:
                self._close()
                self._cancel_files()
        self._room.leave()
        self.draw()

    def _result(self) -> Any:
        if self._error is not None:
            return self._error
        if self._failed:
            return Failure(FilesFailed([each.file for each in self._failed], self._stored))
        return self._stored

    def _cancel(self, _: Deferred[int]) -> None:
        self._drawing = True  # this is the end, and not that of the last file
        self._close()
        self._cancel_files()

    def _cancel_files(self) -> None:
        for transfer in reversed(list(self._there)):
            transfer.cancel()

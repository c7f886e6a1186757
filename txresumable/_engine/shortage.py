"""
What an uploader does while this process has no descriptors left: that passes.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectError, DNSLookupError
from twisted.logger import Logger

from .._runtime.descriptors import NONE_LEFT, shortage
from .._runtime.ticker import Ticker
from ..errors import ConnectFailed, ConnectTimeout, TLSRejected
from .breadth import Breadth
from .lending import Lending
from .prefetch import Prefetcher
from .roster import Roster
from .transfer import Transfer
from .turn import Turn

__all__ = ["PAUSE", "Shortage", "out_of_descriptors"]

PAUSE = 1.0
"""Seconds until something is tried again, and until one chunk more may be under way."""

_log = Logger()


class Shortage:
    """
    Keeps an uploader going with as many chunks at once as there are descriptors for.

    No source stays open of which no chunk is under way, none is opened ahead, and no more chunks
    begin than were under way when descriptors ran out; one more every second, as long as that
    works.

    :ivar lasts: whether there are fewer slots than there should be.
    """

    def __init__(
        self,
        clock: Any,
        turn: Turn,
        breadth: Breadth,
        prefetcher: Prefetcher,
        roster: Roster,
        lending: Lending,
    ) -> None:
        """
        :param clock: an ``IReactorTime``.
        :param turn: runs when a slot is added.
        :param breadth: how many chunks may be under way, and how many there should be.
        :param prefetcher: opens sources.
        :param roster: has the files.
        :param lending: has the chunks under way, by file.
        """
        self.lasts = False
        self._turn = turn
        self._breadth = breadth
        self._slots = breadth.slots
        self._prefetcher = prefetcher
        self._roster = roster
        self._jobs = lending.jobs
        self._swept = False
        self._ticker = Ticker(clock, PAUSE, self._tick)

    def begin(self, transfer: Transfer | None = None) -> None:
        """
        A file or a connection could not be opened.

        :param transfer: whose chunk waits now; :data:`None` if the file is not even accepted.
        """
        if not self.lasts:
            _log.warn("Too many open files (ulimit -n): fewer chunks at a time for now")
        self._set(True)
        under_way = min(self._slots.number - self._slots.tokens, self._breadth.number)
        self._slots.resize(max(under_way, transfer is None))
        if not self._swept:  # it looks at all files
            self._swept = True
            for each in self._roster.ready:
                self._close(each)
        elif transfer is not None:
            self._close(transfer)
        self._ticker.start()

    def end(self) -> None:
        """Nothing is to be sent any more."""
        if self.lasts:
            self._ticker.stop()
            self._resize(self._breadth.number)

    def _close(self, transfer: Transfer) -> None:
        if not self._jobs.get(transfer) and not transfer.all_stored:
            transfer.source.close()

    def _tick(self) -> bool:
        self._swept = False
        self._resize(min(self._breadth.number, self._slots.number + 1))
        self._turn.run()
        return self.lasts

    def _resize(self, number: int) -> None:
        self._slots.resize(number)
        self._set(number < self._breadth.number)

    def _set(self, lasts: bool) -> None:
        self.lasts = self._prefetcher.is_frugal = lasts
        self._breadth.hold(lasts)


def out_of_descriptors(error: BaseException | None) -> bool:
    """
    Whether too many files are open.

    :param error: why a file or a connection could not be opened.
    """
    if isinstance(error, ConnectFailed) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, (ConnectTimeout, DNSLookupError, TLSRejected)):
        # Without a descriptor no name is found, nor the certificate of who issued the server's.
        error = shortage()
    if isinstance(error, ConnectError):
        return error.osError in NONE_LEFT
    return isinstance(error, OSError) and error.errno in NONE_LEFT

"""
Which chunk is next: file after file, and in each the lowest number first, or as the option says.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Collection
from itertools import chain, islice
from typing import Any

from .._policy.order import ChunkOrder
from .ledger import ChunkLedger
from .transfer import Transfer

__all__ = ["ChunkQueue"]

SMALL = 8 * 1024
"""Bytes of a file that TCP sends at once, with its request, over a new connection (RFC 6928)."""


_CHOICES = {
    ChunkOrder.LAST_ALONE: ChunkLedger.next_but_last,
    ChunkOrder.IN_ORDER: ChunkLedger.next_in_order,
}


class ChunkQueue:
    """
    The files that have chunks to send.  One whose next chunk has to wait for others of it leaves
    the queue, so that other files go on, and is added again when one of its chunks is stored.

    :param order: in which order the chunks of a file begin.
    """

    def __init__(self, order: ChunkOrder = ChunkOrder.LOWEST_FIRST) -> None:
        self._ends_first = order is ChunkOrder.ENDS_FIRST
        self._choose = _CHOICES.get(order, ChunkLedger.next_pending)
        self._files: deque[Transfer] = deque()
        self._early: list[tuple[Any, Transfer]] = []
        self._ends: list[tuple[Any, Transfer]] = []
        self._ending: set[Transfer] = set()

    def add(self, transfer: Transfer) -> None:
        """Take a file in, or in again: it has chunks that wait for their turn."""
        if self._ends_first:
            self._add_ends(transfer, transfer.order)
        if transfer.is_queued:
            return
        transfer.is_queued = True
        if not self._files or transfer.order > self._files[-1].order:
            self._files.append(transfer)
        else:
            heapq.heappush(self._early, (transfer.order, transfer))

    def next(self) -> tuple[Transfer, int] | None:
        """
        Take the next chunk.

        :returns: its file and which it is, counted from 0; or nothing.
        """
        end = self._next_end() if self._ends else None
        if end is not None:
            return end
        while self._files or self._early:
            early = bool(self._early) and self._comes_early()
            transfer = self._early[0][1] if early else self._files[0]
            if transfer.may_go:
                offset = self._choose(transfer.ensure_ledger())
                if offset >= 0:
                    return transfer, offset
            if early:
                heapq.heappop(self._early)
            else:
                self._files.popleft()
            transfer.is_queued = False
        return None

    def begun(self, transfer: Transfer) -> None:
        """The only chunk of a file has begun: it leaves the queue, if it is the next in it."""
        if self._files and self._files[0] is transfer:
            self._files.popleft()
            transfer.is_queued = False

    def next_of_others(self, files: Collection[Transfer]) -> tuple[Transfer, int] | None:
        """
        The next chunk of any file but these, which looks at all files.

        :returns: as :meth:`next`.
        """
        for transfer in chain((each for _, each in sorted(self._early)), self._files):
            if transfer not in files and transfer.may_go:
                offset = self._choose(transfer.ensure_ledger())
                if offset >= 0:
                    return transfer, offset
        return None

    def _comes_early(self) -> bool:
        """Whether one that came in again, or late, is next."""
        return not self._files or self._early[0][0] < self._files[0].order

    def following(self, count: int) -> list[Transfer]:
        """The files that come next, roughly in their order."""
        early = [transfer for _, transfer in self._early[:count]]
        return early + list(islice(self._files, count - len(early)))

    def are_small(self, count: int) -> bool:
        """Whether so many files come next that are small."""
        files = self.following(count)
        return len(files) == count and all(transfer.size <= SMALL for transfer in files)

    def _add_ends(self, transfer: Transfer, place: Any) -> None:
        if transfer not in self._ending:
            self._ending.add(transfer)
            heapq.heappush(self._ends, (place, transfer))

    def _next_end(self) -> tuple[Transfer, int] | None:
        while self._ends:
            transfer = self._ends[0][1]
            for offset in self._ends_of(transfer):
                return transfer, offset
            heapq.heappop(self._ends)
            self._ending.remove(transfer)
        return None

    def _ends_of(self, transfer: Transfer) -> list[int]:
        if not transfer.may_go:
            return []
        ends = (0, len(transfer.ensure_ledger().states) - 1)
        return [offset for offset in ends if transfer.is_pending(offset)]

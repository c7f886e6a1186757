"""
Which chunk is next where small files do not wait for large ones.
"""

from __future__ import annotations

import heapq

from .._policy.order import ChunkOrder
from .._policy.slots import Slots
from ..options import Options
from .lending import Jobs
from .queue import ChunkQueue
from .transfer import Transfer

__all__ = ["SmallestFirst", "most_of_large", "queue_for"]

LEFT = 4
"""One of so many slots is left to files of one chunk."""
MOST = 16
"""So many slots are for files of several chunks at the most."""


class SmallestFirst(ChunkQueue):
    """
    The smallest file is the next, whenever it was added; so are its ends, where these come first.

    Files of several chunks leave a quarter of the slots to others, so that one that comes later
    does not wait for their chunks to end.  Nor do they ever have more than sixteen: over a long
    line small files need as many connections as there may be, and if large chunks began over all
    of these at once, they would overflow the line's queue.

    :param order: in which order the chunks of a file begin.
    :param slots: of chunks under way.
    :param jobs: the attempts under way, by file and offset.
    """

    def __init__(self, order: ChunkOrder, slots: Slots, jobs: Jobs) -> None:
        super().__init__(order)
        self._slots = slots
        self._jobs = jobs

    def add(self, transfer: Transfer) -> None:
        """As of any queue."""
        place = (transfer.size, transfer.order)
        if self._ends_first:
            self._add_ends(transfer, place)
        if not transfer.is_queued:
            transfer.is_queued = True
            heapq.heappush(self._early, (place, transfer))

    def next(self) -> tuple[Transfer, int] | None:
        """As of any queue; and nothing if it is of a large file, and those have enough slots."""
        place = super().next()
        if place is None or not _is_large(place[0]):
            return place
        return place if self._taken() < most_of_large(self._slots.number) else None

    def _taken(self) -> int:
        """How many slots large files have."""
        return sum(
            attempt.slots is self._slots and not attempt.has_lent
            for transfer, attempts in self._jobs.items()
            if _is_large(transfer)
            for attempt in attempts.values()
        )


def most_of_large(number: int) -> int:
    """How many of so many slots files of several chunks may have."""
    return min(number - number // LEFT, MOST)


def queue_for(options: Options, slots: Slots, jobs: Jobs) -> ChunkQueue:
    """The queue that the options ask for; the rest as for :class:`SmallestFirst`."""
    if options.small_files_first:
        return SmallestFirst(options.order, slots, jobs)
    return ChunkQueue(options.order)


def _is_large(transfer: Transfer) -> bool:
    return len(transfer.ledger.states) > 1

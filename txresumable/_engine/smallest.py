"""
Which chunk is next where small files do not wait for large ones.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from .._policy.order import ChunkOrder
from .._policy.slots import Slots
from ..options import Options
from .attempt import Attempt
from .queue import ChunkQueue
from .transfer import Transfer

__all__ = ["SmallestFirst", "queue_for"]

LEFT = 4
"""One of so many slots is left to files of one chunk."""


Jobs = Mapping[Transfer, Mapping[int, Attempt]]


class SmallestFirst(ChunkQueue):
    """
    The smallest file is the next, whenever it was added.

    Files of several chunks leave a quarter of the slots to others, so that one that comes later
    does not wait for their chunks to end.  As many connections as small files need over a long line
    would be too many for large ones, too.

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
        if self._ends_first:
            self._add_ends(transfer)
        if not transfer.is_queued:
            transfer.is_queued = True
            heapq.heappush(self._early, ((transfer.size, transfer.order), transfer))

    def next(self) -> tuple[Transfer, int] | None:
        """As of any queue; and nothing if it is of a large file, and those have enough slots."""
        place = super().next()
        if place is None or not _is_large(place[0]):
            return place
        number = self._slots.number
        return place if self._taken() < number - number // LEFT else None

    def _taken(self) -> int:
        """How many slots large files have."""
        return sum(
            attempt.slots is self._slots and not attempt.has_lent
            for transfer, attempts in self._jobs.items()
            if _is_large(transfer)
            for attempt in attempts.values()
        )


def queue_for(options: Options, slots: Slots, jobs: Jobs) -> ChunkQueue:
    """The queue that the options ask for; the rest as for :class:`SmallestFirst`."""
    if options.small_files_first:
        return SmallestFirst(options.order, slots, jobs)
    return ChunkQueue(options.order)


def _is_large(transfer: Transfer) -> bool:
    return len(transfer.ledger.states) > 1

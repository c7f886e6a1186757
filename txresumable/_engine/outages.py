"""
Which servers cannot be reached: that of the uploader, or those of single files.
"""

from __future__ import annotations

from .._policy.outage import Outage
from .queue import ChunkQueue
from .transfer import Transfer

__all__ = ["Outages"]


class Outages:
    """
    The outages of an uploader.

    There is one server, and one chunk of all files probes it; but where a function gives URLs,
    each file may have a server of its own, and one of its chunks probes that.

    :ivar shared: that of the one server.
    :ivar own: those of the servers of single files.
    :ivar is_offline: whether any server could not be reached, and none has responded since that
        they all can.
    :param one_server: whether there is one.
    :param queue: has the files that are to go on.
    """

    def __init__(self, one_server: bool, queue: ChunkQueue) -> None:
        self.shared: Outage[Transfer] = Outage()
        self._one_server = one_server
        self._queue = queue
        self.is_offline = False
        self.own: dict[Transfer, Outage[Transfer]] = {}

    def of(self, transfer: Transfer) -> Outage[Transfer]:
        """The outage that a file's chunk takes part in, made if it is the first to know."""
        if self._one_server:
            return self.shared
        outage = self.own.get(transfer)
        if outage is None:
            outage = self.own[transfer] = Outage()
            outage.reached = transfer.ledger.stored_count > 0
        return outage

    def next_probe(self) -> tuple[Transfer, int] | None:
        """While the one server cannot be reached: the one chunk that tries, if it may begin."""
        outage = self.shared
        if outage.probe is None or not outage.probe[0].may_send(outage.probe[1]):
            outage.probe = self._queue.next()
        if outage.probe is None or not outage.probe[0].is_pending(outage.probe[1]):
            return None
        return outage.probe

    def began(self, transfer: Transfer, offset: int) -> None:
        """A chunk begins: that of a file whose own server is away probes it."""
        if transfer in self.own:
            self.own[transfer].probe = (transfer, offset)
            transfer.is_barred = True

    def failed(self, transfer: Transfer, offset: int, now: float) -> bool:
        """
        No connection could be made for a chunk.

        :returns: whether that chunk is the one that probes.
        """
        outage = self.of(transfer)
        if not outage.failed(transfer, offset, now):
            return False
        transfer.is_barred = outage is not self.shared
        return True

    def retried(self, transfer: Transfer, offset: int) -> None:
        """A chunk waits for its turn again: it goes, if it is the one that probes."""
        if transfer.is_barred and self.own[transfer].probe == (transfer, offset):
            transfer.is_barred = False

    def reached(self, transfer: Transfer) -> bool:
        """:returns: whether it was the server of this file alone that could not be reached."""
        if self.own.pop(transfer, None) is None:
            return False
        transfer.is_barred = False
        self._queue.add(transfer)
        return True

    def end(self) -> bool:
        """A server has responded. :returns: whether that was the end of being offline."""
        self.is_offline = self.is_offline and bool(self.shared.failures or self.own)
        return not self.is_offline

    def leave(self, transfer: Transfer) -> None:
        """A file is stopped: it probes nothing any more."""
        if self.shared.probe is not None:
            self.shared.leave(transfer)
        if self.own:
            self.own.pop(transfer, None)
        if transfer.flags:
            transfer.is_barred = False

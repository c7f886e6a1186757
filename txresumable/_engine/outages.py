"""
Which servers cannot be reached or refuse everybody: that of the uploader, or those of single files.
"""

from __future__ import annotations

from collections.abc import Callable

from .._policy.probing import Outage
from .._protocol.dialect import STORED, Verdict
from .queue import ChunkQueue
from .refusal import Concern
from .transfer import Transfer

__all__ = ["Outages"]

_SEVERAL = 3
"""So many chunks in a row are refused because of the server, whatever it does not say."""


class Outages:
    """
    The outages of an uploader.

    There is one server, and one chunk of all files probes it; but where a function gives URLs,
    each file may have a server of its own, and one of its chunks probes that.  So it is with a file
    that the one server refuses while it accepts others.

    A server that refuses is probed with another file, or at least another chunk, each time.  What
    was refused while the next probe was stored is suspected to be the reason: from then on it waits
    alone.

    :ivar shared: that of the one server.
    :ivar own: those of single files.
    :ivar is_offline: whether any server could not be reached, and none has responded since that
        they all can.
    :param one_server: whether there is one.
    :param queue: has the files that are to go on.
    :param has_lent: whether a chunk waits for a hook or a disk, so that others may go on.
    """

    def __init__(
        self, one_server: bool, queue: ChunkQueue, has_lent: Callable[[Transfer, int], bool]
    ) -> None:
        self.shared: Outage[Transfer] = Outage()
        self._one_server = one_server
        self._queue = queue
        self._has_lent = has_lent
        self.is_offline = False
        self.own: dict[Transfer, Outage[Transfer]] = {}
        self._suspects: set[Transfer | tuple[Transfer, int]] = set()
        self._refused: set[tuple[Transfer, int]] = set()

    def of(self, transfer: Transfer) -> Outage[Transfer]:
        """The outage that a file's chunk takes part in, made if it is the first to know."""
        return self.shared if self._one_server else self._own_of(transfer)

    def _own_of(self, transfer: Transfer) -> Outage[Transfer]:
        outage = self.own.get(transfer)
        if outage is None:
            outage = self.own[transfer] = Outage()
            outage.reached = transfer.ledger.stored_count > 0
        return outage

    def refused(self, transfer: Transfer, offset: int, about: Concern) -> Outage[Transfer] | None:
        """
        A chunk was refused, which may pass.

        :param about: what for.
        :returns: the outage that this belongs to; :data:`None` if the chunk alone is concerned.
        """
        if about is Concern.CHUNK:
            return None
        own = self.own.get(transfer)
        if about is Concern.UPLOAD or (own is not None and own.refuses):
            return self._own_of(transfer)
        if self.shared.refuses:
            return self.shared
        if (transfer, offset) in self._suspects:
            return None
        if transfer in self._suspects:
            return self._own_of(transfer)
        if about is Concern.UNKNOWN:
            self._refused.add((transfer, offset))
            if not self._one_server or len(self._refused) < _SEVERAL:
                return None
        return self.of(transfer)

    def next_probe(self) -> tuple[Transfer, int] | None:
        """While the one server cannot be reached: the one chunk that tries, if it may begin."""
        outage, probe = self.shared, self.shared.probe
        if probe is None or not probe[0].may_send(probe[1]) or self._has_lent(*probe):
            outage.probe = self._queue.next()
        if outage.probe is None or not outage.probe[0].is_pending(outage.probe[1]):
            return None
        return outage.probe

    def began(self, transfer: Transfer, offset: int) -> None:
        """A chunk begins: that of a file whose own server is away probes it."""
        if transfer in self.own:
            self.own[transfer].probe = (transfer, offset)
            transfer.is_barred = True

    def failed(
        self,
        outage: Outage[Transfer],
        transfer: Transfer,
        offset: int,
        now: float,
        refused: bool = False,
    ) -> bool:
        """
        No connection could be made for a chunk, or it was refused.

        :param outage: what that belongs to.
        :returns: whether that chunk is the one that probes.
        """
        if not outage.failed(transfer, offset, now, refused):
            return False
        transfer.is_barred = outage is not self.shared
        return True

    def retried(self, transfer: Transfer, offset: int) -> None:
        """
        A chunk has waited: it goes if it is the one that probes, or another one does, so that a
        chunk that is refused for its own sake does not keep up all others.
        """
        shared, place = self.shared, (transfer, offset)
        if transfer.is_barred:
            if self.own[transfer].probe == place:
                transfer.is_barred = False
        elif shared.refuses and shared.probe == place:
            tried = {each for each, _ in shared.tried}
            other = self._queue.next_of_others(tried) or self._queue.next()
            shared.probe = other or place

    def responded(self, transfer: Transfer, offset: int, verdict: Verdict) -> bool:
        """
        The server responded to a request for a chunk, and does not refuse everybody.

        :returns: whether that ends an outage.  Where the server refused, only the probe's response
            does: others may have been under way before.
        """
        shared = self.shared
        shared.reached = True
        if not (shared.failures or self.own or self._refused or self._suspects):
            return False
        place, ended = (transfer, offset), False
        if verdict is STORED and (self._refused or self._suspects):
            self._refused.clear()
            self._suspects -= {transfer, place}
        if shared.failures and (not shared.refuses or shared.probe == place):
            if verdict is STORED:
                for each in shared.tried - {place}:
                    self._suspects.add(each if each[0] is transfer else each[0])
            ended = shared.responded()
        own = self.own.get(transfer) if self.own else None
        if own is not None and (not own.refuses or own.probe == place):
            ended = self.reached(transfer)
        return ended

    def broken(self, transfer: Transfer) -> None:
        """A connection was made for a file, and came to nothing: its server is there."""
        if transfer in self.own and not self.own[transfer].refuses:
            self.reached(transfer)

    def reached(self, transfer: Transfer) -> bool:
        """:returns: whether it was this file alone that had an outage."""
        if self.own.pop(transfer, None) is None:
            return False
        transfer.is_barred = False
        self._queue.add(transfer)
        return True

    def end(self) -> bool:
        """A server has responded. :returns: whether that was the end of being offline."""
        away = (each.lasts and not each.refuses for each in (self.shared, *self.own.values()))
        self.is_offline = self.is_offline and any(away)
        return not self.is_offline

    def leave(self, transfer: Transfer) -> None:
        """A file is stopped: it probes nothing any more."""
        if self.shared.probe is not None:
            self.shared.leave(transfer)
        if self.own:
            self.own.pop(transfer, None)
        if self._refused or self._suspects:
            self._refused = {each for each in self._refused if each[0] is not transfer}
            self._suspects = {
                each
                for each in self._suspects
                if transfer is not (each[0] if isinstance(each, tuple) else each)
            }
        if transfer.flags:
            transfer.is_barred = False

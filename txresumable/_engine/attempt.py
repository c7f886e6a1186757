"""
One attempt at one chunk, and how it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from attrs import define
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from .._http.response import Response
from .._policy.slots import Slots
from .._protocol.dialect import Verdict
from ..errors import ChunkRejected
from .ledger import ChunkLedger
from .transfer import Transfer
from .turn import Turn

__all__ = ["Attempt", "AttemptListener", "Result"]


@define(eq=False)
class Result:
    """
    How an attempt ended.

    :ivar verdict: what it means for the chunk.
    :ivar answer: what the server said last.
    :ivar error: the same as an error, unless the chunk is stored.
    :ivar found: whether it was stored before it was sent.
    """

    verdict: Verdict
    answer: Response
    error: ChunkRejected | None = None
    found: bool = False


class AttemptListener(Protocol):
    """Notified of what comes of attempts."""

    def delivered(self, attempt: Attempt, result: Result) -> None:
        """An attempt has a result: stored, retry, redirected or rejected."""

    def undelivered(self, attempt: Attempt, failure: Failure) -> None:
        """
        It has none: :class:`~txresumable.errors.TransportError` if there was no usable response,
        :class:`~txresumable.errors.TLSRejected` if the server cannot be trusted, or as the source
        failed if the chunk could not be read.
        """


class Attempt:
    """
    One attempt at one chunk.  Its request, and whatever else it waits for, is its own: what a
    cancelled one comes to concerns nobody.

    :ivar transfer: the file.
    :ivar offset: which chunk, counted from 0.
    :ivar ledger: that of the file when this began; the file may have started over since.
    :ivar listener: notified of what comes of it.
    :ivar began: when, if anybody wants to know.
    :ivar cancelled: whether it is to send nothing more, whatever its hooks do.
    :ivar slots: of which it has one: those of uploads, or of tests.
    :ivar has_lent: whether its slot is another's, as long as it waits.
    :ivar asking: its last request, once that has begun.
    :ivar refused: the status for which its hooks are called again; 0 once they have been, and
        :data:`None` before.
    :ivar sending: fires with its result, once there is something to wait for.
    """

    __slots__ = (
        "asking",
        "began",
        "cancelled",
        "has_lent",
        "ledger",
        "listener",
        "offset",
        "refused",
        "sending",
        "slots",
        "transfer",
    )

    def __init__(
        self,
        transfer: Transfer,
        offset: int,
        ledger: ChunkLedger,
        listener: AttemptListener,
        slots: Slots,
        began: float,
    ) -> None:
        self.transfer = transfer
        self.offset = offset
        self.ledger = ledger
        self.listener = listener
        self.slots = slots
        self.began = began
        self.cancelled = self.has_lent = False
        self.refused: int | None = None
        self.asking: Deferred[Any] | None = None
        self.sending: Deferred[None] | None = None

    def ask(
        self, turn: Turn, exchange: Callable[..., Deferred[Any]], *args: Any, **named: Any
    ) -> Deferred[Any]:
        """
        Send a request, which ends before any other begins if its first bytes led to that.

        :param exchange: sends it, given the rest.
        :returns: what that returned.
        """
        self.refused = self.refused and 0  # its hooks have been called
        asking = self.asking = turn.alone(exchange, *args, **named)
        if self.cancelled:
            asking.cancel()
        if turn.missed:
            turn.run()
            if self.cancelled:
                asking.cancel()
        return asking

    def progress(self, loaded: int) -> None:
        """
        Bytes were handed over.

        :param loaded: how many of the chunk, so far.
        :raises CancelledError: if no more are wanted: whoever is notified may have cancelled it.
        """
        self.check()
        self.transfer.progress(self.offset, loaded)
        self.check()

    def check(self) -> None:
        """
        Go no further if it was cancelled, even if a hook did not mind.

        :raises CancelledError: if it was.
        """
        if self.cancelled:
            raise CancelledError()

    def report(self, result: Coroutine[Deferred[Any], Any, Result]) -> Deferred[None]:
        """
        Notify the listener of what comes of this.

        :param result: a coroutine that returns the result.
        :returns: a Deferred that fires when the listener was notified.  Cancelling it cancels what
            the coroutine waits for.
        """
        return Deferred.fromCoroutine(result).addCallbacks(self.succeeded, self.failed)

    def succeeded(self, result: Result) -> None:
        """Notify the listener of the result."""
        self.listener.delivered(self, result)

    def failed(self, failure: Failure) -> None:
        """Notify the listener that there is no result."""
        self.listener.undelivered(self, failure)

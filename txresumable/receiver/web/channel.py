"""
A connection of the receiver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

if TYPE_CHECKING:
    from ..site import ReceiverSite

__all__ = ["ReceiverChannel"]

_LONGEST_HEAD = 64 * 1024
_LOOK_EVERY = 20.0
_LINGER = 10.0


class ReceiverChannel(HTTPChannel):
    """
    One connection: it says early where a request goes, can be made to wait, and does not wait
    for ever for those who trickle.

    :ivar head: the method, the target and the version of the request that is arriving.
    """

    MAX_LENGTH = _LONGEST_HEAD
    totalHeadersSize = _LONGEST_HEAD
    head = (b"", b"", b"")
    site: ReceiverSite
    transport: Any
    _held = False
    _ignoring = False
    _lingering: Any = None
    _got = 0
    _watch: Any = None
    _log = Logger()

    def connectionMade(self) -> None:
        super().connectionMade()  # type: ignore[no-untyped-call]
        if not self.site.admit(self):
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.site.forget(self)
        self._arrived()
        if self._lingering is not None and self._lingering.active():
            self._lingering.cancel()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def dataReceived(self, data: bytes) -> None:
        if self._ignoring:
            return
        if not self.requests:
            self._look()
        super().dataReceived(data)  # type: ignore[no-untyped-call]
        self._got += len(data)

    def lineReceived(self, line: bytes) -> None:
        if not self.requests:
            method, _, rest = line.partition(b" ")
            target, _, version = rest.rpartition(b" ")
            self.head = method, target, version
            self._look()
        super().lineReceived(line)  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:
        if self._ignoring:
            return
        self._arrived()
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def hold(self) -> None:
        """Let the network wait."""
        self._held = True
        self.transport.pauseProducing()

    def go_on(self) -> None:
        """Let it go on."""
        self._held = False
        self._got += self._enough()
        if not self.transport.disconnecting:
            self.transport.resumeProducing()

    def ignore_the_rest(self) -> None:
        """Take no more from this connection: what is being answered is the last."""
        self.persistent = False
        self._ignoring = True
        self._arrived()

    def loseConnection(self) -> None:
        """
        Close.  If the peer is still sending, close the one direction first: otherwise it would
        hear of a broken connection and not of the answer.
        """
        close_one = getattr(self.transport, "loseWriteConnection", None)
        if not self._ignoring or close_one is None:
            super().loseConnection()  # type: ignore[no-untyped-call]
        elif self._lingering is None:
            close_one()
            self._lingering = self.callLater(  # type: ignore[no-untyped-call]
                _LINGER, self.transport.abortConnection
            )

    def _enough(self) -> int:
        return int(self.site.min_rate * _LOOK_EVERY)

    def _look(self) -> None:
        """Look again in a while whether the request has come on."""
        if self._watch is not None:
            return
        self._got = 0
        self._watch = self.callLater(_LOOK_EVERY, self._looked)  # type: ignore[no-untyped-call]

    def _looked(self) -> None:
        self._watch = None
        if self._held or self._got >= self._enough():
            self._look()
        else:
            self._log.info("a request arrives too slowly")
            self.transport.abortConnection()

    def _arrived(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()

"""
A receiver as a service of Twisted's application framework.
"""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, maybeDeferred
from twisted.internet.interfaces import IAddress, IListeningPort, IStreamServerEndpoint
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._runtime.clock import steady
from .._runtime.observers import OneShotObserver
from .._runtime.printable import counted
from .._runtime.reactor import Reactor
from .arguments import check_number
from .site import ReceiverSite
from .store import UploadStore
from .store.refused import Refused
from .web.throttle import LogThrottle

__all__ = ["ReceiverService"]

# With the grace, less than the 90 s after which systemd kills.
_LONGEST_CLOSE = 60.0


class ReceiverService(Service):
    """
    Listens, finishes what a crash left complete, and forgets what has expired.

    :param endpoint: where to listen.
    :param site: what responds; see :func:`~txresumable.receiver.make_site`.
    :param store: where files go; closed when the service stops.
    :param reactor: whose clock to use; the installed one by default.
    :param scheme: how the URL that is logged begins.
    :param grace: for how many seconds requests that are under way may go on when it stops.
    :param sweep_every: how many seconds lie between two calls of the store's ``sweep()``, the first
        of which is made when it starts; 0 for none, where another receiver sees to that.
    :raises InvalidOption: if one of these is no such number.
    :ivar scheme: the same.
    :ivar address: where it listens, once it does.
    """

    _log = Logger()

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        site: ReceiverSite,
        *,
        store: UploadStore,
        reactor: Reactor | None = None,
        scheme: str = "http",
        grace: float = 20.0,
        sweep_every: float = 600.0,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self.address: IAddress | None = None
        self._endpoint = endpoint
        self.scheme = scheme
        self._site = site
        self._store = store
        self._grace = check_number("grace", grace)
        self._sweep_every = check_number("sweep_every", sweep_every)
        self._port: IListeningPort | None = None
        self._stopped: OneShotObserver[None] | None = None
        self._drained: Deferred[None] | None = None
        self._listening: Deferred[None] | None = None
        self._clock = steady(reactor)
        self._refusals = LogThrottle(self._clock.seconds)
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = self._clock

    def privilegedStartService(self) -> None:
        """
        Listen.

        :raises CannotListenError: if that cannot be; what an endpoint only finds out later is
            logged.
        :raises RuntimeError: if it was stopped.
        """
        self._check_stopped()
        failed: list[Failure] = []
        is_late = False

        def cannot_listen(failure: Failure) -> None:
            if is_late:
                self._log.failure("cannot listen", failure)
            else:
                failed.append(failure)

        self._listening = self._endpoint.listen(self._site).addCallback(self._listens)
        self._listening.addErrback(cannot_listen)
        if failed:
            failed[0].raiseException()
        is_late = True

    def startService(self) -> None:
        """
        Start; if it is running, do nothing.

        :raises RuntimeError: if it was stopped, even before it was started.
        """
        self._check_stopped()
        if self.running:
            return
        super().startService()  # type: ignore[no-untyped-call]
        if self._listening is None:
            self.privilegedStartService()
        recovered = self._store.recover()
        recovered.addErrback(self._failed, "cannot recover")
        if self._sweep_every:
            self._sweeping.start(self._sweep_every)

    def stopService(self) -> Deferred[None]:
        """
        Stop.  New connections are refused at once, and new requests with 503; those under way go on
        for the ``grace`` seconds at most, and are cut then.  Then its store is closed, so that it
        cannot be started again.

        :returns: a Deferred that fires when nothing listens and all is closed, or closing has taken
            a minute, as on a disk that hangs.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        if self._stopped is None:
            self._stopped = OneShotObserver()
            self._stop().addBoth(self._stopped.settle)
        return self._stopped.wait()

    def abort(self) -> None:
        """While it stops, or as soon as it does: cut the requests that are under way."""
        self._grace = 0.0
        if self._drained is not None:
            self._drained.cancel()

    def _check_stopped(self) -> None:
        if self._stopped is not None:
            raise RuntimeError("the receiver was stopped, and its store is closed")

    def _stop(self) -> Deferred[None]:
        if self._sweeping.running:
            self._sweeping.stop()
        stopped: Deferred[Any] = maybeDeferred(lambda: self._port and self._port.stopListening())
        stopped.addCallback(lambda _: self._drain())
        stopped.addCallback(lambda _: self._site.drop_connections())
        return stopped.addCallback(lambda _: self._close_store())

    def _drain(self) -> Deferred[None]:
        """Let what is under way end, within limits."""
        drained = self._drained = self._site.drain()
        if self._grace:
            drained.addTimeout(self._grace, self._clock)
        else:
            drained.cancel()

        def cut(failure: Failure) -> None:
            failure.trap(TimeoutError, CancelledError)
            what = counted(len(self._site.connections), "connection")
            self._log.warn("aborting {what} with unfinished requests", what=what)

        return drained.addErrback(cut)

    def _close_store(self) -> Deferred[None]:
        closed: Deferred[None] = Deferred()

        def give_up() -> None:
            self._log.error("the store takes too long to close")
            closed.callback(None)

        def close(result: Any) -> Any:
            if limit.active():
                limit.cancel()
                closed.callback(result)
                return None
            return result

        limit = self._clock.callLater(_LONGEST_CLOSE, give_up)
        late = self._store.close().addBoth(close)
        late.addErrback(lambda failure: self._log.failure("the store cannot be closed", failure))
        return closed

    def _sweep(self) -> Deferred[None]:
        """Sweep; what fails now may go well the next time."""
        swept = self._store.sweep().addCallback(lambda _: None)
        return swept.addErrback(self._failed, "cannot sweep")

    def _failed(self, failure: Failure, what: str) -> None:
        """Log it; that what the store needs is away, which is no fault of ours, in a line."""
        if failure.check(Refused) is None:
            self._log.failure("{what}", failure, what=what)
        elif self._stopped is None and self._refusals.passes():
            self._log.warn("{what}: {reason}", what=what, reason=failure.getErrorMessage())

    def _listens(self, port: IListeningPort) -> Any:
        if self._stopped is not None:  # while the endpoint was preparing
            return port.stopListening()
        self._port = port
        self.address = port.getHost()
        host = getattr(self.address, "host", "")
        number = getattr(self.address, "port", None)
        if number is None:
            self._log.info("Receiving at {address}", address=self.address)
        else:
            shown = f"[{host}]" if ":" in host else host
            self._log.info("Receiving at {url}", url=f"{self.scheme}://{shown}:{number}/")
        return None

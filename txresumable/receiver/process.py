"""
A process that is a receiver.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IStreamServerEndpoint

from .._runtime.reactor import Reactor
from .._runtime.shutdown import abort_on_signal, end_anyway, end_once_stopped
from .service import ReceiverService
from .site import ReceiverSite
from .store import UploadStore

__all__ = ["ReceiverProcess"]


class ReceiverProcess(ReceiverService):
    """
    A receiver that a process is for: once it has stopped, the process ends, even if a thread hangs
    at the disk.  A signal lets it finish what is under way; a second one does not.
    """

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        site: ReceiverSite,
        *,
        store: UploadStore,
        reactor: Reactor,
        scheme: str,
        grace: float = 20.0,
        sweep_every: float = 600.0,
        abort_on_signal: Callable[..., object] = abort_on_signal,
        end_anyway: Callable[[int], object] = end_anyway,
    ) -> None:
        super().__init__(
            endpoint,
            site,
            store=store,
            reactor=reactor,
            scheme=scheme,
            grace=grace,
            sweep_every=sweep_every,
        )
        self._process_reactor = reactor
        self._abort_on_signal = abort_on_signal
        self._end_anyway = end_anyway

    def privilegedStartService(self) -> None:
        """
        Listen.

        :raises SystemExit: with a sentence, if that cannot be.
        """
        try:
            super().privilegedStartService()
        except CannotListenError as error:
            raise SystemExit(f"{error}") from None
        except OSError as error:
            raise SystemExit(f"Couldn't listen: {error}") from None

    def startService(self) -> None:
        """Start, and see to the end of the process."""
        if not self.running:
            end_once_stopped(self._process_reactor, self.stopService, lambda: self._end_anyway(1))
            self._abort_on_signal(self._process_reactor, self.abort, self._end_anyway)
            # What is loaded stays: to look through it each time holds everybody up.
            gc.collect()
            gc.freeze()
        super().startService()

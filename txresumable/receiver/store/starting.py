"""
Notification of files that begin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from .announced import AnnouncedFile
from .refused import Refused
from .work import closing

__all__ = ["OnStarted", "Starting"]

OnStarted = Callable[[AnnouncedFile], "Awaitable[object] | None"]


class Starting:
    """
    Calls ``on_started`` and waits for it.

    :param observer: the callable, if there is one.
    """

    _log = Logger()

    def __init__(self, observer: OnStarted | None) -> None:
        self._observer = observer
        self._asking: set[Deferred[None]] = set()

    async def ask(self, file: AnnouncedFile) -> None:
        """
        Ask whether a file may begin.

        :raises Refused: if it may not, with 500 if that cannot be said, and with 503 if that was
            cancelled.
        """
        if self._observer is None:
            return
        asking = Deferred.fromCoroutine(self._ask(self._observer, file))
        self._asking.add(asking)
        try:
            await asking
        finally:
            self._asking.discard(asking)

    def cancel(self) -> None:
        """Wait no more."""
        for asking in list(self._asking):
            asking.cancel()

    async def _ask(self, observer: OnStarted, file: AnnouncedFile) -> None:
        try:
            result = observer(file)
            if result is not None:
                await result
        except (Refused, GeneratorExit):
            raise
        except CancelledError:
            raise closing() from None
        except BaseException:
            # What asyncio raises, for one, need not be an Exception.
            self._log.failure("on_started failed for {name}", name=file.file_name)
            raise Refused(500, "the receiver failed") from None

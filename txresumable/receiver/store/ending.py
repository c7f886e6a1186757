"""
The end of an upload whose chunks are all there.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from .completion import Completion
from .files import UploadFiles
from .finished import Shelf
from .record import Done
from .refused import Refused
from .rejection import Rejection
from .thread import Run

__all__ = ["Ending"]


class Ending:
    """
    Gives a file its place, has the application look at it, and writes the end down.

    :param files: the upload's open files.
    :param shelf: where it goes.
    :param run: runs blocking work.
    :param completion: who is notified.
    :param check: raises if the upload is closed.
    :ivar handed_over: the name of the file, once ``on_complete`` has had it.
    """

    def __init__(
        self,
        files: UploadFiles,
        shelf: Shelf,
        run: Run,
        completion: Completion,
        check: Callable[[], None],
    ) -> None:
        self.handed_over: str | None = None
        self._files = files
        self._shelf = shelf
        self._run = run
        self._completion = completion
        self._check = check
        self._notifying: Deferred[None] | None = None

    async def reach(self, digest: str) -> Done:
        """
        Come to the end; after a failure, again.

        :param digest: the SHA-256 of the whole content.
        :raises Refused: if it cannot be.
        :raises Rejected: if the application rejected it: its files are set aside.
        :raises OSError: if the disk fails.
        """
        name = self.handed_over or await self._place(digest)
        self._check()
        return await self._run(self._shelf.places.settle, self._files, name, digest)

    def cancel(self) -> None:
        """Wait for the application no more."""
        if self._notifying is not None:
            self._notifying.cancel()

    async def _place(self, digest: str) -> str:
        """Bring the file to its place, or to whoever wants it; the name that it got."""
        place, wanted = self._shelf.places.place, self._completion.has_observer
        name = await self._run(place, self._files, wanted)
        if wanted:
            self._check()
            await self._notify(name, digest)
            # If it was cut short by closing, it is called again after the next start.
            self._check()
            self.handed_over = name
        return name

    async def _notify(self, name: str, digest: str) -> None:
        file = self._files.record.received_as(self._shelf.path_of(name), digest)
        self._notifying = self._completion.notify(file)
        try:
            await self._notifying
        except Refused as error:
            self._check()
            if error.status >= 500:
                raise
            rejection = Rejection(error.status, error.reason)
            await self._run(self._shelf.places.reject, self._files, name, rejection)
            raise rejection.refusal() from None

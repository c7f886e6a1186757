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
    :ivar handed_over: the name of the file and its digest, once ``on_complete`` has had it.
    """

    def __init__(
        self,
        files: UploadFiles,
        shelf: Shelf,
        run: Run,
        completion: Completion,
        check: Callable[[], None],
    ) -> None:
        self.handed_over: tuple[str, str] | None = None
        self._files = files
        self._shelf = shelf
        self._run = run
        self._completion = completion
        self._check = check
        self._notifying: Deferred[None] | None = None

    async def reach(self, digest: Callable[[], str]) -> Done:
        """
        Come to the end; after a failure, again.

        :param digest: gives the SHA-256 of the whole content, in a thread.
        :raises Refused: if it cannot be.
        :raises Rejected: if the application rejected it: its files are set aside.
        :raises OSError: if the disk fails.
        """
        if self.handed_over is None:
            if not self._completion.has_observer:
                return await self._run(self._place_and_settle, digest)
            name, sha256 = await self._run(self._place, digest, True)
            self._check()
            await self._notify(name, sha256)
            # If it was cut short by closing, it is called again after the next start.
            self._check()
            self.handed_over = name, sha256
        self._check()
        return await self._run(self._shelf.places.settle, self._files, *self.handed_over)

    def cancel(self) -> None:
        """Wait for the application no more."""
        if self._notifying is not None:
            self._notifying.cancel()

    def _place(self, digest: Callable[[], str], may_change: bool) -> tuple[str, str]:
        """In a thread: bring the file to its place; the name that it got, and its digest."""
        sha256 = digest()
        return self._shelf.places.place(self._files, may_change), sha256

    def _place_and_settle(self, digest: Callable[[], str]) -> Done:
        """In a thread: all at once, since nobody wants to look at the file."""
        return self._shelf.places.settle(self._files, *self._place(digest, False))

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

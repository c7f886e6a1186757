"""
Files of one content that the server knows by one identifier: the first is uploaded, and the others
share that upload and its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.python.failure import Failure

from .._source.comparison import Comparison
from ..errors import ChunkRejected, RetriesExhausted, SourceChanged
from ..file import transfer_of
from ..identifiers import content
from ..options import Options
from ..states import COMPLETED
from .handle import Upload
from .prefetch import Prefetcher
from .reasons import duplicate
from .transfer import Transfer
from .turn import Turn

__all__ = ["Twins"]


class _Alone(Exception):
    """A file cannot share an upload, and is to be uploaded by itself."""


class Twins:
    """
    Sees to files that another one is uploaded for.

    :param turn: runs when a file has come to its end.
    :param prefetcher: reads files, to compare them.
    :param options: the options.
    :param fail: called with a file that cannot be uploaded, and why.
    """

    def __init__(
        self,
        turn: Turn,
        prefetcher: Prefetcher,
        options: Options,
        fail: Callable[[Transfer, BaseException | None], None],
    ) -> None:
        self._turn = turn
        self._prefetcher = prefetcher
        self._are_equal = options.generate_unique_identifier is content
        self._fail = fail
        self._reading = DeferredLock()
        self._running: dict[Transfer, tuple[Transfer, Deferred[None]]] = {}

    def share(
        self, handle: Upload, twin: Transfer, upload_alone: Callable[[Upload], object]
    ) -> None:
        """
        Have a file share the upload of another one, if their content is the same; else it fails.

        :param handle: the handle of the file, which is neither in nor out.
        :param twin: the other one, which is being uploaded.
        :param upload_alone: called with the handle if the other one was cancelled or has changed,
            or if one of them can no longer be read.
        """
        transfer = transfer_of(handle)
        running = Deferred.fromCoroutine(self._share(transfer, twin))
        if transfer.handle is not handle:  # a source of the application's has seen to that
            self._turn.abandon(running)
        elif not running.called:
            self._running[transfer] = twin, running
        whom = (handle, upload_alone)
        running.addCallbacks(self._shared, self._unshared, whom, {}, whom)

    def stop(self, transfer: Transfer) -> None:
        """A file is at its end: it shares nothing any more."""
        _, running = self._running.pop(transfer, (None, None))
        if running is not None:
            self._turn.abandon(running)

    def part(self, twin: Transfer) -> None:
        """A file has changed: those that share its upload are uploaded by themselves."""
        for other, running in self._running.values():
            if other is twin:
                self._turn.abandon(running)

    async def _share(self, transfer: Transfer, twin: Transfer) -> None:
        ends: list[Any] = []
        ended = twin.when_completed().addBoth(ends.append)  # it may end before they are compared
        comparison = await self._compare(transfer, twin)
        if comparison is Comparison.DIFFERENT:
            raise duplicate(transfer.file_name, twin.relative_path)
        await ended
        [end] = ends
        if isinstance(end, Failure):
            if end.check(CancelledError, OSError, SourceChanged):
                raise _Alone()
            raise _renamed(end.value, transfer.file_name)
        if comparison is None:
            raise _Alone()
        if comparison is Comparison.EQUAL:
            await self._prefetcher.digest(transfer.source, 0, 0)  # it may have changed since

    async def _compare(self, transfer: Transfer, twin: Transfer) -> Comparison | None:
        """:returns: nothing if one of them cannot be read."""
        if self._are_equal:
            return Comparison.EQUAL
        if transfer.size != twin.size:
            return Comparison.DIFFERENT
        await self._reading.acquire()  # two files at a time are enough
        try:
            return await self._prefetcher.compare(transfer.source, twin.source)
        except (OSError, SourceChanged):
            return None
        finally:
            self._reading.release()

    def _is_over(self, handle: Upload) -> bool:
        """:returns: whether what came of it concerns the file as it is now."""
        transfer = transfer_of(handle)
        if transfer.handle is not handle:
            return False
        self._running.pop(transfer, None)
        return True

    def _shared(self, _: None, handle: Upload, upload_alone: Callable[[Upload], object]) -> None:
        if self._is_over(handle):
            transfer = transfer_of(handle)
            transfer.shares = True
            transfer.chunks_found = len(transfer.chunk_states())
            transfer.end(COMPLETED, None)
            self._turn.run()

    def _unshared(
        self, failure: Failure, handle: Upload, upload_alone: Callable[[Upload], object]
    ) -> None:
        if self._is_over(handle):
            if failure.check(_Alone, CancelledError):  # the latter by part()
                upload_alone(handle)
            else:
                transfer = transfer_of(handle)
                transfer.shares = True
                self._fail(transfer, failure.value)
            self._turn.run()


def _renamed(error: BaseException | None, file_name: str) -> BaseException:
    """The error that a file shares with another one, by its own name."""
    assert error is not None
    if isinstance(error, (ChunkRejected, RetriesExhausted)):
        return evolve(error, file_name=file_name)
    return error

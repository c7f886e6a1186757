"""
What a receiver asks of whatever keeps its files.
"""

from __future__ import annotations

from collections.abc import Awaitable
from types import TracebackType
from typing import Protocol, runtime_checkable

from twisted.internet.defer import Deferred

from .chunk import Chunk
from .received import ReceivedFile
from .writer import ChunkSink

__all__ = ["Entry", "Upload", "UploadStore"]


class Upload(Protocol):
    """An upload that a store knows."""

    @property
    def full(self) -> bool:
        """Whether all chunks are durable."""

    def ranges(self) -> str:
        """
        The durable chunks, counted from 1, as ``1-57,60``; ``...,`` before them says that others
        may be durable as well.
        """

    async def holds(self, chunk: Chunk) -> bool:
        """
        Whether a chunk is durable, and has the digest that was asked for, if any.

        :raises Refused: if the store is closing.
        :raises OSError: if the disk fails.
        """

    async def claim(self, chunk: Chunk) -> ChunkSink:
        """
        Where a chunk goes.  What is sent for a chunk that is durable is compared with it.  While
        another request sends it, that is waited for, or cut off if it has stalled (see
        :attr:`ChunkSink.cut_off`): a client that has lost its connection sends the chunk anew, and
        the old connection may last for minutes.

        :raises Refused: if the store is closing.
        """

    def finish(self) -> Deferred[ReceivedFile]:
        """
        Finish a full upload, once.

        :returns: a Deferred that fires for everyone who asks when the file is in its place; fails
            with :exc:`Refused` or :exc:`OSError` if that cannot be, and may be tried again.
        """


class Entry(Upload, Protocol):
    """
    A request's use of an upload, from when it was looked up until it is released: while there is
    one, the upload is neither closed nor forgotten.

    It is a context manager that releases it at the end.
    """

    def __enter__(self) -> Entry: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def release(self) -> None:
        """Use it no more."""


@runtime_checkable
class UploadStore(Protocol):
    """
    Keeps uploads.

    :class:`~txresumable.receiver.Store` keeps them in a folder, and
    :class:`~txresumable.receiver.ObjectStore` in object storage; a store of your own has these
    methods, and passes :class:`~txresumable.testing.UploadStoreTests`.  All are called by the
    reactor's thread.
    """

    def find(self, owner: str, chunk: Chunk, *, again: bool = False) -> Awaitable[Entry | None]:
        """
        The upload that a request is about, if there is one; nothing is made.

        :param owner: whose it is; uploads of different owners never meet.
        :param chunk: what the request says.  Uploads of different layouts never meet either.
        :param again: take what was received before, even if that would be refused.
        :returns: a coroutine, or a Deferred, of a use of the upload, to be released.
        :raises Refused: with 410 if it was received before and will not be again, 503 if the store
            is closing.
        :raises OSError: if the disk fails.
        """

    def begin(self, owner: str, chunk: Chunk, *, again: bool = False) -> Awaitable[Entry]:
        """
        The same, made if need be.

        :raises Refused: also with 413 if it is too big, and 507 if there is no room for it.
        """

    def abandon(self, owner: str, chunk: Chunk) -> Awaitable[bool]:
        """
        Forget an unfinished upload, with its bytes; what requests still send for it is refused.

        :param chunk: one of its chunks.
        :returns: whether there was one.
        :raises Refused: with 409 if all of the file has arrived, 503 if the store is closing.
        :raises OSError: if the disk fails.
        """

    def check(self) -> Deferred[None]:
        """
        Look whether uploads can be taken.

        :returns: a Deferred that fires if so; fails with :exc:`Refused` or :exc:`OSError` if not.
        """

    def recover(self) -> Deferred[None]:
        """
        Finish the uploads that a crash left with every chunk there; called once at the start.

        :returns: a Deferred that fires when that is done; what fails is logged and tried again.
        """

    def sweep(self) -> Deferred[int]:
        """
        Forget what has expired; called every ten minutes.

        :returns: a Deferred that fires with how many were forgotten.
        """

    def close(self) -> Deferred[None]:
        """
        Refuse new requests with 503, and end.

        :returns: a Deferred that fires when nothing is under way any more.
        """

"""
What a store of uploads asks of object storage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from attrs import field, frozen

__all__ = [
    "Body",
    "Conflict",
    "Contended",
    "Forbidden",
    "Listing",
    "Missing",
    "Multipart",
    "Objects",
    "Part",
    "Rejected",
    "Stat",
    "StorageError",
    "Unavailable",
    "Unreadable",
]

Body: TypeAlias = "bytes | bytearray | memoryview | Sequence[bytes]"
"""The bytes of an object, or pieces that follow each other; not to be changed meanwhile."""


@frozen(kw_only=True)
class Stat:
    """
    What is known about an object.

    :ivar key: its name in the bucket.
    :ivar etag: as it is compared, without quotes.
    :ivar size: bytes.
    :ivar modified: when it was written, by the storage's clock: seconds since 1970, whole ones.
    :ivar now: the storage's clock when it said so, likewise.
    :ivar metadata: what was put with it, names in lower case; a listing has none.
    """

    key: str
    etag: str
    size: int
    modified: float
    now: float
    metadata: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Listing:
    """
    A page of objects.

    :ivar objects: in the order of their keys.
    :ivar next: what the next page begins after; empty at the end.
    """

    objects: Sequence[Stat]
    next: str = ""


@frozen(kw_only=True)
class Part:
    """
    A part of an object that is put in parts.

    :ivar number: from 1.
    :ivar etag: as the storage gave it, without quotes.
    """

    number: int
    etag: str


@frozen(kw_only=True)
class Multipart:
    """
    An object that is being put in parts.

    :ivar key: the object's.
    :ivar id: what the storage calls it.
    :ivar began: when, by the storage's clock: seconds since 1970.
    :ivar now: the storage's clock when it said so.
    """

    key: str
    id: str
    began: float
    now: float


class StorageError(Exception):
    """
    What object storage could not do.

    :ivar reason: why, for people.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class Conflict(StorageError):
    """
    A condition was not met (412, or 404 for ``match``), or another write was under way (409).  The
    write that met it may have been this very one: look again.
    """


class Contended(Conflict):
    """Another write was under way (409), whatever the condition: the same may succeed at once."""


class Unavailable(StorageError):
    """
    The storage failed, or did not respond in time.  A write may have been carried out, or may yet
    be: look again.

    :ivar retry_after: how many seconds it asked for, if it did.
    """

    def __init__(self, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Unreadable(Unavailable):
    """
    What responded does not speak as the storage does: something before it that failed, or no
    storage at all.
    """


class Missing(StorageError):
    """What was to be read, or copied, is not there; or that multipart upload has ended."""


class Rejected(StorageError):
    """
    Nothing was done, as the request is wrong: the MD5 is not that of the body, a part is too small
    or is none.

    :ivar code: the storage's word for it, such as ``BadDigest`` or ``InvalidPart``.
    """

    def __init__(self, reason: str = "", code: str = "") -> None:
        super().__init__(reason)
        self.code = code


class Forbidden(StorageError):
    """The credentials, the bucket or the region are wrong (401, 403, 404 of the bucket)."""


class Objects(Protocol):
    """
    A bucket.

    All may fail with :exc:`Unavailable`, and with :exc:`Forbidden`; nothing is tried again by
    itself, and nothing takes longer than a deadline.  Cancelling a Deferred around one of these
    ends the request; a write may have been carried out, or may yet be.

    Metadata is printable ASCII, names and values.

    :ivar quotes: whether ETags are compared in quotes, as HTTP has it; the start-up self-test
        finds out.
    :ivar checks_sha256: whether the SHA-256 that goes with a body is compared with what arrives,
        instead of the MD5, which has to be made for that; likewise.
    """

    quotes: bool
    checks_sha256: bool

    async def head(self, key: str) -> Stat | None:
        """What is known about an object; nothing if there is none."""

    async def get(self, key: str) -> tuple[Stat, bytes] | None:
        """An object of at most 1 MiB; nothing if there is none."""

    async def read(self, key: str, start: int, end: int, write: Callable[[bytes], object]) -> None:
        """
        Read a part of an object.

        :param start: the first byte.
        :param end: the one after the last; the object is at least that long.
        :param write: called with the bytes, piece by piece, as they arrive: with some of them if
            reading fails then.
        :raises Missing: if there is no such object.
        """

    async def put(
        self,
        key: str,
        body: Body,
        *,
        absent: bool = False,
        match: str | None = None,
        metadata: Mapping[str, str] | None = None,
        type: str = "",
        md5: bytes | None = None,
        sha256: str = "",
    ) -> Stat:
        """
        Write an object, all of it or nothing.

        :param absent: only if there is none.
        :param match: only if there is one with this ETag.
        :param type: its media type.
        :param md5: the body's MD5, 16 bytes, if that is known; it is compared with what arrives.
        :param sha256: the body's SHA-256 in hexadecimal, if that is known; it is compared with what
            arrives, and the MD5 is not, if the storage does that.
        :returns: what was written; ``modified`` is no later than what a later look tells.
        :raises Conflict: if the condition is not met.
        :raises Rejected: if the MD5, or the SHA-256, is wrong.
        """

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Listing:
        """
        The objects whose keys begin with a prefix.

        :param after: only those with greater keys, compared by their UTF-8.
        :param limit: how many at most, up to 1000.
        """

    async def delete(self, key: str) -> None:
        """Delete an object; that there is none is fine."""

    async def begin_multipart(
        self, key: str, *, metadata: Mapping[str, str] | None = None, type: str = ""
    ) -> str:
        """
        Begin an object that is put in parts.

        :returns: its identifier.
        """

    async def put_part(
        self, key: str, multipart: str, number: int, body: Body, *, md5: bytes | None = None
    ) -> Part:
        """
        Put a part: 5 MiB at least, but for the last.

        :param number: from 1 to 10000.
        :raises Missing: if the multipart upload was completed or aborted.
        :raises Rejected: if the MD5 is wrong.
        """

    async def copy_part(
        self, key: str, multipart: str, number: int, source: str, start: int, end: int
    ) -> Part:
        """
        Make a part of another object's bytes, from ``start`` up to ``end``.

        :raises Missing: if there is no such object, or the multipart upload has ended.
        """

    async def complete_multipart(self, key: str, multipart: str, parts: Sequence[Part]) -> None:
        """
        Make the object of its parts, which replaces one that was there.

        :raises Missing: if the multipart upload was completed or aborted.
        :raises Rejected: if a part is none, or too small.
        """

    async def abort_multipart(self, key: str, multipart: str) -> None:
        """Forget a multipart upload with its parts; that there is none is fine."""

    async def list_multiparts(self, prefix: str, *, limit: int = 1000) -> Sequence[Multipart]:
        """
        Multipart uploads of keys that begin with a prefix, in any order: storages differ in that,
        and in what they take for the page after this one.  As they end, others come.

        :param limit: how many at most, up to 1000.
        """

    async def close(self) -> None:
        """End what is under way, and close the connections."""

"""
A bucket in memory, with the semantics of S3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import md5 as md5_of
from hashlib import sha256 as sha256_of
from itertools import count
from typing import Any

from attrs import define, field, frozen

from ..receiver.objects.interface import (
    Conflict,
    Listing,
    Missing,
    Multipart,
    Part,
    Rejected,
    Stat,
)

__all__ = ["Bucket", "StoredObject"]

_EPOCH = 1_700_000_000
_LEAST_PART = 5 << 20


@frozen(kw_only=True)
class StoredObject:
    """
    :ivar content: its bytes.
    :ivar etag: without quotes.
    :ivar modified: when it was written, whole seconds.
    :ivar metadata: what was put with it.
    :ivar type: its media type.
    """

    content: bytes
    etag: str
    modified: float
    metadata: Mapping[str, str]
    type: str


@define(kw_only=True)
class _Unfinished:
    began: float
    metadata: Mapping[str, str]
    type: str
    parts: dict[int, bytes] = field(factory=dict)


@define
class Bucket:
    """
    What all clients of a bucket see.  Its methods do at once what those of
    :class:`~txresumable.receiver.objects.interface.Objects` do, and fail like them.

    :ivar clock: the storage's clock, an ``IReactorTime``; it is told in whole seconds.
    :ivar least_part: how many bytes a part has at least that is not the last.
    :ivar ignores: headers that are ignored, as bad imitations do: ``If-None-Match``,
        ``If-Match``, ``Content-MD5``, ``x-amz-checksum-sha256``.
    :ivar objects: what is there, by key.
    """

    clock: Any  # Any: IReactorTime
    least_part: int = field(default=_LEAST_PART, kw_only=True)
    ignores: frozenset[str] = field(default=frozenset(), kw_only=True)
    objects: dict[str, StoredObject] = field(factory=dict, init=False)
    _unfinished: dict[tuple[str, str], _Unfinished] = field(factory=dict, init=False)
    _changes: list[tuple[float, str, StoredObject | None]] = field(factory=list, init=False)
    _ids: Iterator[int] = field(factory=lambda: count(1), init=False)

    @property
    def now(self) -> float:
        """The time: whole seconds since 1970."""
        return float(_EPOCH + int(self.clock.seconds()))

    @property
    def unfinished(self) -> list[tuple[str, str]]:
        """The multipart uploads that have not ended: keys and identifiers."""
        return sorted(self._unfinished)

    def head(self, key: str) -> Stat | None:
        """What is known about an object."""
        found = self.objects.get(key)
        return None if found is None else self._stat(key, found, found.metadata)

    def get(self, key: str) -> tuple[Stat, bytes] | None:
        """An object."""
        stat = self.head(key)
        return None if stat is None else (stat, self.objects[key].content)

    def part_of(self, key: str, start: int, end: int) -> bytes:
        """A part of an object."""
        if key not in self.objects:
            raise Missing(key)
        content = self.objects[key].content
        if not 0 <= start <= end <= len(content):
            raise Rejected(f"{start} to {end} of {len(content)} bytes", "InvalidRange")
        return content[start:end]

    def put(
        self,
        key: str,
        content: bytes,
        *,
        absent: bool = False,
        match: str | None = None,
        metadata: Mapping[str, str] | None = None,
        type: str = "",
        md5: bytes | None = None,
        sha256: str = "",
    ) -> Stat:
        """Write an object."""
        self._check_md5(content, md5)
        is_checked = sha256 and "x-amz-checksum-sha256" not in self.ignores
        if is_checked and sha256 != sha256_of(content).hexdigest():
            raise Rejected("the SHA-256 is wrong", "BadDigest")
        there = self.objects.get(key)
        if absent and there is not None and "If-None-Match" not in self.ignores:
            raise Conflict(f"{key} exists")
        is_other = there is None or there.etag != match
        if match is not None and is_other and "If-Match" not in self.ignores:
            raise Conflict(f"{key} is another")
        return self._store(key, content, md5_of(content).hexdigest(), metadata, type)

    def list(self, prefix: str, *, after: str = "", limit: int = 1000, ago: float = 0.0) -> Listing:
        """
        A page of objects.

        :param ago: as it was so many seconds ago.
        """
        objects = self._before(ago) if ago else self.objects
        keys = sorted(
            (key for key in objects if key.startswith(prefix) and _utf8(key) > _utf8(after)),
            key=_utf8,
        )
        limit = min(limit, 1000)
        page = [self._stat(key, objects[key], {}) for key in keys[:limit]]
        return Listing(objects=page, next=page[-1].key if len(keys) > limit else "")

    def delete(self, key: str) -> None:
        """Delete an object."""
        if key in self.objects:
            self._changed(key)
            del self.objects[key]

    def begin_multipart(
        self, key: str, *, metadata: Mapping[str, str] | None = None, type: str = ""
    ) -> str:
        """Begin an object that is put in parts."""
        id = f"multipart-{next(self._ids):06d}"
        given = dict(metadata or {})
        self._unfinished[key, id] = _Unfinished(began=self.now, metadata=given, type=type)
        return id

    def put_part(
        self, key: str, id: str, number: int, content: bytes, *, md5: bytes | None = None
    ) -> Part:
        """Put a part."""
        self._check_md5(content, md5)
        if not 1 <= number <= 10_000:
            raise Rejected(f"part {number}", "InvalidArgument")
        self._find(key, id).parts[number] = content
        return Part(number=number, etag=md5_of(content).hexdigest())

    def complete_multipart(self, key: str, id: str, parts: Sequence[Part]) -> None:
        """Make an object of parts."""
        unfinished = self._find(key, id)
        numbers = [part.number for part in parts]
        if not parts or numbers != sorted(set(numbers)):
            raise Rejected("the parts are not in order", "InvalidPartOrder")
        pieces = []
        for part in parts:
            piece = unfinished.parts.get(part.number)
            if piece is None or md5_of(piece).hexdigest() != part.etag:
                raise Rejected(f"part {part.number}", "InvalidPart")
            pieces.append(piece)
        if any(len(piece) < self.least_part for piece in pieces[:-1]):
            raise Rejected("a part is too small", "EntityTooSmall")
        del self._unfinished[key, id]
        etag = md5_of(b"".join(md5_of(piece).digest() for piece in pieces)).hexdigest()
        etag += f"-{len(pieces)}"
        self._store(key, b"".join(pieces), etag, unfinished.metadata, unfinished.type)

    def abort_multipart(self, key: str, id: str) -> None:
        """Forget a multipart upload."""
        self._unfinished.pop((key, id), None)

    def list_multiparts(self, prefix: str, *, limit: int = 1000) -> Sequence[Multipart]:
        """Multipart uploads."""
        found = [each for each in self.unfinished if each[0].startswith(prefix)]
        return [
            Multipart(key=key, id=id, began=self._unfinished[key, id].began, now=self.now)
            for key, id in found[: min(limit, 1000)]
        ]

    def truncate(self, key: str, size: int) -> None:
        """Lose the end of an object, as a store with a fault may."""
        found = self.objects[key]
        self._store(key, found.content[:size], found.etag, found.metadata, found.type)

    def _find(self, key: str, id: str) -> _Unfinished:
        if (key, id) not in self._unfinished:
            raise Missing(f"{key}: {id}")
        return self._unfinished[key, id]

    def _check_md5(self, content: bytes, md5: bytes | None) -> None:
        ignored = md5 is None or "Content-MD5" in self.ignores
        if not ignored and md5_of(content).digest() != md5:
            raise Rejected("the MD5 is another", "BadDigest")

    def _store(
        self, key: str, content: bytes, etag: str, metadata: Mapping[str, str] | None, type: str
    ) -> Stat:
        self._changed(key)
        given = {name.lower(): value for name, value in (metadata or {}).items()}
        self.objects[key] = stored = StoredObject(
            content=content, etag=etag, modified=self.now, metadata=given, type=type
        )
        return self._stat(key, stored, given)

    def _stat(self, key: str, found: StoredObject, metadata: Mapping[str, str]) -> Stat:
        return Stat(
            key=key,
            etag=found.etag,
            size=len(found.content),
            modified=found.modified,
            now=self.now,
            metadata=dict(metadata),
        )

    def _changed(self, key: str) -> None:
        self._changes.append((self.clock.seconds(), key, self.objects.get(key)))
        if len(self._changes) > 2000:
            del self._changes[:1000]

    def _before(self, ago: float) -> dict[str, StoredObject]:
        """The objects as they were."""
        objects = dict(self.objects)
        for when, key, old in reversed(self._changes):
            if when <= self.clock.seconds() - ago:
                break
            if old is None:
                objects.pop(key, None)
            else:
                objects[key] = old
        return objects


def _utf8(key: str) -> bytes:
    return key.encode()

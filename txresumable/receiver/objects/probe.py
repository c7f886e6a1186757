"""
Finding out whether object storage does what uploads rest on.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from hashlib import md5 as md5_of
from hashlib import sha256 as sha256_of
from typing import Any
from uuid import uuid4

from .interface import (
    Conflict,
    Contended,
    Forbidden,
    Objects,
    Rejected,
    Stat,
    StorageError,
    Unavailable,
)

__all__ = ["Unfit", "probe"]

_ATTEMPTS = 3
_WRITES = 8


class Unfit(StorageError):
    """The storage does not do what uploads rest on, so that some would be lost or mixed."""


async def probe(objects: Objects, prefix: str = "") -> None:
    """
    Put some small objects under conditions, look at them, and remove them.  Where ETags have to be
    compared without quotes, that is set from now on; so is whether a SHA-256 is compared with what
    arrives.  Since a listing may be late, storage is unfit
    only if it is so several times.

    :param prefix: what their keys begin with.
    :raises Unfit: with what the storage ignores.
    :raises StorageError: if that cannot be found out.
    """
    for left in reversed(range(_ATTEMPTS)):
        tested = _Probe(objects, f"{prefix}probe-{uuid4().hex}/")
        try:
            await tested.run()
            return
        except Unfit:
            if not left:
                raise
        finally:
            await tested.clean()


class _Probe:
    """
    :param place: what all keys begin with.
    """

    def __init__(self, objects: Objects, place: str) -> None:
        self._objects = objects
        self._key = f"{place}object +%"
        self._parts = f"{place}parts"
        self._place = place
        self._multipart: str | None = None

    async def run(self) -> None:
        await self._look_for_nothing()
        await self._put_absent()
        await self._look()
        await self._put_match()
        await self._check_md5()
        self._objects.checks_sha256 = await self._is_sha256_checked()
        await self._put_parts()

    async def clean(self) -> None:
        if self._multipart is not None:
            await _quietly(self._objects.abort_multipart(self._parts, self._multipart))
        for key in (self._key, self._parts):
            await _quietly(self._objects.delete(key))

    async def _look_for_nothing(self) -> None:
        if await self._objects.get(self._key) or await self._objects.head(self._key):
            raise Unfit("what was never put is there, as at a web site")

    async def _put_absent(self) -> None:
        await self._put(b"1", absent=True, metadata={"probe": "a b"})
        try:
            await self._put(b"2", absent=True)
        except Conflict:
            return
        raise Unfit("the storage ignores If-None-Match: what one receiver wrote, another replaces")

    async def _put(self, body: bytes, **conditions: Any) -> Stat:
        """Put the object; that another write is under way says nothing about the condition."""
        for _ in range(_WRITES):
            try:
                return await self._objects.put(self._key, body, **conditions)
            except Contended as error:
                reason = error.reason
        raise Unavailable(reason)

    async def _look(self) -> None:
        got = await self._objects.get(self._key)
        stat = await self._objects.head(self._key)
        if got is None or stat is None or got[1] != b"1":
            raise Unfit("the storage does not return what was put last")
        facts = (stat.metadata.get("probe"), stat.etag, stat.size)
        if facts != ("a b", got[0].etag, 1):
            raise Unfit("the storage does not tell the metadata, ETag and size that an object has")
        listing = await self._objects.list(self._place)
        if [each.key for each in listing.objects] != [self._key]:
            raise Unfit("the storage does not list what was put")

    async def _put_match(self) -> None:
        stale = await self._objects.head(self._key)
        assert stale is not None
        try:
            await self._put(b"3", match=stale.etag)
        except (Conflict, Rejected):
            self._objects.quotes = not self._objects.quotes
            try:
                await self._put(b"3", match=stale.etag)
            except (Conflict, Rejected):
                raise Unfit("the storage does not accept in If-Match the ETag that it gave")
        try:
            await self._put(b"4", match=stale.etag)
        except Conflict:
            return
        raise Unfit("the storage ignores If-Match: of two receivers that change a record, both do")

    async def _check_md5(self) -> None:
        wrong = md5_of(b"6", usedforsecurity=False).digest()
        try:
            await self._objects.put(self._key, b"5", md5=wrong)
        except Rejected:
            return
        raise Unfit("the storage ignores Content-MD5: it takes what arrives damaged")

    async def _is_sha256_checked(self) -> bool:
        """Whether wrong ones are refused, and right ones are not."""
        return not await self._is_taken(b"7", b"8") and await self._is_taken(b"8", b"8")

    async def _is_taken(self, body: bytes, other: bytes) -> bool:
        """Whether a body is, with the SHA-256 of one, and no MD5."""
        self._objects.checks_sha256 = True
        try:
            await self._objects.put(self._key, body, sha256=sha256_of(other).hexdigest())
        except (Forbidden, Rejected):  # the latter also by what knows no such field
            return False
        finally:
            self._objects.checks_sha256 = False
        return True

    async def _put_parts(self) -> None:
        self._multipart = await self._objects.begin_multipart(self._parts)
        part = await self._objects.put_part(self._parts, self._multipart, 1, b"9")
        await self._objects.complete_multipart(self._parts, self._multipart, [part])
        self._multipart = None
        got = await self._objects.get(self._parts)
        if got is None or got[1] != b"9":
            raise Unfit("the storage does not make an object of its parts")


async def _quietly(waiting: Awaitable[Any]) -> None:
    with suppress(StorageError):
        await waiting

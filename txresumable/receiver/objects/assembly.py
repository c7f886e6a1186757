"""
Making files of chunks.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred

from .chunks import Chunks
from .interface import Conflict, Missing, Objects, Part, StorageError, Unavailable
from .keys import Keys
from .parts import PartSizes, PlannedPart, Span, parts_of
from .records import Known
from .together import each, persistently, together

__all__ = ["Assembly", "Draft"]

_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; ?[\w.+-]+=[\w.+-]+)*\Z", re.ASCII)
_READ_AT_ONCE = 8
_COPIED_AT_ONCE = 4
_ATTEMPTS = 3
_T = TypeVar("_T")


@define(kw_only=True)
class Draft:
    """
    A file that is not in its place yet, or is.

    :ivar name: what its object is called.
    :ivar size: how many bytes it has.
    :ivar sha256: of the whole content; empty if that was not to be known.
    :ivar type: its media type.
    :ivar body: its bytes, if they are to be put as they are.
    :ivar multipart: what is to be completed, if anything is.
    :ivar parts: its parts.
    """

    name: str
    size: int
    sha256: str = ""
    type: str = ""
    body: Sequence[bytes] | None = None
    multipart: str = ""
    parts: list[Part] = field(factory=list)


class Assembly:
    """
    Puts files together, from chunks that are all there.

    :param objects: the storage.
    :param keys: what objects are called.
    :param chunks: the chunks.
    :param sizes: how large parts are.
    :param digests: whether the SHA-256 is made of what the storage copies by itself, and which is
        read only for that.
    :param clock: the time, as a reactor has it.
    """

    def __init__(
        self,
        objects: Objects,
        keys: Keys,
        chunks: Chunks,
        sizes: PartSizes,
        *,
        digests: bool,
        clock: Any,
    ) -> None:
        self._objects = objects
        self._keys = keys
        self._chunks = chunks
        self._sizes = sizes
        self._digests = digests
        self._clock = clock

    def needs_memory(self, known: Known) -> bool:
        """Whether two parts of a file are in memory while it is put together."""
        layout = known.record.upload.layout
        return self._sizes.is_single(layout) or not self._sizes.copies(layout)

    def name_of(self, known: Known) -> str:
        """What the object of a file is called."""
        upload = known.record.upload
        return self._keys.file(known.key, upload.id, upload.path)

    async def is_there(self, known: Known) -> bool:
        """Whether a file is in its place."""
        stat = await self._objects.head(self.name_of(known))
        return stat is not None and stat.size == known.record.upload.size

    async def digest(self, known: Known, start: int, end: int) -> str:
        """
        The SHA-256 of a range of a file that is in its place.

        :raises Missing: if it is there no more.
        """
        found = sha256()
        if start < end:
            await self._objects.read(self.name_of(known), start, end, found.update)
        return found.hexdigest()

    async def remove(self, known: Known) -> None:
        """Remove a file."""
        await self._objects.delete(self.name_of(known))

    async def abort_stale(self, known: Known) -> None:
        """End what others, who have stalled, may have begun."""
        name = self.name_of(known)
        for found in await self._objects.list_multiparts(name):
            if found.key == name:
                await self._objects.abort_multipart(name, found.id)

    async def prepare(self, known: Known) -> Draft:
        """
        Do all but what puts a file in its place.

        :raises Missing: if a chunk is not there any more.
        """
        record, upload = known.record, known.record.upload
        draft = Draft(name=self.name_of(known), size=upload.size)
        if _TYPE.match(upload.type):
            draft.type = upload.type
        if await self._again(lambda: self.is_there(known)):
            draft.sha256 = record.sha256
            if not draft.sha256 and (self._digests or self.needs_memory(known)):
                draft.sha256 = await self._again(lambda: self.digest(known, 0, upload.size))
        elif self._sizes.is_single(upload.layout):
            digest, body = sha256(), list[bytes]()
            for part in parts_of(upload.layout, max(1, upload.size)):
                body += await self._read(known, part, digest.update)
            draft.body, draft.sha256 = body, digest.hexdigest()
        else:
            await self._prepare_parts(known, draft)
        return draft

    async def discard(self, draft: Draft) -> None:
        """Forget what is not in its place."""
        if draft.multipart:
            with suppress(StorageError):
                await self._objects.abort_multipart(draft.name, draft.multipart)

    async def publish(self, draft: Draft) -> None:
        """
        Put a file in its place, as a whole.

        :raises StorageError: if that cannot be, or it is not what it should be.
        """
        problem: StorageError = Unavailable("the file is not what was put together")
        absent = True
        for _ in range(_ATTEMPTS):
            try:
                if draft.multipart:
                    await self._objects.complete_multipart(draft.name, draft.multipart, draft.parts)
                elif draft.body is not None:
                    await self._objects.put(
                        draft.name,
                        draft.body,
                        absent=absent,
                        type=draft.type,
                        metadata={"sha256": draft.sha256},
                        sha256=draft.sha256,
                    )
            except (Conflict, Missing, Unavailable) as error:
                problem = error
            stat = await self._again(lambda: self._objects.head(draft.name))
            if stat is not None and stat.size == draft.size:
                return
            # If it is there and cut short it is replaced, and never removed: a removal that comes
            # late would be that of a good one.
            absent = stat is None
            if isinstance(problem, Missing):
                break
        raise problem

    async def _prepare_parts(self, known: Known, draft: Draft) -> None:
        layout = known.record.upload.layout
        draft.multipart = await self._again(
            lambda: self._objects.begin_multipart(
                draft.name, metadata={"id": known.record.id}, type=draft.type
            )
        )
        try:
            if self._sizes.copies(layout):
                await together(self._copy_all(known, draft), self._digest_all(known, draft))
            else:
                await self._regroup(known, draft)
        except Exception:
            await self.discard(draft)
            raise
        draft.parts.sort(key=lambda part: part.number)

    async def _copy_all(self, known: Known, draft: Draft) -> None:
        async def copy(part: PlannedPart) -> None:
            (span,) = part.spans
            source = self._keys.chunk(known.key, known.record.id, span.offset)
            copied = await self._again(
                lambda: self._objects.copy_part(
                    draft.name, draft.multipart, part.number, source, span.start, span.end
                )
            )
            draft.parts.append(copied)

        await each(parts_of(known.record.upload.layout, 0), copy, _COPIED_AT_ONCE)

    async def _digest_all(self, known: Known, draft: Draft) -> None:
        if not self._digests:
            return
        digest: Any = sha256()
        for part in parts_of(known.record.upload.layout, 0):
            (span,) = part.spans
            digest = await self._again(partial(self._continued, digest, known, span))
        draft.sha256 = digest.hexdigest()

    async def _continued(self, digest: Any, known: Known, span: Span) -> Any:
        """A digest with the bytes of one more chunk."""
        following = digest.copy()
        await self._chunks.read(
            known.key, known.record.id, span.offset, span.start, span.end, following.update
        )
        return following

    async def _regroup(self, known: Known, draft: Draft) -> None:
        """Read the chunks of a part while the one before is put."""
        layout, digest = known.record.upload.layout, sha256()
        putting: Deferred[Part] | None = None
        try:
            for part in parts_of(layout, self._sizes.regrouped(layout.size)):
                body = await self._read(known, part, digest.update)
                if putting is not None:
                    draft.parts.append(await putting)
                putting = Deferred.fromCoroutine(self._put(draft, part.number, body))
            if putting is not None:
                draft.parts.append(await putting)
        finally:
            if putting is not None:  # which may have failed while the next was read
                putting.addErrback(lambda _: None)
                putting.cancel()
        draft.sha256 = digest.hexdigest()

    async def _put(self, draft: Draft, number: int, body: Sequence[bytes]) -> Part:
        return await self._again(
            lambda: self._objects.put_part(draft.name, draft.multipart, number, body)
        )

    async def _read(
        self, known: Known, part: PlannedPart, digest: Callable[[bytes], None]
    ) -> list[bytes]:
        """The bytes of a part, each read once."""
        found: dict[int, list[bytes]] = {}

        async def read(span: Span) -> None:
            async def once() -> None:
                pieces = found[span.offset] = list[bytes]()
                await self._chunks.read(
                    known.key,
                    known.record.id,
                    span.offset,
                    span.start,
                    span.end,
                    pieces.append,
                )

            await self._again(once)

        await each(part.spans, read, _READ_AT_ONCE)
        body = [piece for span in part.spans for piece in found[span.offset]]
        for piece in body:
            digest(piece)
        return body

    def _again(self, work: Callable[[], Awaitable[_T]]) -> Coroutine[Any, Any, _T]:
        return persistently(self._clock, work)

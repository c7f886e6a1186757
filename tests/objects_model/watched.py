"""
The bucket, and what must never happen in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field

from txresumable.receiver.objects.interface import Part, Stat
from txresumable.receiver.objects.keys import Keys
from txresumable.receiver.objects.record import UploadRecord
from txresumable.receiver.objects.state import State
from txresumable.testing import Bucket

__all__ = ["WatchedBucket"]

KEYS = Keys("")


@define
class WatchedBucket(Bucket):
    """
    :ivar wrong: what happened and must not.
    :ivar history: the versions of each record, with the time from when on they were there.
    :ivar chunks: the chunks that were ever put, by key of the upload, id and number.
    """

    wrong: list[str] = field(factory=list, init=False)
    history: dict[str, list[tuple[float, UploadRecord | None]]] = field(factory=dict, init=False)
    chunks: dict[tuple[str, str, int], bytes] = field(factory=dict, init=False)

    def record(self, key: str) -> UploadRecord | None:
        """What the record of an upload says now."""
        found = self.objects.get(KEYS.record(key))
        return None if found is None else UploadRecord.decode(found.content)

    def during(self, key: str, start: float) -> list[UploadRecord]:
        """What a record has said since then."""
        found: list[UploadRecord] = []
        for since, record in reversed(self.history.get(key, [])):
            if record is not None:
                found.append(record)
            if since < start:
                break
        return found

    def whole(self, key: str, id: str) -> bytes:
        """What the chunks of an upload are, put together."""
        record = next(
            record for _, record in self.history[key] if record is not None and record.id == id
        )
        count = record.upload.layout.count
        return b"".join(self.chunks.get((key, id, offset), b"?") for offset in range(count))

    def put(self, key: str, content: bytes, *, match: str | None = None, **options: Any) -> Stat:  # type: ignore[override]
        old = self.objects.get(key)
        stat = super().put(key, content, match=match, **options)
        if key.startswith(KEYS.records):
            before = None if old is None else UploadRecord.decode(old.content)
            self._recorded(KEYS.upload_of_record(key), before, UploadRecord.decode(content))
        elif key.startswith(KEYS.chunks):
            named = KEYS.upload_of_chunk(key)
            assert named is not None
            self._stored(*named, KEYS.offset_of(key), content)
        else:
            self._published(key)
        return stat

    def complete_multipart(self, key: str, id: str, parts: Sequence[Part]) -> None:
        super().complete_multipart(key, id, parts)
        self._published(key)

    def delete(self, key: str) -> None:
        if key in self.objects:
            if key.startswith(KEYS.records):
                upload = KEYS.upload_of_record(key)
                record = self.record(upload)
                if record is not None and record.state is not State.LEAVING:
                    self.wrong.append(f"the record of {upload} was removed: {record.state}")
                self.history[upload].append((self.clock.seconds(), None))
            elif key.startswith(KEYS.chunks):
                named = KEYS.upload_of_chunk(key)
                assert named is not None
                record = self.record(named[0])
                needed = (State.OPEN, State.FINISHING, State.REJECTED)
                if record is not None and record.id == named[1] and record.state in needed:
                    self.wrong.append(f"{key} was removed: {record.state}")
            else:
                upload, id = KEYS.upload_of_file(key)
                record = self.record(upload)
                if record is not None and record.id == id and record.state is not State.REJECTED:
                    self.wrong.append(f"{key} was removed: {record.state}")
        super().delete(key)

    def _recorded(self, key: str, old: UploadRecord | None, new: UploadRecord) -> None:
        if old is not None and (new.version != old.version + 1 or new.nonce == old.nonce):
            self.wrong.append(f"{key}: version {old.version} became {new.version}")
        if old is not None and (new.id != old.id or (old.is_gone and not new.is_gone)):
            ids = {record.id for _, record in self.history[key] if record is not None}
            if new.id in ids or new.state is not State.OPEN:
                self.wrong.append(f"{key}: {new.id} is not new")
        self.history.setdefault(key, []).append((self.clock.seconds(), new))

    def _stored(self, key: str, id: str, offset: int, content: bytes) -> None:
        # Only after those of a finished file were removed it may be put again, and does not count.
        self.chunks.setdefault((key, id, offset), content)

    def _published(self, name: str) -> None:
        key, id = KEYS.upload_of_file(name)
        if self.objects[name].content != self.whole(key, id):
            self.wrong.append(f"{name} is not what its chunks are")

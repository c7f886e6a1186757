"""
What any receiver does for all uploads in object storage: forgetting what has expired, finishing
what is whole, and removing what nobody needs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.logger import Logger

from ..store.refused import Refused
from ..store.rejection import Rejected
from .finishing import Times
from .interface import Multipart, Objects, Stat, StorageError, Unavailable
from .keys import Keys
from .pages import pages
from .records import Known
from .state import State
from .summaries import Summaries
from .together import each
from .upload import Tools
from .uploads import Uploads

__all__ = ["Sweep"]

_AT_ONCE = 4
_KNOWN_AT_ONCE = 256
_HASTE = 10.0
_OLD_MULTIPART = 3600.0
_LIVES_ON = (State.OPEN, State.FINISHING)


# What has the same limit.
_KINDS = {
    State.DEAD: 1,
    State.LEAVING: 1,
    State.OPEN: 2,
    State.FINISHING: 2,
    State.DONE: 3,
    State.REJECTED: 3,
}


class Sweep:
    """
    Goes through all there is.

    :param objects: the storage.
    :param keys: what objects are called.
    :param uploads: those that this receiver knows.
    :param tools: what they work with.
    :param times: how long what lasts.
    :param remember: gives after how many seconds it is forgotten that a file was received.
    """

    _log = Logger()

    def __init__(
        self,
        objects: Objects,
        keys: Keys,
        uploads: Uploads,
        tools: Tools,
        times: Times,
        remember: Callable[[], float | None],
    ) -> None:
        self._objects = objects
        self._keys = keys
        self._uploads = uploads
        self._tools = tools
        self._times = times
        self._remember = remember
        self._summaries = Summaries()

    async def sweep(self) -> int:
        """
        Do all of it.

        :returns: how many uploads were forgotten.
        """
        forgotten = await self._forget()
        await self.recover()
        await self._end_multiparts()
        return forgotten

    async def recover(self) -> None:
        """Finish what is whole, and remove the chunks of what is not there any more."""
        with self._tools.totals.recount() as found:
            await self._recover(found)

    async def _recover(self, found: dict[str, tuple[str, int]]) -> None:
        async def see_to(upload: tuple[str, str]) -> None:
            await self._carefully(upload[0], self._see_to(*upload, found))

        some: list[tuple[str, str]] = []
        async for upload in self._tools.chunks.uploads():
            some.append(upload)
            if len(some) == _KNOWN_AT_ONCE:
                await each(some, see_to, _AT_ONCE)
                some.clear()
        await each(some, see_to, _AT_ONCE)

    async def _forget(self) -> int:
        """Forget what has expired; most is known by its age alone."""
        forgotten, summaries = 0, Summaries()

        async def see_to(stat: Stat) -> None:
            nonlocal forgotten
            key = self._keys.upload_of_record(stat.key)
            kind = self._summaries.find(key, stat.etag)
            if kind is None or self._has_expired(kind, stat.now - stat.modified):
                forgotten += bool(await self._carefully(key, self._age(key, summaries)))
            else:
                summaries.put(key, stat.etag, kind)

        async for page in pages(self._objects, self._keys.records):
            await each(page, see_to, _AT_ONCE)
        self._summaries = summaries
        return forgotten

    def _has_expired(self, kind: int, age: float) -> bool:
        limit = (self._times.settled, self._tools.expire(), self._remember())[kind - 1]
        return limit is not None and age > limit

    async def _age(self, key: str, summaries: Summaries) -> bool:
        """Let a record that has expired become what follows."""
        known = await self._tools.records.read(key)
        if known is None:
            return False
        record = known.record
        kind = _KINDS[record.state]
        summaries.put(key, known.stat.etag, kind)
        if not self._has_expired(kind, known.age):
            return False
        if record.is_gone:
            await self._remove(known)
            return False
        if record.state in _LIVES_ON:
            # What is whole does not expire: its end is tried again.
            upload = self._uploads.use(known)
            await upload.fill()
            if upload.full:
                return False
        changed = await self._tools.records.change(known, lambda each_: each_.changed(State.DEAD))
        if changed is None:
            return False
        self._tools.totals.forget(key)
        self._uploads.use(known).take(changed)
        return True

    async def _remove(self, known: Known) -> None:
        """
        Remove a record that nobody needs.

        That cannot depend on what it says, so at first it says that it will be removed; nobody
        begins the upload anew until nothing can come of that any more.
        """
        began = self._tools.clock.seconds()
        leaving = await self._tools.records.change(
            known, lambda record: record.changed(State.LEAVING)
        )
        if leaving is None or self._tools.clock.seconds() - began >= _HASTE:
            return
        removing = Deferred.fromCoroutine(self._tools.records.remove(known.key))
        try:
            await removing.addTimeout(_HASTE, self._tools.clock)
        except TimeoutError:
            raise Unavailable("it takes too long to remove a record")

    async def _see_to(self, key: str, id: str, found: dict[str, tuple[str, int]]) -> None:
        """See to an upload that has chunks."""
        known = await self._tools.records.read(key)
        if known is None or known.record.id != id or known.record.is_gone:
            await self._tools.chunks.remove(key, id)
            return
        record = known.record
        if record.state in _LIVES_ON:
            found[key] = record.upload.owner, record.upload.size
        if record.state is State.DONE:
            await self._tools.chunks.remove(key, id)
        elif record.state is State.REJECTED:
            if await self._tools.assembly.is_there(known):
                await self._tools.assembly.remove(known)
        elif record.state is State.OPEN or known.age > self._times.lease:
            upload = self._uploads.use(known)
            await upload.fill()
            if upload.full:
                with suppress(Rejected):  # which is its end
                    await upload.finish(patiently=False)

    async def _end_multiparts(self) -> None:
        """End what was begun by receivers that are no more: a thousand of them at most."""
        for found in await self._objects.list_multiparts(self._keys.files):
            if found.now - found.began > _OLD_MULTIPART:
                await self._carefully(found.key, self._end_multipart(found))

    async def _end_multipart(self, found: Multipart) -> None:
        upload = self._keys.upload_of_file(found.key)
        if upload is None:
            return  # it is somebody else's
        key, id = upload
        known = await self._tools.records.read(key)
        is_alive = (
            known is not None
            and known.record.id == id
            and known.record.state is State.FINISHING
            and known.age <= self._times.lease
        )
        if not is_alive:
            await self._objects.abort_multipart(found.key, found.id)

    async def _carefully(self, key: str, work: Awaitable[object]) -> object:
        """Do something for one of many, which does not keep the others waiting if it fails."""
        try:
            return await work
        except (Refused, StorageError) as error:
            self._log.warn("{key} is left for later: {error}", key=key, error=error)
        except CancelledError:
            raise
        except Exception:
            self._log.failure("{key} is left for later", key=key)
        return None

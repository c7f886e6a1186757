"""
Letting files in: looked at off the reactor thread, checked, named, announced in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from inspect import isawaitable
from itertools import repeat
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._protocol.layout import chunk_count
from ..errors import FileRejected, InvalidOption
from ..identifiers import UNSEEN, Fingerprint
from ..options import Options
from .attempt import settled
from .file import ADDED, FAILED, ResumableFile
from .filters import check_file
from .prefetch import Opener, out_of_descriptors

__all__ = ["Intake", "duplicate"]

BATCH = 64
MOST_CHUNKS = 1 << 27
"""Each costs a byte of memory; more of them is a mistaken chunk_size."""
PAUSE = 1.0
"""Seconds to wait when too many files are open."""

_log = Logger()


@define(eq=False)
class _Group:
    """
    Files that were added together.

    :ivar remaining: how many are not yet in or out.
    :ivar added: those that are in.
    :ivar skipped: those that were refused.
    """

    remaining: int
    added: list[ResumableFile] = field(factory=list)
    skipped: list[ResumableFile] = field(factory=list)


class Intake:
    """
    Files on their way in.

    :param clock: an ``IReactorTime``.
    :param opener: looks at files.
    :param options: the options in force, asked for each file.
    :param admit: called with a file that is in; may return a Deferred.
    :param announce: called when all that came together are through: who is in, and who is not.
    """

    def __init__(
        self,
        clock: Any,
        opener: Opener,
        options: Callable[[], Options],
        admit: Callable[[ResumableFile], None],
        announce: Callable[[list[ResumableFile], list[ResumableFile]], None],
        twin: Callable[[str], ResumableFile | None],
    ) -> None:
        self._clock = clock
        self._opener = opener
        self._options = options
        self._admit = admit
        self._announce = announce
        self._twin = twin
        self._queue: deque[ResumableFile] = deque()
        self._groups_of: deque[_Group | None] = deque()  # as long; nothing for who came alone
        self._batch: list[ResumableFile] = []
        self._running: Deferred[None] | None = None
        self._naming: dict[ResumableFile, Deferred[str]] = {}
        self._aside: dict[ResumableFile, Deferred[Any]] = {}
        self._errors = self._groups = 0
        self._closed = False

    @property
    def is_idle(self) -> bool:
        """Whether every file that was taken in is in or out, and announced."""
        return not self._groups

    @property
    def files(self) -> list[ResumableFile]:
        """The files that are neither in nor out, in order."""
        return [file for file in (*self._batch, *self._queue, *self._aside) if file.state is ADDED]

    def add(self, files: Sequence[ResumableFile]) -> None:
        """Take files in; each ends as READY, or fails with what was wrong with it."""
        if not files:
            return
        self._groups += 1
        self._queue.extend(files)
        self._groups_of.extend(repeat(_Group(len(files)) if len(files) > 1 else None, len(files)))
        if self._running is None:
            running = self._running = Deferred.fromCoroutine(self._run())
            running.addCallbacks(self._idle, self._stopped)

    def close(self) -> None:
        """Take nothing more in."""
        self._closed = True
        for naming in list(self._naming.values()):
            naming.addErrback(lambda _: None)
            naming.cancel()
        if self._running is not None:
            self._running.cancel()

    def drop(self, file: ResumableFile) -> None:
        """
        A file has come to its end: nobody needs to know its identifier.

        :param file: the file.
        """
        self._aside.pop(file, None)
        if self._naming:
            naming = self._naming.pop(file, None)
            if naming is not None:
                naming.cancel()

    def _idle(self, _: None) -> None:
        self._running = None

    def _stopped(self, failure: Failure) -> None:
        self._running = None
        if not failure.check(CancelledError):
            _log.failure("Adding files stopped", failure=failure)

    async def _run(self) -> None:
        while self._queue:
            count = min(BATCH, len(self._queue))
            batch = self._batch = [self._queue.popleft() for _ in range(count)]
            groups = [self._groups_of.popleft() for _ in range(count)]
            try:
                looks = await self._opener.look(batch)
            except CancelledError:
                raise
            except Exception:  # no thread could be started
                looks = [Failure()] * count
            looked = []
            for file, group, look in zip(batch, groups, looks, strict=True):
                if isinstance(look, Deferred):
                    self._set_aside(file, group, look)
                else:
                    looked.append((file, group, self._name(file, look)))
            self._batch = [file for file, _, _ in looked]
            starved = False
            for file, group, name in looked:
                if isinstance(name, Deferred):
                    name = await self._named(file, name)
                if self._conclude(file, group, name):
                    starved = True
                if self._closed:
                    return
            self._batch = []
            if starved:
                await _sleep(self._clock, PAUSE)

    def _set_aside(self, file: ResumableFile, group: _Group | None, looking: Deferred[Any]) -> None:
        """Looking at a file hangs: it is announced alone, when that is over."""
        _log.warn("Looking at {name!r} hangs; others go on", name=file.file_name)
        self._aside[file] = looking
        if group is None:
            self._groups -= 1
        else:
            self._through(group)

        def over(_: object) -> None:
            if self._aside.get(file) is looking:
                del self._aside[file]
                self.add([file])  # what it looked like by then is of no use now

        looking.addBoth(over)

    def _name(self, file: ResumableFile, look: Any) -> Any:
        """
        Check a file against the rules, lay it out, and find its identifier.

        :returns: the identifier or a Deferred of it; or the error that keeps the file out.
        """
        try:
            if file.state is not ADDED:
                raise CancelledError()
            if isinstance(look, Failure):
                look.raiseException()
            self._lay_out(file, look)
            identifier = self._options().generate_unique_identifier(file)
        except Exception as error:
            return error
        if isinstance(identifier, str) or not isawaitable(identifier):
            return identifier
        naming: Deferred[str] = Deferred.fromCoroutine(settled(identifier))
        self._naming[file] = naming
        return naming

    def _lay_out(self, file: ResumableFile, look: Fingerprint) -> None:
        options = self._options()
        check_file(options, file.file_name, file.relative_path, file.type, look.size)
        count = chunk_count(look.size, options.chunk_size, options.force_chunk_size)
        if count > MOST_CHUNKS:
            reason = f"it would have {count} chunks, at most {MOST_CHUNKS} are possible"
            raise FileRejected(file.file_name, "chunk_size", reason)
        file.fingerprint = look
        file._lay_out(look.size, options.force_chunk_size)

    async def _named(self, file: ResumableFile, naming: Deferred[str]) -> Any:
        try:
            return await naming
        except Exception as error:
            return error
        finally:
            self._naming.pop(file, None)

    def _conclude(self, file: ResumableFile, group: _Group | None, name: Any) -> bool:
        """:returns: whether the file must wait until fewer files are open."""
        if file.state is not ADDED or self._closed or isinstance(name, CancelledError):
            self._through(group)
            if file.state is ADDED:
                file.cancel()
            return False
        if isinstance(name, Exception):
            if out_of_descriptors(name):
                _log.info("Too many open files; {name!r} waits", name=file.file_name)
                self._queue.append(file)
                self._groups_of.append(group)
                return True
            self._refuse(file, group, name)
        elif not isinstance(name, str) or not name or "\0" in name:
            reason = "must give text that is not empty"
            self._refuse(file, group, InvalidOption("generate_unique_identifier", name, reason))
        elif (twin := self._twin(name)) is not None:
            self._refuse(file, group, duplicate(file, twin))
        else:
            file.unique_identifier, file.fingerprint = name, UNSEEN
            self._admit(file)
            self._through(group, added=file)
        return False

    def _refuse(self, file: ResumableFile, group: _Group | None, error: Exception) -> None:
        if isinstance(error, FileRejected):
            self.tell(error.rule, file)
        file._end(FAILED, error)
        self._through(group, skipped=file)

    def tell(self, rule: str, what: object) -> None:
        """Call the error callback of a rule, which hears how many errors came before."""
        callback = getattr(self._options(), f"{rule}_error_callback", None)
        count, self._errors = self._errors, self._errors + 1
        if callback is not None:
            try:
                callback(what, count)
            except Exception:
                _log.failure("{rule}_error_callback raised", rule=rule)

    def _through(
        self,
        group: _Group | None,
        added: ResumableFile | None = None,
        skipped: ResumableFile | None = None,
    ) -> None:
        if group is None:  # it came alone
            self._groups -= 1
            self._announce([added] if added else [], [skipped] if skipped else [])
            return
        if added is not None:
            group.added.append(added)
        if skipped is not None:
            group.skipped.append(skipped)
        group.remaining -= 1
        if not group.remaining:
            self._groups -= 1
            self._announce(group.added, group.skipped)


def duplicate(file: ResumableFile, twin: ResumableFile) -> FileRejected:
    """
    Why a file is not let in.

    :param file: the file.
    :param twin: what is uploaded under the same identifier already.
    """
    return FileRejected(
        file.file_name, "duplicate", f"{twin.relative_path!r} is being uploaded as it"
    )


def _sleep(clock: Any, seconds: float) -> Deferred[None]:
    sleeping: Deferred[None] = Deferred(lambda _: call.cancel())
    call = clock.callLater(seconds, sleeping.callback, None)
    return sleeping

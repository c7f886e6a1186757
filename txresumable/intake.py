"""
Letting files in: looked at off the reactor thread, checked, named, announced in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .chunks import ChunkLayout, chunk_count
from .delivery import settled
from .errors import FileRejected, InvalidOption
from .file import FileState, ResumableFile
from .opener import Opener, out_of_descriptors
from .options import Options
from .rules import check_file

__all__ = ["Group", "Intake", "duplicate"]

BATCH = 64
MOST_CHUNKS = 1 << 27
"""Each costs a byte of memory; more of them is a mistaken chunk_size."""
PAUSE = 1.0
"""Seconds to wait when too many files are open."""

_log = Logger()


@define(eq=False)
class Group:
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
    :param announce: called with a group that is through.
    """

    def __init__(
        self,
        clock: Any,
        opener: Opener,
        options: Callable[[], Options],
        admit: Callable[[ResumableFile], None],
        announce: Callable[[Group], None],
        twin: Callable[[str], ResumableFile | None],
    ) -> None:
        self._clock = clock
        self._opener = opener
        self._options = options
        self._admit = admit
        self._announce = announce
        self._twin = twin
        self._queue: deque[tuple[ResumableFile, Group]] = deque()
        self._running: Deferred[None] | None = None
        self._naming: dict[ResumableFile, Deferred[str]] = {}
        self._errors = self._groups = 0
        self._closed = False

    @property
    def is_idle(self) -> bool:
        """Whether every file that was taken in is in or out, and announced."""
        return not self._groups

    def add(self, files: Sequence[ResumableFile]) -> None:
        """Take files in; each ends as READY, or fails with what was wrong with it."""
        if not files:
            return
        group = Group(len(files))
        self._groups += 1
        self._queue.extend((file, group) for file in files)
        if self._running is None:
            running = self._running = Deferred.fromCoroutine(self._run())
            running.addCallbacks(self._idle, self._stopped)
            if running.called:
                self._running = None

    def close(self) -> None:
        """Take nothing more in."""
        self._closed = True
        self._queue.clear()
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
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            looks = await self._opener.look([file._source for file, _ in batch])
            named = [
                Deferred.fromCoroutine(self._name(file, look))
                for (file, _), look in zip(batch, looks, strict=True)
            ]
            self._naming = {file: name for (file, _), name in zip(batch, named, strict=True)}
            starved = False
            for (file, group), naming in zip(batch, named, strict=True):
                if await self._conclude(file, group, naming):
                    starved = True
                self._naming.pop(file, None)
                if self._closed:
                    return
            if starved:
                await _sleep(self._clock, PAUSE)

    async def _name(self, file: ResumableFile, look: Any) -> str:
        """Check a file against the rules, lay it out, and find its identifier."""
        if file.state is not FileState.ADDED:
            raise CancelledError()
        if isinstance(look, Failure):
            look.raiseException()
        options = self._options()
        check_file(options, file.file_name, file.relative_path, file.type, look.size)
        count = chunk_count(look.size, options.chunk_size, options.force_chunk_size)
        if count > MOST_CHUNKS:
            reason = f"it would have {count} chunks, at most {MOST_CHUNKS} are possible"
            raise FileRejected(file.file_name, "chunk_size", reason)
        file.fingerprint = look
        file._lay_out(ChunkLayout(look.size, options.chunk_size, options.force_chunk_size))
        identifier = await settled(options.generate_unique_identifier(file))
        if not isinstance(identifier, str) or not identifier or "\0" in identifier:
            raise InvalidOption(
                "generate_unique_identifier", identifier, "must give text that is not empty"
            )
        return identifier

    async def _conclude(self, file: ResumableFile, group: Group, naming: Deferred[str]) -> bool:
        """:returns: whether the file must wait until fewer files are open."""
        try:
            file.unique_identifier = await naming
            if file.state is not FileState.ADDED or self._closed:
                raise CancelledError()
            twin = self._twin(file.unique_identifier)
            if twin is not None:
                raise duplicate(file, twin)
        except CancelledError:
            self._through(group)
            if file.state is FileState.ADDED:
                file.cancel()
            return False
        except Exception as error:
            if out_of_descriptors(error):
                _log.info("Too many open files; {name!r} waits", name=file.file_name)
                self._queue.append((file, group))
                return True
            self._refuse(file, group, error)
            return False
        group.added.append(file)
        self._admit(file)
        self._through(group)
        return False

    def _refuse(self, file: ResumableFile, group: Group, error: Exception) -> None:
        group.skipped.append(file)
        if isinstance(error, FileRejected):
            self.tell(error.rule, file)
        file._end(FileState.FAILED, error)
        self._through(group)

    def tell(self, rule: str, what: object) -> None:
        """Call the error callback of a rule, which hears how many errors came before."""
        callback = getattr(self._options(), f"{rule}_error_callback", None)
        count, self._errors = self._errors, self._errors + 1
        if callback is not None:
            try:
                callback(what, count)
            except Exception:
                _log.failure("{rule}_error_callback raised", rule=rule)

    def _through(self, group: Group) -> None:
        group.remaining -= 1
        if not group.remaining:
            self._groups -= 1
            self._announce(group)


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

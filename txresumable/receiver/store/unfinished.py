"""
An upload that is being received.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import ref

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from .chunk import Chunk
from .claims import Claims
from .completion import Completion
from .digest import FollowingDigest, hash_range
from .ending import Ending
from .files import UploadFiles
from .finished import FinishedUpload, Shelf
from .group_commit import GroupCommit
from .listener import UploadListener
from .received import ReceivedFile
from .record import Done
from .refused import FilesRemoved, Refused
from .rejection import Rejected
from .state import State, advance, check
from .thread import Run, while_wanted
from .unwritten import Unwritten
from .usage import Usage, counted
from .use import Use
from .writer import ChunkComparison, ChunkSink, ChunkWriter

__all__ = ["UnfinishedUpload"]


class UnfinishedUpload:
    """
    An upload with chunks missing, or just now being finished.

    Chunks are written, and made durable, in threads, so that no disk holds the reactor up.  While
    one round of that runs, the chunks that end wait, and go together in the next: two calls make
    any number of chunks durable.

    :param files: its open files, which it closes.
    :param shelf: where it goes at the end.
    :param run: runs blocking work.
    :param completion: who is notified then.
    :param listener: is notified of what becomes of it.
    :param clock: the time, as a reactor has it.
    :ivar key: its name in the private folder.
    :ivar record: what it is.
    :ivar state: what it is at.
    :ivar last_used: when a request came for it last, by the wall clock.
    """

    _log = Logger()

    def __init__(
        self,
        files: UploadFiles,
        shelf: Shelf,
        run: Run,
        completion: Completion,
        listener: UploadListener[UnfinishedUpload],
        clock: Any,
    ) -> None:
        self.state = State.RECEIVING
        self.last_used = float("-inf")
        self.key = files.key
        self.record = files.record
        self._files = files
        self._shelf = shelf
        self._run = run
        self._listener = listener
        # A use that was forgotten must not keep the upload open.
        self._uses: set[ref[Use]] = set()
        self._work = Usage(self._at_rest)
        self._read = counted(run, self._work)
        self._failed = False
        self._claims = Claims(clock)
        self._commits = GroupCommit(
            lambda each: run(files.commit, each, completion.has_observer), self._work, self
        )
        self._finishing: list[Deferred[ReceivedFile]] = []
        self._ending = Ending(files, shelf, run, completion, self._check)
        self._finished: FinishedUpload | None = None
        self._digest = FollowingDigest(self._run, files.data, files.durable_size)

    @property
    def full(self) -> bool:
        """Whether all chunks are durable."""
        return self._files.full

    @property
    def handed_over(self) -> bool:
        """Whether ``on_complete`` has had the file."""
        return self._ending.handed_over is not None

    @property
    def in_use(self) -> bool:
        """Whether somebody is sending, asking, writing or finishing."""
        return bool(self._uses) or self._work.count > 0

    @property
    def idle(self) -> bool:
        """Whether it may be closed: others who open it anew do not know who was notified."""
        return self.state is State.RECEIVING and not self.in_use and not self.handed_over

    @property
    def changed(self) -> bool:
        """Whether somebody changed the file in its place before its end was written down."""
        return self.state is State.RECEIVING and self._files.changed

    @property
    def worthless(self) -> bool:
        """Whether the disk failed before anything could be stored, and nobody uses it."""
        return self.idle and self._failed and not self._files.present

    @property
    def memory(self) -> int:
        """How many bytes of memory its record needs."""
        return self._files.present.memory

    def use(self) -> Use:
        """Use it until that is released."""
        use = Use(self, self.release)
        self._uses.add(ref(use, self._uses.discard))
        return use

    def release(self, use: Use) -> None:
        """End a use; once is enough, more does nothing."""
        used = ref(use)  # equal to the one that is kept, as both are of the same use
        if used in self._uses:
            self._uses.discard(used)
            self._at_rest()

    def ranges(self) -> str:
        """The durable chunks, counted from 1."""
        return self._files.ranges()

    async def holds(self, chunk: Chunk) -> bool:
        """Whether a chunk is durable, and has the digest that was asked for, if any."""
        self._check()
        if chunk.offset not in self._files.present:
            return False
        self._check_files()
        return not chunk.checksum or await self._digest_of(chunk) == chunk.checksum

    async def claim(self, chunk: Chunk) -> ChunkSink:
        """Where a chunk goes, once no other request writes it."""
        offset = chunk.offset
        while True:
            self._check()
            if offset in self._files.present:
                self._check_files()
                return self._compare(chunk, self._digest_of)
            if offset in self._commits:
                # It is all there, and its sender may be gone: it will do for this one as well.
                return self._compare(chunk, self._digest_once_settled)
            other = self._claims.get(offset)
            if other is None:
                break
            await other.wait()
        epoch = self._commits.epoch
        claim = self._claims.make(offset, self.use().release)

        async def digest(start: int, end: int) -> str:
            found = await self._range_digest(start, end)
            self._commits.check(epoch)
            return found

        async def commit(unwritten: Unwritten) -> None:
            self._check()
            try:
                await self._commits.add(offset, epoch, unwritten)
            except BaseException:
                self._failed = True
                raise

        return ChunkWriter(chunk, claim, self._write, digest, commit)

    def finish(self) -> Deferred[ReceivedFile]:
        """Finish it, once, and fire for everyone who asks."""
        if self._finished is not None:
            return self._finished.finish()
        try:
            self._check()
        except Refused:
            return fail()
        waiter: Deferred[ReceivedFile] = Deferred()
        self._finishing.append(waiter)
        if self.state is State.RECEIVING:
            self._become(State.FINISHING)
            Deferred.fromCoroutine(self._finish()).addBoth(self._finish_ended)
        return waiter

    async def put_right(self) -> None:
        """
        Make the record on the disk say what is true, after a failure of the disk.

        :raises OSError: if the disk still fails.
        """
        with self._work:
            await self._run(self._files.take_back)
            if self.state is State.UNSURE:
                self._become(State.RECEIVING)

    def touch(self) -> None:
        """In a thread: what was asked for lately is as little expired as what was written to."""
        with suppress(OSError):
            self._files.chunks.touch()

    async def close(self, state: State = State.CLOSED) -> None:
        """
        Take nothing more; return when nobody is at work with the files, and they are closed.

        :param state: or :attr:`State.DISCARDED`, if they will be removed.
        """
        self._become(state)
        self._ending.cancel()
        await self._digest.stop()
        await self._work.idle()
        self._files.close()

    def _become(self, state: State) -> None:
        self.state = advance(self.state, state)

    def _check(self) -> None:
        check(self.state)

    def _check_files(self) -> None:
        if self.state is not State.RECEIVING:
            # What on_complete does to the file is part of its end.
            return
        try:
            self._files.check()
            self._files.check_unchanged()
        except FilesRemoved:
            self._removed()
            raise

    def _removed(self) -> None:
        self._log.error("the files of an upload were removed: {key}", key=self.key)
        self._become(State.DISCARDED)
        self._listener.lost(self)

    def _at_rest(self) -> None:
        """Look what is to be done now that a use, or some work, has ended."""
        if self._uses or self._work.count:
            return
        if self.state in (State.FINISHED, State.DISCARDED):
            self._digest.stop().addCallback(lambda _: self._files.close())
        elif self.idle:
            self._listener.unused(self)

    async def _write(self, unwritten: Unwritten) -> None:
        self._check()
        with self._work:
            try:
                await self._run(self._files.write, unwritten)
            except OSError:
                self._failed = True
                raise

    async def _finish(self) -> Done:
        with self._work:
            digest = await self._digest.nearly(self.record.size)
            return await self._ending.reach(digest)

    def _finish_ended(self, result: Done | Failure) -> None:
        outcome: ReceivedFile | Failure
        if isinstance(result, Done):
            self._finished = self._shelf.upload(self.key, result)
            outcome = self._finished.file
            if self.state is State.FINISHING:
                self._become(State.FINISHED)
            self._listener.finished(self, result)
        else:
            outcome = self._failure(result)
            if self.state is State.FINISHING:
                self._become(State.RECEIVING)
                if result.check(Rejected):
                    self._become(State.DISCARDED)
                    self._listener.rejected(self)
                elif result.check(FilesRemoved):
                    self._removed()
                else:
                    self._listener.not_finished(self)
        waiting, self._finishing = self._finishing, []
        for waiter in waiting:
            waiter.callback(outcome)
        self._at_rest()

    def _failure(self, failure: Failure) -> Failure:
        """What to say of a failure: whatever the closing of an upload breaks is its closing."""
        try:
            self._check()
        except Refused:
            return Failure()
        return failure

    def committed(self, offsets: Sequence[int]) -> None:
        """Notified by the commits: chunks are durable."""
        size = self._files.mark_durable(offsets)
        if not self.full:
            # The rest is read by the thread that gives the file its place.
            self._digest.follow()
        self._listener.stored(self, size)

    def commit_failed(self, failure: Failure) -> None:
        """Notified by the commits: chunks that were written are not durable."""
        if self.state is not State.RECEIVING:
            return
        if failure.check(FilesRemoved):
            self._removed()
        elif self._files.unsure:
            self._become(State.UNSURE)

    def _compare(self, chunk: Chunk, digest: Callable[[Chunk], Any]) -> ChunkComparison:
        return ChunkComparison(chunk, lambda: digest(chunk), self.use().release)

    async def _digest_of(self, chunk: Chunk) -> str:
        if self.state is State.FINISHING:
            # What on_complete is doing to the file is part of its end.
            await self.finish()
        return await self._range_digest(*chunk.layout.range(chunk.offset))

    async def _digest_once_settled(self, chunk: Chunk) -> str:
        await self._commits.settled(chunk.offset)
        if chunk.offset not in self._files.present:
            raise Refused(503, "the other request with this chunk failed", 1, about="chunk")
        return await self._digest_of(chunk)

    async def _range_digest(self, start: int, end: int) -> str:
        self._check()
        if end > self._files.size:
            # on_complete has cut it off.
            return ""
        data = self._files.data
        try:
            return await while_wanted(partial(hash_range, self._read, data, start, end))
        finally:
            self._check()
            self._files.check_unchanged()

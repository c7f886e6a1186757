"""
The uploader: files in, chunks out, through a few slots at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ._engine.admission import Intake, duplicate
from ._engine.attempt import Delivery
from ._engine.chunk import ResumableChunk
from ._engine.feed import Feed
from ._engine.file import (
    ADDED,
    CANCELLED,
    COMPLETED,
    FAILED,
    PREPARING,
    READY,
    ResumableFile,
)
from ._engine.handle import Upload, mark_heard
from ._engine.lending import Lending, settled
from ._engine.prefetch import Opener
from ._engine.queue import ChunkQueue
from ._engine.scheduler import Dispatcher
from ._engine.turn import Turn
from ._engine.waiters import Joined
from ._http.agent import PersistentAgent
from ._http.client import RequestClient
from ._policy.concurrency import START, AdaptiveConcurrency
from ._policy.limiter import RateLimiter
from ._policy.slots import Slots
from ._runtime.clock import steady
from ._runtime.threads import run_in_thread
from ._source.directory import Found, Unreadable, walk
from ._source.factory import make_source
from ._source.mediatype import type_of
from ._source.source import PathSource
from .errors import ChecksumMismatch, FileRejected, InvalidOption, ResumableError, as_error
from .events import Events
from .options import Options, check_headers

__all__ = ["Resumable"]

_log = Logger()


class Resumable(Events):
    """
    Uploads files in chunks to a server that speaks the protocol of resumable.js.

    Uploading begins as soon as a file is added.  An asynchronous context manager: leaving it
    waits as :meth:`join` does, then closes; leaving it by an exception cancels everything.
    """

    def __init__(
        self, target: Any, *, reactor: Any = None, client: Any = None, **options: Any
    ) -> None:
        """
        :param target: the URL to upload to, or a function of the encoded parameters that returns
            one (or a Deferred of it).
        :param reactor: the installed one by default, looked up now.
        :param client: anything with treq's ``HTTPClient.request`` signature, to send requests
            with; by default our own, over the system's trust store.
        :param options: see :class:`~txresumable.options.Options`.
        :raises InvalidOption: if an option has a value that it cannot have.
        """
        super().__init__()
        self.options = Options(target=target, **options)
        if reactor is None:
            from twisted.internet import reactor
        self._reactor = reactor
        self._clock = clock = steady(reactor)
        self._turn = turn = Turn()
        slots = self.options.simultaneous_uploads
        adaptive = None if isinstance(slots, int) else AdaptiveConcurrency()
        slots = slots if isinstance(slots, int) else START
        most = adaptive.cap if adaptive else slots
        self._client = self._make_client(client, most)
        self._opener = Opener(reactor, clock)
        self._queue = ChunkQueue(self.options.prioritize_first_and_last_chunk)
        rate = self.options.max_rate
        if isinstance(rate, (int, float)):
            rate = RateLimiter(rate, reactor=reactor)
        tokens = Slots(slots, most)
        lending = Lending(clock, turn, tokens, self._queue)
        self._delivery = Delivery(
            self.options, turn, self._client, self._opener, self._queue, lending, rate
        )
        self._dispatcher = Dispatcher(
            self, clock, turn, self._delivery, self._queue, tokens, lending, adaptive
        )
        self._intake = Intake(
            clock, turn, self._opener, lambda: self.options, self._admit, self._announce, self._twin
        )
        self._files: dict[ResumableFile, None] = {}
        self._by_identifier: dict[str, ResumableFile] = {}
        self._failed: list[ResumableFile] = []
        self._preparing: dict[ResumableFile, Deferred[None]] = {}
        self._bringing: list[Deferred[Any]] = []
        self._joined = Joined()
        self._unfinished = self._untold = self._order = 0
        self._closed = self._any_stored = False
        self._next_progress = 0.0

    def _make_client(self, client: Any, kept: int) -> RequestClient:
        options = self.options
        agent = None
        if client is None:
            agent = PersistentAgent(
                self._reactor,
                self._clock,
                connect_timeout=options.connect_timeout,
                stall_timeout=options.stall_timeout,
                max_idle=kept,
                trust_root=options.trust_root,
                client_certificate=options.client_certificate,
            )
        return RequestClient(
            self._reactor,
            self._clock,
            client=client,
            agent=agent,
            cookies=options.with_credentials,
            stall_timeout=options.stall_timeout,
            chunk_timeout=options.chunk_timeout,
            insecure_credentials=options.insecure_credentials,
            check_headers=check_headers,
        )

    # Adding ------------------------------------------------------------------------------------

    def add_file(
        self,
        source: Any,
        *,
        file_name: str | None = None,
        relative_path: str | None = None,
        type: str | None = None,
    ) -> Upload:
        """
        Upload a file.

        :param source: a path (``str``, :class:`os.PathLike`,
            :class:`~twisted.python.filepath.FilePath`), a seekable binary file object, which is
            left open, or bytes.
        :param file_name: what to call it; needed where it has no name.
        :param relative_path: its path for the server; its name by default, never where it lies.
        :param type: its media type; guessed from its name by default.
        :returns: an :class:`~txresumable.Upload`, at once.  It fails with :class:`OSError`
            if the file cannot be read, with :class:`~txresumable.errors.FileRejected` if it is
            not let in, and as its upload failed; cancelling it cancels the upload.
        :raises TypeError: if this is no file.
        :raises ValueError: if it is closed, or has no name.
        """
        return self._add([self._make_file(source, file_name, relative_path, type)])[0]

    def add_files(self, sources: Iterable[Any]) -> list[Upload]:
        """
        Upload several files, announced together by ``files_added``.

        :param sources: each as :meth:`add_file` takes it, or a mapping of that method's arguments
            by name: ``{"source": b"...", "file_name": "a.txt", "type": "text/plain"}``.
        :returns: an Upload for each; one that fails does not stop the others.
        """
        return self._add([self._make_given(source) for source in _several(sources)])

    def feed(self, sources: Iterable[Any], *, ahead: int = 256) -> Deferred[int]:
        """
        Upload files out of an iterable, such as a generator, and take the next ones out of it only
        as others are done: memory does not grow with how many it gives.

        Its files leave :attr:`files` at their end, so that what :attr:`fraction_completed` and
        :meth:`get_size` tell is about those that are there.

        :param sources: gives what :meth:`add_files` takes, one after the other, in the reactor
            thread.
        :param ahead: how many of its files may be there at a time, 1 or more.
        :returns: a Deferred that fires with how many were uploaded, when it is exhausted and each
            of them is at its end.  One that fails does not stop the others, but at that point
            this Deferred, with :class:`~txresumable.errors.FilesFailed`; files that somebody
            cancelled do not count.  If the iterable raises, or gives what is no file, nothing more
            is taken, and this fails with that.  Cancelling it takes no more and cancels those that
            are not done.
        :raises TypeError: if this is no iterable, or one file.
        :raises InvalidOption: if ``ahead`` is no whole number of 1 or more.
        """
        if type(ahead) is not int or ahead < 1:
            raise InvalidOption("ahead", ahead, "must be a whole number of 1 or more")
        self._check_open()
        feed = Feed(
            _several(sources),
            min(ahead, self.options.max_files or ahead),
            lambda source: self._add([self._make_given(source)])[0],
            self.remove_file,
            lambda file, failure: self._joined.failed(file, failure, feed.done),
        )
        self._bringing.append(feed.done)
        feed.done.addBoth(self._brought, feed.done)
        feed.draw()
        self._turn.run()
        return feed.done

    def add_directory(self, directory: Any) -> Deferred[list[Upload]]:
        """
        Upload all files below a folder, with their paths from the folder's own name on.

        :param directory: its path.  Symbolic links in it are not followed.
        :returns: a Deferred that fires, when the folder was looked through, with an Upload for
            each file and for each folder that could not be read, which fails with its
            :class:`OSError`.  Cancelling it adds nothing.
        """
        source, _ = make_source(directory, "directory")
        if not isinstance(source, PathSource):
            raise TypeError(f"a folder is given by its path, not {directory!r}")

        def walked(found: list[Found]) -> list[Upload]:
            files = []
            for each in found:
                inner = Unreadable(each.path, each.error) if each.error else each.path
                name = each.relative_path.rpartition("/")[2] or each.path
                files.append(self._make_file(inner, name, each.relative_path, None))
            return self._add(files) if files else []

        walking: Deferred[Any] = run_in_thread(self._reactor, walk, source.path)
        self._bringing.append(walking)
        return walking.addCallback(walked).addBoth(self._brought, walking)

    def _brought(self, result: Any, bringing: Deferred[Any]) -> Any:
        """What brought files has come to its end; whoever waits for that hears of it first."""
        self._bringing.remove(bringing)
        if isinstance(result, Failure) and not result.check(CancelledError):
            self._joined.failed(bringing, result, bringing)
        self._turn.post(self._check_end)
        self._turn.post(self._check_joined)
        self._turn.run()
        return result

    def _make_given(self, source: Any) -> ResumableFile:
        """:param source: a file, or a mapping of :meth:`add_file`'s arguments."""
        given = source if isinstance(source, Mapping) else {"source": source}
        return self._make_file(**{"file_name": None, "relative_path": None, "type": None, **given})

    def _make_file(
        self, source: Any, file_name: str | None, relative_path: str | None, type: str | None
    ) -> ResumableFile:
        self._check_open()
        for what in (file_name, relative_path, type):
            if what is not None and not isinstance(what, str):
                raise TypeError(f"a file's names and its type are text, not {what!r}")
        if isinstance(source, Unreadable):
            name: str = file_name or source.path
        else:
            source, name = make_source(source, file_name, self.options.source_check)
        if type is None:
            type = type_of(name)
        self._order += 1
        return ResumableFile(
            self,
            source,
            name,
            relative_path or name,
            type,
            self.options.chunk_size,
            self._order,
        )

    def _check_open(self) -> None:
        if self._closed:
            raise ResumableError("the uploader is closed")

    def _add(self, files: list[ResumableFile]) -> list[Upload]:
        self._check_open()  # what gave them may have closed it
        uploads = [Upload(file) for file in files]
        self._unfinished += len(files)
        there = [*self._files, *self._intake.files]
        if self.options.max_files == 1 and len(there) == len(files) == 1:
            self._remove(there[0])  # as resumable.js does
        if self._has_room(files):
            self._intake.add(uploads)
        self._turn.run()
        return uploads

    def _has_room(self, files: list[ResumableFile]) -> bool:
        """Whether ``max_files`` lets all of these in; if not, none is."""
        most = self.options.max_files
        if most is None or len(self._files) + len(self._intake.files) + len(files) <= most:
            return True
        self._intake.tell("max_files", files)
        for file in files:
            reason = f"at most {most} may be uploaded"
            file._end(FAILED, FileRejected(file.file_name, "max_files", reason))
        return False

    def _twin(self, identifier: str) -> ResumableFile | None:
        return self._by_identifier.get(identifier)

    def _admit(self, file: ResumableFile) -> None:
        """A file is in: announce it, and then queue its chunks."""
        self._files[file] = None
        self._by_identifier[file.unique_identifier] = file
        if self._hears_of_files:
            self._turn.post(self._tell_added, file, file._handle)
        self._make_ready(file)

    def _tell_added(self, file: ResumableFile, handle: Upload) -> None:
        for name, args in (
            ("chunking_start", ()),
            ("chunking_progress", (1.0,)),
            ("chunking_complete", ()),
            ("file_added", ()),
        ):
            if file._handle is handle:  # whoever was told has not cancelled it
                self._emit(name, file, *args)

    def _announce(self, added: list[ResumableFile], skipped: list[ResumableFile]) -> None:
        self._notify("files_added", added, skipped)
        # The first files of many need not wait until all are looked at.
        self._dispatcher.start()

    def _make_ready(self, file: ResumableFile) -> None:
        """The door to the queue: past ``preprocess_file``, once for each file."""
        if self.options.preprocess_file is None or file._prepared:
            file._become(READY)
            self._enqueue(file)
        else:
            file._become(PREPARING)
            self._turn.post(self._prepare, file, file._handle)

    def _prepare(self, file: ResumableFile, handle: Upload) -> None:
        if file._handle is not handle:  # it has come to its end meanwhile
            return
        preparing = Deferred.fromCoroutine(self._run_hook(file))
        if file._handle is not handle:  # the hook itself has seen to that
            self._turn.abandon(preparing)
        elif not preparing.called:
            self._preparing[file] = preparing
        preparing.addCallbacks(self._prepared, self._unprepared, (file, handle), {}, (file, handle))

    async def _run_hook(self, file: ResumableFile) -> None:
        hook = self.options.preprocess_file
        if hook is not None:
            await settled(hook(file))

    def _prepared(self, _: None, file: ResumableFile, handle: Upload) -> None:
        if file._handle is handle:
            if self._preparing.pop(file, None) is not None:
                self._dispatcher.start()  # else files_added comes first, and begins the upload
            file._prepared = True
            self._make_ready(file)
            self._turn.run()

    def _unprepared(self, failure: Failure, file: ResumableFile, handle: Upload) -> None:
        if file._handle is handle:
            self._preparing.pop(file, None)
            self._fail(file, failure.value)
            self._turn.run()

    def _enqueue(self, file: ResumableFile) -> None:
        if file.state is not READY:
            return
        if file._all_stored:
            self._finish(file)
        else:
            self._queue.add(file)

    # What is there -----------------------------------------------------------------------------

    @property
    def files(self) -> list[ResumableFile]:
        """The files that were let in, in order, until they are removed or cancelled."""
        return list(self._files)

    @property
    def is_uploading(self) -> bool:
        """Whether any chunk is under way or waits to be tried again."""
        return self._dispatcher.is_busy

    @property
    def chunks_under_way(self) -> int:
        """How many chunks are being tested or sent at this moment."""
        return self._dispatcher.under_way

    @property
    def fraction_completed(self) -> float:
        """How much of all files is on the server, from 0 to 1."""
        if not self._files:
            return 0.0
        if all(file._all_stored for file in self._files):
            return 1.0
        whole = sum(file.size for file in self._files)
        return sum(file.fraction_completed * file.size for file in self._files) / max(whole, 1)

    def get_size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self._files)

    def get_from_unique_identifier(self, identifier: str) -> ResumableFile | None:
        """The file that the server knows by an identifier, or :data:`None`."""
        for file in self._files:
            if file.unique_identifier == identifier:
                return file
        return None

    def remove_file(self, file: ResumableFile) -> None:
        """Take a file off the list; one that is not at its end is cancelled."""
        self._remove(file)
        self._turn.run()

    def _remove(self, file: ResumableFile) -> None:
        file._end(CANCELLED, None)
        self._files.pop(file, None)

    def update_query(self, query: Mapping[str, object] | Any) -> None:
        """
        Use another custom query from the next request on.

        :param query: as the option ``query`` takes it.
        """
        self.options = evolve(self.options, query=query)
        self._delivery.use(self.options)

    # Steering ----------------------------------------------------------------------------------

    def upload(self) -> None:
        """Start now, or go on after :meth:`pause`; nothing if chunks are under way."""
        if self._dispatcher.paused or not self.is_uploading:
            self._dispatcher.paused = False
            self._dispatcher.started = True
            self._notify("upload_start")
        self._turn.run()

    def pause(self) -> None:
        """Stop the chunks under way and start no more, nor retries, until :meth:`resume`."""
        if self._dispatcher.paused:
            return
        self._dispatcher.pause()
        self._notify("paused")
        self._turn.run()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        if self._dispatcher.paused:
            self.upload()

    def cancel(self) -> None:
        """Cancel every file and take it off the list."""
        self._notify("before_cancel")
        self._turn.run()
        self._cancel_all()
        self._files.clear()
        self._notify("cancelled")
        self._turn.run()

    def join(self) -> Deferred[None]:
        """
        Wait for all.

        :returns: a Deferred that fires with :data:`None` when every file that was added is done.
            The first failure, one from before too, fails it and cancels what is left: of a file,
            of an iterable that :meth:`feed` takes files from, or of a folder.  One that was
            handled where it was given out, by an errback of the Upload for instance, does not
            count, nor do files that somebody cancelled.  Cancelling it stops the waiting only.
        """
        joined = self._joined.wait()
        self._turn.post(self._check_joined)
        self._turn.run()
        return joined

    def close(self) -> Deferred[None]:
        """
        End: cancel what is not done and close every connection.

        :returns: a Deferred that fires when all is closed.
        """
        self._closed = True
        self._intake.close()
        self._cancel_all()
        self._opener.close()
        self._turn.run()
        return self._client.close()

    def _cancel_all(self) -> None:
        for bringing in self._bringing:
            self._turn.abandon(bringing)
            self._turn.post(mark_heard, bringing)
        unfinished = [each for each in self._files if each._unfinished]
        for file in reversed([*unfinished, *self._intake.files]):
            file._end(CANCELLED, None)

    async def __aenter__(self) -> Resumable:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                await self.join()
        finally:
            await self.close()

    # Ends of files ---------------------------------------------------------------------

    def _finish(self, file: ResumableFile) -> None:
        """Every chunk is stored; a digest of the whole that the server gives must be ours."""
        course = file._course
        said = course.plan.checksum if course.plan is not None else ""
        if self.options.checksum is None or not said:
            file._end(COMPLETED, None)
            return
        theirs = said.rpartition(":")[2].strip().lower()

        def compare(ours: str) -> None:
            if file.state is not READY or file._course is not course:
                return
            if ours != theirs:
                file._source.check()  # what was written to since then has another digest now
                raise ChecksumMismatch(file.file_name, ours, theirs)
            file._end(COMPLETED, None)

        def differs(failure: Failure) -> None:
            if file._course is course:
                self._fail(file, failure.value)

        comparing = self.digest(file).addCallback(compare).addErrback(differs)
        comparing.addCallback(lambda _: self._turn.run())

    def _fail(self, file: ResumableFile, error: BaseException | None) -> None:
        file._end(FAILED, as_error(error))

    def _fail_all(self, error: Exception) -> None:
        for file in [each for each in self._files if each.state is READY]:
            self._fail(file, error)

    # What files ask for (file.Owner) -----------------------------------------------------------

    @property
    def hears_chunks(self) -> bool:
        return bool(self.chunk_completed.callbacks or self.catch_all.callbacks)

    def chunk_stored(self, file: ResumableFile, chunk: ResumableChunk) -> None:
        self._emit("chunk_completed", file, chunk)

    def progressed(self, file: ResumableFile) -> None:
        if not self._hears_progress:
            return
        now = self._clock.seconds()
        if now >= self._next_progress:
            self._next_progress = now + self.options.throttle_progress_callbacks
            self._notify("file_progress", file)
            self._turn.run()

    def notify(self, notify: Callable[..., object], *args: Any) -> None:
        self._turn.post(notify, *args)

    def settled(self) -> None:
        self._turn.run()

    def stop(self, file: ResumableFile) -> None:
        if not file._unfinished:
            self._intake.drop(file)
            preparing = self._preparing.pop(file, None)
            if preparing is not None:
                self._turn.abandon(preparing)
        self._dispatcher.stop(file)

    def proceed(self, file: ResumableFile) -> None:
        self._enqueue(file)
        if self._intake.is_idle:
            self._dispatcher.start()
        self._turn.run()

    def restart(self, file: ResumableFile) -> None:
        self._check_open()
        if file.state is ADDED:
            return
        self._dispatcher.stop(file)
        again = not file._unfinished
        file._forget()
        if again:
            self._try_again(file)
        else:
            self._enqueue(file)

    def _try_again(self, file: ResumableFile) -> None:
        """A file that was at its end goes through the same door as all others."""
        handle = Upload(file, hidden=True)
        self._unfinished += 1
        if file in self._failed:
            self._failed.remove(file)
        self._joined.forgive(file)
        file._become(ADDED)
        twin = self._by_identifier.get(file.unique_identifier)
        if file not in self._files and not self._has_room([file]):
            return
        if not file.unique_identifier:  # it never got as far as to have chunks
            file.size, file._force = 0, None
            self._intake.add([handle])
        elif twin is not None:
            file._end(FAILED, duplicate(file, twin))
        else:
            self._files.setdefault(file)
            self._by_identifier[file.unique_identifier] = file
            self._make_ready(file)

    def digest(self, file: ResumableFile) -> Deferred[str]:
        end = None if file._force is None else file.size  # its size is known once it is laid out
        return self._opener.digest(file._source, 0, end)

    def file_ended(self, file: ResumableFile) -> None:
        self._unfinished -= 1
        self._turn.post(self._opener.forget, file)
        self._untold += 1
        # From here on anybody who is told may begin the next try.
        handle, file._handle = file._handle, None
        assert handle is not None
        if self._by_identifier.get(file.unique_identifier) is file:
            del self._by_identifier[file.unique_identifier]
        if file.state is COMPLETED:
            self._any_stored = True
            self._notify("file_completed", file)
        elif file.state is CANCELLED:
            self._files.pop(file, None)
        else:
            self._report(file)
        self._turn.post(self._check_end)
        tell_waiters = file._take_waiters()
        if tell_waiters is not None:
            self._turn.post(tell_waiters)
        heard = self._joined.is_awaited
        self._turn.post(self._tell_handle, handle, file._result(), heard)

    def _report(self, file: ResumableFile) -> None:
        error = file.error
        assert error is not None
        _log.warn("{name!r} failed: {error}", name=file.file_name, error=error)
        if not isinstance(error, FileRejected):
            self._failed.append(file)
            self._notify("file_error", file, Failure(error))

    def _tell_handle(
        self, handle: Upload, result: ResumableFile | Failure | None, heard: bool
    ) -> None:
        self._untold -= 1
        if isinstance(result, Failure) and not result.check(CancelledError):
            self._joined.failed(handle.file, result, handle)
        handle._settle(result, heard=heard)
        self._check_joined()

    def _notify(self, name: str, *args: object) -> None:
        self._turn.post(self._emit, name, *args)

    # Ends --------------------------------------------------------------------------------------

    def _check_end(self) -> None:
        """Tell once that nothing is left to do."""
        if self._unfinished or self._bringing or not self._dispatcher.started:
            return
        self._dispatcher.end()
        failed, self._failed = self._failed, []
        stored, self._any_stored = self._any_stored, False
        if self._files or failed or stored:
            self._emit("completed", failed)

    def _check_joined(self) -> None:
        if not self._joined.is_awaited:
            return
        failure = self._joined.failure
        if failure is None and (self._unfinished or self._untold or self._bringing):
            return
        waiting = self._joined.begin()
        self._cancel_all()
        self._turn.post(waiting.settle, failure)
        self._turn.run()


def _several(sources: Iterable[Any]) -> Iterable[Any]:
    """:raises TypeError: if one file was given where several are taken."""
    if isinstance(sources, (str, bytes, bytearray, memoryview, os.PathLike, Mapping)):
        raise TypeError(f"several files are given as a list or another iterable, not {sources!r}")
    return sources

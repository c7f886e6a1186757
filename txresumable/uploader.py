"""
The uploader: files in, chunks out, through a few slots at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from operator import attrgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ._engine.engine import Engine
from ._engine.feed import Feed
from ._engine.handle import Upload
from ._engine.supply import Supply, several
from ._engine.transfer import Transfer
from ._http.given import Client
from ._runtime.reactor import Reactor
from ._runtime.threads import run_while_wanted
from ._source.directory import Listing, walk
from ._source.factory import make_source
from ._source.given import Directory, FileArguments, Source, Sources
from ._source.source import PathSource
from .errors import InvalidOption
from .events import Events
from .file import ResumableFile, transfer_of
from .options import Options, Query, ResumableOptions, Target

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

__all__ = ["Resumable", "engine_of"]

_log = Logger()
_ARGUMENTS = ("source", "file_name", "relative_path", "type")


class Resumable(Events):
    """
    Uploads files in chunks to a server that speaks the protocol of resumable.js.

    Uploading begins as soon as a file is added.  An asynchronous context manager: leaving it
    waits as :meth:`join` does, then closes; leaving it by an exception cancels everything.
    """

    def __init__(
        self,
        target: Target,
        *,
        reactor: Reactor | None = None,
        client: Client | None = None,
        **options: Unpack[ResumableOptions],
    ) -> None:
        """
        :param target: the URL to upload to, or a function of the encoded parameters that returns
            one (or a Deferred of it).
        :param reactor: the installed one by default, looked up now.
        :param client: an object with the ``request`` method of treq's ``HTTPClient``, which sends
            the requests; by default our own, with the system's trust store.
        :param options: see :class:`~txresumable.options.Options`.
        :raises InvalidOption: if an option has an invalid value.
        """
        super().__init__()
        given = Options(target=target, **options)
        if reactor is None:
            from twisted.internet import reactor
        if not callable(getattr(reactor, "callLater", None)):
            raise InvalidOption("reactor", reactor, "must have the methods of IReactorTime")
        self._engine = Engine(reactor, client, given, self)

    def __repr__(self) -> str:
        engine = self._engine
        state = "closed" if engine.is_closed else "paused" if self.is_paused else "open"
        return (
            f"<Resumable {engine.options.shown_target} {state}, {len(engine.roster)} files, "
            f"{self.fraction_completed:.1%}>"
        )

    @property
    def options(self) -> Options:
        """The options in force."""
        return self._engine.options

    # Adding ------------------------------------------------------------------------------------

    def add_file(
        self,
        source: Source,
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
        :param file_name: its name; required if the source has none.
        :param relative_path: its path on the server; its name by default, never its local path.
        :param type: its media type; guessed from its name by default.
        :returns: an :class:`~txresumable.Upload`, at once.  It fails with :class:`OSError`
            if the file cannot be read, with :class:`~txresumable.errors.FileRejected` if it is
            not accepted, and as its upload failed; cancelling it cancels the upload.
        :raises TypeError: if this is not a file.
        :raises ValueError: if the file object is closed or has no name, or the path holds NUL.
        :raises UploaderClosed: after :meth:`close`.
        """
        engine = self._engine
        return engine.add([engine.make_transfer(source, file_name, relative_path, type)])[0]

    def add_files(self, sources: Iterable[Source | FileArguments]) -> list[Upload]:
        """
        Upload several files, announced together by ``files_added``.

        :param sources: each as :meth:`add_file` takes it, or a mapping of that method's arguments
            by name: ``{"source": b"...", "file_name": "a.txt", "type": "text/plain"}``.
        :returns: an Upload for each; one that fails does not stop the others.
        """
        self._engine.check_open()
        return self._engine.add([self._make_given(source) for source in several(sources)])

    def feed(
        self, sources: Sources, *, ahead: int = 256, stop_on_error: bool = False
    ) -> Deferred[int]:
        """
        Upload files from an iterable, such as a generator, and take the next ones from it only
        as others complete: memory does not grow with their number.

        Its files leave :attr:`files` when they end, so that :attr:`fraction_completed` and
        :meth:`get_size` cover the files of the moment.

        :param sources: yields what :meth:`add_files` takes, or Deferreds of that, one after the
            other, in the reactor thread; an iterable, an asynchronous iterable, or a Deferred of an
            iterable.  Of several Deferreds, only one is waited for at a time.
        :param ahead: how many of its files may be in the uploader at a time, 1 or more; fewer if
            ``max_files`` leaves no room for them beside others.
        :param stop_on_error: whether the first file that fails ends it: no more are taken, and the
            others that are not complete are cancelled.
        :returns: a Deferred that fires with how many were uploaded, when it is exhausted and each
            of them has ended.  If a file fails, this Deferred fails in the end with
            :class:`~txresumable.errors.FilesFailed`; cancelled files do not count.  If the iterable
            raises, or yields something that is not a file, or a Deferred that fails, nothing more
            is taken, and this fails with that error.  Cancelling it takes no more files and cancels
            those that are not complete.
        :raises TypeError: if this is not an iterable, or is one file.
        :raises InvalidOption: if ``ahead`` is not a whole number of 1 or more, or ``stop_on_error``
            neither :data:`True` nor :data:`False`.
        """
        engine, completion = self._engine, self._engine.completion
        engine.check_open()
        if type(ahead) is not int or ahead < 1:
            raise InvalidOption("ahead", ahead, "must be a whole number of 1 or more")
        if not isinstance(stop_on_error, bool):
            raise InvalidOption("stop_on_error", stop_on_error, "must be True or False")
        feed = Feed(
            Supply(sources),
            ahead,
            stop_on_error,
            lambda source: engine.add([self._make_given(source)])[0],
            engine.remove,
            lambda transfer, failure: completion.join.failed(transfer, failure, feed.done),
            engine.room,
        )
        completion.expect(feed.done)
        completion.join.within_call(feed.draw)
        return feed.done

    def add_directory(self, directory: Directory) -> Deferred[list[Upload]]:
        """
        Upload all files below a directory, with paths that begin with the directory's name.

        :param directory: its path.  Symbolic links in it are left out, with a warning in the log,
            or followed (``links``).
        :returns: a Deferred that fires, when the directory was read, with an Upload for
            each file and for each directory that could not be read, which fails with its
            :class:`OSError`.  Cancelling it adds nothing.
        """
        self._engine.check_open()
        source, _ = make_source(directory, "directory")
        if not isinstance(source, PathSource):
            raise TypeError(f"a folder is given by its path, not {directory!r}")

        path, follow = source.path, self.options.links == "follow"

        def walked(listing: Listing) -> list[Upload]:
            listing.warn(_log, path, follow)
            given = [each.arguments for each in listing.found]
            return self.add_files(given) if given else []

        work = partial(walk, follow=follow)
        walking: Deferred[Any] = run_while_wanted(self._engine.reactor, work, path)
        self._engine.completion.expect(walking, walked)
        return walking

    def _make_given(self, source: Source | FileArguments) -> Transfer:
        """:param source: a file, or a mapping of :meth:`add_file`'s arguments."""
        if not isinstance(source, Mapping):
            return self._engine.make_transfer(source)
        unknown = [name for name in source if name not in _ARGUMENTS]
        if unknown or "source" not in source:
            wrong = f"not {unknown[0]!r}" if unknown else "and source is missing"
            raise TypeError(f"a file's arguments are {', '.join(_ARGUMENTS)}, {wrong}")
        return self._engine.make_transfer(**source)

    # Files -------------------------------------------------------------------------------------

    @property
    def files(self) -> list[ResumableFile]:
        """The files that were accepted, in order, until they are removed or cancelled."""
        return self._engine.roster.files

    @property
    def is_uploading(self) -> bool:
        """Whether any chunk is being tested, sent, or waits to be retried."""
        return self._engine.scheduler.is_busy

    @property
    def is_paused(self) -> bool:
        """Whether :meth:`pause` holds everything until :meth:`resume`."""
        return self._engine.scheduler.paused

    @property
    def chunks_under_way(self) -> int:
        """How many chunks are being tested or sent at this moment."""
        return self._engine.scheduler.under_way

    @property
    def fraction_completed(self) -> float:
        """How much of all files is on the server, from 0 to 1."""
        return self._engine.roster.fraction_completed

    def get_size(self) -> int:
        """Bytes of all files."""
        return self._engine.roster.size

    def get_from_unique_identifier(self, identifier: str) -> ResumableFile | None:
        """The file that the server knows by an identifier, or :data:`None`."""
        found = self._engine.roster.find(identifier)
        return None if found is None else found.file

    def remove_file(self, file: ResumableFile) -> None:
        """
        Remove a file from the list; one that has not ended is cancelled.

        :raises TypeError: if it is no file of an uploader.
        :raises ValueError: if it is one of another uploader.
        """
        if not isinstance(file, ResumableFile):
            raise TypeError(f"remove_file() takes a ResumableFile, not {file!r}")
        transfer = transfer_of(file)
        if not transfer.belongs_to(self._engine):
            raise ValueError(f"{file.file_name!r} is a file of another uploader")
        self._engine.remove(transfer)
        self._engine.turn.run()

    def update_query(self, query: Query) -> None:
        """
        Use another custom query from the next request on.

        :param query: as the option ``query`` takes it.
        """
        self._engine.use_query(query)

    # Control -----------------------------------------------------------------------------------

    def upload(self) -> None:
        """Start now, or continue after :meth:`pause`; does nothing if chunks are being sent."""
        self._engine.upload()

    def pause(self) -> None:
        """Abort the requests in flight and start no more, nor retries, until :meth:`resume`."""
        if self._engine.scheduler.paused:
            return
        self._engine.scheduler.pause()
        self._engine.emitter.post("paused")
        self._engine.turn.run()

    def resume(self) -> None:
        """Continue after :meth:`pause`."""
        self._engine.check_open()
        if self._engine.scheduler.paused:
            self._engine.upload()

    def cancel(self) -> None:
        """Cancel every file and remove it from the list."""
        engine = self._engine
        engine.emitter.post("before_cancel")
        engine.turn.run()
        engine.cancel_all()
        engine.roster.clear()
        engine.emitter.post("cancelled")
        engine.turn.run()

    def join(self) -> Deferred[None]:
        """
        Wait for everything that was added.

        :returns: a Deferred that fires with :data:`None` when every file that was added is
            uploaded.  The first failure, including an earlier one, fails it and cancels the rest:
            that of a file, of an iterable that :meth:`feed` takes files from, or of a directory.  A
            failure that was handled, by an errback of the Upload for instance, does not count, nor
            do cancelled files.  What fails within the call that returns it, such as a file that
            ``max_files`` refuses, may be handled before the reactor's next iteration.  Cancelling
            it cancels only this Deferred.
        """
        joined = self._engine.completion.join.wait()
        self._engine.turn.run()
        return joined

    def close(self) -> Deferred[None]:
        """
        Cancel what is not complete and close every connection.

        From then on every method that adds files or begins to upload raises
        :class:`~txresumable.errors.UploaderClosed`.

        :returns: a Deferred that fires when everything is closed.
        """
        return self._engine.close()

    async def __aenter__(self) -> Self:
        self._engine.check_open()
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


engine_of: Any = attrgetter("_engine")
"""From an uploader to its engine: for :mod:`txresumable.testing`."""

"""
What is behind an uploader: its parts, and what happens between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred

from .._policy.limiter import RateLimiter
from .._runtime.clock import steady
from .._source.directory import Unreadable
from .._source.factory import make_source
from .._source.mediatype import type_of
from .._validators import check_text
from ..errors import RetriesExhausted, SourceChanged, UploaderClosed
from ..events import Events
from ..file import ResumableChunk
from ..options import Options, Query
from ..states import ADDED, CANCELLED, ENDS, FAILED, READY
from .admission import Admission
from .again import Again
from .breadth import Breadth
from .chunk_sender import ChunkSender
from .client import make_client
from .completion import Completion
from .emitter import Emitter
from .handle import Upload
from .ledger import NO_CHUNKS
from .lending import Jobs, Lending
from .prefetch import Prefetcher
from .preparation import Preparation
from .quiet import Quiet
from .reasons import as_error
from .room import Room
from .roster import Roster
from .scheduler import Scheduler
from .shortage import Shortage
from .smallest import queue_for
from .transfer import Transfer
from .turn import Turn
from .twins import Twins
from .verification import Verification

__all__ = ["Engine"]


class Engine:
    """
    Moves files: accepts them, sends their chunks, and sees them to their ends.

    :ivar reactor: the reactor.
    :ivar options: the options in force.
    :ivar turn: to be run after each call, once the state is settled.
    :ivar client: sends requests.
    :ivar preparation: the files that ``preprocess_file`` is at work on.
    :ivar scheduler: the chunks under way.
    :ivar admission: the files that are looked at.
    :ivar finish: called with a file of which every chunk is stored.
    :ivar room: how many more there may be.
    :ivar roster: the files that were accepted.
    :ivar completion: what is not at its end, and who waits for that.
    :ivar is_closed: whether nothing more is accepted.
    """

    def __init__(self, reactor: Any, client: Any, options: Options, events: Events) -> None:
        """
        :param reactor: the reactor.
        :param client: sends requests; :data:`None` for our own.
        :param options: the options.
        :param events: the signals to fire.
        """
        self.reactor = reactor
        self.options = options
        self.is_closed = False
        self.turn = turn = Turn()
        self._clock = clock = steady(reactor)
        self.emitter = Emitter(events, turn)
        self.roster = Roster()
        self.completion = Completion(self, clock, turn, self.emitter, self.roster)
        self.breadth = breadth = Breadth(options, clock, turn)
        self.client = make_client(
            reactor, clock, client, options, breadth.most, breadth.connected, breadth.written
        )
        breadth.use(self.client.gauge)
        self._prefetcher = Prefetcher(reactor, clock)
        jobs: Jobs = {}
        self._queue = queue_for(options, breadth.slots, jobs)
        breadth.small_next = self._queue.are_small
        rate = options.max_rate
        if isinstance(rate, (int, float)):
            rate = RateLimiter(rate, reactor=reactor)
        lending = Lending(clock, turn, breadth.loans, self._queue, jobs)
        shortage = Shortage(clock, turn, breadth, self._prefetcher, self.roster, lending)
        self._sender = ChunkSender(
            options, turn, self.client, self._prefetcher, self._queue, lending, rate, breadth
        )
        self.scheduler = Scheduler(
            self, clock, turn, self._sender, self._queue, lending, shortage, breadth
        )
        twins = Twins(turn, self._prefetcher, options, self.fail)
        quiet = Quiet(self._prefetcher, clock, options)
        self.admission = Admission(
            self, clock, turn, self.roster, self._prefetcher, shortage, twins, quiet
        )
        self.room = Room(options.max_files, self.roster, self.admission)
        self.preparation = Preparation(turn, options.preprocess_file, self._ready, self.fail)
        self._again = Again(
            self.completion, self.roster, self.room, self.admission, self.preparation, quiet
        )
        self._verification = Verification(turn, options, self.fail)
        self.finish = self._verification.begin
        self._order = 0
        self._next_progress = 0.0

    def use_query(self, query: Query) -> None:
        """Use another custom query from the next request on."""
        self.options = evolve(self.options, query=query)
        self._sender.use(self.options)

    # Files that come ---------------------------------------------------------------------------

    def check_open(self) -> None:
        """:raises UploaderClosed: if nothing more is accepted."""
        if self.is_closed:
            raise UploaderClosed("the uploader is closed")

    def make_transfer(
        self,
        source: Any,
        file_name: str | None = None,
        relative_path: str | None = None,
        type: str | None = None,
    ) -> Transfer:
        """A file that may be added; see ``Resumable.add_file``."""
        self.check_open()
        if not (file_name is relative_path is type is None):
            check_text(file_name, relative_path, type)
        if not isinstance(source, str) and isinstance(source, Unreadable):
            name: str = file_name or source.path
        else:
            source, name = make_source(source, file_name, self.options.source_check)
        kind = type_of(name) if type is None else type
        self._order += 1
        size = self.options.chunk_size
        return Transfer(self, source, name, relative_path or name, kind, size, self._order)

    def add(self, transfers: list[Transfer]) -> list[Upload]:
        """Look at files, and accept them or not; all of them if there is room for all."""
        if self.is_closed:  # by what gave them
            self.check_open()
        uploads = [Upload(each) for each in transfers]
        self.completion.unfinished += len(transfers)
        self.completion.join.within_call(self._take_in, transfers, uploads)
        return uploads

    def _take_in(self, transfers: list[Transfer], uploads: list[Upload]) -> None:
        if self.room.is_limited:
            replaced = self.room.replaced(transfers)
            if replaced is not None:
                self.remove(replaced)
            if not self.room.admits(transfers):
                return
        self.admission.add(uploads)

    # What admission says (AdmissionListener) ---------------------------------------------------

    def accepted(self, transfer: Transfer) -> None:
        """A file is accepted: announce it, and then queue its chunks."""
        self.roster.accept(transfer)
        if self.emitter.hears_files:
            self.turn.post(self._announce_file, transfer, transfer.handle)
        self.preparation.begin(transfer)

    def _announce_file(self, transfer: Transfer, handle: Upload) -> None:
        for name, args in (
            ("chunking_start", ()),
            ("chunking_progress", (1.0,)),
            ("chunking_complete", ()),
            ("file_added", ()),
        ):
            if transfer.handle is handle:  # no observer has cancelled it
                self.emitter.emit(name, transfer.file, *args)

    def announce(self, added: Sequence[Transfer], skipped: Sequence[Transfer]) -> None:
        """All files that came together were accepted or not."""
        if self.emitter.hears("files_added"):
            files = [each.file for each in added], [each.file for each in skipped]
            self.emitter.post("files_added", *files)
        # The first files of many need not wait until all are looked at.
        self.scheduler.start()

    def _ready(self, transfer: Transfer, waited: bool) -> None:
        if waited:
            self.scheduler.start()  # else files_added comes first, and begins the upload
        self._enqueue(transfer)

    def _enqueue(self, transfer: Transfer) -> None:
        if transfer.state is not READY:
            return
        if transfer.ledger is not NO_CHUNKS and transfer.all_stored:
            self.finish(transfer)
        else:
            self._queue.add(transfer)

    # What the scheduler says (OutcomeListener) -----------------------------------------------

    def fail(self, transfer: Transfer, error: BaseException | None) -> None:
        """A file cannot be uploaded; not yet, if it waits because it has changed."""
        if not (isinstance(error, SourceChanged) and self._again.may_wait(transfer)):
            transfer.end(FAILED, as_error(error))
            return
        if transfer.state is not ADDED:
            transfer.become(ADDED)
        self._verification.stop(transfer)
        self.preparation.stop(transfer)
        self.scheduler.stop(transfer)
        self._again.begin_when_quiet(transfer, error)

    def fail_all(self, error: RetriesExhausted, found_by: Transfer) -> None:
        """No file can: a chunk of one has found that out for all."""
        for each in self.roster.ready:
            number = error.chunk_number if each is found_by else 0
            self.fail(each, evolve(error, chunk_number=number, of_server=True))

    # What transfers say (TransferListener) -----------------------------------------------------

    @property
    def hears_chunks(self) -> bool:
        """Whether anybody is notified of each chunk."""
        emitter = self.emitter
        return bool(emitter.chunk_completed.callbacks or emitter.catch_all.callbacks)

    def chunk_stored(self, transfer: Transfer, chunk: ResumableChunk) -> None:
        """Notify of a chunk."""
        self.emitter.emit("chunk_completed", transfer.file, chunk)

    def progressed(self, transfer: Transfer) -> None:
        """Bytes of a file were handed over."""
        if not self.emitter.hears_progress(transfer):
            return
        now = self._clock.seconds()
        if now >= self._next_progress:
            self._next_progress = now + self.options.throttle_progress_callbacks
            self.emitter.post_progress(transfer)
            self.turn.run()

    def notify(self, notify: Callable[..., object], *args: Any) -> None:
        """Notify somebody with the next turn."""
        self.turn.post(notify, *args)

    def settled(self) -> None:
        """The state is settled: run the turn."""
        self.turn.run()

    def stop(self, transfer: Transfer) -> None:
        """Stop what is under way of a file; at its end, of what prepares it as well."""
        if transfer.state in ENDS:
            self.admission.drop(transfer)
            if self._verification.running:
                self._verification.stop(transfer)
            if self.preparation.running:
                self.preparation.stop(transfer)
        self.scheduler.stop(transfer)

    def proceed(self, transfer: Transfer) -> None:
        """Nothing holds a file any more."""
        self._enqueue(transfer)
        if self.admission.is_idle:
            self.scheduler.start()
        self.turn.run()

    def begin(self, transfer: Transfer) -> None:
        """A file goes on, and so do all: what is called while it begins may stop either again."""
        self._enqueue(transfer)
        if self.scheduler.paused or not self.scheduler.started:
            self._set_out()
        self.turn.run()

    def restart(self, transfer: Transfer) -> None:
        """Start a file over."""
        self.check_open()
        if transfer.state is ADDED:
            return
        self.scheduler.stop(transfer)
        again = not transfer.is_unfinished
        transfer.forget()
        if again:
            self._again.begin(transfer)
        else:
            self._enqueue(transfer)

    def digest(self, transfer: Transfer) -> Deferred[str]:
        """The SHA-256 of the whole content of a file."""
        return self._prefetcher.digest(transfer.source, 0, transfer.known_size)

    def ended(self, transfer: Transfer) -> None:
        """A file has come to its end."""
        if self._prefetcher.is_at_work_for(transfer):
            self.turn.post(self._prefetcher.forget, transfer)
        self.completion.ended(transfer)

    # What completion asks (CompletionListener) -------------------------------------------------

    @property
    def is_started(self) -> bool:
        """Whether uploading has begun and not yet come to an end."""
        return self.scheduler.started

    def all_done(self) -> None:
        """Nothing is left to do."""
        self.scheduler.end()

    def cancel_all(self) -> None:
        """Cancel what is not at its end."""
        self.completion.cancel_arriving()
        for each in reversed([*self.roster.unfinished, *self.admission.transfers]):
            each.end(CANCELLED, None)

    # What users do -----------------------------------------------------------------------------

    def upload(self) -> None:
        """Start now, or go on after a pause; nothing if chunks are under way."""
        self.check_open()
        if self.scheduler.paused or not self.scheduler.is_busy:
            self._set_out()
        self.turn.run()

    def _set_out(self) -> None:
        self.scheduler.paused = False
        self.scheduler.started = True
        self.emitter.post("upload_start")

    def remove(self, transfer: Transfer) -> None:
        """Take a file off the list; one that is not at its end is cancelled."""
        transfer.end(CANCELLED, None)
        self.roster.remove(transfer)

    def close(self) -> Deferred[None]:
        """Cancel what is not at its end, and close every connection."""
        self.is_closed = True
        self.admission.close()
        self.cancel_all()
        self._prefetcher.close()
        self.breadth.close()
        self.turn.run()
        return self.client.close()

"""
A program that uploads: it calls all there is to call, from everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txresumable import FileState, Resumable, ResumableError, ResumableFile, Upload
from txresumable._protocol.control import impossible_name, is_impossible

from .hooks import Hooks, mishap
from .plan import Plan
from .record import HandedOut, Known
from .sources import Sources

__all__ = ["Program", "told"]

MOST_DEPTH = 3
MOST_DEEDS = 80
MOST_FILES = 25


class Program:
    """
    What calls the uploader.

    :ivar known: the files that were given to it, by name.
    :ivar handed_out: the Deferreds that it returned.
    :ivar is_calm: whether nothing more is to be done, nor to go wrong.
    :ivar is_paused: whether nothing may begin.
    :ivar is_closed: whether ``close()`` was called.
    :ivar deeds: how often it called the uploader.
    :ivar swept: whether anything was called that cancels whatever there is.
    """

    def __init__(
        self,
        plan: Plan,
        random: Random,
        sources: Sources,
        wrong: Callable[[str], None],
        note: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self.random = random
        self.note = note
        self.known: dict[str, Known] = {}
        self.handed_out: list[HandedOut] = []
        self.is_calm = self.is_paused = self.is_closed = self.swept = False
        self.hooks = Hooks(self)
        self._wrong = wrong
        self._sources = sources
        self.deeds = self._depth = self._folders = 0
        self._registered: list[tuple[str, Callable[..., None]]] = []

    def drive(self, uploader: Resumable) -> None:
        """
        Listen to an uploader.

        :param uploader: the one to call from now on.
        """
        self.uploader = uploader
        # These come before all that the plan registers, and call nothing.
        uploader.file_completed.register(self._announced)
        uploader.file_error.register(self._announced)
        uploader.completed.register(self._all_ended)
        for event in self.plan.events:
            self._register(event)

    def meet(self, file: ResumableFile) -> Known:
        """What is known of a file that the uploader passed."""
        known = self.known[file.file_name]
        known.file = known.file or file
        return known

    def find(self, name: str) -> Known | None:
        """What is known of the file that a request is about, or that it is made for."""
        if is_impossible(name):
            name = next(each for each in self.known if impossible_name(each) == name)
        known = self.known.get(name)
        if known is not None and known.file is None:
            for file in self.uploader.files:
                self.meet(file)
        return known

    # Being called ------------------------------------------------------------------------------

    def inside(self, where: str) -> None:
        """Somebody of the program's is called by the uploader, and may call back."""
        if self.is_calm or self._depth >= MOST_DEPTH or self.random.random() >= self.plan.inside:
            return
        self.act(where)

    def _register(self, event: str) -> None:
        observer = partial(self._observe, event)
        getattr(self.uploader, event).register(observer)
        self._registered.append((event, observer))

    def _observe(self, event: str, *args: Any) -> None:
        for each in args:
            if isinstance(each, ResumableFile):
                self.meet(each)
        self.note(f"event {event} {args}")
        if event == "file_completed":
            self.check_complete(self.meet(args[0]), event)
        self.inside(f"event {event}")
        if not self.is_calm and self.random.random() < self.plan.raising:
            raise mishap(self.random, event)

    def _announced(self, file: ResumableFile, *_: object) -> None:
        self.known[file.file_name].is_announced = True

    def _all_ended(self, _: object) -> None:
        """``completed`` is the last word: all is at its end, and was said to be."""
        for known in self.known.values():
            if known.is_going_on:
                self._wrong(f"completed: {known} is {known.file.state}")
            elif known.has_news and not known.is_announced:
                self._wrong(f"completed: {known} is {known.file.state}, which nobody was told")

    def _hand_out(
        self, label: str, deferred: Deferred[Any] | None, then: Callable[[Any], None] | None = None
    ) -> None:
        if deferred is None:  # it raised
            return
        handed = HandedOut(label, deferred)
        self.handed_out.append(handed)

        def fired(result: Any) -> None:
            self.note(f"{label} fires: {_shown(result)}")
            if handed.fired > 1:
                self._wrong(f"fired twice: {label}")
            if then is not None:
                then(result)
            self.inside(label)

        handed.watch(fired)

    # Calling -----------------------------------------------------------------------------------

    def act(self, where: str) -> None:
        """Do something."""
        if self.deeds >= MOST_DEEDS:
            return
        self.deeds += 1
        names = list(self.plan.deeds)
        deed = self.random.choices(names, list(self.plan.deeds.values()))[0]
        self.note(f"{'  ' * self._depth}in {where}: {deed}")
        self._depth += 1
        try:
            getattr(self, f"_do_{deed}")()
        finally:
            self._depth -= 1

    def call(
        self, label: str, function: Callable[..., Any], *args: Any, allowed: Any = (), **named: Any
    ) -> Any:
        """
        Call the uploader.

        :param label: what for.
        :param allowed: what it may raise.
        :returns: what it returns, or nothing if it raised.
        """
        if self.is_closed:
            allowed = (ResumableError, *allowed)
        try:
            return function(*args, **named)
        except allowed as error:
            self.note(f"{label} raised {error!r}")
        except BaseException as error:
            self._wrong(f"raised: {label.split()[0]} of {label} raised {told(error)}")
        return None

    def _some_file(self) -> Known | None:
        known = [each for each in self.known.values() if each.file is not None]
        going_on = [each for each in known if each.is_going_on]
        if going_on and self.random.random() < 0.7:
            return self.random.choice(going_on[-3:])
        return self.random.choice(known[-6:]) if known else None

    # Adding ------------------------------------------------------------------------------------

    def _new(self) -> tuple[Known, dict[str, Any]]:
        random = self.random
        name = f"f{len(self.known)}.{random.choice(('txt', 'txt', 'bin'))}"
        content, source, is_odd = self._sources.next(name)
        type: Any = random.choice((None, None, "", "text/plain"))
        if random.random() < self.plan.nonsense:
            type, is_odd = random.choice((5, b"x", "a\r\nb")), True
        known = self.known[name] = Known(name, content, is_odd)
        return known, {"source": source, "file_name": name, "type": type}

    def _take(self, uploads: Any, known: list[Known]) -> None:
        for upload, each in zip(uploads or (), known, strict=False):
            each.file = upload.file
            if self.random.random() < 0.5:
                for name in ("completed", "chunk_completed"):
                    signal = getattr(upload, name)
                    signal.register(partial(self._observe, f"{each}.{name}"))
            self._hand_out(f"upload {each}", upload, partial(self._ended, each))

    def _do_add_file(self) -> None:
        if len(self.known) < MOST_FILES:
            known, given = self._new()
            source = given.pop("source")
            allowed = (TypeError, ValueError) if known.is_odd else ()
            add = self.uploader.add_file
            upload = self.call(f"add_file {known}", add, source, allowed=allowed, **given)
            self._take([upload] if upload is not None else None, [known])

    def _do_add_files(self) -> None:
        if len(self.known) < MOST_FILES:
            news = [self._new() for _ in range(self.random.choice((0, 1, 2, 3)))]
            known, given = [new[0] for new in news], [new[1] for new in news]
            allowed = (TypeError, ValueError) if any(each.is_odd for each in known) else ()
            uploads = self.call("add_files", self.uploader.add_files, given, allowed=allowed)
            self._take(uploads, known)

    def _do_add_directory(self) -> None:
        if len(self.known) >= MOST_FILES:
            return
        self._folders += 1
        folder = os.path.join(self._sources.folder, f"d{self._folders}")
        os.mkdir(folder)
        known = []
        for _ in range(self.random.choice((0, 1, 3))):
            name = f"f{len(self.known)}.txt"
            known.append(Known(name, self._sources.content()))
            self.known[name] = known[-1]
            self._sources.write(os.path.join(folder, name), known[-1].content)

        def found(result: Any) -> None:
            if isinstance(result, list):
                for upload in result:
                    self._take([upload], [self.meet(upload.file)])

        directory = self.call("add_directory", self.uploader.add_directory, folder)
        self._hand_out(f"add_directory d{self._folders}", directory, found)

    def _do_feed(self) -> None:
        ahead = self.random.choice((1, 2, 5))
        feed = self.call("feed", self.uploader.feed, self._several(), ahead=ahead)
        self._hand_out("feed", feed)

    def _several(self) -> Iterator[Any]:
        for _ in range(self.random.choice((0, 1, 3, 6))):
            self.inside("feed's iterable")
            if not self.is_calm and self.random.random() < self.plan.raising / 2:
                raise mishap(self.random, "feed's iterable")
            if self.random.random() < self.plan.rubbish / 2:
                yield 5
            known, given = self._new()
            if known.is_odd:
                given["type"] = "text/plain"
            yield given

    # Steering all ------------------------------------------------------------------------------

    def _do_upload(self) -> None:
        self.is_paused = False
        self.call("upload", self.uploader.upload)

    def _do_pause(self) -> None:
        self.is_paused = True
        self.call("pause", self.uploader.pause)

    def _do_resume(self) -> None:
        self.is_paused = False
        self.call("resume", self.uploader.resume)

    def _do_cancel_all(self) -> None:
        self.swept = True
        self.call("cancel", self.uploader.cancel)

    def _do_join(self) -> None:
        self.swept = True  # the first failure cancels what is left
        self._hand_out("join", self.call("join", self.uploader.join))

    def _do_close(self) -> None:
        if self.deeds > 15:
            self.close()

    def close(self) -> None:
        """Close the uploader."""
        self.swept = self.is_closed = True
        self._hand_out("close", self.call("close", self.uploader.close))

    def _do_remove(self) -> None:
        known = self._some_file()
        if known is not None:
            known.was_cancelled = known.is_cancelled = True
            self.call(f"remove_file {known}", self.uploader.remove_file, known.file)

    def _do_update_query(self) -> None:
        self.call("update_query", self.uploader.update_query, {"n": len(self.known)})

    def _do_look(self) -> None:
        uploader = self.uploader
        fraction = self.call("fraction_completed", lambda: uploader.fraction_completed)
        if fraction is not None and not 0.0 <= fraction <= 1.0:
            self._wrong(f"fraction: all are at {fraction}")
        self.call("get_size", uploader.get_size)
        self.call("is_uploading", lambda: uploader.is_uploading)
        known = self._some_file()
        if known is not None:
            self.look_at(known)
            identifier = known.file.unique_identifier
            self.call("get_from", uploader.get_from_unique_identifier, identifier)

    def look_at(self, known: Known) -> None:
        """Look at all that a file says of itself."""
        file = known.file
        fraction = self.call(f"fraction_completed {known}", lambda: file.fraction_completed)
        if fraction is None:
            return
        if not 0.0 <= fraction <= 1.0:
            self._wrong(f"fraction: {known} is at {fraction}")
        self.call(f"repr {known}", repr, file)
        self.call(
            f"chunks {known}",
            lambda: [
                (each.state, each.retries, each.message, each.fraction_completed, each.size)
                for each in file.chunks
            ],
        )

    def _do_register(self) -> None:
        self._register(self.random.choice(self.plan.events or ("file_progress",)))

    def _do_unregister(self) -> None:
        if self._registered:
            event, observer = self._registered.pop(self.random.randrange(len(self._registered)))
            self.call("unregister", getattr(self.uploader, event).unregister, observer)

    # Steering one ------------------------------------------------------------------------------

    def _do_cancel(self) -> None:
        known = self._some_file()
        if known is not None:
            known.was_cancelled = known.is_cancelled = True
            self.call(f"file.cancel {known}", known.file.cancel)

    def _do_cancel_upload(self) -> None:
        uploads = [each for each in self.handed_out if isinstance(each.deferred, Upload)]
        if uploads:
            upload: Any = self.random.choice(uploads[-6:]).deferred
            known = self.known[upload.file.file_name]
            known.was_cancelled = True
            self.call(f"upload.cancel {known}", upload.cancel)
            known.is_cancelled |= known.file.state is FileState.CANCELLED

    def _do_cancel_deferred(self) -> None:
        waiting = [
            each
            for each in self.handed_out
            if not each.fired and not isinstance(each.deferred, Upload)
        ]
        if waiting:
            handed = self.random.choice(waiting)
            handed.was_cancelled = True
            if handed.label == "feed":
                self.swept = True
            self.note(f"cancel {handed.label}")
            self.call(f"cancel {handed.label}", handed.deferred.cancel)

    def _do_suspend(self) -> None:
        known = self._some_file()
        if known is not None:
            self.call(f"suspend {known}", known.file.suspend)

    def _do_abort(self) -> None:
        known = self._some_file()
        if known is not None:
            known.is_aborted = True
            self.call(f"abort {known}", known.file.abort)

    def _do_release(self) -> None:
        known = self._some_file()
        if known is not None:
            self.release(known)

    def release(self, known: Known) -> None:
        """Let a file go on."""
        known.is_aborted = False
        self.call(f"file.resume {known}", known.file.resume)

    def _do_bootstrap(self) -> None:
        known = self._some_file()
        if known is not None:
            known.is_cancelled = False
            known.is_bootstrapped = True
            known.is_announced &= self.is_closed  # then it raises, and nothing begins
            known.fraction = 0.0
            self.call(f"bootstrap {known}", known.file.bootstrap)

    def _do_retry(self) -> None:
        known = self._some_file()
        if known is not None:
            known.is_cancelled = known.is_aborted = known.is_bootstrapped = False
            known.is_announced &= self.is_closed  # then it raises, and nothing begins
            known.fraction = 0.0
            self.is_paused = False
            self.call(f"retry {known}", known.file.retry)

    def _do_mark(self) -> None:
        known = self._some_file()
        if known is not None:
            chunks = self.call("chunks", lambda: len(known.file.chunks)) or 0
            number = self.random.randint(0, chunks)
            known.marked.update(range(number))
            mark = known.file.mark_chunks_completed
            self.call(f"mark_chunks_completed {known} {number}", mark, number)

    def _do_digest(self) -> None:
        known = self._some_file()
        if known is None:
            return

        def digested(result: Any) -> None:
            expected = sha256(known.content).hexdigest()
            if isinstance(result, Failure):
                if not (known.is_odd or handed.was_cancelled):
                    self._wrong(f"digest: that of {known} failed: {told(result.value)}")
            elif result != expected:
                self._wrong(f"digest: that of {known}, {known.file.state}, is wrong")

        digesting = self.call(f"content_digest {known}", known.file.content_digest)
        if digesting is not None:
            handed = HandedOut(f"digest {known}", digesting)
            self.handed_out.append(handed)
            handed.watch(digested)

    def _do_when_completed(self) -> None:
        known = self._some_file()
        if known is not None:
            waiting = self.call(f"when_completed {known}", known.file.when_completed)
            self._hand_out(
                f"when_completed {known}", waiting, partial(self._waited, known, waiting)
            )

    def _do_chunk_completed(self) -> None:
        known = self._some_file()
        count = 0 if known is None else self.call("chunks", lambda: len(known.file.chunks)) or 0
        if known is not None and count:
            chunk = known.file.chunks[self.random.randrange(count)]
            waiting = self.call(f"chunk.when_completed {known}", chunk.when_completed)
            self._hand_out(f"chunk {chunk.number} of {known}", waiting)

    # Ends --------------------------------------------------------------------------------------

    def _waited(self, known: Known, waiting: Deferred[Any], result: Any) -> None:
        if not isinstance(result, Failure):
            self.check_complete(known, "when_completed()")
        elif not any(each.deferred is waiting and each.was_cancelled for each in self.handed_out):
            self.check_cause(known, result.value)

    def _ended(self, known: Known, result: Any) -> None:
        if isinstance(result, Failure):
            self.check_cause(known, result.value)
        else:
            self.check_complete(known, "upload")

    def check_complete(self, known: Known, where: str) -> None:
        """Overridden by who knows what has arrived."""

    def check_cause(self, known: Known, error: Any) -> None:
        """Overridden by who knows what went wrong."""


def told(error: BaseException) -> str:
    """An error and where it comes from."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return repr(error)
    code = trace.tb_frame.f_code
    return f"{error!r} at {os.path.basename(code.co_filename)}:{trace.tb_lineno}"


def _shown(result: Any) -> str:
    if isinstance(result, list):
        return f"{len(result)} uploads"
    return repr(result.value) if isinstance(result, Failure) else repr(result)

"""
State first, everybody else afterwards: what the application may do from wherever it is called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase

from txresumable import FileState, HookInterrupted, Resumable, ResumableFile, Upload
from txresumable._engine.ledger import NO_CHUNKS
from txresumable._engine.turn import Turn
from txresumable.file import transfer_of
from txresumable.testing import FakeClient, SentRequest
from txresumable.uploader import engine_of

from .reentrancy.reactor import SplitReactor
from .uploader_rig import TARGET, UploaderTestCase


class Odd(BaseException):
    """What is no Exception."""


class TurnTests(SynchronousTestCase):
    """
    What happens once the state is settled.
    """

    def setUp(self) -> None:
        self.turn = Turn()
        self.heard: list[Any] = []

    def test_order(self) -> None:
        """What is abandoned is cancelled first, then all are notified, then chunks begin."""
        begun = iter(("first chunk", "second chunk"))

        def begin_next() -> bool:
            name = next(begun, None)
            self.heard.append(name)
            if name == "first chunk":
                self.turn.post(self.heard.append, "upload_start")
            return name is not None

        self.turn.begin_next = begin_next
        self.turn.post(self.heard.append, "one")
        self.turn.post(self.heard.append, "two")
        self.turn.abandon(Deferred(lambda _: self.heard.append("cancelled")).addErrback(str))
        self.turn.run()
        self.assertEqual(
            self.heard,
            ["cancelled", "one", "two", "first chunk", "upload_start", "second chunk", None],
        )

    def test_requests_end_first(self) -> None:
        """Of what is abandoned, requests end before code of the application hears of it."""
        for name, request in (("hook", False), ("request", True)):
            waiting: Deferred[None] = Deferred(lambda _, name=name: self.heard.append(name))
            self.turn.abandon(waiting.addErrback(str), request=request)
        self.turn.run()
        self.assertEqual(self.heard, ["request", "hook"])

    def test_nothing_within_a_notification(self) -> None:
        """What follows from a notification waits for its end; what it abandons does not."""

        def step_in() -> None:
            self.turn.post(self.heard.append, "later")
            self.turn.abandon(Deferred(lambda _: self.heard.append("cancelled")).addErrback(str))
            self.turn.run()
            self.heard.append("end")

        self.turn.post(step_in)
        self.turn.run()
        self.assertEqual(self.heard, ["cancelled", "end", "later"])

    def test_what_is_raised(self) -> None:
        """It is logged, whatever it is, and the others are notified."""

        def fail(error: BaseException) -> None:
            raise error

        def cancel(_: Deferred[None]) -> None:
            raise Odd()

        self.turn.abandon(Deferred(cancel))
        for error in (Odd(), ZeroDivisionError()):
            self.turn.post(fail, error)
        self.turn.post(self.heard.append, "notified")
        self.turn.run()
        self.assertEqual(self.heard, ["notified"])
        self.assertEqual(len(self.flushLoggedErrors(Odd)), 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.turn.post(self.heard.append, "again")
        self.turn.run()
        self.assertEqual(self.heard, ["notified", "again"])


class SteppingInTests(UploaderTestCase):
    """
    Public methods that are called by observers, waiters and hooks.
    """

    def once(self, step_in: Callable[..., object], at: int = 1) -> Callable[..., None]:
        """An observer that does something when it is called for the ``at``-th time."""
        calls: list[None] = []

        def observer(*args: Any) -> None:
            calls.append(None)
            if len(calls) == at:
                step_in(*args)

        return observer

    def watch(self, most: list[int], _: object) -> None:
        """An observer that notes how many requests there are."""
        most.append(len(self.client.waiting))

    def later(self, gates: list[Deferred[None]], _: object) -> Deferred[None]:
        """A hook whose results are due when the test says so."""
        gates.append(Deferred())
        return gates[-1]

    def assert_under_way(self, uploader: Resumable, count: int) -> None:
        """Check that so many requests are under way, and that all are counted."""
        self.assertEqual((len(self.client.waiting), uploader.chunks_under_way), (count, count))

    def test_stop_means_stop(self) -> None:
        """pause(), abort() and cancel() as a chunk begins leave no request, and lose no slot."""
        for stop in (
            lambda uploader, file: uploader.pause(),
            lambda uploader, file: file.abort(),
            lambda uploader, file: file.cancel(),
            lambda uploader, file: uploader.remove_file(file),
            lambda uploader, file: uploader.cancel(),
            lambda uploader, file: uploader.close(),
        ):
            uploader = self.uploader(test_chunks=False, simultaneous_uploads=1)
            uploader.file_progress.register(self.once(partial(stop, uploader), at=3))
            upload = uploader.add_file(b"x" * 30, file_name="a")
            self.client.respond(200)
            self.assert_under_way(uploader, 0)
            self.assertFalse(uploader.is_uploading)
            upload.cancel()
            self.assert_cancelled(upload)

    def test_goes_on_once(self) -> None:
        """A chunk that was stopped as it began is sent once more when all goes on, and once."""
        for stop, go_on in (
            (lambda uploader, file: uploader.pause(), lambda uploader, file: uploader.resume()),
            (lambda uploader, file: file.abort(), lambda uploader, file: file.resume()),
        ):
            uploader = self.uploader(test_chunks=False, simultaneous_uploads=2)
            uploader.file_progress.register(self.once(partial(stop, uploader)))
            upload = uploader.add_file(b"x" * 10, file_name="a")
            self.assert_under_way(uploader, 0)
            go_on(uploader, upload.file)
            self.assert_under_way(uploader, 1)
            self.client.respond(200)
            self.successResultOf(upload)

    def test_started_over_as_it_begins(self) -> None:
        """retry() as a chunk begins mixes no files up, nor is anything that files share changed."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=1)
        for at in (3, 4):
            uploader.file_progress.register(self.once(ResumableFile.retry, at=at))
        uploads = [uploader.add_file(n.encode() * 30, file_name=n) for n in "ab"]
        self.answer_all()
        for upload in uploads:
            self.successResultOf(upload)
        for request in self.client.uploads:
            name = request.parameters["resumableFilename"]
            self.assertEqual(request.content, name.encode() * 10)
        self.assertIsNone(NO_CHUNKS.plan)
        self.assertRaises(AttributeError, setattr, NO_CHUNKS, "plan", None)

    def test_stopped_as_it_is_tried_again(self) -> None:
        """What stops a file, or all, as ``retry()`` begins it came later, and so it holds."""
        for stop in (
            lambda uploader, file: uploader.pause(),
            lambda uploader, file: file.abort(),
            lambda uploader, file: file.cancel(),
        ):
            for where, is_paused in (
                ("headers", False),
                ("headers", True),
                ("file_progress", False),
                ("upload_start", True),
            ):
                steps: list[Callable[..., object]] = []

                def step_in(*_: object, steps: Any = steps) -> dict[str, str]:
                    if steps:
                        steps.pop()()
                    return {}

                uploader = self.uploader(test_chunks=False, headers=step_in)
                if where != "headers":
                    getattr(uploader, where).register(step_in)
                if is_paused:
                    uploader.pause()
                upload = uploader.add_file(b"x" * 10, file_name="a")
                upload.file.abort()
                steps.append(partial(stop, uploader, upload.file))
                upload.file.retry()
                self.assertEqual(steps, [])
                self.assert_under_way(uploader, 0)
                uploader.resume()
                upload.cancel()
                self.assert_cancelled(upload)

    def test_started_over_as_it_is_retried(self) -> None:
        """retry() in chunk_retry leaves one attempt at a chunk, after an answer and without one."""
        for fail in (
            lambda: self.client.respond(503),
            lambda: self.client.fail(ConnectionRefusedError()),
        ):
            uploader = self.uploader(test_chunks=False, simultaneous_uploads=4)
            uploader.chunk_retry.register(self.once(lambda file, *_: file.retry()))
            upload = uploader.add_file(b"x" * 10, file_name="a")
            fail()
            self.clock.advance(2)
            self.assert_under_way(uploader, 1)
            self.client.respond(200)
            self.successResultOf(upload)

    def test_policy_steps_in(self) -> None:
        """A retry_policy that stops its file, or starts it over, decides no more about it."""
        for step_in in (ResumableFile.abort, ResumableFile.cancel, ResumableFile.retry):
            for fail in (
                lambda: self.client.respond(503),
                lambda: self.client.fail(ConnectionRefusedError()),
            ):
                added: list[ResumableFile] = []
                policy = self.once(lambda *_, do=step_in, added=added: do(added[0]))
                options = {"retry_policy": lambda *args, policy=policy: policy(*args) or 1}
                uploader = self.uploader(test_chunks=False, **options)
                upload = uploader.add_file(b"x" * 10, file_name="a")
                added.append(upload.file)
                fail()
                self.assert_under_way(uploader, step_in is ResumableFile.retry)
                self.assertEqual(engine_of(uploader).scheduler._timers, {})
                upload.cancel()
                self.assert_cancelled(upload)

    def test_hook_steps_in(self) -> None:
        """A hook that stops its chunk, or starts it over, has nothing sent that is not counted."""
        for step_in, under_way in (
            (lambda file: transfer_of(file)._listener.scheduler.pause(), 0),
            (lambda file: file.cancel(), 0),
            (lambda file: file.abort() or file.resume(), 1),
            (lambda file: file.retry(), 1),
        ):
            for late in (False, True):
                gates: list[Deferred[None]] = []
                hook = self.once(lambda file, _, step_in=step_in: step_in(file))
                options: dict[str, Any] = {"headers": lambda *args, hook=hook: hook(*args) or {}}
                if late:
                    options["preprocess"] = partial(self.later, gates)
                uploader = self.uploader(test_chunks=False, **options)
                upload = uploader.add_file(b"x" * 10, file_name="a")
                while gates:
                    gate = gates.pop()
                    if not gate.called:
                        gate.callback(None)
                self.assert_under_way(uploader, under_way)
                upload.cancel()
                self.assert_cancelled(upload)

    def test_steps_in_as_bytes_leave(self) -> None:
        """
        Who hears of a request's first bytes may start its chunk over, or stop it: the request
        ends, and another one begins when it has, whether a hook was waited for or not.
        """
        for step_in, under_way in (
            (ResumableFile.retry, 1),
            (lambda file: file.abort() or file.resume(), 1),
            (ResumableFile.abort, 0),
            (ResumableFile.cancel, 0),
        ):
            for late in (False, True):
                gates: list[Deferred[None]] = []
                options: dict[str, Any] = {"throttle_progress_callbacks": 0}
                if late:
                    options["preprocess"] = partial(self.later, gates)
                uploader = self.uploader(test_chunks=False, chunk_size=1_000_000, **options)
                most: list[int] = []
                uploader.file_progress.register(self.once(step_in, at=3))
                uploader.file_progress.register(
                    lambda _, m=most: m.append(len(self.client.waiting))
                )
                upload = uploader.add_file(b"x" * 1_000_000, file_name="a")
                sent = len(self.client.sent)
                for gate in gates:  # those that come meanwhile, too
                    if not gate.called:
                        gate.callback(None)
                self.assert_under_way(uploader, under_way)
                self.assertLessEqual(max(most), 1)
                self.assertLessEqual(len(self.client.sent), sent + 2)
                upload.cancel()
                self.assert_cancelled(upload)

    def test_tried_again_when_complete(self) -> None:
        """retry() as a file is complete is a new try; what waited for the first hears of that."""
        uploader = self.uploader(self.receiver, test_chunks=False)
        uploader.pause()
        upload = uploader.add_file(b"x" * 30, file_name="a")
        upload.completed.register(self.once(upload.file.retry))
        joined = uploader.join()
        uploader.resume()
        self.assertIs(self.successResultOf(upload), upload.file)
        self.assertIs(upload.file.state, FileState.COMPLETED)
        self.assertIsNone(self.successResultOf(joined))
        self.assertEqual(len(self.receiver.uploads), 6)

    def test_tried_again_as_all_is_cancelled(self) -> None:
        """Who tries a file again as it hears of its end has it on the list, and can end it."""
        for stop in (
            lambda uploader, file: uploader.cancel(),
            lambda uploader, file: uploader.remove_file(file),
        ):
            uploader = self.uploader(last_chunk_alone=False, test_chunks=False)
            upload = uploader.add_file(b"x" * 30, file_name="a")
            upload.addErrback(lambda _, upload=upload: upload.file.retry())
            stop(uploader, upload.file)
            self.assertEqual(uploader.files, [upload.file])
            self.assert_under_way(uploader, 3)
            uploader.close()
            self.assertIs(upload.file.state, FileState.CANCELLED)
            self.assert_under_way(uploader, 0)

    def test_tried_again_as_another_ends(self) -> None:
        """A file may be tried again before all that concerns its end was seen to."""
        reactor = SplitReactor()
        uploader = Resumable(TARGET, reactor=reactor, client=self.client, test_chunks=False)
        first, second = (uploader.add_file(b"x", file_name=name) for name in "ab")
        first.addErrback(lambda _: second.file.retry())
        second.addErrback(lambda _: None)

        def cancel() -> None:
            first.cancel()
            second.cancel()

        uploader.paused.register(cancel)
        uploader.pause()
        reactor.let_all_arrive()
        self.assertIs(second.file.state, FileState.READY)
        self.client.respond(200)
        self.assertIs(second.file.state, FileState.COMPLETED)
        self.successResultOf(uploader.close())

    def test_room_that_is_made(self) -> None:
        """Who hears that a file was replaced may add another or close, and no limit is passed."""
        uploader = self.uploader(test_chunks=False, max_files=1)
        first = uploader.add_file(b"x", file_name="a")
        first.addErrback(lambda f: uploader.add_file(b"x", file_name="c") and f)
        second = uploader.add_file(b"x", file_name="b")
        self.assert_cancelled(first, second)
        self.assertEqual([file.file_name for file in uploader.files], ["c"])
        uploader.files[0].when_completed().addErrback(lambda _: uploader.close())
        third = uploader.add_file(b"x", file_name="d")
        self.assert_cancelled(third)
        self.assertEqual(uploader.files, [])

    def test_stepped_in_as_it_is_announced(self) -> None:
        """A file that is cancelled as it is laid out is not announced."""
        uploader, heard = self.uploader(test_chunks=False), []
        uploader.catch_all.register(lambda name, *_: heard.append(name))
        uploader.chunking_start.register(ResumableFile.cancel)
        self.assert_cancelled(uploader.add_file(b"x", file_name="a"))
        self.assertEqual(heard, ["chunking_start", "files_added"])


class OddErrorTests(UploaderTestCase):
    """
    Code of the application that raises what is no Exception.
    """

    def raises(self, *_: object) -> Any:
        raise asyncio.CancelledError("of a task")

    def test_observers(self) -> None:
        """It is logged, and nothing else comes of it, whichever event it hears."""
        for name in (
            "file_added",
            "files_added",
            "chunk_completed",
            "file_progress",
            "chunk_retry",
            "file_completed",
            "upload_start",
            "completed",
            "catch_all",
        ):
            uploader = self.uploader(test_chunks=False, simultaneous_uploads=1)
            getattr(uploader, name).register(self.raises)
            uploads = [uploader.add_file(b"x" * 20, file_name=n) for n in "ab"]
            joined = uploader.join()
            self.client.respond(503)
            self.clock.advance(1)
            self.answer_all()
            for upload in uploads:
                self.successResultOf(upload)
            self.assertIsNone(self.successResultOf(joined))
            self.assertNotEqual(self.flushLoggedErrors(asyncio.CancelledError), [])

    def test_hooks(self) -> None:
        """The file that it is asked for fails with an Exception, at once or late, and no other."""
        for name in (
            "preprocess_file",
            "preprocess",
            "headers",
            "query",
            "target",
            "generate_unique_identifier",
        ):
            uploader = self.uploader(test_chunks=False, **{name: self.raises})
            self.assert_interrupted(uploader.add_file(b"x", file_name="a"))
            waiting: Deferred[Any] = Deferred()
            uploader = self.uploader(test_chunks=False, **{name: lambda *_, d=waiting: d})
            upload = uploader.add_file(b"x", file_name="a")
            waiting.errback(asyncio.CancelledError("of a task"))
            self.assert_interrupted(upload)

    def assert_interrupted(self, upload: Upload) -> None:
        """Check that an upload failed, and says what was raised."""
        error = self.failureResultOf(upload, HookInterrupted).value
        self.assertIsInstance(error.__cause__, asyncio.CancelledError)
        self.assertIn("CancelledError: of a task", str(error))

    def test_policy(self) -> None:
        """A retry_policy that raises it fails its file."""
        uploader = self.uploader(test_chunks=False, retry_policy=self.raises)
        upload = uploader.add_file(b"x", file_name="a")
        self.client.respond(503)
        self.failureResultOf(upload, HookInterrupted)

    def test_a_future_that_is_cancelled(self) -> None:
        """An identifier that ends so as its file is cancelled holds up none of the others."""
        waiting: list[Deferred[str]] = []

        def identify(file: ResumableFile) -> Deferred[str]:
            asked: Deferred[str] = Deferred(lambda d: d.errback(asyncio.CancelledError()))
            waiting.append(asked)
            return asked

        uploader = self.uploader(self.receiver, generate_unique_identifier=identify)
        uploads = uploader.add_files([{"source": b"x", "file_name": name} for name in "abc"])
        uploads[0].cancel()
        for number, asked in enumerate(waiting[1:]):
            asked.callback(f"id-{number}")
        self.assert_cancelled(uploads[0])
        for upload in uploads[1:]:
            self.successResultOf(upload)

    def test_iterables(self) -> None:
        """One that raises it fails its feed with an Exception, and ends nothing else."""

        def sources() -> Any:
            yield {"source": b"x", "file_name": "a"}
            raise asyncio.CancelledError()

        uploader = self.uploader(self.receiver)
        self.failureResultOf(uploader.feed(sources()), HookInterrupted)
        self.assertEqual(next(iter(self.receiver.files.values())).file_name, "a")

    def test_cancelled_by_others(self) -> None:
        """A hook that somebody else cancelled fails its file, which nobody cancelled."""
        waiting: list[Deferred[Any]] = []
        uploader = self.uploader(preprocess=lambda _: waiting.append(Deferred()) or waiting[-1])
        upload = uploader.add_file(b"x", file_name="a")
        waiting[0].cancel()
        error = self.failureResultOf(upload, HookInterrupted).value
        self.assertIsInstance(error.__cause__, CancelledError)


class BeginningTests(SynchronousTestCase):
    """
    What is called while a request is being made, and there is nothing to cancel yet.
    """

    def begin(
        self, what: Callable[[Resumable, ResumableFile], object], *others: dict[str, Any]
    ) -> None:
        """Call something as the first bytes of a file that was opened in a thread are sent."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(bytes(300_000))
        self.client, self.reactor = FakeClient(), SplitReactor()
        self.most = 0
        self.client.deliver = self.deliver
        self.uploader = Resumable(
            "http://example.com/",
            client=self.client,
            reactor=self.reactor,
            chunk_size=150_000,
            test_chunks=False,
            simultaneous_uploads=1,
        )
        called: list[ResumableFile] = []

        def progress(file: ResumableFile) -> None:
            if file.fraction_completed and not called:
                called.append(file)
                what(self.uploader, file)

        self.uploader.file_progress.register(progress)
        self.upload = self.uploader.add_files([path, *others])[0]
        self.upload.addErrback(lambda _: None)
        self.reactor.let_all_arrive()

    def deliver(self, request: SentRequest) -> None:
        self.most = max(self.most, len(self.client.waiting))
        request.start()

    def end(self) -> None:
        while self.client.waiting:
            self.client.respond(200)
            self.reactor.let_all_arrive()
        self.successResultOf(self.uploader.close())
        self.assertEqual(self.most, 1)

    def test_retry(self) -> None:
        """A file that is started over has one request at a time."""
        self.begin(lambda uploader, file: file.retry())
        self.assertEqual(len(self.client.waiting), 1)
        self.end()
        self.assertTrue(self.upload.file.is_completed)

    def test_stop(self) -> None:
        """What is stopped has no request under way."""
        for stop in (
            lambda uploader, file: uploader.pause(),
            lambda uploader, file: file.abort(),
            lambda uploader, file: file.cancel(),
        ):
            self.begin(stop)
            self.assertEqual(self.client.waiting, [])
            self.assertEqual(self.uploader.chunks_under_way, 0)
            self.end()

    def test_others_go_on(self) -> None:
        """The slot of a file that is cancelled goes to the next."""
        self.begin(lambda uploader, file: file.cancel(), {"source": b"x", "file_name": "x"})
        self.assertEqual([each.content for each in self.client.waiting], [b"x"])
        self.end()

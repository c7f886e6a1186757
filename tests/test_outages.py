"""
When the network is down.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost, ConnectionRefusedError, DNSLookupError

from txresumable import ResumableFile, RetriesExhausted, Upload
from txresumable._engine.lending import PATIENCE
from txresumable._engine.totals import ProgressTotals
from txresumable.retry import full_jitter
from txresumable.testing import FakeResponse, FaultyNetwork, Forecast, SentRequest, Weather
from txresumable.uploader import engine_of

from .uploader_rig import TARGET, UploaderTestCase


class FixedChance:
    """A source of chance that always takes the longest."""

    def uniform(self, low: float, high: float) -> float:
        return high

    def random(self) -> float:
        return 1.0

    def choice(self, values: tuple[type[Exception], ...]) -> type[Exception]:
        return values[0]


class ServerTestCase(UploaderTestCase):
    """The server comes back."""

    def assert_all_go_on(self, uploads: list[Upload]) -> None:
        """The server is back: three chunks at once are sent, and no retry was counted."""
        self.assertEqual(len(self.client.waiting), 3)
        self.answer_all()
        for upload in uploads:
            file = self.successResultOf(upload)
            self.assertEqual([chunk.retries for chunk in file.chunks], [0, 0, 0])


class OutageTests(ServerTestCase):
    """
    One chunk probes, the others wait for it.
    """

    def test_one_probes(self) -> None:
        """After a refused connection one chunk tries, and the others wait without a slot."""
        uploader = self.uploader(test_chunks=False)
        uploads = [uploader.add_file(b"x" * 30, file_name=name) for name in "ab"]
        for _ in range(3):
            self.client.fail(ConnectionRefusedError())
        self.assertEqual(self.client.waiting, [])
        for _ in range(5):
            self.clock.advance(1)
            self.assertEqual(len(self.client.waiting), 1)
            self.client.fail(DNSLookupError())
        self.assertEqual(engine_of(uploader).scheduler.slots.tokens, 3)
        self.clock.advance(1)
        self.client.respond(200)
        self.assert_all_go_on(uploads)

    def test_one_that_waits_for_a_hook(self) -> None:
        """
        When the chunk that probes waits for a hook, or a disk, that takes long, the next one
        probes; what comes of the first one then changes nothing.
        """
        hooks: list[Deferred[dict[str, str]]] = []
        failed: list[ResumableFile] = []

        def headers(file: ResumableFile, chunk: object) -> object:
            if file.file_name == "other" or file not in failed:
                failed.append(file)
                return {}
            hooks.append(Deferred())
            return hooks[-1]

        options: Any = {"headers": headers, "simultaneous_uploads": 2, "test_chunks": False}
        for is_back in (True, False):
            uploader = self.uploader(**options)
            slow, other = (uploader.add_file(b"x", file_name=name) for name in ("slow", "other"))
            for _ in range(2):
                self.client.fail(ConnectionRefusedError())
            self.clock.advance(1)
            self.assertEqual((self.client.waiting, len(hooks)), ([], 1))
            self.clock.advance(PATIENCE)
            if is_back:
                self.client.respond(200)
                self.successResultOf(other)
            hooks.pop().callback({})
            self.client.fail(ConnectionRefusedError())
            for _ in range(3):
                self.clock.advance(2)
                for hook in hooks:
                    hook.callback({})
                del hooks[:]
                self.answer_all()
            self.successResultOf(slow)
            self.successResultOf(other)

    def test_is_told(self) -> None:
        """That it begins and ends is told once, however many tries there are."""
        uploader, told = self.uploader(test_chunks=False), []
        uploader.catch_all.register(
            lambda name, *_: name in ("offline", "online") and told.append(name)
        )
        upload = uploader.add_file(b"x" * 20, file_name="a")
        self.client.respond(200)
        for _ in range(3):
            self.client.fail(ConnectionRefusedError())
            self.assertEqual(told, ["offline"])
            self.clock.advance(1)
        self.client.respond(503)
        self.assertEqual(told, ["offline", "online"])
        self.clock.advance(1)
        self.client.respond(200)
        self.successResultOf(upload)
        self.assertEqual(told, ["offline", "online"])

    def test_is_told_of_several_servers(self) -> None:
        """Where files have servers of their own, it ends when none is known to be away."""
        uploader, told = self.uploader(target=lambda _: TARGET, test_chunks=False), []
        uploader.offline.register(lambda: told.append("offline"))
        uploader.online.register(lambda: told.append("online"))
        uploads = [uploader.add_file(b"x", file_name=name) for name in "abc"]
        self.client.fail(ConnectionRefusedError())
        self.client.fail(ConnectionRefusedError())
        self.client.respond(200)
        self.assertEqual(told, ["offline"])
        self.clock.advance(1)
        self.client.respond(200)
        self.assertEqual(told, ["offline"])
        self.client.respond(200)
        self.assertEqual(told, ["offline", "online"])
        for upload in uploads:
            self.successResultOf(upload)

    def test_another_probes(self) -> None:
        """When the file that probes is gone, the next that cannot connect probes, and waits."""
        uploader = self.uploader(test_chunks=False)
        first, second = (uploader.add_file(b"x", file_name=name) for name in "ab")
        self.client.fail(ConnectionRefusedError())
        first.cancel()
        self.assert_cancelled(first)
        self.client.fail(ConnectionRefusedError())
        self.assertEqual(self.client.waiting, [])
        self.clock.advance(1)
        self.client.respond(200)
        self.successResultOf(second)

    def test_down_for_an_hour(self) -> None:
        """An hour without a network costs one request at a time, no retries, and no more time."""
        weather = Weather(
            Forecast(latency=0.1, outages=((1.0, 3601.0),), clears=3601.0),
            FixedChance(),  # type: ignore[arg-type]
        )
        network = FaultyNetwork(self.clock, self.receiver, weather)
        policy = full_jitter(uniform=lambda low, high: high)
        # Used up at once, if any were.
        uploader = self.uploader(
            network, retry_policy=policy, max_chunk_retries=1, stall_timeout=5, chunk_size=10
        )
        uploads = [uploader.add_file(bytes([n]) * 200, file_name=str(n)) for n in range(3)]
        back = 3601.0
        at_once = [0]
        while not all(upload.called for upload in uploads):
            if len(network.waiting) > 1 and self.clock.seconds() > back:
                at_once.append(self.clock.seconds())
            elif 10 < self.clock.seconds() < back:
                self.assertLessEqual(len(network.waiting), 1)
            self.clock.advance(0.1)
            self.assertLess(self.clock.seconds(), 2 * back)
        for number, upload in enumerate(uploads):
            self.successResultOf(upload)
            self.assertEqual(self.receiver.stored(str(number)).content, bytes([number]) * 200)
        # Each backoff is a minute by then, and all slots are in use within one.
        self.assertLess(at_once[1], back + 61)
        self.assertLess(len(network.sent), 3600 / 60 + 2 * 60 + 20)

    def test_interval_of_nothing(self) -> None:
        """Without an interval the probe is no busy loop either."""
        self.uploader(chunk_retry_interval=0, test_chunks=False, max_chunk_retries=1000).add_file(
            b"x", file_name="a"
        )
        for _ in range(1000):
            if self.client.waiting:
                self.client.fail(ConnectionRefusedError())
            self.clock.advance(0.1)
        self.assertLess(len(self.client.sent), 110)
        self.clock.advance(1)
        self.client.respond(200)

    def test_servers_of_their_own(self) -> None:
        """Where a function gives URLs, a server that is down is one for its own files only."""

        def target(pairs: list[str]) -> str:
            return f"http://{'down' if 'resumableFilename=a' in pairs else 'up'}.example/"

        uploader = self.uploader(
            target=target, test_chunks=False, simultaneous_uploads=2, max_chunk_retries=3
        )
        first = uploader.add_file(b"x" * 30, file_name="a")
        second = uploader.add_file(b"x" * 10, file_name="b")
        tries = []
        for _ in range(10):
            while any("down" in each.url for each in self.client.waiting):
                tries.append(self.clock.seconds())
                request = next(each for each in self.client.waiting if "down" in each.url)
                request.fail(ConnectionRefusedError())
            self.clock.advance(1)
        self.assertEqual(tries, [0.0, 0.0, 1.0, 2.0, 3.0])
        self.failureResultOf(first, RetriesExhausted)
        self.answer_all()
        self.successResultOf(second)

    def test_server_of_its_own_is_back(self) -> None:
        """A pause changes nothing about that; when the server responds, all chunks go on."""
        uploader = self.uploader(
            last_chunk_alone=False,
            target=lambda pairs: "http://a.example/",
            test_chunks=False,
            simultaneous_uploads=2,
        )
        upload = uploader.add_file(b"x" * 40, file_name="a")
        self.client.fail(ConnectionRefusedError())
        self.client.respond(200)
        self.assertEqual(len(self.client.waiting), 2)
        self.client.fail(ConnectionRefusedError())
        self.client.fail(ConnectionRefusedError())
        self.assertEqual(self.client.waiting, [])
        self.clock.advance(1)
        self.assertEqual(len(self.client.waiting), 1)
        uploader.pause()
        uploader.resume()
        self.assertEqual(len(self.client.waiting), 1)
        self.client.fail(ConnectionRefusedError())
        self.clock.advance(1)
        self.client.fail(ConnectionLost())
        self.assertEqual(len(self.client.waiting), 2)
        self.answer_all()
        self.clock.advance(1)
        self.answer_all()
        self.successResultOf(upload)

    def test_never_reached(self) -> None:
        """A server that was never reached fails all files together when the retries are used up."""
        uploader = self.uploader(max_chunk_retries=2)
        uploads = [uploader.add_file(b"x", file_name=name) for name in "abcde"]
        while self.client.waiting:
            self.client.fail(ConnectionRefusedError())
            self.clock.advance(1)
        for upload in uploads:
            error = self.failureResultOf(upload, RetriesExhausted).value
            self.assertEqual((error.attempts, error.of_server), (3, True))
        self.assertEqual(len(self.client.sent), 3 + 2)

    def test_tries_anew(self) -> None:
        """What is added after all failed together is tried as often."""
        uploader = self.uploader(max_chunk_retries=2, simultaneous_uploads=1)
        for _ in range(2):
            upload = uploader.add_file(b"x", file_name="a")
            for _ in range(3):
                self.assertNoResult(upload)
                self.client.fail(ConnectionRefusedError())
                self.clock.advance(1)
            self.failureResultOf(upload, RetriesExhausted)

    def test_offline_for_too_long(self) -> None:
        """A server that was reached once is waited for until max_offline is over."""
        uploader = self.uploader(max_chunk_retries=0, max_offline=100, test_chunks=False)
        upload = uploader.add_file(b"x" * 100, file_name="a")
        self.client.respond(200)
        while self.client.waiting:
            self.client.fail(ConnectionRefusedError())
            self.clock.advance(1)
            if self.client.waiting:
                self.assertNoResult(upload)
        self.failureResultOf(upload, RetriesExhausted)
        self.assertAlmostEqual(self.clock.seconds(), 101, delta=2)

    def lose_the_network(self, **options: object) -> list[SentRequest]:
        """
        Two files, of which the first one's first chunk probes.
        """
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=2, **options)
        self.uploads = [uploader.add_file(b"x" * 20, file_name=name) for name in "ab"]
        while self.client.waiting:
            self.client.fail(ConnectionRefusedError())
        return self.client.sent

    def test_the_probe_is_cancelled(self) -> None:
        """When the file that probes is cancelled, another one does."""
        self.lose_the_network()
        self.uploads[0].cancel()
        self.assert_cancelled(self.uploads[0])
        self.clock.advance(1)
        [request] = self.client.waiting
        self.assertEqual(request.parameters["resumableFilename"], "b")
        self.answer_all()
        self.successResultOf(self.uploads[1])

    def test_the_probe_is_suspended(self) -> None:
        """When the file that probes is suspended, another one does."""
        for how in ("suspend", "abort"):
            self.lose_the_network()
            getattr(self.uploads[0].file, how)()
            self.clock.advance(1)
            self.clock.advance(1)
            [request] = self.client.waiting
            self.assertEqual(request.parameters["resumableFilename"], "b")
            self.answer_all()
            self.successResultOf(self.uploads[1])
            self.uploads[0].file.resume()
            self.answer_all()
            self.successResultOf(self.uploads[0])

    def test_the_probe_is_paused(self) -> None:
        """pause() stops the probe, resume() goes on with it."""
        self.lose_the_network()
        uploader = self._uploaders[-1][0]
        uploader.pause()
        self.clock.advance(100)
        self.assertEqual(self.client.waiting, [])
        uploader.resume()
        self.assertEqual(len(self.client.waiting), 1)
        self.answer_all()

    def test_the_probe_is_known_to_be_stored(self) -> None:
        """When the chunk that probes is marked as stored, another one probes."""
        self.lose_the_network()
        uploader = self._uploaders[-1][0]
        uploader.pause()
        self.clock.advance(1)
        self.uploads[0].file.mark_chunks_completed(1)
        uploader.resume()
        self.answer_all()
        for upload in self.uploads:
            self.successResultOf(upload)


class RefusalTests(ServerTestCase):
    """
    A server that refuses everybody is asked by one chunk, and the others wait for it.
    """

    def refuse(self, status: int = 429, **fields: str) -> SentRequest:
        """The request that has waited longest is refused, for 60 seconds."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return self.client.respond(status, headers={"Retry-After": "60", **headers})

    def refuse_all(self) -> None:
        while self.client.waiting:
            self.refuse()

    def test_all_wait(self) -> None:
        """No more are refused than were under way; then one asks at a time, and none is counted."""
        for status in (429, 502, 503, 504, 507):
            uploader = self.uploader(test_chunks=False, max_chunk_retries=3)
            before = len(self.client.sent)
            uploads = [uploader.add_file(b"x" * 30, file_name=name) for name in "abc"]
            while self.client.waiting:
                self.refuse(status)
            self.assertEqual(len(self.client.sent) - before, 3)
            self.clock.advance(59)
            self.assertEqual(self.client.waiting, [])
            self.clock.advance(1)
            self.assertEqual(len(self.client.waiting), 1)
            self.refuse(status)
            self.clock.advance(60)
            self.client.respond(200)
            self.assert_all_go_on(uploads)

    def test_what_is_added(self) -> None:
        """A file that is added meanwhile waits as well."""
        uploader = self.uploader(test_chunks=False)
        uploads = [uploader.add_file(b"x", file_name="a")]
        self.refuse()
        uploads.append(uploader.add_file(b"x", file_name="b"))
        self.clock.advance(59)
        self.assertEqual(self.client.waiting, [])
        self.clock.advance(1)
        self.assertEqual(len(self.client.waiting), 1)
        self.answer_all()
        for upload in uploads:
            self.successResultOf(upload)

    def test_late_responses(self) -> None:
        """What was under way and is stored later ends nothing; what is refused then waits."""
        upload = self.uploader(test_chunks=False).add_file(b"x" * 60, file_name="a")
        self.refuse()
        self.client.respond(200)
        self.assertEqual(len(self.client.waiting), 1)
        self.client.respond(503)
        self.clock.advance(59)
        self.assertEqual(self.client.waiting, [])
        self.clock.advance(1)
        self.answer_all()
        self.assertEqual([c.retries for c in self.successResultOf(upload).chunks], [0] * 6)

    def test_progress(self) -> None:
        """What was handed over of a chunk that is refused counts no longer, while it waits."""
        size = 1 << 20
        uploader = self.uploader(test_chunks=False, chunk_size=size, throttle_progress_callbacks=0)
        seen: list[float] = []
        totals = ProgressTotals(uploader)
        totals.changed.register(lambda: seen.append(totals.done / (2 * size)))
        upload = uploader.add_file(bytes(3 * size), file_name="a")
        self.assertGreater(seen[-1], 0.5)
        self.refuse()
        self.assertLess(seen[-1], 0.6)
        self.refuse()
        self.assertEqual(seen[-1], 0)
        self.clock.advance(60)
        self.answer_all()
        self.successResultOf(upload)

    def test_tests(self) -> None:
        """A test that is refused so is no licence to send the chunk."""
        upload = self.uploader().add_file(b"x" * 30, file_name="a")
        self.refuse_all()
        self.assertEqual(self.client.uploads, [])
        self.clock.advance(60)
        [test] = self.client.waiting
        self.assertEqual(test.method, "GET")
        while self.client.waiting:
            self.client.respond(404 if self.client.waiting[0].method == "GET" else 200)
        self.successResultOf(upload)

    def test_without_retry_after(self) -> None:
        """Without it, three chunks in a row that are refused say as much; two do not."""
        upload = self.uploader(last_chunk_alone=False, test_chunks=False).add_file(
            b"x" * 80, file_name="a"
        )
        self.client.respond(503)
        self.client.respond(502)
        self.assertEqual(len(self.client.waiting), 3)
        self.client.respond(200)
        for status in (503, 504):
            self.client.respond(status)
        self.assertEqual(len(self.client.waiting), 3)
        for status in (507, 503, 503):
            self.client.respond(status)
        self.assertEqual(self.client.waiting, [])
        self.clock.advance(1)
        self.assertEqual(len(self.client.waiting), 1)
        self.answer_all()
        self.successResultOf(upload)

    def test_one_chunk_twice(self) -> None:
        """One chunk that is refused again and again without Retry-After is one chunk."""
        uploader = self.uploader(test_chunks=False, max_chunk_retries=4, simultaneous_uploads=2)
        upload = uploader.add_file(b"x" * 20, file_name="a")
        for _ in range(5):
            self.client.waiting[-1 if len(self.client.waiting) == 2 else 0].respond(
                FakeResponse(503, b"", None)
            )
            self.clock.advance(1)
        self.failureResultOf(upload, RetriesExhausted)

    def test_a_chunk_that_is_refused_alone(self) -> None:
        """The next to probe is another chunk: what is refused for its own sake holds up nobody."""
        uploader = self.uploader(test_chunks=False, max_chunk_retries=3, simultaneous_uploads=1)
        sick = uploader.add_file(b"x" * 20, file_name="a")
        fine = uploader.add_file(b"x" * 30, file_name="b")
        for _ in range(20):
            for request in self.client.waiting:
                if request.parameters["resumableFilename"] == "a":
                    self.refuse()
                else:
                    self.client.respond(200)
            self.clock.advance(30)
        self.successResultOf(fine)
        self.assertLess(len(self.client.sent), 15)
        self.assertFalse(self.failureResultOf(sick, RetriesExhausted).value.of_server)

    def test_a_chunk_of_a_single_file(self) -> None:
        """Within a file as well: the others are stored, and the one uses up its retries."""
        uploader = self.uploader(
            in_order=False,
            last_chunk_alone=False,
            test_chunks=False,
            max_chunk_retries=3,
            simultaneous_uploads=1,
        )
        upload = uploader.add_file(b"x" * 50, file_name="a")
        for _ in range(20):
            while self.client.waiting:
                if self.client.waiting[0].parameters["resumableChunkNumber"] == "1":
                    self.refuse()
                else:
                    self.client.respond(200)
            self.clock.advance(30)
        error = self.failureResultOf(upload, RetriesExhausted).value
        self.assertEqual((error.attempts, error.chunk_number), (4, 1))
        self.assertEqual(len(self.client.sent), 1 + 4 + 4)

    def test_marked(self) -> None:
        """The receiver says what it is about: a chunk, or one upload and no other."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=2)
        first = uploader.add_file(b"x" * 30, file_name="a")
        second = uploader.add_file(b"x" * 30, file_name="b")
        self.refuse(503, Resumable_Refused="chunk")
        self.assertEqual(len(self.client.waiting), 2)
        self.refuse(507, Resumable_Refused="upload")
        self.client.respond(200)
        waiting = {each.parameters["resumableFilename"] for each in self.client.waiting}
        self.assertEqual(waiting, {"b"})
        self.answer_all()
        self.successResultOf(second)
        self.clock.advance(60)
        self.answer_all()
        self.successResultOf(first)
        self.assertEqual(len(self.client.sent), 3 + 3 + 2)

    def test_for_too_long(self) -> None:
        """After max_chunk_retries probes all files fail, and say why."""
        uploader = self.uploader(test_chunks=False, max_chunk_retries=3)
        uploads = [uploader.add_file(b"x" * 30, file_name=name) for name in "ab"]
        self.refuse_all()
        for _ in range(3):
            for upload in uploads:
                self.assertNoResult(upload)
            self.clock.advance(60)
            self.refuse_all()
        for upload in uploads:
            error = self.failureResultOf(upload, RetriesExhausted).value
            self.assertEqual((error.attempts, error.last.status), (4, 429))
        self.assertEqual(len(self.client.sent), 3 + 3)

    def test_between_two_outages(self) -> None:
        """A server that is back and still refuses is online, and its refusals count anew."""
        uploader, told = self.uploader(test_chunks=False, max_chunk_retries=2), []
        uploader.offline.register(lambda: told.append("offline"))
        uploader.online.register(lambda: told.append("online"))
        upload = uploader.add_file(b"x" * 20, file_name="a")
        self.client.respond(200)
        for _ in range(5):
            self.client.fail(ConnectionRefusedError())
            self.clock.advance(1)
        self.refuse()
        self.assertEqual(told, ["offline", "online"])
        self.clock.advance(60)
        self.refuse()
        self.clock.advance(60)
        self.client.respond(200)
        self.successResultOf(upload)

    def test_cancelled(self) -> None:
        """What was refused and is cancelled is forgotten, and others go on."""
        uploader = self.uploader(
            in_order=False, last_chunk_alone=False, test_chunks=False, simultaneous_uploads=1
        )
        first, second = (uploader.add_file(b"x" * 20, file_name=name) for name in "ab")
        self.client.respond(503)
        self.refuse()
        first.cancel()
        self.assert_cancelled(first)
        self.answer_all()
        self.successResultOf(second)

    def test_servers_of_their_own(self) -> None:
        """Where a function gives URLs, only the files of that server wait."""
        uploader = self.uploader(
            last_chunk_alone=False,
            target=lambda pairs: TARGET,
            test_chunks=False,
            simultaneous_uploads=2,
        )
        first, second = (uploader.add_file(b"x" * 20, file_name=name) for name in "ab")
        self.refuse()
        self.client.respond(200)
        waiting = [each.parameters["resumableFilename"] for each in self.client.waiting]
        self.assertEqual(waiting, ["b", "b"])
        self.answer_all()
        self.successResultOf(second)
        self.clock.advance(60)
        self.answer_all()
        self.successResultOf(first)

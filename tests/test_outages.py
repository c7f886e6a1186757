"""
When the network is down.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionLost, ConnectionRefusedError, DNSLookupError

from txresumable import RetriesExhausted
from txresumable.retry import full_jitter
from txresumable.testing import FaultyNetwork, Forecast, SentRequest, Weather
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


class OutageTests(UploaderTestCase):
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
        self.client.answer(200)
        self.assertEqual(len(self.client.waiting), 3)
        self.answer_all()
        for upload in uploads:
            file = self.successResultOf(upload)
            self.assertEqual([chunk.retries for chunk in file.chunks], [0, 0, 0])

    def test_is_told(self) -> None:
        """That it begins and ends is told once, however many tries there are."""
        uploader, told = self.uploader(test_chunks=False), []
        uploader.catch_all.register(
            lambda name, *_: name in ("offline", "online") and told.append(name)
        )
        upload = uploader.add_file(b"x" * 20, file_name="a")
        self.client.answer(200)
        for _ in range(3):
            self.client.fail(ConnectionRefusedError())
            self.assertEqual(told, ["offline"])
            self.clock.advance(1)
        self.client.answer(503)
        self.assertEqual(told, ["offline", "online"])
        self.clock.advance(1)
        self.client.answer(200)
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
        self.client.answer(200)
        self.assertEqual(told, ["offline"])
        self.clock.advance(1)
        self.client.answer(200)
        self.assertEqual(told, ["offline"])
        self.client.answer(200)
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
        self.client.answer(200)
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
        self.client.answer(200)

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
            target=lambda pairs: "http://a.example/", test_chunks=False, simultaneous_uploads=2
        )
        upload = uploader.add_file(b"x" * 40, file_name="a")
        self.client.fail(ConnectionRefusedError())
        self.client.answer(200)
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
            self.assertEqual(error.attempts, 3)
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
        self.client.answer(200)
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

"""
Chunks in order, and the last one alone: with receivers that store wrong bytes otherwise.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError

from txresumable import InvalidOption, Resumable, ResumableChunk
from txresumable._policy.order import ChunkOrder
from txresumable.options import Options
from txresumable.testing import FakeClient, FakeResponse, SentRequest

from .uploader_rig import TARGET, UploaderTestCase


class AppendReceiver(FakeClient):
    """
    Appends what it gets to the file, whatever its number, as simple receivers do; the first chunk
    begins the file anew.  Its responses are success throughout.

    :ivar files: what it has, by name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self._stored: set[tuple[str, int]] = set()

    def store(self, request: SentRequest) -> int:
        """
        Take a request.

        :returns: the status of the response.
        """
        parameters = request.parameters
        name, number = parameters["resumableFilename"], int(parameters["resumableChunkNumber"])
        if not request.is_upload:
            return 200 if (name, number) in self._stored else 404
        if number == 1:
            self.files[name] = b""
        self.files[name] = self.files.get(name, b"") + request.content
        self._stored.add((name, number))
        return 200

    def serve(self, status: int | None = None, which: int = 0) -> str:
        """
        Respond to one of the requests that wait.

        :param status: instead of storing its chunk.
        :param which: which one, counted from the oldest.
        :returns: the file and the number of the chunk, as ``a.3``.
        """
        request = self.waiting[which]
        parameters = request.parameters
        request.respond(FakeResponse(status or self.store(request), b"", {}))
        return f"{parameters['resumableFilename']}.{parameters['resumableChunkNumber']}"

    @property
    def begun(self) -> list[str]:
        """The uploads so far, as ``a.3``."""
        return [_shown(request) for request in self.uploads]


def _shown(request: SentRequest) -> str:
    parameters = request.parameters
    return f"{parameters['resumableFilename']}.{parameters['resumableChunkNumber']}"


class AssemblingReceiver(AppendReceiver):
    """
    Keeps chunks, and makes a file of those that it has when the last number arrives.
    """

    def __init__(self) -> None:
        super().__init__()
        self._chunks: dict[str, dict[int, bytes]] = {}

    def store(self, request: SentRequest) -> int:
        """See :class:`AppendReceiver`."""
        parameters = request.parameters
        name, number = parameters["resumableFilename"], int(parameters["resumableChunkNumber"])
        if not request.is_upload:
            return 200 if number in self._chunks.get(name, ()) else 404
        chunks = self._chunks.setdefault(name, {})
        chunks[number] = request.content
        if number == int(parameters["resumableTotalChunks"]):
            self.files[name] = b"".join(content for _, content in sorted(chunks.items()))
        return 200


CONTENTS = {name: bytes(range(base, base + 80)) for name, base in (("a", 0), ("b", 80), ("c", 160))}
"""Three files of eight chunks of ten bytes."""


class OrderTestCase(UploaderTestCase):
    """
    Uploads three files to a receiver that is not as strict as ours.
    """

    client: AppendReceiver

    def setUp(self) -> None:
        super().setUp()
        self.client = AppendReceiver()

    def add(self, uploader: Resumable, names: str = "abc") -> list[Any]:
        return [uploader.add_file(CONTENTS[name], file_name=name) for name in names]

    def shuffle(self, seed: int, trouble: float = 0.4) -> None:
        """Respond to all requests, in any order, with some failures at first."""
        random = Random(seed)
        for _ in range(10000):
            if not self.client.waiting:
                if not self.clock.getDelayedCalls():
                    return
                self.clock.advance(1)
                continue
            which = random.randrange(len(self.client.waiting))
            if random.random() >= trouble:
                self.client.serve(None, which)
            elif random.random() < 0.5:
                self.client.serve(503, which)
            else:
                self.client.waiting[which].fail(ConnectionRefusedError())
        self.fail("it never ended")

    def assert_right(self, uploads: list[Any], names: str = "abc") -> None:
        """All have arrived as they are."""
        for upload in uploads:
            self.successResultOf(upload)
        self.assertEqual(self.client.files, {name: CONTENTS[name] for name in names})


class InOrderTests(OrderTestCase):
    """
    ``in_order``, which is what ``simultaneous_uploads=1`` means.
    """

    def one_503(self, **options: Any) -> list[Any]:
        """Upload one file, and let its third chunk be refused once."""
        uploader = self.uploader(simultaneous_uploads=1, test_chunks=False, **options)
        uploads = self.add(uploader, "a")
        for status in (None, None, 503):
            self.client.serve(status)
        while self.client.waiting:
            self.client.serve()
        self.clock.advance(1)
        while self.client.waiting:
            self.client.serve()
        return uploads

    def test_a_retry_comes_before_what_follows(self) -> None:
        """A receiver that appends has the right bytes though one chunk was refused at first."""
        self.assert_right(self.one_503(), "a")
        self.assertEqual(
            self.client.begun, [f"a.{number}" for number in (1, 2, 3, 3, 4, 5, 6, 7, 8)]
        )

    def test_switched_off(self) -> None:
        """Without it the other chunks go on, and such a receiver has wrong bytes."""
        (upload,) = self.one_503(in_order=False)
        self.successResultOf(upload)
        content = CONTENTS["a"]
        self.assertEqual(
            self.client.files["a"], content[:20] + content[30:70] + content[20:30] + content[70:]
        )

    def test_several_files_at_once(self) -> None:
        """Each file is in order, whatever fails and however responses overtake each other."""
        for seed in range(6):
            for tests in (True, False, "adaptive"):
                self.client = AppendReceiver()
                uploader = self.uploader(
                    client=self.client, simultaneous_uploads=3, in_order=True, test_chunks=tests
                )
                uploads = self.add(uploader)
                self.assertEqual(
                    [_name(request) for request in self.client.waiting], ["a", "b", "c"]
                )
                self.shuffle(seed)
                self.assert_right(uploads)

    def test_one_that_waits_holds_no_slot(self) -> None:
        """While a chunk waits for its retry, the other files go on through the one slot."""
        uploader = self.uploader(simultaneous_uploads=1, test_chunks=False)
        uploads = self.add(uploader, "ab")
        self.client.serve(503)
        self.assertEqual([self.client.serve() for _ in range(3)], ["b.1", "b.2", "b.3"])
        self.clock.advance(1)
        self.assertEqual([self.client.serve() for _ in range(3)], ["b.4", "a.1", "a.2"])
        while self.client.waiting:
            self.client.serve()
        self.assert_right(uploads, "ab")

    def test_over_a_restart(self) -> None:
        """An uploader that begins again asks until the first gap, and goes on from there."""
        killed = AppendReceiver()
        first = self.uploader(client=killed, simultaneous_uploads=3, in_order=True)
        (abandoned,) = self.add(first, "a")
        for _ in range(7):  # three chunks, and the test of the fourth
            killed.serve()
        abandoned.cancel()
        self.assert_cancelled(abandoned)
        self.client.files, self.client._stored = killed.files, killed._stored
        second = self.uploader(client=self.client, simultaneous_uploads=3, in_order=True)
        uploads = self.add(second, "a")
        for _ in range(4):  # tests, of which the last one finds nothing
            self.client.serve()
        while self.client.waiting:
            upload = self.client.waiting[0].is_upload
            self.client.serve(503 if upload and len(self.client.uploads) % 2 else None)
            self.clock.advance(1)
        self.assert_right(uploads, "a")
        numbers = [int(_shown(request)[2:]) for request in self.client.uploads]
        self.assertEqual(numbers, sorted(numbers))
        self.assertEqual(numbers[0], 4)

    def test_paused_and_held(self) -> None:
        """What was stopped half-way goes first when all go on."""
        uploader = self.uploader(simultaneous_uploads=2, in_order=True, test_chunks=False)
        uploads = self.add(uploader, "ab")
        for _ in range(4):
            self.client.serve()
        uploader.pause()
        self.assertEqual(self.client.waiting, [])
        uploader.resume()
        self.client.serve(503)
        uploads[0].file.abort()
        self.client.serve()
        uploads[0].file.resume()
        self.clock.advance(1)
        while self.client.waiting:
            self.client.serve()
        self.assert_right(uploads, "ab")

    def test_marked_stored(self) -> None:
        """Chunks that are counted as stored without asking are not waited for."""
        uploader = self.uploader(simultaneous_uploads=1, test_chunks=False)
        (upload,) = self.add(uploader, "a")
        upload.file.suspend()
        self.client.serve()
        upload.file.mark_chunks_completed(7)
        upload.file.resume()
        self.assertEqual([self.client.serve()], ["a.8"])
        self.successResultOf(upload)

    def test_a_hook_that_waits_for_a_neighbour(self) -> None:
        """A later chunk is not even preprocessed before the one before it is stored."""
        begun: list[tuple[str, int]] = []
        waiting: list[Deferred[None]] = []

        def preprocess(chunk: ResumableChunk) -> Deferred[None]:
            begun.append((chunk.file.file_name, chunk.number))
            waiting.append(Deferred())
            return waiting[-1]

        uploader = self.uploader(
            simultaneous_uploads=3, in_order=True, test_chunks=False, preprocess=preprocess
        )
        uploads = self.add(uploader, "ab")
        self.clock.advance(10)
        self.assertEqual(begun, [("a", 1), ("b", 1)])
        while waiting or self.client.waiting:
            for each in waiting[:]:
                waiting.remove(each)
                each.callback(None)
            while self.client.waiting:
                self.client.serve()
        self.assert_right(uploads, "ab")


class LastChunkAloneTests(OrderTestCase):
    """
    ``last_chunk_alone``, which is the default.
    """

    def setUp(self) -> None:
        super().setUp()
        self.client = AssemblingReceiver()

    def test_whatever_happens(self) -> None:
        """A receiver that makes the file when the last chunk arrives has all others."""
        for seed in range(6):
            for tests in (True, False, "adaptive"):
                self.client = AssemblingReceiver()
                uploader = self.uploader(client=self.client, test_chunks=tests)
                uploads = self.add(uploader)
                self.shuffle(seed)
                self.assert_right(uploads)

    def test_switched_off(self) -> None:
        """Without it the last chunk may be overtaken, and such a receiver has too few bytes."""
        uploader = self.uploader(test_chunks=False, last_chunk_alone=False)
        uploads = self.add(uploader, "a")
        for _ in range(5):
            self.client.serve()
        for which in (2, 1, 0):
            self.client.serve(None, which)
        self.successResultOf(uploads[0])
        self.assertEqual(self.client.files, {"a": CONTENTS["a"][:50] + CONTENTS["a"][70:]})

    def test_others_go_on(self) -> None:
        """While a last chunk waits, its slot is another file's, and then it goes first."""
        uploader = self.uploader(test_chunks=False)
        uploads = self.add(uploader, "ab")
        for _ in range(5):
            self.client.serve()
        self.assertEqual(_waiting(self.client), ["a.6", "a.7", "b.1"])
        self.client.serve()
        self.assertEqual(_waiting(self.client), ["a.7", "b.1", "b.2"])
        self.client.serve(503)
        self.assertEqual(_waiting(self.client), ["b.1", "b.2", "b.3"])
        self.clock.advance(1)
        self.client.serve()
        self.client.serve(None, _waiting(self.client).index("a.7"))
        self.assertIn("a.8", _waiting(self.client))
        while self.client.waiting:
            self.client.serve()
        self.assert_right(uploads, "ab")

    def test_a_file_of_two_chunks(self) -> None:
        """The second one waits, and a file of one chunk waits for nothing."""
        uploader = self.uploader(test_chunks=False)
        uploads = [uploader.add_file(b"x" * size, file_name=str(size)) for size in (20, 10)]
        self.assertEqual(_waiting(self.client), ["20.1", "10.1"])
        self.client.serve()
        self.assertEqual(_waiting(self.client), ["10.1", "20.2"])
        while self.client.waiting:
            self.client.serve()
        for upload in uploads:
            self.successResultOf(upload)

    def test_all_others_are_found(self) -> None:
        """It goes when a receiver's list has all others, at once."""
        uploader = self.uploader(test_chunks="adaptive")
        (upload,) = self.add(uploader, "a")
        self.client.respond(200, headers={"Resumable-Stored": "1-7"})
        for _ in range(2):
            self.client.respond(200)
        self.assertEqual(_waiting(self.client), ["a.8"])
        self.client.serve()
        self.successResultOf(upload)

    def test_marked_stored(self) -> None:
        """It goes when all others are counted as stored, though nothing is under way."""
        uploader = self.uploader(test_chunks=False, simultaneous_uploads=7)
        (upload,) = self.add(uploader, "a")
        for _ in range(6):
            self.client.serve()
        self.client.serve(503)
        self.assertEqual(_waiting(self.client), [])
        upload.file.abort()
        upload.file.mark_chunks_completed(7)
        upload.file.resume()
        self.assertEqual(_waiting(self.client), ["a.8"])
        self.client.serve()
        self.successResultOf(upload)

    def test_a_chunk_that_fails_for_good(self) -> None:
        """Then the last one is never sent."""
        uploader = self.uploader(test_chunks=False, max_chunk_retries=0)
        (upload,) = self.add(uploader, "a")
        for _ in range(6):
            self.client.serve()
        self.client.serve(503)
        self.failureResultOf(upload)
        self.assertNotIn("a.8", self.client.begun)


class OptionTests(OrderTestCase):
    """
    What goes with what.
    """

    def test_defaults(self) -> None:
        """One at a time is in order; else the last is alone; both can be switched off."""
        for options, order in (
            ({}, ChunkOrder.LAST_ALONE),
            ({"simultaneous_uploads": "auto"}, ChunkOrder.LAST_ALONE),
            ({"simultaneous_uploads": 1}, ChunkOrder.IN_ORDER),
            ({"simultaneous_uploads": 1, "last_chunk_alone": False}, ChunkOrder.IN_ORDER),
            ({"simultaneous_uploads": 1, "in_order": False}, ChunkOrder.LAST_ALONE),
            ({"in_order": True}, ChunkOrder.IN_ORDER),
            ({"in_order": True, "last_chunk_alone": True}, ChunkOrder.IN_ORDER),
            ({"last_chunk_alone": False}, ChunkOrder.LOWEST_FIRST),
            ({"prioritize_first_and_last_chunk": True}, ChunkOrder.ENDS_FIRST),
            (
                {"prioritize_first_and_last_chunk": True, "simultaneous_uploads": 1},
                ChunkOrder.ENDS_FIRST,
            ),
        ):
            chosen: dict[str, Any] = dict(options)
            self.assertIs(Options(target=TARGET, **chosen).order, order, options)

    def test_contradictions(self) -> None:
        """What cannot be together is refused, and named."""
        ends = {"prioritize_first_and_last_chunk": True}
        for options, name in (
            ({"in_order": True, **ends}, "in_order"),
            ({"last_chunk_alone": True, **ends}, "last_chunk_alone"),
            ({"in_order": True, "last_chunk_alone": False}, "last_chunk_alone"),
            ({"in_order": 1}, "in_order"),
            ({"last_chunk_alone": "yes"}, "last_chunk_alone"),
        ):
            chosen: dict[str, Any] = dict(options)
            error = self.assertRaises(InvalidOption, Options, target=TARGET, **chosen)
            self.assertEqual(error.option, name)


def _name(request: SentRequest) -> str:
    return request.parameters["resumableFilename"]


def _waiting(client: FakeClient) -> list[str]:
    return [_shown(request) for request in client.waiting]

"""
Small files do not wait for large ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from unittest.mock import Mock

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.queue import ChunkQueue
from txresumable._engine.smallest import SmallestFirst, queue_for
from txresumable._engine.transfer import Transfer
from txresumable._policy.order import ChunkOrder
from txresumable._policy.slots import Slots
from txresumable.options import Options
from txresumable.states import FileState

from .test_queue import Listener
from .uploader_rig import UploaderTestCase


class SmallestFirstTests(SynchronousTestCase):
    """
    The smallest file first, and of others so many chunks that some slots are left.
    """

    def setUp(self) -> None:
        self.slots, self.jobs = Slots(8), {}
        self.order = 0

    def queue(self, order: ChunkOrder = ChunkOrder.LOWEST_FIRST) -> SmallestFirst:
        return SmallestFirst(order, self.slots, self.jobs)

    def file(self, name: str, size: int, chunks: int) -> Transfer:
        self.order += 1
        file = Transfer(Listener(), Any, name, name, "", size // chunks, self.order)
        file.lay_out(size)
        file.state = FileState.READY
        return file

    def taken(self, queue: ChunkQueue, count: int = 99, **attempt: Any) -> list[str]:
        """What is next, and begins with a slot of uploads, if an attempt is not said to differ."""
        taken = []
        while len(taken) < count and (place := queue.next()) is not None:
            file, offset = place
            file.ledger.begin(offset)
            begun = Mock(**{"slots": self.slots, "has_lent": False, **attempt})
            self.jobs.setdefault(file, {})[offset] = begun
            taken.append(f"{file.file_name}.{offset}")
        return taken

    def added(self, queue: ChunkQueue, files: Iterable[Transfer]) -> None:
        for file in files:
            queue.add(file)

    def test_by_size(self) -> None:
        """The smallest is next; of several of a size, the one that was added first."""
        queue = self.queue()
        files = [self.file("a", 30, 3), self.file("b", 5, 1), self.file("c", 20, 2)]
        files += [self.file("d", 4, 1), self.file("e", 5, 1)]
        self.added(queue, [*reversed(files), files[0]])
        self.assertEqual(queue.following(1), [files[3]])
        following = queue.following(9)
        self.assertEqual((set(following), len(following)), (set(files), 5))
        order = ["d.0", "b.0", "e.0", "c.0", "c.1", "a.0", "a.1", "a.2"]
        self.assertEqual(self.taken(queue), order)
        self.assertFalse(any(file.is_queued for file in files))

    def test_one_that_comes_later(self) -> None:
        """It goes before the rest of a larger one, and what is to be tried again has its place."""
        queue, large = self.queue(), self.file("large", 50, 5)
        queue.add(large)
        self.assertEqual(self.taken(queue, 2), ["large.0", "large.1"])
        small = self.file("small", 1, 1)
        queue.add(small)
        self.assertEqual(self.taken(queue, 2), ["small.0", "large.2"])
        for file in (large, small):
            file.ledger.put_back(0)
            queue.add(file)
        self.assertEqual(self.taken(queue), ["small.0", "large.0", "large.3", "large.4"])

    def test_slots_are_left(self) -> None:
        """Files of several chunks take six of eight slots; those of one chunk take all."""
        queue, large = self.queue(), [self.file("a", 90, 9), self.file("b", 99, 9)]
        self.added(queue, large)
        self.assertEqual(len(self.taken(queue)), 6)
        self.added(queue, [self.file(f"{number}", 1, 1) for number in range(3)])
        self.assertEqual(self.taken(queue), ["0.0", "1.0", "2.0"])
        del self.jobs[large[0]][3]
        self.assertEqual(self.taken(queue), ["a.6"])
        self.slots.resize(12)
        self.assertEqual(self.taken(queue), ["a.7", "a.8", "b.0"])

    def test_many_slots(self) -> None:
        """However many there are, files of several chunks take sixteen."""
        for number, most in ((20, 15), (21, 16), (22, 16), (64, 16)):
            self.slots, self.jobs = Slots(number), {}
            queue = self.queue()
            queue.add(self.file("a", 900, 90))
            self.assertEqual(len(self.taken(queue)), most)

    def test_few_slots(self) -> None:
        """Of three or less none is left."""
        for number in (1, 2, 3):
            self.slots, self.jobs = Slots(number), {}
            queue = self.queue()
            queue.add(self.file("a", 90, 9))
            self.assertEqual(len(self.taken(queue)), number)

    def test_two_chunks(self) -> None:
        """A file of two chunks is one of several."""
        self.slots = Slots(4)
        queue = self.queue()
        self.added(queue, [self.file("a", 20, 2), self.file("b", 20, 2)])
        self.assertEqual(self.taken(queue), ["a.0", "a.1", "b.0"])

    def test_what_has_no_slot(self) -> None:
        """Chunks that are tested ahead, or have lent their slots, leave room for others."""
        for attempt in ({"slots": Slots(3)}, {"has_lent": True}):
            self.jobs = {}
            queue = self.queue()
            queue.add(self.file("a", 90, 9))
            self.assertEqual(len(self.taken(queue, **attempt)), 9)

    def test_held(self) -> None:
        """One that is suspended is passed over, and comes back."""
        queue, held, other = self.queue(), self.file("held", 1, 1), self.file("other", 2, 1)
        self.added(queue, (held, other))
        held.suspend()
        self.assertEqual(queue.next(), (other, 0))
        held.resume()
        queue.add(held)
        self.assertEqual(queue.next_of_others({held}), (other, 0))
        self.assertEqual(self.taken(queue), ["held.0", "other.0"])

    def test_ends_first(self) -> None:
        """The ends of all files go before, those of the smallest first."""
        queue = self.queue(ChunkOrder.ENDS_FIRST)
        self.added(queue, (self.file("a", 30, 3), self.file("b", 1, 1), self.file("c", 20, 3)))
        self.assertEqual(self.taken(queue), ["b.0", "c.0", "c.2", "a.0", "a.2", "c.1", "a.1"])

    def test_ends_that_wait(self) -> None:
        """The ends of large files, which have enough slots, keep no small one from the others."""
        queue = self.queue(ChunkOrder.ENDS_FIRST)
        self.added(queue, [self.file(f"{number}", 30, 3) for number in range(4)])
        self.assertEqual(len(self.taken(queue)), 6)
        self.added(queue, [self.file("a", 1, 1), self.file("b", 2, 1)])
        self.assertEqual(self.taken(queue), ["a.0", "b.0"])

    def test_the_option(self) -> None:
        """Files go in the order in which they were added, if nothing else is asked for."""
        for small_files_first, kind in ((False, ChunkQueue), (True, SmallestFirst)):
            options = Options(target="http://h", small_files_first=small_files_first)
            self.assertIs(type(queue_for(options, self.slots, {})), kind)


class UploadTests(UploaderTestCase):
    """
    An uploader with small and large files.
    """

    def sent(self) -> list[str]:
        return [
            f"{request.parameters['resumableFilename']}{request.parameters['resumableChunkNumber']}"
            for request in self.client.sent
        ]

    def test_small_ones_overtake(self) -> None:
        """Slots that a large file leaves are there for what comes, and all is sent in the end."""
        uploader = self.uploader(small_files_first=True, simultaneous_uploads=4, test_chunks=False)
        large = uploader.add_file(b"x" * 80, file_name="large")
        self.assertEqual(self.sent(), ["large1", "large2", "large3"])
        small = [uploader.add_file(b"x", file_name=f"small{number}.") for number in (1, 2)]
        self.assertEqual(self.sent()[3:], ["small1.1"])
        self.client.respond(200)
        self.assertEqual(self.sent()[4:], ["small2.1"])
        while self.client.waiting:
            self.client.respond(200)
        for upload in (large, *small):
            self.successResultOf(upload)
        self.assertEqual(len(self.sent()), 10)

    def test_a_hook_that_never_ends(self) -> None:
        """Chunks that wait for it lend their slots, and other large files go on."""
        waiting: Deferred[None] = Deferred()

        def preprocess(chunk: Any) -> Any:
            return waiting if chunk.file.file_name == "held" else None

        uploader = self.uploader(
            small_files_first=True,
            simultaneous_uploads=4,
            test_chunks=False,
            preprocess=preprocess,
        )
        held = uploader.add_file(b"x" * 80, file_name="held")
        other = uploader.add_file(b"x" * 90, file_name="other")
        self.assertEqual(self.sent(), [])
        self.clock.advance(1)
        self.answer_all()
        self.successResultOf(other)
        self.assertNoResult(held)
        waiting.callback(None)
        self.answer_all()
        self.successResultOf(held)

    def test_paused(self) -> None:
        """What is paused and resumed, or cancelled, takes no room from others."""
        uploader = self.uploader(small_files_first=True, simultaneous_uploads=4, test_chunks=False)
        first = uploader.add_file(b"x" * 80, file_name="first")
        second = uploader.add_file(b"x" * 90, file_name="second")
        uploader.pause()
        uploader.upload()
        self.assertEqual(self.sent()[3:], ["first1", "first2", "first3"])
        first.cancel()
        self.assertEqual(self.sent()[6:], ["second1", "second2", "second3"])
        self.answer_all()
        self.successResultOf(second)
        self.failureResultOf(first)

"""
Which chunk is next.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.queue import SMALL, ChunkQueue
from txresumable._engine.transfer import Transfer
from txresumable._policy.order import ChunkOrder
from txresumable.states import FileState


class Listener:
    """Takes part in nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args: None


class ChunkQueueTests(SynchronousTestCase):
    """
    Lowest number first, file after file.
    """

    def file(self, order: int, chunks: int) -> Transfer:
        file = Transfer(Listener(), Any, f"{order}", f"{order}", "", 1, order)
        file.lay_out(chunks)
        file.state = FileState.READY
        return file

    def drain(self, queue: ChunkQueue) -> list[str]:
        taken = []
        while (place := queue.next()) is not None:
            file, offset = place
            file.ledger.begin(offset)
            taken.append(f"{file.file_name}.{offset}")
        return taken

    def test_order(self) -> None:
        """Files in the order in which they were added, whenever they come in."""
        queue = ChunkQueue()
        second, first = self.file(2, 2), self.file(1, 3)
        for file in (second, first, first):
            queue.add(file)
        self.assertEqual(self.drain(queue), ["1.0", "1.1", "1.2", "2.0", "2.1"])
        self.assertIsNone(queue.next())

    def test_several_late(self) -> None:
        """Files that come in late stand where they belong, however many were before them."""
        queue, files = ChunkQueue(), {order: self.file(order, 1) for order in (1, 5, 9, 3, 7)}
        for file in files.values():
            queue.add(file)
        following = queue.following(3)
        self.assertEqual(len(following), 3)
        self.assertLessEqual({files[1], files[3]}, set(following))
        self.assertEqual(self.drain(queue), ["1.0", "3.0", "5.0", "7.0", "9.0"])

    def test_begun(self) -> None:
        """A file whose only chunk has begun leaves the queue, if it is next, and may come back."""
        queue, first, second = ChunkQueue(), self.file(1, 1), self.file(2, 1)
        queue.add(first)
        queue.add(second)
        queue.begun(second)
        self.assertEqual(queue.following(2), [first, second])
        self.assertEqual(queue.next(), (first, 0))
        first.ledger.begin(0)
        queue.begun(first)
        self.assertEqual((queue.following(2), first.is_queued), ([second], False))
        first.ledger.put_back(0)
        queue.add(first)
        self.assertEqual(self.drain(queue), ["1.0", "2.0"])

    def test_are_small(self) -> None:
        """So many files that come next are small, those that were put back included."""
        queue, files = ChunkQueue(), [self.file(order, SMALL) for order in (1, 2, 3)]
        for file in reversed(files):
            queue.add(file)
        self.assertEqual([queue.are_small(count) for count in (1, 3, 4)], [True, True, False])
        queue.add(self.file(4, SMALL + 1))
        self.assertEqual([queue.are_small(count) for count in (3, 4)], [True, False])

    def test_put_back(self) -> None:
        """A chunk that is to be tried again goes before those that come after it."""
        queue, file = ChunkQueue(), self.file(1, 4)
        queue.add(file)
        for offset in (0, 1):
            self.assertEqual(queue.next(), (file, offset))
            file.ledger.begin(offset)
        file.ledger.put_back(0)
        queue.add(file)
        self.assertEqual(self.drain(queue), ["1.0", "1.2", "1.3"])
        file.ledger.put_back(3)
        queue.add(file)
        self.assertEqual(self.drain(queue), ["1.3"])

    def test_ends_first(self) -> None:
        """The first and the last chunk of each file go first, if wanted."""
        queue = ChunkQueue(ChunkOrder.ENDS_FIRST)
        for file in (self.file(1, 3), self.file(2, 1), self.file(3, 4)):
            queue.add(file)
        self.assertEqual(
            self.drain(queue), ["1.0", "1.2", "2.0", "3.0", "3.3", "1.1", "3.1", "3.2"]
        )

    def test_ends_first_of_what_was_held(self) -> None:
        """Also of a file that was suspended as their turn came, and of one that is sent again."""
        queue = ChunkQueue(ChunkOrder.ENDS_FIRST)
        held, other = self.file(1, 4), self.file(2, 4)
        for file in (held, other):
            queue.add(file)
        held.suspend()
        self.assertEqual(queue.next(), (other, 0))
        other.ledger.begin(0)
        held.resume()
        queue.add(held)
        for offset in (0, 3):
            self.assertEqual(queue.next(), (held, offset))
            held.ledger.begin(offset)
        self.assertEqual(queue.next(), (other, 3))
        other.ledger.begin(3)
        self.assertEqual(queue.next(), (held, 1))
        held.ledger.put_back(3)
        queue.add(held)
        self.assertEqual(self.drain(queue), ["1.3", "1.1", "1.2", "2.1", "2.2"])

    def test_last_alone(self) -> None:
        """The last chunk goes when all others are stored, and one that is the only one at once."""
        queue = ChunkQueue(ChunkOrder.LAST_ALONE)
        three, one = self.file(1, 3), self.file(2, 1)
        for file in (three, one):
            queue.add(file)
        self.assertEqual(self.drain(queue), ["1.0", "1.1", "2.0"])
        for offset, taken in ((1, []), (0, ["1.2"])):
            three.ledger.count_stored(offset)
            queue.add(three)
            self.assertEqual(self.drain(queue), taken)

    def test_in_order(self) -> None:
        """A chunk goes when all before it are stored; those that are stored already are passed."""
        queue = ChunkQueue(ChunkOrder.IN_ORDER)
        five, two = self.file(1, 5), self.file(2, 2)
        five.ensure_ledger().count_stored(2)
        for file in (five, two):
            queue.add(file)
        self.assertEqual(self.drain(queue), ["1.0", "2.0"])
        five.ledger.wait(0)
        queue.add(five)
        self.assertEqual(self.drain(queue), [])
        five.ledger.put_back(0)
        queue.add(five)
        self.assertEqual(self.drain(queue), ["1.0"])
        for offset, taken in ((0, ["1.1"]), (1, ["1.3"]), (3, ["1.4"])):
            five.ledger.count_stored(offset)
            queue.add(five)
            self.assertEqual(self.drain(queue), taken)

    def test_another_file_in_order(self) -> None:
        """Whoever asks for a chunk of another file gets one whose turn it is as well."""
        for order, taken in ((ChunkOrder.IN_ORDER, 0), (ChunkOrder.LAST_ALONE, 1)):
            queue, files = ChunkQueue(order), [self.file(number, 3) for number in range(3)]
            for file in files:
                queue.add(file)
            first, second, third = files
            for offset in range(taken + 1):
                second.ensure_ledger().begin(offset)
            self.assertEqual(queue.next_of_others({first}), (third, 0))
            self.assertIsNone(queue.next_of_others({first, third}))

    def test_what_may_not_go(self) -> None:
        """A file that is held, or at its end, is left out until it comes in again."""
        for order in (ChunkOrder.LOWEST_FIRST, ChunkOrder.ENDS_FIRST):
            queue = ChunkQueue(order)
            held, ended, ready = self.file(1, 2), self.file(2, 2), self.file(3, 1)
            for file in (held, ended, ready):
                queue.add(file)
            held.suspend()
            ended.state = FileState.FAILED
            self.assertEqual(self.drain(queue), ["3.0"])
            held.resume()
            queue.add(held)
            self.assertEqual(self.drain(queue), ["1.0", "1.1"])

    def test_following(self) -> None:
        """The files that come next can be looked at without taking anything."""
        queue, files = ChunkQueue(), [self.file(order, 1) for order in range(5)]
        for file in files * 2:
            queue.add(file)
        self.assertEqual(queue.following(2), files[:2])
        self.assertEqual(sorted(queue.following(10), key=lambda file: file.order), files)
        self.assertEqual(len(self.drain(queue)), 5)

    def test_next_of_others(self) -> None:
        """The next chunk of other files is found wherever they stand, and nothing is taken."""
        queue, files = ChunkQueue(), [self.file(order, 2) for order in range(4)]
        for file in (files[2], files[3], files[1], files[0]):
            queue.add(file)
        files[1].suspend()
        self.assertEqual(queue.next_of_others(set()), (files[0], 0))
        self.assertEqual(queue.next_of_others({files[0]}), (files[2], 0))
        for offset in range(2):
            files[2].ledger.begin(offset)
        self.assertEqual(queue.next_of_others({files[0]}), (files[3], 0))
        self.assertIsNone(queue.next_of_others({files[0], files[3]}))
        self.assertEqual(len(self.drain(queue)), 4)

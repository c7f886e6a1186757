"""
Which chunk is next.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.queue import ChunkQueue
from txresumable._engine.transfer import Transfer
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
        queue = ChunkQueue(ends_first=True)
        for file in (self.file(1, 3), self.file(2, 1), self.file(3, 4)):
            queue.add(file)
        self.assertEqual(
            self.drain(queue), ["1.0", "1.2", "2.0", "3.0", "3.3", "1.1", "3.1", "3.2"]
        )

    def test_ends_first_of_what_was_held(self) -> None:
        """Also of a file that was suspended as their turn came, and of one that is sent again."""
        queue = ChunkQueue(ends_first=True)
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

    def test_what_may_not_go(self) -> None:
        """A file that is held, or at its end, is left out until it comes in again."""
        for ends_first in (False, True):
            queue = ChunkQueue(ends_first)
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

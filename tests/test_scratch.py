"""
Tests for the memory that files are read into.
"""

from __future__ import annotations

import os
import threading

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import ProcessTestCase
from txresumable._source.scratch import KEPT, SIZE, lend

MIB = 1024 * 1024


class LendTests(SynchronousTestCase):
    def test_is_used_again(self) -> None:
        """Memory that nothing refers to any more is lent again."""
        first = lend(5)
        first[:] = b"first"
        del first
        self.assertEqual(bytes(lend(5)), b"first")

    def test_belongs_to_one(self) -> None:
        """Whatever is lent meanwhile, nobody's bytes change, nor those of whom a part is kept."""
        views = [lend(SIZE)[at : at + 2] for at in range(3 * KEPT)]
        for at, view in enumerate(views):
            view[:] = bytes((at, at))
        self.assertEqual([bytes(view) for view in views], [bytes((n, n)) for n in range(3 * KEPT)])

    def test_keeps_few(self) -> None:
        """What was needed at one time only is given back."""
        views = [lend(1) for _ in range(3 * KEPT)]
        known = {id(view.obj) for view in views}
        del views
        again = [lend(1) for _ in range(KEPT)]
        self.assertLessEqual({id(view.obj) for view in again}, known)
        self.assertIsNot(lend(1).obj, lend(1).obj)

    def test_is_no_longer_than_what_there_is(self) -> None:
        """Memory has an end, and begins where a page does."""
        self.assertEqual([len(lend(size)) for size in (0, 1, SIZE, SIZE + 1)], [0, 1, SIZE, SIZE])

    def test_another_thread_has_its_own(self) -> None:
        """What is lent to a thread is never what another one had."""
        mine, theirs = id(lend(1).obj), []
        thread = threading.Thread(target=lambda: theirs.append(id(lend(1).obj)))
        thread.start()
        thread.join()
        self.assertNotEqual(theirs, [mine])

    def test_another_process_has_its_own(self) -> None:
        """What a forked process reads does not show here."""
        mine = lend(4)
        mine[:] = b"mine"
        if not (child := os.fork()):
            mine[:] = b"them"
            os._exit(0)
        os.waitpid(child, 0)
        self.assertEqual(bytes(mine), b"mine")


class SideBySideTests(ProcessTestCase):
    """Real uploads at the same time, in one program."""

    async def check(self, how: str) -> None:
        names = [f"{number}.bin" for number in range(4)]
        for number, name in enumerate(names):
            (self.folder / name).write_bytes(bytes((65 + number,)) * (48 if number else 1) * MIB)
        ended = await self.python("-m", "tests.side_by_side", how, self.target, *names).ended
        self.assertEqual((ended.status, ended.errors), (0, ""))
        self.assertEqual(sorted(ended.output.splitlines()), [f"{name} completed" for name in names])
        for number, name in enumerate(names):
            received = self.received(name)
            self.assertEqual(received.count(bytes((65 + number,))), len(received), name)

    async def test_forked_processes(self) -> None:
        """Processes that were forked from one that uploads send their own files, byte for byte."""
        await self.check("fork")

    async def test_threads(self) -> None:
        """Reactors in threads of one process send their own files, byte for byte."""
        await self.check("threads")

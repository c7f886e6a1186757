"""
Tests for blocking work in threads that may hang.
"""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides

from txresumable._engine.relay import MOST_HUNG, TICK, Relay


class Threads(Clock):
    """
    A clock with threads, of which each does its work when the test says so.

    What hangs in one is a function that lets time pass and the other threads work.
    """

    def __init__(self) -> None:
        super().__init__()
        directlyProvides(self, IReactorThreads)
        self.begun: list[Callable[[], None]] = []
        self.count = 0
        self.error: Exception | None = None
        self.finish: Any = None

    def getThreadPool(self) -> Threads:
        return self

    def callInThreadWithCallback(self, done: Any, work: Any, *args: Any) -> None:
        if self.error is not None:
            raise self.error
        self.count += 1
        self.finish = done
        self.begun.append(lambda: done(True, work(*args)))

    def callFromThread(self, call: Any, *args: Any) -> None:
        call(*args)

    def work(self) -> None:
        """Let all threads work."""
        while self.begun:
            self.begun.pop(0)()


class _Work:
    """Its result is itself."""

    def do(self) -> _Work:
        return self


class RelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.threads = Threads()
        self.relay = Relay(self.threads, self.threads)
        self.done: list[str] = []

    def tearDown(self) -> None:
        self.assertEqual((self.threads.getDelayedCalls(), self.relay._rounds), ([], set()))

    def test_bounds(self) -> None:
        """As promised: others go on within a second, and most threads are always left."""
        self.assertEqual((TICK, MOST_HUNG), (0.5, 4))

    def test_no_garbage(self) -> None:
        """What is done with leaves nothing to the garbage collector, neither works nor results."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        work = _Work()
        gone = weakref.ref(work)
        running = self.relay.run({"a": work.do})
        self.threads.work()
        self.assertEqual(self.successResultOf(running), [work])
        del work, running
        self.assertIsNone(gone())

    def works(self, names: str, hang: str = "") -> dict[str, Callable[[], str]]:
        """Work for each letter; that of some hangs until all other threads are through."""

        def make(name: str) -> Callable[[], str]:
            def work() -> str:
                if name in hang:
                    self.threads.pump([TICK, TICK])
                    self.threads.work()
                self.done.append(name)
                return name.upper()

            return work

        return {name: make(name) for name in names}

    def test_in_order(self) -> None:
        """All is done in one thread, one after the other."""
        running = self.relay.run(self.works("abc"))
        self.assertNoResult(running)
        self.threads.work()
        self.assertEqual(self.successResultOf(running), ["A", "B", "C"])
        self.assertEqual((self.done, self.threads.count), (["a", "b", "c"], 1))

    def test_without_threads(self) -> None:
        """A reactor that has no threads does it at once."""
        clock = Clock()
        running = Relay(clock, clock).run(self.works("ab"))
        self.assertEqual(self.successResultOf(running), ["A", "B"])
        self.assertEqual(clock.getDelayedCalls(), [])
        self.assertEqual(self.successResultOf(Relay(clock, clock).run({})), [])

    def test_what_raises(self) -> None:
        """What raises has a Failure in its place, and ends nothing else."""

        def fail(error: BaseException) -> None:
            raise error

        for error in (ValueError(), asyncio.CancelledError()):
            running = self.relay.run({"a": partial(fail, error), **self.works("b")})
            self.threads.work()
            failure, other = self.successResultOf(running)
            self.assertEqual((failure.value, other), (error, "B"))

    def test_one_hangs(self) -> None:
        """Where one hangs the rest is done by another thread, and the result says which it is."""
        running = self.relay.run(self.works("abc", hang="b"))
        results: list[Any] = []
        running.addCallback(
            lambda found: results.extend((*found, list(self.done), self.relay.hung))
        )
        self.threads.work()
        first, hanging, last, done, hung = results
        self.assertEqual((first, last, done, hung), ("A", "C", ["a", "c"], 1))
        self.assertEqual(self.successResultOf(hanging), "B")
        self.assertEqual((self.threads.count, self.relay.hung), (2, 0))

    def test_last_one_hangs(self) -> None:
        """Those before one that hangs do not wait for it."""
        running = self.relay.run(self.works("ab", hang="b"))
        self.threads.work()
        first, hanging = self.successResultOf(running)
        self.assertEqual((first, self.successResultOf(hanging)), ("A", "B"))
        self.assertEqual(self.threads.count, 1)

    def test_slow(self) -> None:
        """What takes less than a tick each does not hang, long as it takes together."""

        def slow(work: Callable[[], str]) -> str:
            self.threads.advance(TICK * 0.9)
            return work()

        works = self.works("abcdef")
        running = self.relay.run({name: partial(slow, work) for name, work in works.items()})
        self.threads.work()
        self.assertEqual(self.successResultOf(running), list("ABCDEF"))
        self.assertEqual(self.threads.count, 1)

    def test_few_threads_hang(self) -> None:
        """No more than some threads are lost to what hangs; the rest waits for one of them."""
        names = "abcdefghij"
        running = self.relay.run(self.works(names, hang=names))
        self.threads.work()
        results = self.successResultOf(running)
        self.assertEqual(self.threads.count, MOST_HUNG + 1)
        hanging = [each for each in results if isinstance(each, Deferred)]
        self.assertEqual(
            {self.successResultOf(each) for each in hanging} - set("ABCDEFGHIJ"), set()
        )
        self.assertEqual((sorted(self.done), self.relay.hung), (list(names), 0))

    def test_no_thread(self) -> None:
        """Without a thread everything fails, and nothing waits."""
        self.threads.error = RuntimeError("can't start new thread")
        for failure in self.successResultOf(self.relay.run(self.works("ab"))):
            self.assertIs(failure.value, self.threads.error)

    def test_no_thread_for_the_rest(self) -> None:
        """If it is the second thread that cannot be started, what is left fails."""

        def hang() -> str:
            self.threads.error = RuntimeError("can't start new thread")
            self.threads.pump([TICK, TICK])
            return "A"

        running = self.relay.run({"a": hang, **self.works("bc")})
        self.threads.work()
        hanging, *others = self.successResultOf(running)
        self.assertEqual(self.successResultOf(hanging), "A")
        self.assertEqual([type(each.value) for each in others], [RuntimeError, RuntimeError])
        self.assertEqual(self.done, [])

    def test_cancelled(self) -> None:
        """Cancelling does nothing that was not begun."""
        running = self.relay.run(self.works("ab"))
        running.cancel()
        self.failureResultOf(running, CancelledError)
        self.threads.work()
        self.assertEqual(self.done, [])

    def test_forgotten(self) -> None:
        """As soon as nobody has a use for it, nothing is begun; what runs is waited for apart."""

        def work() -> str:
            self.relay.forget("a")
            self.relay.forget("d")
            self.assertNoResult(running)
            self.relay.forget("b")
            self.relay.forget("b")
            self.assertEqual((self.threads.getDelayedCalls(), self.relay.hung), ([], 1))
            return "A"

        running = self.relay.run({"a": work, **self.works("b")})
        self.threads.work()
        hanging, skipped = self.successResultOf(running)
        self.assertEqual((self.successResultOf(hanging), skipped), ("A", None))
        self.assertEqual((self.done, self.relay.hung), ([], 0))

    def test_forgotten_before_it_is_begun(self) -> None:
        """Where no thread has begun by then, none does anything."""
        running = self.relay.run(self.works("ab"))
        self.relay.forget("a")
        self.relay.forget("b")
        self.assertEqual(self.successResultOf(running), [None, None])
        self.threads.work()
        self.assertEqual((self.done, self.relay.hung), ([], 0))

    def test_for_whom(self) -> None:
        """It knows for whom it works: until all that came together is done."""
        self.assertFalse(self.relay.is_working_for("a"))
        running = self.relay.run(self.works("ab"))
        self.assertEqual([self.relay.is_working_for(each) for each in "abc"], [True, True, False])
        self.threads.work()
        self.successResultOf(running)
        self.assertFalse(self.relay.is_working_for("a"))

    def test_nothing_to_do(self) -> None:
        """That takes no thread."""
        self.assertEqual(self.successResultOf(self.relay.run({})), [])
        self.assertEqual(self.threads.count, 0)

    def test_taken_but_not_yet_begun(self) -> None:
        """What a thread has only just taken is not done because nothing is left to take."""
        running = self.relay.run(self.works("a"))
        (each,) = self.relay._rounds
        at, work = each._left.popleft()
        self.threads.advance(TICK)
        self.assertNoResult(running)
        each._left.append((at, work))
        self.threads.work()
        self.assertEqual(self.successResultOf(running), ["A"])

    def test_closed(self) -> None:
        """Closing leaves no timer behind."""
        self.relay.run(self.works("ab"))
        self.relay.close()
        self.relay.close()
        self.assertEqual(self.threads.getDelayedCalls(), [])

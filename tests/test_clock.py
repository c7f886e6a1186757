from asyncio import CancelledError
from collections.abc import Callable
from typing import Any

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorFromThreads, IReactorTime
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txresumable._runtime.clock import SteadyClock, steady


@implementer(IReactorFromThreads, IReactorTime)
class WallClockReactor:
    """A reactor whose timers follow a wall clock that somebody sets."""

    def __init__(self) -> None:
        self.wall = Clock()
        self.seconds = self.wall.seconds
        self.callLater = self.wall.callLater
        self.getDelayedCalls = self.wall.getDelayedCalls
        self.sent: list[Callable[[], object]] = []

    def callFromThread(self, call: Callable[[], object]) -> None:
        self.sent.append(call)


class SteadyClockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = WallClockReactor()
        self.now = 1000.0
        self.clock = SteadyClock(self.reactor, lambda: self.now)
        self.heard: list[Any] = []
        self.addCleanup(self.clock._stop)

    def advance(self, seconds: float) -> None:
        """Time passes, and the wall clock shows it."""
        self.now += seconds
        self.reactor.wall.advance(seconds)

    def test_interfaces(self) -> None:
        """It is an IReactorTime, and its calls are IDelayedCalls."""
        verifyObject(IReactorTime, self.clock)
        call = self.clock.callLater(1, self.heard.append, 1)
        verifyObject(IDelayedCall, call)
        self.assertEqual(call.getTime(), 1001)

    def test_calls_in_order(self) -> None:
        """Each call is made at its time, with its arguments."""
        for delay in (3, 1, 2):
            self.clock.callLater(delay, self.heard.append, delay)
        self.advance(1)
        self.assertEqual(self.heard, [1])
        self.advance(2)
        self.assertEqual(self.heard, [1, 2, 3])
        self.assertEqual(self.reactor.wall.getDelayedCalls(), [])

    def test_wall_clock_set_forward(self) -> None:
        """An hour that did not pass makes nothing late nor early."""
        self.clock.callLater(60, self.heard.append, 1)
        self.reactor.wall.advance(3600)
        self.assertEqual(self.heard, [])
        self.advance(60)
        self.assertEqual(self.heard, [1])

    def test_wall_clock_set_back(self) -> None:
        """A wall clock that stands still for an hour does not matter to one who is woken."""
        self.clock.callLater(60, self.heard.append, 1)
        self.now += 60
        self.assertEqual(self.heard, [])
        self.clock._run()  # what the pulse has the reactor call
        self.assertEqual(self.heard, [1])

    def test_cancel(self) -> None:
        """A call that is cancelled is not made, and cannot be cancelled again."""
        call = self.clock.callLater(1, self.heard.append, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [call])
        call.cancel()
        self.assertFalse(call.active())
        self.advance(2)
        self.assertEqual(self.heard, [])
        self.assertRaises(AlreadyCancelled, call.cancel)
        self.assertEqual(self.reactor.wall.getDelayedCalls(), [])

    def test_one_thread(self) -> None:
        """However often the last call is made or cancelled, the thread is the same; a beat at
        which nobody waits ends it."""
        self.clock.callLater(1, self.heard.append, 1)
        pulse = self.clock._pulse
        assert pulse is not None
        for _ in range(10):
            self.advance(1)
            self.clock.callLater(1, self.heard.append, 1).cancel()
            self.clock.callLater(1, self.heard.append, 1)
        self.assertIs(self.clock._pulse, pulse)
        pulse._deliver()
        self.assertTrue(pulse.is_alive())
        self.advance(1)
        pulse._deliver()
        pulse.join(5)
        self.assertFalse(pulse.is_alive())
        self.clock.callLater(1, self.heard.append, 1)
        self.assertIsNot(self.clock._pulse, pulse)

    def test_raises(self) -> None:
        """What a call raises, whatever it is, keeps no other from being made."""

        def fail(error: BaseException) -> None:
            raise error

        for error in (RuntimeError(), CancelledError(), GeneratorExit()):
            self.clock.callLater(1, fail, error)
        self.clock.callLater(1, self.heard.append, 1)
        self.clock.callLater(2, self.heard.append, 2)
        self.advance(1)
        self.advance(1)
        self.assertEqual(self.heard, [1, 2])
        logged = self.flushLoggedErrors(RuntimeError, CancelledError, GeneratorExit)
        self.assertEqual(len(logged), 3)

    def test_for_ever(self) -> None:
        """A call that is never due asks the reactor for no wait that it cannot keep."""
        self.clock.callLater(float("inf"), self.heard.append, 1)
        (wake,) = self.reactor.wall.getDelayedCalls()
        self.assertEqual(wake.getTime(), 3600)
        self.advance(3600)
        self.assertEqual((self.heard, len(self.reactor.wall.getDelayedCalls())), ([], 1))

    def test_called(self) -> None:
        """A call that was made cannot be cancelled."""
        call = self.clock.callLater(1, self.heard.append, 1)
        self.advance(1)
        self.assertRaises(AlreadyCalled, call.cancel)

    def test_moved(self) -> None:
        """A call can be put off and set anew."""
        call = self.clock.callLater(1, self.heard.append, 1)
        call.delay(2)
        self.advance(2)
        self.assertEqual(self.heard, [])
        call.reset(5)
        self.advance(4)
        self.assertEqual(self.heard, [])
        self.advance(1)
        self.assertEqual(self.heard, [1])

    def test_no_negative_delay(self) -> None:
        """As reactors do."""
        self.assertRaises(ValueError, self.clock.callLater, -1, self.heard.append)

    def test_many_cancelled_calls_are_forgotten(self) -> None:
        """What is cancelled behind the front does not pile up."""
        keep = self.clock.callLater(10**6, self.heard.append, 1)
        for _ in range(1000):
            self.clock.callLater(5, self.heard.append, 2).cancel()
        self.assertLess(len(self.clock._heap), 200)
        keep.cancel()


class SteadyTests(SynchronousTestCase):
    def test_fakes_stay_as_they_are(self) -> None:
        """A Clock is already steady."""
        clock = Clock()
        self.assertIs(steady(clock), clock)

    def test_reactors_are_wrapped(self) -> None:
        """A real reactor gets monotonic time."""
        from twisted.internet import reactor

        clock = steady(reactor)
        self.assertIsInstance(clock, SteadyClock)
        self.assertIs(steady(reactor), clock)

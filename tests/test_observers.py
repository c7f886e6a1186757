from typing import Any

from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txresumable._runtime.observers import OneShotObserver, Signal, observers_of


class SignalTests(SynchronousTestCase):
    def test_tells_in_order(self) -> None:
        """Callbacks are called in the order in which they registered, with what it carries."""
        heard: list[object] = []
        signal = Signal("happened")
        signal.register(lambda *args: heard.append(("a", args)))
        signal.register(lambda *args: heard.append(("b", args)))
        observers_of(signal).notify(1, 2)
        self.assertEqual(heard, [("a", (1, 2)), ("b", (1, 2))])

    def test_one_that_raises_breaks_nothing(self) -> None:
        """It is logged, and the others hear."""
        heard: list[int] = []
        signal = Signal("happened")
        signal.register(lambda: 1 / 0)
        signal.register(lambda: heard.append(1))
        observers_of(signal).notify()
        self.assertEqual(heard, [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_generator(self) -> None:
        """Of a function that yields nothing would run: that is logged."""

        def forgotten(number: int) -> Any:
            yield number

        async def asynchronous(number: int) -> Any:
            yield number

        signal = Signal("happened")
        for callback in (forgotten, asynchronous, inlineCallbacks(forgotten)):
            signal.register(callback)
        observers_of(signal).notify(1)
        errors = [str(logged.value) for logged in self.flushLoggedErrors(TypeError)]
        self.assertEqual(len(errors), 2)
        self.assertIn("forgotten", errors[0])
        self.assertIn("asynchronous", errors[1])

    def test_unregister(self) -> None:
        """Who leaves hears no more; who never was there cannot leave."""
        heard: list[int] = []
        signal = Signal("happened")
        callback = heard.append
        signal.register(callback)
        signal.unregister(callback)
        observers_of(signal).notify(1)
        self.assertEqual(heard, [])
        self.assertRaises(ValueError, signal.unregister, callback)

    def test_change_while_telling(self) -> None:
        """Those who register while it tells hear from the next time on."""
        heard: list[int] = []
        signal = Signal("happened")
        signal.register(lambda n: signal.register(heard.append))
        observers_of(signal).notify(1)
        self.assertEqual(heard, [])
        observers_of(signal).notify(2)
        self.assertEqual(heard, [2])

    def test_takes_callables(self) -> None:
        """What cannot be called is refused at once."""
        self.assertRaises(TypeError, Signal("happened").register, "callback")

    def test_decorator(self) -> None:
        """Registering gives the callback back."""
        heard: list[int] = []
        signal = Signal("happened")

        @signal.register
        def callback(number: int) -> None:
            heard.append(number)

        observers_of(signal).notify(5)
        callback(6)
        self.assertEqual(heard, [5, 6])

    def test_coroutine_function(self) -> None:
        """It runs, past what it awaits, and nobody waits for it; its failure is logged."""
        heard: list[object] = []
        waiting: Deferred[str] = Deferred()
        signal = Signal("happened")

        @signal.register
        async def callback(number: int) -> None:
            heard.append(number)
            heard.append(await waiting)
            raise ValueError("of the observer's")

        signal.register(heard.append)
        observers_of(signal).notify(1)
        self.assertEqual(heard, [1, 1])
        waiting.callback("awaited")
        self.assertEqual(heard, [1, 1, "awaited"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_no_truth_value(self) -> None:
        """A signal that is taken for a state is an error, which says what to ask."""
        with self.assertRaises(TypeError) as caught:
            bool(Signal("paused"))
        self.assertIn("'paused'", str(caught.exception))
        self.assertIn("is_paused", str(caught.exception))

    def test_nobody_fires_it(self) -> None:
        """An application registers, and does nothing else with a signal."""
        public = {name for name in dir(Signal) if not name.startswith("_")}
        self.assertEqual(public, {"register", "unregister"})

    def test_repr(self) -> None:
        """It is shown with its name, and how many observe it."""
        signal = Signal("paused")
        signal.register(print)
        self.assertEqual(repr(signal), "<Signal paused callbacks=1>")


class OutcomeTests(SynchronousTestCase):
    def test_tells_all(self) -> None:
        """Everyone who waits is told, and those who come later too."""
        outcome: OneShotObserver[int] = OneShotObserver()
        early = [outcome.wait(), outcome.wait()]
        self.assertFalse(outcome.settled)
        outcome.settle(5)
        self.assertTrue(outcome.settled)
        self.assertEqual([self.successResultOf(d) for d in [*early, outcome.wait()]], [5, 5, 5])

    def test_tells_failure(self) -> None:
        """A failure fails each waiter."""
        outcome: OneShotObserver[int] = OneShotObserver()
        waiter = outcome.wait()
        outcome.settle(Failure(ValueError("no")))
        self.failureResultOf(waiter, ValueError)
        self.failureResultOf(outcome.wait(), ValueError)

    def test_happens_once(self) -> None:
        """Only the first outcome counts."""
        outcome: OneShotObserver[int] = OneShotObserver()
        outcome.settle(1)
        outcome.settle(2)
        self.assertEqual(self.successResultOf(outcome.wait()), 1)

    def test_cancel_detaches_one(self) -> None:
        """Cancelling one waiter leaves the others alone."""
        outcome: OneShotObserver[int] = OneShotObserver()
        first, second = outcome.wait(), outcome.wait()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        outcome.settle(1)
        self.assertEqual(self.successResultOf(second), 1)

    def test_is_awaited(self) -> None:
        """It is as long as anybody waits who was not told and has not cancelled."""
        outcome: OneShotObserver[int] = OneShotObserver()
        self.assertIs(outcome.is_awaited, False)
        first, second = outcome.wait(), outcome.wait()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertIs(outcome.is_awaited, True)
        outcome.settle(1)
        self.assertIs(outcome.is_awaited, False)
        self.assertEqual(self.successResultOf(second), 1)

    def test_forgets_who_cancelled(self) -> None:
        """Who comes and goes leaves nothing behind."""
        outcome: OneShotObserver[int] = OneShotObserver()
        for _ in range(3):
            waiter = outcome.wait()
            waiter.cancel()
            self.failureResultOf(waiter, CancelledError)
        self.assertFalse(outcome.is_awaited)

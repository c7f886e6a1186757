"""Tests for the end of a process: who is told of signals."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.internet.testing import EventLoggingObserver, MemoryReactorClock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txresumable._runtime.shutdown import (
    abort_on_signal,
    hold_hangups,
    on_hangup,
    on_signals,
    stop_reactor,
)

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Reactor(MemoryReactorClock):
    """A reactor in memory, that runs."""

    def callWhenRunning(self, callable: Any, *args: Any, **kwargs: Any) -> None:
        callable(*args, **kwargs)

    def callFromThread(self, callable: Any, *args: Any, **kwargs: Any) -> None:
        callable(*args, **kwargs)


class SignalTestCase(SynchronousTestCase):
    """Leaves signals as they were."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.stopped: list[int] = []
        for number in (*NUMBERS, signal.SIGHUP):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        for number in NUMBERS:  # as a reactor does when it begins to run
            signal.signal(number, lambda number, _: self.stopped.append(number))

    def in_thread(self, call: Callable[[], object]) -> None:
        """Call in a thread that cannot ask for signals, which leaves them as they are."""
        numbers = (*NUMBERS, signal.SIGHUP)
        before = [signal.getsignal(number) for number in numbers]
        failed: list[BaseException] = []

        def calling() -> None:
            try:
                call()
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=calling)
        thread.start()
        thread.join()
        self.assertEqual(failed, [])
        self.assertEqual([signal.getsignal(number) for number in numbers], before)


class OnSignalsTests(SignalTestCase):
    """All signals."""

    def test_heard(self) -> None:
        """Two are heard of, in the reactor's thread; later ones do what they do by default."""
        heard: list[int] = []
        on_signals(self.reactor, heard.append)
        signal.raise_signal(signal.SIGTERM)
        self.assertNotEqual(signal.getsignal(signal.SIGINT), signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
        self.assertEqual(heard, [signal.SIGTERM, signal.SIGINT])
        for number in NUMBERS:  # which a blocked reactor does not keep
            self.assertEqual(signal.getsignal(number), signal.SIG_DFL)

    def test_other_thread(self) -> None:
        """A thread that cannot ask for signals leaves them as they are."""
        self.in_thread(lambda: on_signals(self.reactor, print))


class AbortOnSignalTests(SignalTestCase):
    """The signals that follow the one which stops the reactor."""

    def setUp(self) -> None:
        super().setUp()
        self.did: list[Any] = []

    def begin(self) -> None:
        """A process begins."""
        abort_on_signal(self.reactor, lambda: self.did.append("abort"), self.did.append)

    def test_second(self) -> None:
        """The first is the reactor's, the next one aborts, and the end of the process is near."""
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)):
            self.setUp()
            self.begin()
            signal.raise_signal(first)
            self.assertEqual((self.stopped, self.did), ([first], []))
            self.stopping()
            events = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
            signal.raise_signal(second)
            self.assertEqual((self.stopped, self.did), ([first], [128 + second, "abort"]))
            lines = [formatEvent(event) for event in events]
            self.assertEqual(lines, [f"{second.name}: stopping at once"])
            for number in NUMBERS:
                self.assertNotEqual(signal.getsignal(number), signal.SIG_DFL)
            signal.raise_signal(first)
            for number in NUMBERS:
                self.assertEqual(signal.getsignal(number), signal.SIG_DFL)

    def stopping(self) -> None:
        """The reactor stops."""
        for stopping, args, named in self.reactor.triggers["before"]["shutdown"]:
            stopping(*args, **named)

    def test_at_once(self) -> None:
        """The second one is none of the reactor's even if that has not begun to stop."""
        self.begin()
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        self.assertEqual(self.stopped, [signal.SIGTERM])
        self.assertEqual(self.did, [128 + signal.SIGTERM, "abort"])

    def test_stops_otherwise(self) -> None:
        """While it stops for another reason, the first signal aborts."""
        self.begin()
        self.stopping()
        signal.raise_signal(signal.SIGINT)
        self.assertEqual((self.stopped, self.did), ([], [128 + signal.SIGINT, "abort"]))

    def test_before_it_runs(self) -> None:
        """The handlers are those that the reactor has once it runs."""
        begin: list[Callable[[], object]] = []
        self.reactor.callWhenRunning = begin.append  # type: ignore[assignment]
        before = signal.getsignal(signal.SIGTERM)
        self.begin()
        self.assertIs(signal.getsignal(signal.SIGTERM), before)
        begin[0]()
        self.assertIsNot(signal.getsignal(signal.SIGTERM), before)

    def test_ignored(self) -> None:
        """A signal that is ignored, or ends the process by default, goes on to do so."""
        for action in (signal.SIG_IGN, signal.SIG_DFL):
            signal.signal(signal.SIGINT, action)
            self.begin()
            self.assertEqual(signal.getsignal(signal.SIGINT), action)

    def test_other_thread(self) -> None:
        """A thread that cannot ask for signals leaves them as they are."""

        def begin() -> None:
            self.begin()
            self.stopping()

        self.in_thread(begin)


class HangupTests(SignalTestCase):
    """SIGHUP."""

    def test_heard(self) -> None:
        """Each is heard of."""
        heard: list[str] = []
        on_hangup(self.reactor, lambda: heard.append("hangup"))
        self.assertEqual(heard, [])
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        self.assertEqual(heard, ["hangup"] * 2)

    def test_held(self) -> None:
        """Those that came before somebody is told of them are one."""
        for count in range(3):
            hold_hangups()
            for _ in range(count):
                signal.raise_signal(signal.SIGHUP)
            heard: list[str] = []
            on_hangup(self.reactor, partial(heard.append, "hangup"))
            self.assertEqual(heard, ["hangup"] * min(count, 1))
            signal.raise_signal(signal.SIGHUP)
            self.assertEqual(heard, ["hangup"] * (min(count, 1) + 1))

    def test_other_thread(self) -> None:
        """A thread that cannot ask for signals leaves them as they are."""
        self.in_thread(hold_hangups)
        self.in_thread(lambda: on_hangup(self.reactor, print))


class StopReactorTests(SynchronousTestCase):
    """Stopping."""

    def test_stops(self) -> None:
        """A reactor is stopped; that it already stops is no fault."""
        calls: list[str] = []

        class Stops(MemoryReactorClock):
            def stop(self) -> None:
                calls.append("stop")
                if len(calls) > 1:
                    raise ReactorNotRunning()

        reactor = Stops()
        stop_reactor(reactor)
        stop_reactor(reactor)
        self.assertEqual(calls, ["stop"] * 2)

"""Tests for blocking work off the reactor thread."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable._runtime.threads import run_while_wanted

from .reentrancy.reactor import SplitReactor


class WantedTests(SynchronousTestCase):
    """Work that is told when nobody waits for it any more."""

    def test_wanted(self) -> None:
        """It is wanted as long as it is not cancelled, and its result is what it returns."""
        reactor = SplitReactor()
        heard: list[bool] = []

        def work(what: str, is_wanted: Callable[[], bool]) -> str:
            heard.append(is_wanted())
            return what

        for cancelled in (False, True):
            working = run_while_wanted(reactor, work, "done")
            if cancelled:
                working.cancel()
                self.failureResultOf(working, CancelledError)
            reactor.let_all_arrive()
            if not cancelled:
                self.assertEqual(self.successResultOf(working), "done")
        self.assertEqual(heard, [True, False])

    def test_fails(self) -> None:
        """It fails with what the work raises, also without threads."""

        def work(is_wanted: Callable[[], bool]) -> None:
            raise ZeroDivisionError

        self.failureResultOf(run_while_wanted(Clock(), work), ZeroDivisionError)

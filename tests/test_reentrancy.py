"""
Thousands of programs that call the uploader from inside its own events and hooks.

``TXRESUMABLE_SCHEDULES`` says how many; ``python -m tests.reentrancy SEED`` runs one again.
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from txresumable import Resumable
from txresumable._engine.completion import Completion
from txresumable.testing import ScriptedReceiver

from .figures import note
from .reentrancy.schedule import Broken, run

SCHEDULES = int(os.environ.get("TXRESUMABLE_SCHEDULES", "300"))
BATCHES = 10


class ReentrancyTestCase(SynchronousTestCase):
    """
    Runs seeds.
    """

    def setUp(self) -> None:
        gc.freeze()  # each run ends by a collection, which need not look at all that was imported
        self.addCleanup(gc.unfreeze)

    def run_seed(self, seed: int, told: Callable[[str], None] | None = None) -> Counter[str]:
        with tempfile.TemporaryDirectory(prefix="reentrancy-") as folder:
            return run(seed, folder, told)

    def finds(self, what: str) -> bool:
        """Whether one of the first seeds shows something."""
        for seed in range(200):
            try:
                self.run_seed(seed)
            except Broken as broken:
                if what in str(broken):
                    return True
        return False


class ReentrancyTests(ReentrancyTestCase):
    """
    Whatever a program calls, and wherever: each Deferred fires once, what is said to be stored is,
    what is stopped stops, no slot is lost, and nothing is left.
    """


def _batch(first: int) -> Callable[[ReentrancyTests], None]:
    def test(self: ReentrancyTests) -> None:
        failures, counted = [], Counter[str]()
        for seed in range(first, SCHEDULES, BATCHES):
            try:
                counted.update(self.run_seed(seed))
            except Broken as broken:
                failures.append(str(broken))
        self.assertEqual(failures, [], "\n".join(failures))
        note("re-entrant schedules", **counted)

    test.__doc__ = f"Every {BATCHES}th program from {first} finds that all holds."
    return test


for _first in range(BATCHES):
    setattr(ReentrancyTests, f"test_batch_{_first}", _batch(_first))


class DriverTests(ReentrancyTestCase):
    """
    The driver itself: it is no use if it finds nothing.
    """

    def test_the_same_again(self) -> None:
        """A seed gives the same run each time."""
        for seed in (2, 3, 4):
            traces: list[list[str]] = [[], []]
            counts = [self.run_seed(seed, trace.append) for trace in traces]
            self.assertEqual(counts[0], counts[1])
            self.assertEqual(traces[0], traces[1])

    def test_everything_is_called(self) -> None:
        """Among the first seeds files come to every end, and some are called from everywhere."""
        counted = Counter[str]()
        lines: list[str] = []
        places = ("event file_progress", "event catch_all", "headers", "query", "target")
        deeds = ("pause", "retry", "abort", "close", "feed", "add_directory", "digest")
        missing = {*(f"in {place}: " for place in places), *(f": {deed}\n" for deed in deeds)}
        for seed in range(300):
            lines.clear()
            counted.update(self.run_seed(seed, lines.append))
            told = "\n".join(lines)
            missing = {each for each in missing if each not in told}
            if seed > 50 and not missing:
                break
        self.assertEqual(missing, set())
        self.assertLessEqual({"completed", "failed", "cancelled"}, set(counted))

    def test_finds_what_is_lost(self) -> None:
        """A receiver that forgets what it confirmed is found out."""
        original = ScriptedReceiver._reply

        def forgetful(file, headers):
            file.chunks.clear()
            return original(file, headers)

        with patch.object(ScriptedReceiver, "_reply", staticmethod(forgetful)):
            self.assertTrue(self.finds("is stored, and chunk"))

    def test_finds_a_pause_that_does_not_pause(self) -> None:
        """Requests that begin after ``pause()`` are found."""
        with patch.object(Resumable, "pause"):
            self.assertTrue(self.finds("while paused"))

    def test_finds_an_end_without_news(self) -> None:
        """``completed`` while nobody was told of a file that failed is found."""
        with patch.object(Completion, "_report"):
            self.assertTrue(self.finds("which nobody was told"))

    def test_finds_silence(self) -> None:
        """An uploader that does not go on is found out."""
        with patch.object(Resumable, "resume"):
            self.assertTrue(self.finds("silence"))

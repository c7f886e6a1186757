"""
SIGKILL of the push service and of its receiver, at random and at each transition of a file.

``TXRESUMABLE_KILLS`` says how many of each, with ten times as many files.  ``make push-proof`` has
a longer one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from .figures import note
from .pushing.killed import lives
from .pushing.round import Round

KILLS = int(os.environ.get("TXRESUMABLE_KILLS", "3"))

reactor: Any = installed


class KillingTests(TestCase):
    """Real processes, and equal files at the end."""

    timeout = 240 + 10 * KILLS

    def test_equal(self) -> Deferred[None]:
        """Each version arrives once and is reported by one id, and nothing is left or lost."""
        return Deferred.fromCoroutine(self.kill_some(KILLS))

    def test_journal_lost(self) -> Deferred[None]:
        """So it is if the journal is deleted or damaged, but that it may be reported again."""
        return Deferred.fromCoroutine(self.kill_some(3, journal_faults=2))

    async def kill_some(self, kills: int, journal_faults: int = 0) -> None:
        random = Random(kills)
        points = lives(random, 0 if journal_faults else 2 * kills, kills, latest=2)
        # The path of the control socket in it has 107 bytes at most.
        base = Path(tempfile.mkdtemp(prefix="pushing-"))
        self.addCleanup(shutil.rmtree, base)
        made = Round(reactor, random, base, points, 10 * kills, kills, journal_faults)
        verdict = await made.run()
        self.assertEqual(verdict.faults, [], made.last_words)
        self.assertEqual(made.counts["status"], 0, made.last_words)
        self.assertEqual(len(os.listdir(base / "drafts")), 0)
        self.assertGreaterEqual(made.counts["kills at transitions"], 0 if journal_faults else kills)
        self.assertEqual(made.counts["kills of the receiver"], kills)
        note(
            "kills of the push service",
            kills_at_transitions=made.counts["kills at transitions"],
            kills_at_random=made.counts["kills at random"],
            kills_of_the_receiver=made.counts["kills of the receiver"],
            files_equal=made.counts["files"],
            hooks_run_again=verdict.counts["hooks run again"],
        )

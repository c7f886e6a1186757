"""
SIGKILL of processes that share a queue, and restarts of its database; skipped where PostgreSQL is
not installed.  ``make queue-proof`` has a longer one.
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
from .postgres import server

KILLS = int(os.environ.get("TXRESUMABLE_KILLS", "3"))

reactor: Any = installed


class QueueKillingTests(TestCase):
    """Real processes, a real database, and each file once at the end."""

    timeout = 240 + 10 * KILLS

    def test_once(self) -> Deferred[None]:
        """Each file arrives once, and what a dead process had begun is gone on with."""
        return Deferred.fromCoroutine(self.kill_some())

    async def kill_some(self) -> None:
        database = server(self)

        from .queueing.round import Round  # which needs psycopg

        base = Path(tempfile.mkdtemp(prefix="queueing-"))
        self.addCleanup(shutil.rmtree, base)
        made = Round(reactor, Random(KILLS), base, database, 15 * KILLS, KILLS)
        faults = await made.run()
        self.assertEqual(faults, [], made.last_words)
        self.assertEqual(made.counts["kills"], KILLS)
        note(
            "kills of processes that share a queue",
            kills=made.counts["kills"],
            restarts_of_the_database=made.counts["restarts of the database"],
            files_equal=made.counts["files"],
            files_gone_on_with=made.counts["files that were gone on with elsewhere"],
        )

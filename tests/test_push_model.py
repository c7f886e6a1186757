"""
The journal of watched folders, killed at every point in thousands of schedules, each of which
follows from its seed (see :mod:`tests.push_model`).

``TXRESUMABLE_PUSH_SCHEDULES`` says how many; ``python -m tests.push_model SEED`` runs one again
and tells what happens.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from tempfile import mkdtemp
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from txresumable.push import Entry, PushState
from txresumable.push.journal import housekeeping, observation, queue
from txresumable.push.journal.transaction import Transaction

from .figures import note
from .push_model import Wrong, simulate

SCHEDULES = int(os.environ.get("TXRESUMABLE_PUSH_SCHEDULES", "200"))
BATCHES = 5
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where a journal need not wait for a disk, which no schedule is about."""


class ScheduleTests(SynchronousTestCase):
    """
    Each version is sent and reported once, but for what a crash has interrupted; nothing is
    deleted that is not stored; what was durable is there after a restart; and nothing is stuck.
    """


def run(seed: int) -> Counter[str]:
    """A schedule, in a folder of its own."""
    folder = mkdtemp(dir=MEMORY)
    try:
        return simulate(seed, os.path.join(folder, "state"))
    except Exception as error:
        raise Wrong(f"python -m tests.push_model {seed} shows: {error}")
    finally:
        shutil.rmtree(folder)


def _batch(first: int) -> Callable[[ScheduleTests], None]:
    def test(self: ScheduleTests) -> None:
        failures = []
        counted: Counter[str] = Counter()
        for seed in range(first, SCHEDULES, BATCHES):
            try:
                counted += run(seed)
            except Wrong as wrong:
                failures.append(str(wrong))
        self.assertEqual(failures, [], "\n".join(failures))
        note("schedules of the push journal", **counted)

    test.__doc__ = f"Every {BATCHES}th schedule from {first} on holds."
    return test


for _first in range(BATCHES):
    setattr(ScheduleTests, f"test_batch_{_first}", _batch(_first))


class ModelTests(SynchronousTestCase):
    """
    The simulation itself: it is no use if it finds nothing.
    """

    def assert_found(self, saying: str, seeds: int = 60) -> None:
        """Some schedule goes wrong in this way."""
        said = []
        for seed in range(seeds):
            try:
                run(seed)
            except Wrong as wrong:
                said.append(str(wrong))
                if saying in said[-1]:
                    return
        self.fail(f"no schedule has found it: {said}")

    def test_same_again(self) -> None:
        """A seed leads to the same schedule each time."""
        self.assertEqual(run(3), run(3))

    def test_every_point(self) -> None:
        """Processes are killed at every point there is, and effects are repeated."""
        wanted = {
            "repeated uploads",
            *(
                f"kills {point}"
                for point in (
                    "before commit",
                    "after commit",
                    "after the upload",
                    "after the hook",
                    "after the deletion",
                    "after it was put aside",
                    "at some time",
                )
            ),
        }
        for seed in range(300):
            wanted -= {what for what, number in run(seed).items() if number}
            if not wanted:
                break
        self.assertEqual(wanted, set())

    def test_forgets_versions(self) -> None:
        """A journal that takes what it knows for new is found out."""
        real = observation.observe

        def careless(transaction: Transaction, *args: object, **kwargs: object) -> object:
            transaction.connection.execute("DELETE FROM entries WHERE state = 'done'")
            return real(transaction, *args, **kwargs)  # type: ignore[arg-type]

        with patch("txresumable.push.journal.journal.observe", careless):
            self.assert_found("was sent though")

    def test_prunes_too_much(self) -> None:
        """A journal that forgets what still lies there is found out."""
        with patch.object(housekeeping, "_ABSENT", "? > 0"):
            self.assert_found("was sent though", 300)

    def test_leaves_out_a_state(self) -> None:
        """A transition that is not made durable is found out."""
        real = Transaction.move

        def careless(self: Transaction, before: Entry, to: PushState, facts: object) -> Entry:
            after = real(self, before, to, facts)  # type: ignore[arg-type]
            if to is PushState.STORED:
                self.connection.execute(
                    "UPDATE entries SET state = 'uploading' WHERE id = ?", (before.id,)
                )
            return after

        with patch.object(Transaction, "move", careless):
            self.assert_found("", 20)

    def test_takes_twice(self) -> None:
        """A queue that hands out what is being uploaded is found out."""
        real = queue.take

        def careless(transaction: Transaction, *args: object, **kwargs: object) -> object:
            transaction.connection.execute(
                "UPDATE entries SET state = 'queued' WHERE state = 'uploading'"
            )
            return real(transaction, *args, **kwargs)  # type: ignore[arg-type]

        with patch.object(queue, "take", careless):
            self.assert_found("the journal goes from")

"""
Several receivers over object storage, in thousands of schedules (see :mod:`tests.objects_model`).

``TXRESUMABLE_OBJECTS_SCHEDULES`` says how many; ``python -m tests.objects_model 17 42`` runs some
of them again, and tells what happens.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from .figures import note
from .objects_model import ModelFailed, Plan, run
from .objects_model.world import collect

SCHEDULES = int(os.environ.get("TXRESUMABLE_OBJECTS_SCHEDULES", "100"))
BATCHES = 10


class ModelTestCase(SynchronousTestCase):
    """
    What receivers that were killed have left is collected here, and not in the middle of another
    test.
    """

    def tearDown(self) -> None:
        collect()
        self.flushLoggedErrors()


class ScheduleTests(ModelTestCase):
    """
    No chunk that was acknowledged is lost, no two contents are mixed, what is complete is in its
    place and was told with one id, and everything ends.
    """


def _batch(first: int) -> Callable[[ScheduleTests], None]:
    def test(self: ScheduleTests) -> None:
        failures = []
        counted: Counter[str] = Counter()
        for seed in range(first, SCHEDULES, BATCHES):
            try:
                counted += run(Plan.of(seed))
            except ModelFailed as failed:
                failures.append(str(failed))
        self.assertEqual(failures, [], "\n".join(failures))
        note("schedules of receivers over object storage", **counted)

    test.__doc__ = f"Every {BATCHES}th schedule from {first} on holds."
    return test


for _first in range(BATCHES):
    setattr(ScheduleTests, f"test_batch_{_first}", _batch(_first))

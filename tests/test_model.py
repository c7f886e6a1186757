"""
A model of the receiver against the real one, in thousands of schedules (see :mod:`tests.model`).

``TXRESUMABLE_MODEL_SCHEDULES`` says how many; ``TXRESUMABLE_MODEL_SEEDS=17,42`` runs some of them
again, as ``python -m tests.model 17 42`` does, which also shortens them and tells what happens.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from random import Random
from tempfile import mkdtemp

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from .figures import note
from .model import Schedule, Step, World, fails, settings_of
from .model.acts import ACTS
from .model.ending import finish
from .model.log import watched

SCHEDULES = int(os.environ.get("TXRESUMABLE_MODEL_SCHEDULES", "300"))
SEEDS = [int(seed) for seed in os.environ.get("TXRESUMABLE_MODEL_SEEDS", "").split(",") if seed]
BATCHES = 10


class ScheduleTests(SynchronousTestCase):
    """
    What was acknowledged is there, what is complete is equal and in its place, every request gets
    its response or its connection's end, limits hold, and nothing is left behind.
    """


def _batch(first: int) -> Callable[[ScheduleTests], None]:
    def test(self: ScheduleTests) -> None:
        failures = []
        counted: Counter[str] = Counter()
        for seed in SEEDS[first::BATCHES] if SEEDS else range(first, SCHEDULES, BATCHES):
            wrong = fails(Schedule.of(seed), counted)
            if wrong is not None:
                failures.append(f"python -m tests.model {seed} shows: {wrong}")
        self.flushLoggedErrors()
        self.assertEqual(failures, [], "\n".join(failures))
        note("receiver's schedules", **counted)

    test.__doc__ = f"Every {BATCHES}th schedule from {first} on holds."
    return test


for _first in range(BATCHES):
    setattr(ScheduleTests, f"test_batch_{_first}", _batch(_first))


_numbers = st.integers(0, 4095)
_steps = st.builds(Step, st.sampled_from(sorted(ACTS)), _numbers, _numbers, _numbers)


class ReceiverMachine(RuleBasedStateMachine):
    """The same, with steps that hypothesis picks, and shortens when something does not hold."""

    world: World | None = None

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed: int) -> None:
        self.place = mkdtemp()
        self.world = World(settings_of(Random(seed)), self.place)

    @rule(step=_steps)
    def do(self, step: Step) -> None:
        assert self.world is not None
        with watched(self.world):
            self.world.do(step)

    @rule(step=_steps, inner=_steps)
    def work(self, step: Step, inner: Step) -> None:
        """A thread works, and something happens while it does."""
        self.do(Step("work", step.a, step.b, step.c, (inner,)))

    def teardown(self) -> None:
        if self.world is not None:
            try:
                with watched(self.world):
                    finish(self.world)
            finally:
                self.world.end()
                shutil.rmtree(self.place)


class MachineTests(SynchronousTestCase):
    """
    A state machine of hypothesis.
    """

    def test_machine(self) -> None:
        """Whatever steps follow each other, all holds."""
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            ReceiverMachine,
            settings=settings(
                max_examples=30,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        self.flushLoggedErrors()

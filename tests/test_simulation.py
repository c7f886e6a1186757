"""
Thousands of bad days on the network, each of which follows from its seed.

``TXRESUMABLE_SCHEDULES`` says how many; ``python -m txresumable.testing SEED`` runs one again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from io import StringIO
from unittest.mock import patch

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.ledger import ChunkLedger
from txresumable._policy.order import ChunkOrder
from txresumable.testing import (
    Act,
    Fault,
    FilePlan,
    Forecast,
    Schedule,
    ScriptedReceiver,
    Simulation,
    SimulationFailed,
    simulate,
)
from txresumable.testing.__main__ import main

from .figures import note

SCHEDULES = int(os.environ.get("TXRESUMABLE_SCHEDULES", "1000"))
BATCHES = 10


class ScheduleTests(SynchronousTestCase):
    """
    Each upload ends byte for byte equal, or with an error that has a cause; and nothing is left.
    """


def _batch(first: int) -> Callable[[ScheduleTests], None]:
    def test(self: ScheduleTests) -> None:
        folder = self.mktemp()
        os.mkdir(folder)
        failures = []
        counted: Counter[str] = Counter()
        for seed in range(first, SCHEDULES, BATCHES):
            try:
                report = simulate(seed, folder)
                counted["schedules"] += 1
                counted["uploads"] += len(report.ends)
                counted["equal"] += report.ends.count("equal")
                counted["requests"] += report.requests
                counted["faults"] += sum(report.faults.values()) - report.faults.get(Fault.NONE, 0)
            except SimulationFailed as failed:
                failures.append(str(failed))
            except Exception as error:
                failures.append(f"python -m txresumable.testing {seed} raises {error!r}")
        self.assertEqual(failures, [], "\n".join(failures))
        self.assertEqual(self.flushLoggedErrors(), [])
        note("schedules", **counted, errors_with_a_cause=counted["uploads"] - counted["equal"])

    test.__doc__ = f"Every {BATCHES}th schedule from {first} ends as it may."
    return test


for _first in range(BATCHES):
    setattr(ScheduleTests, f"test_batch_{_first}", _batch(_first))


class SimulatorTests(SynchronousTestCase):
    """
    The simulator itself: it is no use if it finds nothing.
    """

    def run_schedule(self, schedule: Schedule) -> tuple[str, ...]:
        folder = self.mktemp()
        os.mkdir(folder)
        return Simulation(schedule, folder).run().ends

    def schedule(self, *acts: Act, **forecast: object) -> Schedule:
        """
        One file of ten chunks by three slots, and what is to happen to it.
        """
        some = Schedule.of(0)
        options = {
            **some.options,
            "chunk_size": 100,
            "simultaneous_uploads": 3,
            "test_chunks": True,
            "checksum": None,
            "dialect": "resumable",
            "max_chunk_retries": 100,
            "chunk_retry_interval": 1.0,
            "method": "multipart",
            "chunk_format": "blob",
        }
        options.pop("max_rate", None)
        plan = FilePlan("file.bin", "path", bytes(range(250)) * 4)
        return evolve(
            some,
            options=options,
            files=(plan,),
            acts=acts,
            forecast=evolve(Forecast(latency=0.5, clears=100.0), **forecast),
            hook_delay=None,
        )

    def test_the_same_again(self) -> None:
        """A seed gives the same run each time."""
        folder = self.mktemp()
        os.mkdir(folder)
        for seed in (7, 8, 9):
            traces: list[list[str]] = [[], []]
            reports = [simulate(seed, folder, trace.append) for trace in traces]
            self.assertEqual(reports[0], reports[1])
            self.assertEqual(traces[0], traces[1])

    def test_faults_happen(self) -> None:
        """Among some hundred schedules every fault happens, and most kinds of ends."""
        faults: Counter[Fault] = Counter()
        ends: Counter[str] = Counter()
        for seed in range(100):
            report = simulate(seed)
            faults.update(report.faults)
            ends.update(report.ends)
        self.assertEqual(set(faults), set(Fault))
        self.assertLessEqual(
            {"equal", "CancelledError", "RetriesExhausted", "SourceChanged"}, set(ends)
        )

    def test_each_fault_alone(self) -> None:
        """A file arrives, whichever fault happens to most of its requests for a while."""
        for fault in Fault:
            schedule = self.schedule(rate=0.8, weights={fault: 1.0})
            if fault is Fault.CORRUPT:
                schedule.options["checksum"] = "sha256"
            ends = self.run_schedule(schedule)
            self.assertEqual(ends, ("equal",), fault)

    def test_killed_again_and_again(self) -> None:
        """A file arrives though its uploader is killed every second."""
        kills = [Act(float(at), "kill", after=0.2) for at in range(1, 15)]
        self.assertEqual(self.run_schedule(self.schedule(*kills)), ("equal",))

    def test_each_change(self) -> None:
        """A file that is changed in any way while it is uploaded is said to be, or sent anew."""
        for change in ("rewritten", "lengthened", "shortened", "touched", "replaced"):
            for when_changed, end in (("fail", "SourceChanged"), ("wait", "equal")):
                schedule = self.schedule(Act(1.0, change))
                schedule.options["when_changed"] = when_changed
                self.assertEqual(self.run_schedule(schedule), (end,), change)

    def test_finds_a_lost_chunk(self) -> None:
        """A receiver that forgets what it confirmed is found out."""
        with patch.object(ScriptedReceiver, "_reply") as reply:
            reply.side_effect = lambda file, headers: (
                file.chunks.pop(3, None),
                self.original(file, headers),
            )[1]
            failed = self.assertRaises(SimulationFailed, self.run_schedule, self.schedule())
        self.assertIn("reported complete, and is not", str(failed))

    original = staticmethod(ScriptedReceiver._reply)

    def test_finds_silence(self) -> None:
        """An upload that never ends is found out."""
        failed = self.assertRaises(
            SimulationFailed, self.run_schedule, self.schedule(Act(0.7, "pause"))
        )
        self.assertIn("silence", str(failed))

    def test_finds_what_is_out_of_order(self) -> None:
        """A chunk that begins before those that it has to wait for is found out."""
        for option in ("in_order", "last_chunk_alone"):
            schedule = self.schedule(rate=0.3, weights={Fault.STATUS: 1.0})
            for name in ("in_order", "last_chunk_alone", "prioritize_first_and_last_chunk"):
                schedule.options.pop(name, None)
            schedule.options[option] = True
            self.assertEqual(self.run_schedule(schedule), ("equal",))
            choices = dict.fromkeys(ChunkOrder, ChunkLedger.next_pending)
            with patch.dict("txresumable._engine.queue._CHOICES", choices):
                failed = self.assertRaises(SimulationFailed, self.run_schedule, schedule)
            self.assertIn("is under way", str(failed), option)

    def test_finds_an_error_without_a_cause(self) -> None:
        """A failure that nothing in the schedule explains is found out."""
        with patch.object(ScriptedReceiver, "_store", side_effect=ValueError("no reason")):
            failed = self.assertRaises(SimulationFailed, self.run_schedule, self.schedule())
        self.assertIn("400 ValueError: no reason", str(failed))


class CommandTests(SynchronousTestCase):
    """
    ``python -m txresumable.testing``.
    """

    def run_command(self, *arguments: str) -> tuple[int, str]:
        output = StringIO()
        with patch("sys.stdout", output), patch("sys.stderr", output):
            return main(list(arguments)), output.getvalue()

    def test_tells_what_happens(self) -> None:
        """A seed's schedule, what happened and how it ended are printed."""
        status, output = self.run_command("4")
        self.assertEqual(status, 0)
        self.assertIn("schedule 4\n", output)
        self.assertIn("SimulationReport(seed=4", output)

    def test_usage(self) -> None:
        """Anything but a seed is a usage error."""
        for arguments in ((), ("x",), ("1", "2")):
            status, output = self.run_command(*arguments)
            self.assertEqual(status, 2)
            self.assertIn("usage:", output)

    def test_failure(self) -> None:
        """A simulation that fails is told of, and the status says so."""
        with patch.object(ScriptedReceiver, "_store", side_effect=ValueError("no reason")):
            status, output = self.run_command("6")
        self.assertEqual(status, 1)
        self.assertIn("FAILED\npython -m txresumable.testing 6 shows:", output)

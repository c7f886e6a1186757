"""
Uploaders against a real receiver, over bad networks, with either side killed now and then.

``TXRESUMABLE_SCHEDULES`` says how many schedules; ``python -m txresumable.testing --receiver SEED``
runs one again.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable
from io import StringIO
from itertools import chain
from unittest.mock import patch

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import AlreadyCancelled, ConnectError, ConnectionLost, DNSLookupError
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseNeverReceived

from txresumable._runtime.clock import steady
from txresumable.errors import StallTimeout
from txresumable.receiver import Store
from txresumable.receiver.store import Disk
from txresumable.receiver.store.refused import Refused
from txresumable.testing import (
    Act,
    Fault,
    FilePlan,
    Forecast,
    ReceiverSchedule,
    ReceiverSimulation,
    Schedule,
    SimulationFailed,
    simulate_receiver,
)
from txresumable.testing.__main__ import main
from txresumable.testing.mortal import Killed, MortalDisk

from .figures import note

SCHEDULES = int(os.environ.get("TXRESUMABLE_SCHEDULES", "100"))
BATCHES = 10
CONTENT = bytes(range(250)) * 4


def schedule(*acts: Act, content: bytes = CONTENT, **forecast: object) -> ReceiverSchedule:
    """Two uploaders of one file of ten chunks each, and what is done to their receiver."""
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
    one = evolve(
        some,
        options=options,
        files=(FilePlan("file.bin", "path", content),),
        acts=(),
        forecast=evolve(Forecast(latency=0.5, clears=100.0), **forecast),
        hook_delay=None,
    )
    other = evolve(one, files=(FilePlan("other.bin", "bytes", content[::-1]),))
    return ReceiverSchedule(0, (one, other), acts, disk_delay=0.1)


_LEFT_BY_THE_KILLED = (
    Killed,
    RuntimeError,  # "cannot reuse already awaited coroutine"
    AlreadyCancelled,  # its timers are gone
    Refused,
    StallTimeout,
    ConnectError,
    ConnectionLost,
    DNSLookupError,
    ResponseNeverReceived,
)


class KillingTestCase(SynchronousTestCase):
    """
    In a process that is gone calls raise, and what waits for them or for a response is collected
    half-way: here, and not in the middle of another test.
    """

    def tearDown(self) -> None:
        self.assertEqual(self.collected(*_LEFT_BY_THE_KILLED), [])
        # Nothing goes by real time, which is another one in each run.
        self.assertEqual(steady(reactor).getDelayedCalls(), [])

    def collected(self, *expected: type[Exception]) -> list[str]:
        """
        The tracebacks of failures that were logged, and that nobody handled before they were
        collected.

        :param expected: those of these are left out.
        """
        found: list[str] = []
        for _ in range(5):  # none is kept: a failure that was logged holds what is collected next
            gc.collect()
            logged = self.flushLoggedErrors()
            found += [each.getTraceback() for each in logged if not each.check(*expected)]
            del logged
        return found


class ReceiverScheduleTests(KillingTestCase):
    """
    Each upload is in the receiver's folder byte for byte, or ends with an error that has a cause;
    and nothing is left on either side.
    """


def _is_killed(seed: int) -> bool:
    """Whether anybody is killed in a schedule, and leaves what nobody handles."""
    planned = ReceiverSchedule.of(seed)
    acts = chain(planned.acts, *(uploader.acts for uploader in planned.uploaders))
    return any(act.what == "kill" for act in acts)


def _batch(first: int) -> Callable[[ReceiverScheduleTests], None]:
    def test(self: ReceiverScheduleTests) -> None:
        folder = self.mktemp()
        os.mkdir(folder)
        failures = []
        is_checked = False
        counted: Counter[str] = Counter()
        seeds = range(first, SCHEDULES, BATCHES)
        killed = set(filter(_is_killed, seeds))
        for seed in sorted(seeds, key=killed.__contains__):
            if seed in killed and not is_checked:
                self.assertEqual(self.collected(), [])
                is_checked = True
            try:
                report = simulate_receiver(seed, folder)
            except SimulationFailed as failed:
                failures.append(str(failed))
                continue
            counted["schedules"] += 1
            counted["uploads"] += len(report.ends)
            counted["equal"] += report.ends.count("equal")
            counted["requests"] += report.requests
            counted["faults"] += sum(report.faults.values()) - report.faults.get(Fault.NONE, 0)
        self.assertEqual(failures, [], "\n".join(failures))
        uneven = counted["uploads"] - counted["equal"]
        note("schedules with the receiver", **counted, errors_with_a_cause=uneven)

    test.__doc__ = f"Every {BATCHES}th schedule from {first} ends as it may."
    return test


for _first in range(BATCHES):
    setattr(ReceiverScheduleTests, f"test_batch_{_first}", _batch(_first))


class ReceiverSimulatorTests(KillingTestCase):
    """
    The simulator itself: it is no use if it finds nothing.
    """

    def run_schedule(self, planned: ReceiverSchedule) -> tuple[str, ...]:
        folder = self.mktemp()
        os.mkdir(folder)
        return ReceiverSimulation(planned, folder).run().ends

    def complaint(self, planned: ReceiverSchedule) -> str:
        return str(self.assertRaises(SimulationFailed, self.run_schedule, planned))

    def test_the_same_again(self) -> None:
        """A seed gives the same run each time."""
        traces: list[list[str]] = [[], []]
        folder = self.mktemp()
        os.mkdir(folder)
        reports = [simulate_receiver(3, folder, trace.append) for trace in traces]
        self.assertEqual(reports[0], reports[1])
        self.assertEqual(traces[0], traces[1])
        self.assertEqual(os.listdir(folder), [])

    def test_each_fault_alone(self) -> None:
        """Both files arrive, whichever fault happens to most requests for a while."""
        for fault in Fault:
            planned = schedule(rate=0.5, weights={fault: 1.0})
            if fault is Fault.CORRUPT:
                for uploader in planned.uploaders:
                    uploader.options["checksum"] = "sha256"
            self.assertEqual(self.run_schedule(planned), ("equal", "equal"), fault)

    def test_killed_again_and_again(self) -> None:
        """Both files arrive though the receiver is killed every second, at its work."""
        kills = [Act(float(at), "kill", file=at % 7, after=0.2) for at in range(1, 30)]
        self.assertEqual(self.run_schedule(schedule(*kills)), ("equal", "equal"))
        self.flushLoggedErrors(Killed)  # what is raised in a process that is gone

    def test_asked_to_end(self) -> None:
        """Both files arrive though the receiver is asked to end every third second."""
        acts = [Act(float(at), "stop", after=0.5) for at in range(1, 30, 3)]
        self.assertEqual(self.run_schedule(schedule(*acts)), ("equal", "equal"))

    def test_finds_other_bytes(self) -> None:
        """A disk that keeps other bytes than it was given is found out."""
        write = Disk.write_pieces

        def damaging(disk, fd, pieces, offset):
            write(disk, fd, [each if any(each) else b"\1" * len(each) for each in pieces], offset)

        with patch.object(MortalDisk, "write_pieces", damaging):
            found = self.complaint(schedule(content=bytes(1000)))
        self.assertIn("reported complete, and its content is in no file of its name", found)
        self.assertIn("bytes that nobody sent", found)

    def test_finds_an_open_descriptor(self) -> None:
        """A receiver that ends and has not closed all is found out."""
        with patch.object(MortalDisk, "close"):
            self.assertIn("open files", self.complaint(schedule()))

    def test_finds_a_descriptor_closed_twice(self) -> None:
        """A receiver that closes what is closed is found out."""
        close = MortalDisk.close

        def twice(disk, fd):
            close(disk, fd)
            close(disk, fd)

        with patch.object(MortalDisk, "close", twice):
            self.assertIn("closed twice", self.complaint(schedule()))
        gc.collect()
        self.flushLoggedErrors(OSError)

    def test_finds_a_receiver_that_does_not_end(self) -> None:
        """A receiver that is asked to end and does not is found out."""
        with patch.object(Store, "close", lambda store: Deferred()):
            self.assertIn("did not end", self.complaint(schedule()))

    def test_command(self) -> None:
        """A seed's schedule, what happened and how it ended are printed."""
        output = StringIO()
        with patch("sys.stdout", output):
            self.assertEqual(main(["--receiver", "3"]), 0)
        self.assertIn("receiver schedule 3\n", output.getvalue())
        self.assertIn("SimulationReport(seed=3", output.getvalue())

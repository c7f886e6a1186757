"""Tests for commands that are run for each file."""

from __future__ import annotations

import errno
import json
import os
import sys
from signal import SIGHUP, SIGINT, SIGSEGV, SIGTERM
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.receiver_rig import ReceiverTestCase
from txresumable.receiver import Command, ReceivedFile, Refused

FILE = ReceivedFile(
    path="/there/a b.txt",
    size=3,
    sha256="ab" * 32,
    identifier="i",
    file_name="../a b.txt",
    relative_path="x/a b.txt",
    owner="ada",
    type="text/plain",
    parameters={"album": "summer"},
    id="1f",
)


class Transport:
    """A process's end."""

    def __init__(self) -> None:
        self.written = b""
        self.signals: list[str] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def closeStdin(self) -> None:
        self.written += b"<end>"

    def signalProcess(self, signal: str) -> None:
        self.signals.append(signal)


class Processes(Clock):
    """A reactor that starts processes which do nothing by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.running: list[Any] = []
        self.started: list[tuple[str, list[str]]] = []

    def spawnProcess(self, protocol: Any, program: str, arguments: list[str], env: Any) -> None:
        assert env is None
        self.started.append((program, arguments))
        self.running.append(protocol)
        protocol.makeConnection(Transport())

    def end(
        self,
        status: int | None,
        output: bytes = b"",
        errors: bytes = b"",
        *,
        signal: int | None = 9,
        closed: bool = True,
    ) -> None:
        """The oldest one ends; nobody else has its output, unless that is not closed."""
        process = self.running.pop(0)
        error = ProcessTerminated(status, signal=signal) if status != 0 else ProcessDone(0)
        process.processExited(Failure(error))
        process.childDataReceived(1, output)
        process.childDataReceived(2, errors)
        if closed:
            process.processEnded(Failure(error))


class CommandTests(ReceiverTestCase):
    """A command."""

    def setUp(self) -> None:
        super().setUp()
        self.processes: Any = Processes()
        self.command = Command("scan --quick 'a b'", reactor=self.processes)
        self.addCleanup(lambda: self.assertEqual(self.processes.getDelayedCalls(), []))

    def refused(self, result: Deferred[None]) -> Refused:
        """How a file is refused."""
        error = self.failureResultOf(result, Refused).value
        assert isinstance(error, Refused)
        return error

    def test_given(self) -> None:
        """It gets the file's path as an argument, and all that is known at its standard input."""
        result = self.command(FILE)
        arguments = ["scan", "--quick", "a b", "/there/a b.txt"]
        self.assertEqual(self.processes.started, [("scan", arguments)])
        written, _, end = self.processes.running[0].transport.written.rpartition(b"<")
        self.assertEqual((json.loads(written), end), (FILE.facts(), b"end>"))
        self.assertEqual(FILE.facts()["parameters"], {"album": "summer"})
        self.assertEqual((FILE.facts()["id"], FILE.facts()["owner"]), ("1f", "ada"))
        self.assertNoResult(result)
        self.processes.end(0, b"fine\n")
        self.assertIsNone(self.successResultOf(result))

    def test_rejects(self) -> None:
        """A status that is not 0, or a signal, rejects; the first line of output is why."""
        for status, output, why in (
            (1, b" a virus \nmore\n", "a virus"),
            (255, b"", "this file is rejected"),
            (1, b"\nmore", "this file is rejected"),
            (None, b"\xff" + b"x" * 10_000, "\ufffd" + "x" * 4095),
        ):
            result = self.command(FILE)
            self.processes.end(status, output)
            error = self.refused(result)
            self.assertEqual((error.status, error.reason), (422, why))

    def test_not_now(self) -> None:
        """75 is the status of what may work later."""
        result = self.command(FILE)
        self.processes.end(75, b"no signatures")
        error = self.refused(result)
        self.assertEqual((error.status, error.retry_after), (503, 30))

    def test_stopped(self) -> None:
        """One that is stopped has said nothing of the file; one that crashes may have."""
        for signal, status in ((SIGTERM, 503), (SIGINT, 503), (SIGHUP, 503), (SIGSEGV, 422)):
            result = self.command(FILE)
            self.processes.end(None, signal=signal)
            self.assertEqual(self.refused(result).status, status)

    def test_cannot_be_run(self) -> None:
        """One that cannot be started has said nothing either, and others have their turn."""

        def fails(*arguments: Any, **options: Any) -> None:
            raise OSError(errno.EMFILE, "too many open files")

        command, spawn = (
            Command(["scan"], reactor=self.processes, at_once=1),
            self.processes.spawnProcess,
        )
        logged = self.log()
        self.processes.spawnProcess = fails
        error = self.refused(command(FILE))
        self.assertEqual((error.status, error.retry_after), (503, 30))
        message = "scan cannot be run: [Errno 24] too many open files"
        self.assertEqual(logged(), [(LogLevel.error, message)])
        self.processes.spawnProcess = spawn
        result = command(FILE)
        self.processes.end(0)
        self.successResultOf(result)

    def test_errors(self) -> None:
        """What it writes to its standard error is logged, up to a limit."""
        logged = self.log()
        for errors in (b"", b" old signatures\n", b"y" * 10_000):
            self.command(FILE)
            self.processes.end(0, b"", errors)
        self.assertEqual(
            logged(),
            [
                (LogLevel.warn, "scan: old signatures"),
                (LogLevel.warn, "scan: " + "y" * 4096),
            ],
        )

    def test_few_at_once(self) -> None:
        """Not more than a few run at once; the others wait."""
        others = [self.command(FILE) for _ in range(9)]
        self.assertEqual(len(self.processes.running), 8)
        while self.processes.running:
            self.processes.end(0)
        for each in others:
            self.successResultOf(each)
        command = Command(["scan"], reactor=self.processes, at_once=2)
        results = [command(FILE) for _ in range(4)]
        self.assertEqual(len(self.processes.running), 2)
        self.processes.end(0)
        self.processes.end(1)
        self.assertEqual(len(self.processes.running), 2)
        self.refused(results[1])
        results[2].cancel()
        self.processes.end(None)
        self.processes.end(0)
        self.failureResultOf(results[2], CancelledError)
        self.successResultOf(results[3])

    def test_others_hang(self) -> None:
        """One whose turn does not come in time has said nothing of the file either."""
        command = Command(["scan"], reactor=self.processes, at_once=1, patience=5)
        logged = self.log()
        hanging, late, gone = (command(FILE) for _ in range(3))
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.processes.advance(4.9)
        self.assertNoResult(late)
        self.processes.advance(0.1)
        self.assertEqual(self.refused(late).status, 503)
        self.assertEqual(logged(), [(LogLevel.error, "scan: too many are running")])
        self.processes.advance(1000)
        self.assertNoResult(hanging)
        in_time = command(FILE)
        self.processes.end(0)
        self.processes.end(0)
        for result in (hanging, in_time):
            self.successResultOf(result)

    def test_leaves_another(self) -> None:
        """One that has ended is not waited for because of another that has its output."""
        result = self.command(FILE)
        self.processes.end(1, b"a virus", closed=False)
        self.processes.advance(0.9)
        self.assertNoResult(result)
        self.processes.advance(0.1)
        self.assertEqual(self.refused(result).reason, "a virus")

    def test_cancelled(self) -> None:
        """Cancelling ends the process."""
        result = self.command(FILE)
        result.cancel()
        self.assertEqual(self.processes.running[0].transport.signals, ["TERM"])
        self.failureResultOf(result, CancelledError)
        self.processes.end(None)

    def test_cancelled_as_it_ends(self) -> None:
        """A process that has just ended takes no signal, and that matters to nobody."""

        def gone(signal: str) -> None:
            raise ProcessExitedAlready

        result = self.command(FILE)
        self.processes.running[0].transport.signalProcess = gone
        result.cancel()
        self.failureResultOf(result, CancelledError)

    def test_no_command(self) -> None:
        """It needs one."""
        for given in ("", "  ", []):
            self.assertRaises(ValueError, Command, given)
        self.assertRaises(ValueError, Command, "a 'b")


class ProcessTests(TestCase):
    """Real commands."""

    async def test_run(self) -> None:
        """They run with the reactor's processes, and find what is known of the file."""
        program = (
            "import json, sys\n"
            "file = json.load(sys.stdin)\n"
            "assert file['path'] == sys.argv[1], file\n"
            "print(file['owner'], len(open(file['path']).read()))\n"
            "sys.exit(int(file['parameters']['status']))\n"
        )
        path = self.mktemp()
        with open(path, "w") as opened:
            opened.write("abc")
        for status, why in ((0, None), (3, "ada 3"), (75, "this file cannot be checked now")):
            file = ReceivedFile(
                path=os.path.abspath(path),
                size=3,
                sha256="",
                identifier="i",
                file_name="f",
                owner="ada",
                parameters={"status": str(status)},
            )
            found = None
            try:
                await Command([sys.executable, "-c", program], reactor=reactor)(file)
            except Refused as error:
                found = error.reason
            self.assertEqual(found, why)

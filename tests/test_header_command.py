"""
Tests for a command that prints headers.
"""

from __future__ import annotations

import sys
from errno import EAGAIN, EMFILE
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import CancelledError
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txresumable import ResumableChunk, ResumableError
from txresumable._cli.header_command import LIMIT, HeaderCommand


class Transport:
    """That of a process."""

    pid = None

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor

    def closeStdin(self) -> None:
        self._reactor.said.append("no input")

    def signalProcess(self, name: str) -> None:
        self._reactor.said.append(name)
        if self._reactor.has_exited:
            raise ProcessExitedAlready()

    def loseConnection(self) -> None:
        self._reactor.said.append("closed")


class Reactor(Clock):
    """
    Starts processes that a test plays.

    :ivar commands: what was started.
    :ivar said: what was done with the last one.
    :ivar fault: what starting one raises.
    """

    has_exited = False
    fault: OSError | None = None

    def __init__(self) -> None:
        super().__init__()
        self.commands: list[Any] = []
        self.said: list[str] = []
        self.process: Any

    def spawnProcess(self, protocol: Any, program: str, arguments: Any, env: Any) -> None:
        if self.fault is not None:
            raise self.fault
        self.commands.append((program, *arguments))
        self.process = protocol
        protocol.makeConnection(Transport(self))


class File:
    """Stands for the file of a chunk."""

    def __init__(self, unique_identifier: str) -> None:
        self.unique_identifier = unique_identifier
        self.file = self


def chunk(offset: int, refused: int = 0, name: str = "a") -> ResumableChunk:
    """A chunk, and why its headers are asked for."""
    transfer: Any = File(name)
    return ResumableChunk(transfer, offset, refused)


class CommandTests(SynchronousTestCase):
    """
    When it is run, and what comes of it.
    """

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.command = HeaderCommand("print a token", reactor=self.reactor)

    def tearDown(self) -> None:
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def print(self, output: bytes, errors: bytes = b"", status: Any = None) -> None:
        """End the command that runs."""
        process = self.reactor.process
        process.childDataReceived(1, output[:3])
        process.childDataReceived(1, output[3:])
        process.childDataReceived(2, errors)
        process.processEnded(Failure(status or ProcessDone(0)))

    def run_once(self, output: bytes = b"X-Token: one\n") -> None:
        """Let the first chunk have its headers."""
        waiting = self.command.renew(chunk(0))
        assert waiting is not None
        self.print(output)
        self.successResultOf(waiting)

    def failed(self, output: bytes, errors: bytes = b"", status: Any = None) -> str:
        """What a chunk fails with after this."""
        waiting = self.command.renew(chunk(0))
        assert waiting is not None
        self.print(output, errors, status)
        return str(self.failureResultOf(waiting, ResumableError).value)

    def test_first(self) -> None:
        """It is run once before the first request, for all that wait."""
        self.assertEqual(self.command.headers, {})
        waiting: list[Any] = [self.command.renew(chunk(offset)) for offset in range(3)]
        self.assertEqual(self.reactor.commands, [("/bin/sh", "sh", "-c", "print a token")])
        self.assertEqual(self.reactor.said, ["no input"])
        for each in waiting:
            self.assertNoResult(each)
        self.print(b"# today's\nX-Token: one\nX-Two: 2\n")
        for each in waiting:
            self.successResultOf(each)
        self.assertEqual(self.command.headers, {"X-Token": "one", "X-Two": "2"})
        self.assertIsNone(self.command.renew(chunk(3)))
        self.assertEqual(len(self.reactor.commands), 1)

    def test_refused(self) -> None:
        """It is run once more for all that were refused with the same headers."""
        self.run_once()
        for offset in (1, 2):
            self.assertIsNone(self.command.renew(chunk(offset)))
        first: Any = self.command.renew(chunk(0, 401))
        second: Any = self.command.renew(chunk(1, 403))
        new: Any = self.command.renew(chunk(3))
        self.assertEqual(len(self.reactor.commands), 2)
        self.print(b"X-Token: two")
        for each in (first, second, new):
            self.successResultOf(each)
        self.assertIsNone(self.command.renew(chunk(2, 401)), "it was refused with the one before")
        self.assertEqual(len(self.reactor.commands), 2)
        again: Any = self.command.renew(chunk(2, 401))
        self.assertEqual(len(self.reactor.commands), 3)
        self.print(b"X-Token: three")
        self.successResultOf(again)
        self.assertEqual(self.command.headers, {"X-Token": "three"})

    def test_cannot_be_started(self) -> None:
        """
        If no process can be started, this chunk hears of it, and the next one starts it.  That
        there are no descriptors passes, and is no failure of the command.
        """
        for number, expected in ((EAGAIN, ResumableError), (EMFILE, OSError)):
            self.reactor.fault = OSError(number, "fault")
            error = self.assertRaises(expected, self.command.renew, chunk(0))
            self.assertEqual(self.reactor.getDelayedCalls(), [])
            if number == EAGAIN:
                words = "the command of --header-command cannot be started: fault"
                self.assertEqual(str(error), words)
        self.reactor.fault = None
        self.run_once()

    def test_without_a_chunk(self) -> None:
        """What is no chunk has the headers that there are, or waits for the first ones."""
        waiting: Any = self.command.renew(None)
        self.print(b"X-Token: one")
        self.successResultOf(waiting)
        self.assertIsNone(self.command.renew(None))
        self.assertEqual(len(self.reactor.commands), 1)

    def test_chunks_of_several_files(self) -> None:
        """Which headers a chunk was given is remembered by file."""
        self.run_once()
        self.assertIsNone(self.command.renew(chunk(0, 0, "b")))
        again: Any = self.command.renew(chunk(0, 401))
        self.print(b"X-Token: two")
        self.successResultOf(again)
        self.assertIsNone(self.command.renew(chunk(0, 401, "b")))
        self.assertEqual(len(self.reactor.commands), 2)

    def test_forgotten(self) -> None:
        """For a chunk that took longer than hundreds of others it is run, to be safe."""
        self.run_once()
        for offset in (1, 2):
            self.command.renew(chunk(offset))
        again: Any = self.command.renew(chunk(0, 401))
        self.print(b"X-Token: two")
        self.successResultOf(again)
        for offset in (*range(3, 200), 1, *range(200, 400)):
            self.command.renew(chunk(offset))
        self.assertIsNone(self.command.renew(chunk(399)))
        again = self.command.renew(chunk(2, 401))
        self.assertEqual(len(self.reactor.commands), 3)
        self.print(b"X-Token: three")
        self.successResultOf(again)
        self.assertIsNone(self.command.renew(chunk(1, 401)), "it had those before")
        self.assertEqual(len(self.reactor.commands), 3)

    def test_cancelled(self) -> None:
        """A chunk that does not wait any more leaves the others waiting."""
        one: Any = self.command.renew(chunk(0))
        two: Any = self.command.renew(chunk(1))
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.print(b"X-Token: one")
        self.successResultOf(two)

    def test_failed(self) -> None:
        """What goes wrong fails all that wait, without what may be a secret; it is run again."""
        for output, errors, status, words in (
            (
                b"X: s3cret",
                b"first\nno such user\n\n",
                ProcessTerminated(3),
                "status 3: no such user",
            ),
            (b"X: s3cret", b"", ProcessTerminated(3), "ended with status 3"),
            (b"X: s3cret", b"", ProcessTerminated(None, 9), "ended with signal 9"),
            (b"", b"warning", None, "printed nothing"),
            (b"s3cret", b"", None, "must hold a header on each line, as 'Name: value'; line 1"),
        ):
            said = self.failed(output, errors, status)
            self.assertTrue(said.startswith("the command of --header-command "), said)
            self.assertIn(words, said)
            self.assertNotIn("s3cret", said)
        self.assertEqual(len(self.reactor.commands), 5)
        self.run_once()
        self.assertEqual(self.command.headers, {"X-Token": "one"})

    def test_endless(self) -> None:
        """One that does not end, or writes without end, is killed."""
        for spoil, words in (
            (lambda: self.reactor.advance(LIMIT), "did not end within 60 s"),
            (lambda: self.reactor.process.childDataReceived(2, b"x" * 70_000), "more than 65536"),
        ):
            for self.reactor.has_exited in (False, True):
                del self.reactor.said[:]
                waiting: Any = self.command.renew(chunk(0))
                spoil()
                self.assertEqual(self.reactor.said, ["no input", "KILL", "closed"])
                self.reactor.process.processEnded(Failure(ProcessTerminated(None, 9)))
                self.assertIn(words, str(self.failureResultOf(waiting, ResumableError).value))


class ProcessTests(TestCase):
    """
    Real processes.
    """

    timeout = 20

    async def test_real(self) -> None:
        """A command of the shell has the environment and no input."""
        self.patch(__import__("os"), "environ", {"TOKEN": "in the environment"})
        command = HeaderCommand('cat; echo "X-Token: $TOKEN"', reactor=installed)
        waiting: Any = command.renew(chunk(0))
        await waiting
        self.assertEqual(command.headers, {"X-Token": "in the environment"})

    async def test_reactor(self) -> None:
        """The installed reactor runs it by default; an error has what it said last."""
        command = HeaderCommand(f"{sys.executable} -c 'import sys; sys.exit(\"no token\")'")
        waiting: Any = command.renew(chunk(0))
        with self.assertRaises(ResumableError) as caught:
            await waiting
        self.assertIn("ended with status 1: no token", str(caught.exception))

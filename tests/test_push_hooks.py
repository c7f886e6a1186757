"""
Tests for the commands that are run for files, and the URL that is called.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from typing import Any
from unittest.mock import patch

from twisted.internet import reactor as installed
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.processes import until
from txresumable.push.hooks import HookFailed, Hooks, Ping

FACTS = {"event": "sent", "folder": "scans", "id": "0123", "name": "a\udcff", "size": 5}


class Reactor(Clock):
    """
    Starts processes that a test plays.

    :ivar started: the protocol, the words and the environment of each.
    :ivar killed: how many were killed.
    :ivar fault: what starting one raises.
    """

    fault: Exception | None = None
    pid = None

    def __init__(self) -> None:
        super().__init__()
        self.started: list[tuple[Any, Any, Any]] = []
        self.written: list[bytes] = []
        self.killed = 0

    def spawnProcess(self, protocol: Any, program: Any, words: Any, env: Any, path: Any) -> None:
        if self.fault is not None:
            raise self.fault
        self.started.append((protocol, words, env))
        protocol.makeConnection(self)

    def writeToChild(self, fd: int, data: bytes) -> None:
        self.written.append(data)

    def closeStdin(self) -> None:
        """It has its input."""

    def loseConnection(self) -> None:
        """It is not heard any more."""

    def signalProcess(self, name: str) -> None:
        self.killed += 1

    def end(self, number: int, status: int = 0) -> None:
        """One ends."""
        reason = ProcessTerminated(status) if status else ProcessDone(0)
        self.started[number][0].processEnded(Failure(reason))


class HookTests(SynchronousTestCase):
    """Commands, with a reactor that plays them."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.hooks = Hooks(self.reactor, at_once=2)

    def tearDown(self) -> None:
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def run_hook(self, *words: str, is_again: bool = False) -> Deferred[None]:
        """Run a command."""
        command = words or ("/bin/sent",)
        return self.hooks.run(command, FACTS, b"/srv/a\xff", limit=300.0, is_again=is_again)

    def test_facts(self) -> None:
        """It gets the facts, the path as the system has it, and nothing that is secret."""
        with patch.dict(os.environ, {"TXRESUMABLE_HEADER": "SECRET", "NOTIFY_SOCKET": "/x"}):
            done = self.run_hook("/bin/sent", "--all")
        [(_, words, environment)] = self.reactor.started
        self.assertEqual(words[-2:], [b"/bin/sent", b"--all"])
        ours = {name for name in environment if name.startswith((b"TXRES", b"NOTIFY"))}
        names = ("EVENT", "FOLDER", "ID", "NAME", "SIZE", "PATH")
        self.assertEqual(ours, {f"TXRESUMABLE_{name}".encode() for name in names})
        self.assertEqual(environment[b"TXRESUMABLE_PATH"], b"/srv/a\xff")
        self.assertEqual(environment[b"TXRESUMABLE_ID"], b"0123")
        self.assertEqual(environment[b"PATH"], os.environb[b"PATH"])
        self.assertEqual(json.loads(b"".join(self.reactor.written)), FACTS)
        self.reactor.end(0)
        self.assertIsNone(self.successResultOf(done))

    def test_fails(self) -> None:
        """A status that is not 0 fails it, and so does one that cannot be started."""
        done = self.run_hook()
        self.reactor.end(0, 3)
        error = self.failureResultOf(done, HookFailed).value
        self.assertEqual(str(error), "/bin/sent ended with status 3")
        self.reactor.fault = OSError(11, "no process left")
        error = self.failureResultOf(self.run_hook(), HookFailed).value
        self.assertEqual(str(error), "/bin/sent cannot be started: no process left")
        self.reactor.fault = ValueError("embedded null byte")
        for _ in range(3):  # none keeps a place
            error = self.failureResultOf(self.run_hook(), HookFailed).value
            self.assertEqual(str(error), "/bin/sent cannot be started: embedded null byte")

    def test_limit(self) -> None:
        """It is killed when its time is over."""
        done = self.run_hook()
        self.reactor.advance(299)
        self.assertEqual(self.reactor.killed, 0)
        self.reactor.advance(1)
        self.assertEqual(self.reactor.killed, 1)
        self.reactor.end(0, 137)
        error = self.failureResultOf(done, HookFailed).value
        self.assertIn("did not end within 300 s", str(error))

    def test_at_once(self) -> None:
        """A few run at a time; the next begins when one has ended, however that was."""
        done = [self.run_hook() for _ in range(5)]
        self.assertEqual(len(self.reactor.started), 2)
        self.reactor.end(1, 1)
        self.assertEqual(len(self.reactor.started), 3)
        self.reactor.fault = OSError(11, "no process left")
        self.reactor.end(0)
        self.assertEqual([each.called for each in done], [True, True, False, True, True])
        self.reactor.fault = None
        self.reactor.end(2)
        for each in (done[1], done[3], done[4]):
            self.failureResultOf(each, HookFailed)
        self.run_hook()
        self.run_hook()
        self.run_hook()
        self.assertEqual(len(self.reactor.started), 5)
        for number in (3, 4, 5):
            self.reactor.end(number)

    def test_none_can_be_started(self) -> None:
        """Where no process can be started, any number of those that wait fail."""
        self.run_hook()
        self.run_hook()
        done = [self.run_hook() for _ in range(1000)]
        self.reactor.fault = OSError(11, "no process left")
        self.reactor.end(0)
        for each in done:
            self.failureResultOf(each, HookFailed)
        self.reactor.fault = None
        self.run_hook()
        self.reactor.end(1)
        self.reactor.end(2)

    def test_cancelled(self) -> None:
        """One that is cancelled is killed, or does not begin; its place is free once it is dead."""
        done = [self.run_hook() for _ in range(4)]
        for each in (done[0], done[2]):
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.assertEqual((self.reactor.killed, len(self.reactor.started)), (1, 2))
        self.reactor.end(0, 137)
        self.assertEqual(len(self.reactor.started), 3)
        self.reactor.end(1)
        self.reactor.end(2)
        self.successResultOf(done[3])

    def test_folders(self) -> None:
        """All folders share the places, and have them in turn."""
        for folder in "aaaab":
            self.hooks.run(("/bin/sent",), {"folder": folder}, b"/srv/a", limit=300.0)
        begun = []
        for number in range(5):
            self.assertEqual(len(self.reactor.started), min(number + 2, 5))
            environment = self.reactor.started[number][2]
            begun.append(environment[b"TXRESUMABLE_FOLDER"].decode())
            self.reactor.end(number)
        self.assertEqual("".join(begun), "aaaba")

    def test_again(self) -> None:
        """Those that have failed before leave a place to others, which also go first."""
        again = [self.run_hook(is_again=True) for _ in range(3)]
        self.assertEqual(len(self.reactor.started), 1)
        first = [self.run_hook() for _ in range(2)]
        self.assertEqual(len(self.reactor.started), 2)
        self.reactor.end(0)
        self.assertEqual((again[0].called, len(self.reactor.started)), (True, 3))
        self.reactor.end(1)
        self.reactor.end(2)
        self.assertEqual([each.called for each in first], [True, True])
        self.assertEqual(len(self.reactor.started), 4)
        again[2].cancel()
        self.failureResultOf(again[2], CancelledError)
        self.reactor.end(3)
        self.assertIsNone(self.successResultOf(again[1]))
        self.hooks = Hooks(self.reactor, at_once=1)
        only = self.run_hook(is_again=True)
        self.reactor.end(4)
        self.assertIsNone(self.successResultOf(only))


class RealHookTests(TestCase):
    """A process of the system."""

    def setUp(self) -> None:
        self.hooks = Hooks(installed, at_once=2)

    async def test_runs(self) -> None:
        """It reads the facts on its input, and is found by the usual way to commands."""
        path = self.mktemp()
        script = (
            "import os, sys; open(sys.argv[1], 'w').write("
            "sys.stdin.read() + os.environ['TXRESUMABLE_NAME'] + os.getcwd())"
        )
        words = (sys.executable, "-c", script, os.path.abspath(path))
        await self.hooks.run(words, {"folder": "s", "name": "a\xe9"}, b"/srv/a", limit=300.0)
        with open(path) as file:
            self.assertEqual(file.read(), '{"folder": "s", "name": "a\\u00e9"}\na\xe9/')

    async def test_no_such_command(self) -> None:
        """One that there is not fails."""
        for path in os.environ["PATH"], "/nowhere":  # without setsid(1), too
            with patch.dict(os.environ, {"PATH": path}):
                running = self.hooks.run(
                    ("/no/such/command",), {"folder": "s"}, b"/srv/a", limit=3.0
                )
                error = (await self.assertFailure(running, HookFailed)).args[0]
            self.assertIn("/no/such/command ended with status", error)
            self.assertIn("No such file or directory", error)

    async def test_killed(self) -> None:
        """What it has started is killed with it."""
        for path in os.environ["PATH"], "/nowhere":  # without setsid(1), too
            pipe = os.path.abspath(self.mktemp())
            os.mkfifo(pipe)
            reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
            self.addCleanup(os.close, reading)
            script = "PATH=/usr/bin:/bin; exec 3>$0; (echo $$ >&3; exec sleep 600) & wait"
            with patch.dict(os.environ, {"PATH": path}):
                words = ("/bin/sh", "-c", script, pipe)
                running = self.hooks.run(words, {"folder": "s"}, b"/srv/a", limit=300.0)
            await until(partial(_read, reading))
            self.assertIsNone(_read(reading))
            running.cancel()
            await self.assertFailure(running, CancelledError)
            await until(partial(_is_over, reading))


def _is_over(descriptor: int) -> bool:
    """Whether nobody can write to a pipe any more."""
    return _read(descriptor) == b""


def _read(descriptor: int) -> bytes | None:
    """What a pipe has; nothing once nobody can write to it, or None."""
    try:
        return os.read(descriptor, 100)
    except BlockingIOError:
        return None


class Client:
    """Stands for treq: what was requested, and how it responds."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Deferred[Any]]] = []

    def request(self, method: str, url: str, **_: object) -> Deferred[Any]:
        response: Deferred[Any] = Deferred()
        self.asked.append((url, response))
        return response


class Response:
    """That of a server."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.was_closed = False

    def deliverBody(self, protocol: Any) -> None:
        protocol.makeConnection(self)

    def loseConnection(self) -> None:
        self.was_closed = True


class PingTests(SynchronousTestCase):
    """A URL is called with the last news."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.client: Any = Client()
        self.ping = Ping("http://ping.example/5", self.clock, self.client)
        self.events = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)

    def urls(self) -> list[str]:
        """What was called, after the host."""
        return [url.removeprefix("http://ping.example") for url, _ in self.client.asked]

    def respond(self, code: int = 200) -> None:
        """The last request is responded to."""
        response = Response(code)
        self.client.asked[-1][1].callback(response)
        self.assertTrue(response.was_closed)

    def test_calls(self) -> None:
        """It is called at once, and then no more often than every few seconds."""
        for _ in range(3):
            self.ping.sent()
        self.assertEqual(self.urls(), ["/5"])
        self.respond()
        self.clock.advance(9)
        self.assertEqual(self.urls(), ["/5"])
        self.clock.advance(1)
        self.assertEqual(self.urls(), ["/5", "/5"])
        self.respond()
        self.clock.advance(60)
        self.assertEqual(len(self.urls()), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_failure_counts(self) -> None:
        """A failure is called even if files are sent before and after it."""
        for call in (self.ping.sent, self.ping.sent, self.ping.failed, self.ping.sent):
            call()
        self.respond()
        self.clock.advance(10)
        self.assertEqual(self.urls(), ["/5", "/5/fail"])
        self.respond()
        self.ping.sent()
        self.clock.advance(10)
        self.assertEqual(self.urls()[2:], ["/5"])
        self.ping.stop()

    def test_in_vain(self) -> None:
        """What goes wrong is logged without the URL, which is a secret, and it is called again."""
        self.ping.sent()
        self.respond(404)
        self.ping.sent()
        self.clock.advance(10)
        self.client.asked[-1][1].errback(ConnectError("no way"))
        self.ping.sent()
        self.clock.advance(10)
        self.clock.advance(15)
        lines = [formatEvent(event) for event in self.events]
        self.assertEqual(len(lines), 3)
        self.assertIn("responds with 404", lines[0])
        self.assertNotIn("ping.example", "".join(lines))
        self.ping.stop()

    def test_stops(self) -> None:
        """It is called no more then."""
        self.ping.sent()
        self.ping.sent()
        self.ping.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.urls(), ["/5"])

    def test_none(self) -> None:
        """Without a URL nothing is called."""
        ping = Ping("", self.clock, self.client)
        ping.sent()
        ping.failed()
        self.assertEqual(self.urls(), [])

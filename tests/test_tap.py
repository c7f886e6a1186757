"""Tests for ``twistd resumable-upload``."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any, cast

from twisted.application.service import IService
from twisted.internet.testing import MemoryReactorClock
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.processes import ProcessTestCase, until
from txresumable import Resumable
from txresumable._cli.arguments import ARGUMENTS
from txresumable._cli.tap import Options, UploadProcess, makeService
from txresumable.testing import FakeClient, ScriptedReceiver

TARGET = "http://127.0.0.1/upload"


def parse(*arguments: str) -> Options:
    """Parse a command line."""
    options = Options()
    options.parseOptions(["--target", TARGET, *arguments])
    return options


class OptionsTests(SynchronousTestCase):
    """The command line."""

    def test_files(self) -> None:
        """Files are those of the folder where it is typed, wherever a daemon goes."""
        self.assertEqual(parse("a", "/b")["files"], [os.path.abspath("a"), "/b"])

    def test_given(self) -> None:
        """Options become those of the client; of a switch the last one counts."""
        options = parse(
            *("--chunk-size", "2M", "--header", "A: b", "--header", "C: d", "--query=e=f"),
            *("--no-force-chunk-size", "--force-chunk-size", "--max-file-size-error-callback"),
            *("os.path:basename", "a"),
        )
        self.assertEqual(
            options["client"],
            {
                "min_file_size": 0,
                "when_changed": "wait",
                "simultaneous_uploads": "auto",
                "test_chunks": "adaptive",
                "target": TARGET,
                "chunk_size": 2 << 20,
                "headers": {"A": "b", "C": "d"},
                "query": {"e": "f"},
                "force_chunk_size": True,
                "max_file_size_error_callback": os.path.basename,
            },
        )

    def test_bad(self) -> None:
        """What cannot be is a usage error that names it."""
        for arguments, part in (
            (("--chunk-size", "0", "a"), "--chunk-size"),
            (("--chunk-size", "12X", "a"), "--chunk-size 12X"),
            (("--target", "nowhere", "a"), "'nowhere'"),
            (("--nonsense", "a"), "nonsense"),
            (("a", "--chunk-size", "1M"), "--chunk-size: options go before the files"),
            ((), "file"),
        ):
            self.assertIn(part, str(self.assertRaises(UsageError, parse, *arguments)))
        self.assertIn("--target", str(self.assertRaises(UsageError, Options().parseOptions, ["a"])))

    def test_help(self) -> None:
        """The help has every option with its text."""
        text = " ".join(str(Options()).split())
        for argument in ARGUMENTS:
            name = f"--{argument.name}" + ("" if argument.is_switch else "=")
            self.assertIn(f"{name} ", text)
            if argument.is_switch:
                self.assertIn(f"--no-{argument.name} ", text)
            # Where a line ends at a hyphen, the next one goes on without a space.
            self.assertIn(argument.text.replace(" ", ""), text.replace(" ", ""), argument.name)

    def test_service(self) -> None:
        """A service comes of them."""
        service = makeService(parse("--chunk-size", "2M", "a"))
        verifyObject(IService, service)
        self.assertEqual(cast(UploadProcess, service).uploader.options.chunk_size, 2 << 20)


class Reactor(MemoryReactorClock):
    """A reactor in memory that can be asked to stop."""

    stopped = 0

    def stop(self) -> None:
        self.stopped += 1

    def callWhenRunning(self, callable: Any, *args: Any, **kwargs: Any) -> None:
        callable(*args, **kwargs)


class ProcessTests(SynchronousTestCase):
    """The end of the service is the end of the process."""

    def start(self, client: Any, *paths: str) -> UploadProcess:
        """A service that is started."""
        self.reactor = Reactor()
        self.statuses: list[int] = []
        self.signalled: list[Callable[[], object]] = []
        self.ending: list[int] = []
        uploader = Resumable(
            TARGET, client=client, reactor=self.reactor, chunk_size=10, test_chunks=False
        )
        service = UploadProcess(
            uploader,
            paths,
            reactor=self.reactor,
            exit_with=self.statuses.append,
            abort_on_signal=lambda _, abort, __: self.signalled.append(abort),
            end_anyway=self.ending.append,
        )
        service.startService()
        return service

    def file(self) -> str:
        """A file of four chunks."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"0123456789" * 4)
        return path

    def test_success(self) -> None:
        """When all is done, the reactor is stopped."""
        service = self.start(ScriptedReceiver(), self.file())
        self.assertEqual((self.reactor.stopped, self.statuses), (1, []))
        self.successResultOf(service.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_failure(self) -> None:
        """When a file failed, the status is 1."""
        self.start(ScriptedReceiver(), self.file(), "missing")
        self.assertEqual((self.reactor.stopped, self.statuses), (1, [1]))

    def test_signals(self) -> None:
        """While it stops, the next signal ends it; the reactor is not stopped again."""
        client = FakeClient()
        service = self.start(client, self.file())
        stopped = service.stopService()
        self.reactor.advance(5)
        self.assertNoResult(stopped)
        self.signalled[0]()
        self.reactor.advance(0.05)
        self.successResultOf(stopped)
        self.assertTrue(all(request.given_up for request in client.sent))
        self.assertEqual((self.reactor.stopped, self.statuses), (0, [3]))

    def test_threads_that_hang(self) -> None:
        """Once it has stopped, the process ends whatever hangs: well only if no file failed."""
        for client, path, statuses in (
            (ScriptedReceiver(), self.file(), [0]),
            (ScriptedReceiver(), "missing", [1]),
            (FakeClient(), self.file(), [3]),
        ):
            self.start(client, path)
            [(stopping, args, named)] = self.reactor.triggers["before"]["shutdown"]
            stopped = stopping(*args, **named)
            self.reactor.pump([0.05] * 200)
            self.successResultOf(stopped)
            self.assertEqual(self.ending, statuses)


class TwistdTests(ProcessTestCase):
    """The real thing."""

    async def test_success(self) -> None:
        """Files arrive, progress is logged without secrets, and the status is 0."""
        content = self.file("a.dat", 3_000_000)
        self.file("b.dat", 10)
        ended = await self.twistd(
            *("--target", self.target, "--header-from-env", "Authorization: TOKEN"),
            *("--query", "key=in the query", "a.dat", "b.dat"),
        ).ended
        self.assertEqual((ended.status, ended.errors), (0, ""), ended.output)
        self.assertNotIn("in the", ended.output)
        self.assertIn("2 of 2 files are on the server; 3 chunks were sent", ended.output)
        self.assertEqual(self.received("a.dat"), content)

    async def test_empty(self) -> None:
        """Empty files are uploaded, unless that is ruled out."""
        self.file("a.dat", 0)
        for given, status in ((("--min-file-size", "1"), 1), ((), 0)):
            ended = await self.twistd("--target", self.target, *given, "a.dat").ended
            self.assertEqual(ended.status, status, ended.output)
        self.assertEqual(self.received("a.dat"), b"")

    async def test_failure(self) -> None:
        """A file that fails is named with why, the others arrive, and the status is 1."""
        content = self.file("a.dat", 10)
        ended = await self.twistd("--target", self.target, "missing.dat", "a.dat").ended
        self.assertEqual(ended.status, 1, ended.output)
        self.assertIn("missing.dat is not on the server: No such file", ended.output)
        self.assertNotIn("Traceback", ended.output + ended.errors)
        self.assertEqual(self.received("a.dat"), content)

    async def test_names_that_are_not_text(self) -> None:
        """A name that is not UTF-8, or holds a line, is in the log like any other, on one line."""
        os.makedirs(os.path.join(self.folder, "folder"))
        for name in (b"good\xff.txt", b"a\n2 of 2 files"):
            with open(os.path.join(os.fsencode(self.folder), b"folder", name), "wb") as file:
                file.write(b"content")
        missing = os.fsdecode(b"bad\xff.txt")
        ended = await self.twistd("--target", self.target, "folder", missing).ended
        self.assertEqual(ended.status, 1, ended.output)
        self.assertIn("bad\\xff.txt is not on the server: No such file", ended.output)
        self.assertIn("folder/good\\xff.txt is on the server", ended.output)
        self.assertIn("folder/a\\n2 of 2 files is on the server", ended.output)
        self.assertNotIn("Traceback", ended.output + ended.errors)

    async def test_usage(self) -> None:
        """A bad value is a usage error and no traceback; the help is complete."""
        bad = self.twistd("--target", self.target, "--chunk-size", "12X", "a.dat")
        told = self.twistd("--help")
        ended = await bad.ended
        self.assertEqual(ended.status, 2)
        self.assertIn("--chunk-size 12X: must be a size", ended.output)
        self.assertNotIn("Traceback", ended.output + ended.errors)
        ended = await told.ended
        self.assertEqual(ended.status, 0)
        self.assertIn("--simultaneous-uploads=", ended.output)

    async def test_drains(self) -> None:
        """C26: SIGTERM lets chunks under way finish, and no other is begun."""
        self.file("a.dat", 10 << 20)
        held = self.holding()
        process = self.twistd("--target", held.target, "--test-chunks", "no", "a.dat")
        await held.has(3)
        process.signal("TERM")
        await process.has_said("Stopping; 3 chunks under way may take 10 s to finish")
        held.release()
        ended = await process.ended
        self.assertEqual(ended.signal, signal.SIGTERM, ended.output)
        self.assertIn("0 of 1 files are on the server; 3 chunks were sent", ended.output)
        self.assertNotIn("aborted", ended.output)
        self.assertEqual(held.count, 3)

    async def test_second_signal(self) -> None:
        """C26: A second signal ends it at once."""
        self.file("a.dat", 10 << 20)
        held = self.holding()
        process = self.twistd("--target", held.target, "--test-chunks", "no", "a.dat")
        await held.has(3)
        process.signal("TERM")
        await process.has_said("may take 10 s to finish")
        process.signal("INT")
        ended = await process.ended
        self.assertEqual(ended.signal, signal.SIGTERM, ended.output)
        self.assertIn("SIGINT: stopping at once", ended.output)
        self.assertNotIn("Traceback", ended.output)
        self.assertIn("Aborting 3 chunks under way", ended.output)

    async def test_daemon(self) -> None:
        """In the background it logs to a file, and leaves no process id behind."""
        content = self.file("a.dat", 10)
        ended = await self.daemon("--target", self.target, "a.dat", "missing.dat").ended
        self.assertEqual((ended.status, ended.output), (0, ""), ended.errors)
        log = self.folder / "twistd.log"
        await until(lambda: log.exists() and "Server Shut Down" in log.read_text())
        self.assertIn("missing.dat is not on the server", log.read_text())
        self.assertEqual(self.received("a.dat"), content)
        self.assertFalse((self.folder / "twistd.pid").exists())

    async def test_twist(self) -> None:
        """``python -m twisted`` ends with 1 as well."""
        ended = await self.python(
            *("-m", "twisted", "resumable-upload", "--target", self.target, "missing.dat")
        ).ended
        self.assertEqual(ended.status, 1, ended.errors)

"""Tests for the command ``txresumable``."""

from __future__ import annotations

import builtins
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from functools import partial
from io import StringIO
from typing import Any
from unittest.mock import patch

from click.testing import CliRunner
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import deferLater
from twisted.internet.testing import EventLoggingObserver, MemoryReactorClock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SkipTest, SynchronousTestCase
from twisted.web.server import Request

from tests.processes import ProcessTestCase, reactor
from txresumable._cli import headers
from txresumable._cli import main as command
from txresumable._cli import run as session
from txresumable._cli.arguments import ARGUMENTS, GROUPS
from txresumable._cli.main import main
from txresumable._cli.run import Session
from txresumable._engine import admission, prefetch, shortage
from txresumable.receiver import Refused
from txresumable.service import paths
from txresumable.testing import FakeClient, ScriptedReceiver

TARGET = "http://127.0.0.1/upload"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class ArgumentTests(SynchronousTestCase):
    """The command line."""

    def run_command(self, *arguments: str) -> tuple[int, str]:
        """Its exit status and what it said; nothing is uploaded."""
        self.made: list[tuple[Any, ...]] = []

        def noted(options: Any, files: Any, **more: Any) -> Any:
            self.made.append((options, tuple(files), more))
            raise SystemExit(0)

        self.patch(session, "Session", noted)
        result = CliRunner().invoke(command.command_group(), arguments, prog_name="txresumable")
        return result.exit_code, result.output

    def test_given(self) -> None:
        """Its options are those of the client."""
        status, said = self.run_command(
            *("upload", TARGET, "a", "b", "--chunk-size", "2M", "--header", "A: b"),
            *("--header=C: d", "--force-chunk-size", "--no-with-credentials", "-q"),
        )
        self.assertEqual(status, 0, said)
        ((options, files, more),) = self.made
        self.assertEqual(
            options,
            {
                "min_file_size": 0,
                "when_changed": "wait",
                "simultaneous_uploads": "auto",
                "test_chunks": "adaptive",
                "target": TARGET,
                "chunk_size": 2 << 20,
                "headers": {"A": "b", "C": "d"},
                "force_chunk_size": True,
                "with_credentials": False,
            },
        )
        self.assertEqual(files, ("a", "b"))
        chosen = more.pop("chosen")
        self.assertTrue(chosen("x"))
        given = {"quiet": True, "verbose": False, "as_json": False, "max_duration": None}
        self.assertEqual(more, given)

    def test_chosen(self) -> None:
        """Patterns choose files of folders, and what they cannot be is told."""
        arguments = ("upload", TARGET, "a", "--include", "*.jpg", "--exclude=/x/", "--json")
        status, said = self.run_command(*arguments, "--max-duration", "1m")
        self.assertEqual(status, 0, said)
        ((_, _, more),) = self.made
        chosen = [
            path
            for path in ("a.jpg", "b/a.jpg", "x/a.jpg", "b/x/a.jpg", "a")
            if more["chosen"](path)
        ]
        self.assertEqual(chosen, ["a.jpg", "b/a.jpg", "b/x/a.jpg"])
        self.assertEqual((more["as_json"], more["max_duration"]), (True, 60.0))

    def test_lists(self) -> None:
        """Files are those of a list, too: one a line, or with a NUL after each."""
        path = self.mktemp()
        for content, files in ((b"b\nc d\n", ("b", "c d")), (b"b\n\0c\0", ("b\n", "c"))):
            with open(path, "wb") as file:
                file.write(content)
            self.run_command("upload", TARGET, "a", "--files-from", path)
            self.assertEqual(self.made[0][1], ("a", *files))
        with open(path, "wb"):
            pass
        status, said = self.run_command("upload", TARGET, "--files-from", path)
        self.assertEqual((status, self.made), (0, []), said)

    def test_environment(self) -> None:
        """What is not typed may be in the environment."""
        variables = {
            "TXRESUMABLE_CHUNK_SIZE": "1000",
            "TXRESUMABLE_MAX_RATE": "5",
            "TXRESUMABLE_HEADER": "A: b c\nC: d",
            "TXRESUMABLE_FORCE_CHUNK_SIZE": "yes",
            "TXRESUMABLE_TARGET": "lab",
        }
        self.patch(os, "environ", variables)
        status, said = self.run_command("upload", TARGET, "a", "--max-rate", "6")
        self.assertEqual(status, 0, said)
        options = self.made[0][0]
        self.assertEqual((options["chunk_size"], options["max_rate"]), (1000, 6))
        self.assertEqual(options["headers"], {"A": "b c", "C": "d"})
        self.assertTrue(options["force_chunk_size"])
        variables["TXRESUMABLE_FORCE_CHUNK_SIZE"] = "1"
        status, said = self.run_command("upload", TARGET, "a")
        self.assertEqual(status, 2)
        self.assertIn("--force-chunk-size 1: in the environment must be yes or no", said)

    def test_groups(self) -> None:
        """The help has the options in groups."""
        _, said = self.run_command("upload", "--help")
        headings = [line[:-1] for line in said.splitlines() if re.match(r"[A-Z].*:$", line)]
        self.assertEqual(headings, ["Options", *GROUPS.values()])
        rest = said.partition("\nChunks:\n")[2].partition("\nWhich files:\n")[0]
        self.assertIn("--chunk-size SIZE", rest)
        self.assertNotIn("--file-type", rest)

    def test_dry_run(self) -> None:
        """What would be uploaded is listed, and nothing is."""
        folder = self.mktemp()
        os.makedirs(os.path.join(folder, "in"))
        for name in ("a.jpg", "in/b.jpg", "c.txt"):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(b"12345")
        given = ("upload", TARGET, folder, "missing", "--dry-run", "--include", "*.jpg")
        status, said = self.run_command(*given)
        self.assertEqual((status, self.made), (1, []))
        self.assertIn(
            f"              5  {folder}/a.jpg\n              5  {folder}/in/b.jpg\n", said
        )
        self.assertNotIn("c.txt", said)
        self.assertIn("missing: No such file or directory", said)
        self.assertIn("2 files, 10 bytes would be uploaded", said)

    def test_lock(self) -> None:
        """A run while another one has the lock ends with 75."""
        path = self.mktemp()
        arguments = ("upload", TARGET, "a", "--lock", path)
        self.assertEqual(self.run_command(*arguments)[0], 0)
        status, said = self.run_command(*arguments)
        self.assertEqual((status, said), (75, f"already running, pid {os.getpid()}\n"))
        self.assertEqual(self.run_command("upload", TARGET, "a", "--lock", "/no/such")[0], 2)

    def test_bad(self) -> None:
        """What cannot be is a usage error that names it."""
        for arguments, part in (
            ((TARGET, "a", "--max-duration", "soon"), "--max-duration soon: must be a time"),
            ((TARGET, "a", "--include", ""), "--include"),
            ((TARGET, "--files-from", "missing"), "--files-from missing: No such file"),
            ((TARGET, "-", "--files-from", "-"), "standard input cannot be"),
            ((TARGET, "-", "--stdin-name", "a/"), "--stdin-name a/: must be"),
            ((TARGET,), "FILE"),
            ((TARGET, "a", "--chunk-size", "12X"), "--chunk-size 12X: must be"),
            (("nowhere", "a"), "nowhere"),
            ((TARGET, "a", "--nonsense"), "--nonsense"),
        ):
            status, said = self.run_command("upload", *arguments)
            self.assertEqual(status, 2, said)
            self.assertIn(part, said)
            self.assertEqual(self.made, [])

    def test_help(self) -> None:
        """The help has every option."""
        status, said = self.run_command("upload", "--help")
        self.assertEqual(status, 0)
        for argument in ARGUMENTS:
            if argument.name != "target":
                self.assertIn(f"--{argument.name}", said)

    def test_version(self) -> None:
        """It knows its version."""
        self.assertIn("txresumable", self.run_command("--version")[1])

    def test_without_extra(self) -> None:
        """Without what it needs, it says in one line how to get it."""
        found = builtins.__import__

        def missing(name: str, *more: Any) -> Any:
            if name == "rich":
                raise ModuleNotFoundError("No module named 'rich'", name="rich")
            return found(name, *more)

        self.patch(builtins, "__import__", missing)
        error = self.assertRaises(SystemExit, main)
        self.assertEqual(error.code, "txresumable needs rich: pip install 'txresumable[command]'")


class Reactor(MemoryReactorClock):
    """A reactor in memory that runs."""

    def callWhenRunning(self, callable: Any, *args: Any, **kwargs: Any) -> None:
        callable(*args, **kwargs)


class Beginning(MemoryReactorClock):
    """
    A reactor in memory that is about to run.

    :ivar then: what is called once it does.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.then: list[Callable[[], object]] = []

    def callWhenRunning(self, callable: Any, *args: Any, **kwargs: Any) -> None:
        self.then.append(partial(callable, *args, **kwargs))


class Terminal(StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


class SessionTests(SynchronousTestCase):
    """What a person sees."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.output, self.errors = StringIO(), StringIO()
        self.observers: list[Any] = []
        self.signalled: list[Callable[[int], object]] = []
        self.ending: list[int] = []

    def run_session(self, client: Any, *files: str, **more: Any) -> Deferred[Any]:
        """Upload."""
        options = {"target": TARGET, "client": client, "chunk_size": 10, "test_chunks": False}
        self.session = Session(
            {**options, **more.pop("options", {})},
            files,
            output=self.output,
            errors=self.errors,
            on_signals=lambda _, called: self.signalled.append(called),
            end_anyway=self.ending.append,
            begin_logging=self.observers.extend,
            **more,
        )
        return self.session.run(self.reactor)

    def ended(self, running: Deferred[Any]) -> Any:
        """The exit status; no timer is left."""
        status = self.failureResultOf(running, SystemExit).value.code  # type: ignore[union-attr]
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        return status

    def file(self, chunks: int = 4) -> str:
        """A file of some chunks."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"0123456789" * chunks)
        return path

    def test_success(self) -> None:
        """It ends with a sentence and 0."""
        self.assertEqual(self.ended(self.run_session(ScriptedReceiver(), self.file())), 0)
        self.assertEqual(self.output.getvalue(), "1 of 1 files uploaded: 4 chunks sent\n")
        self.assertEqual(self.errors.getvalue(), "")

    def test_cursor(self) -> None:
        """It is hidden only while signals are handled, and until the first of them."""
        terminal = patch.dict(os.environ, {"TERM": "xterm"})
        terminal.start()
        self.addCleanup(terminal.stop)
        self.errors, reactor = Terminal(), Beginning()
        self.reactor = reactor  # type: ignore[assignment]
        running = self.run_session(FakeClient(), self.file())
        for each in reactor.then:
            if not self.signalled:
                self.assertEqual(self.errors.getvalue(), "")
            each()
        self.assertIn(HIDE, self.errors.getvalue())
        self.assertNotIn(SHOW, self.errors.getvalue())
        self.signalled[0](signal.SIGINT)
        self.assertIn(SHOW, self.errors.getvalue().partition("SIGINT")[0])
        reactor.advance(10)
        self.assertEqual(self.ended(running), 130)

    def test_goes_on(self) -> None:
        """It reports how many chunks were already stored."""
        receiver, path = ScriptedReceiver(), self.file()
        self.ended(self.run_session(receiver, path))
        self.ended(self.run_session(receiver, path, options={"test_chunks": True}))
        self.assertIn("0 chunks sent, 4 were already stored\n", self.output.getvalue())

    def test_failure(self) -> None:
        """It names each file that failed with why, and ends with 1."""
        running = self.run_session(ScriptedReceiver(), "missing", self.file())
        self.assertEqual(self.ended(running), 1)
        self.assertEqual(self.errors.getvalue(), "missing: No such file or directory\n")
        self.assertEqual(self.output.getvalue(), "1 of 2 files uploaded: 4 chunks sent\n")

    def test_names_that_pretend(self) -> None:
        """A name is shown on one line: it neither controls the terminal nor looks like a result."""
        name = f"{self.file()}-\x1b]0;owned\x07\n2 of 2 files uploaded"
        running = self.run_session(ScriptedReceiver(), os.fsdecode(os.fsencode(name) + b"\xff"))
        self.assertEqual(self.ended(running), 1)
        [line] = self.errors.getvalue().splitlines()
        self.assertIn("-\\x1b]0;owned\\x07\\n2 of 2 files uploaded\\xff: No such", line)

    def test_links(self) -> None:
        """How many links were left out is said without being verbose, and that no file is left."""
        folder = self.mktemp()
        os.mkdir(folder)
        os.symlink(self.file(), os.path.join(folder, "link"))
        self.assertEqual(self.ended(self.run_session(ScriptedReceiver(), folder)), 0)
        (observer,) = self.observers
        logged = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.ended(self.run_session(ScriptedReceiver(), folder))
        for event in logged:
            observer(event)
        first, second = self.errors.getvalue().splitlines()
        self.assertIn("1 symbolic link was left out", first)
        self.assertIn("--links follow", first)
        self.assertEqual(second, f"There is no file in {folder}")

    def test_says_why_it_waits(self) -> None:
        """A reason is said at its second time, unless it is to be quiet; it ends soon."""
        for quiet, lines in ((False, 3), (True, 1)):
            self.setUp()
            client = FakeClient()
            options = {"chunk_retry_interval": 1.0}
            running = self.run_session(client, self.file(1), quiet=quiet, options=options)
            for _ in range(5):
                self.assertNoResult(running)
                client.fail(ConnectionRefusedError())
                self.reactor.advance(1)
            self.assertEqual(self.ended(running), 3)
            said = self.errors.getvalue().splitlines()
            self.assertEqual(len(said), lines)
            self.assertEqual(["next try in 1.0 s" in line for line in said].count(True), lines - 1)

    def test_no_standard_error(self) -> None:
        """A process that was started without standard error uploads, and says how it ended."""
        self.patch(sys, "stderr", None)
        self.errors = None  # type: ignore[assignment]
        self.assertEqual(self.ended(self.run_session(ScriptedReceiver(), "missing")), 1)
        self.assertEqual(self.output.getvalue(), "0 of 1 files uploaded: 0 chunks sent\n")

    def test_quiet(self) -> None:
        """Told to be quiet, it tells of failures only."""
        running = self.run_session(ScriptedReceiver(), "missing", self.file(), quiet=True)
        self.assertEqual(self.ended(running), 1)
        self.assertEqual(self.errors.getvalue(), "missing: No such file or directory\n")
        self.assertEqual(self.output.getvalue(), "")

    def test_log(self) -> None:
        """Told to be verbose, it says what is logged."""
        for verbose, expected in ((True, "said\n"), (False, "")):
            self.setUp()
            self.ended(self.run_session(ScriptedReceiver(), self.file(), verbose=verbose))
            (observer,) = self.observers
            observer({"log_format": "said", "log_level": LogLevel.info, "log_namespace": "x"})
            self.assertEqual(self.errors.getvalue(), expected)

    def test_time_is_up(self) -> None:
        """After its longest time it stops as on a signal, and ends with 3."""
        client = FakeClient()
        running = self.run_session(client, self.file(), max_duration=5.0)
        self.reactor.advance(5)
        self.assertNoResult(running)
        for _ in range(3):
            client.respond(200)
        self.reactor.advance(0.05)
        self.assertEqual(self.ended(running), 3)
        said = "Time is up: chunks under way have 10 s to finish\nStopped. The same command resumes"
        self.assertIn(said, self.errors.getvalue())
        self.setUp()
        running = self.run_session(ScriptedReceiver(), self.file(), max_duration=5.0)
        self.assertEqual(self.ended(running), 0)

    def test_json(self) -> None:
        """Events are printed a line each; the last one is a summary with the exit status."""
        path = self.file()
        running = self.run_session(ScriptedReceiver(), "missing", path, as_json=True)
        self.assertEqual(self.ended(running), 1)
        lines = [json.loads(line) for line in self.output.getvalue().splitlines()]
        events = [line["event"] for line in lines]
        self.assertEqual(events, ["added", "completed", "failed", "summary"])
        self.assertEqual((lines[1]["size"], lines[1]["chunks"]), (40, 4))
        reason = "No such file or directory"
        self.assertEqual(
            lines[2], {"event": "failed", "path": "missing", "reason": reason, "status": 1}
        )
        self.assertEqual(
            lines[3],
            {
                "event": "summary",
                "status": 1,
                "completed": 1,
                "failed": 1,
                "bytes": 40,
                "chunks_sent": 4,
                "chunks_found": 0,
            },
        )
        self.setUp()
        client = FakeClient()
        running = self.run_session(client, self.file(1), as_json=True)
        client.respond(503)
        self.assertIn("was refused with 503 by", self.output.getvalue())
        self.reactor.advance(100)
        client.respond(200)
        self.ended(running)

    def test_hanging(self) -> None:
        """What hangs is named without being verbose, be it a path or a file; nothing else is."""
        self.ended(self.run_session(ScriptedReceiver(), self.file()))
        (observer,) = self.observers
        for logger in (paths._shown, admission._log, prefetch._log, shortage._log, headers._log):
            event = {"log_format": logger.namespace, "log_namespace": logger.namespace}
            observer({**event, "log_level": LogLevel.warn})
            observer({**event, "log_level": LogLevel.info})
        observer({"log_format": "other", "log_level": LogLevel.warn, "log_namespace": "other"})
        lines = self.errors.getvalue().splitlines()
        self.assertEqual(
            [line.rpartition(".")[2] for line in lines],
            ["shown", "admission", "prefetch", "shortage", "headers"],
        )

    def test_signal(self) -> None:
        """Ctrl-C lets what is under way finish, and it ends with the signal's status."""
        client = FakeClient()
        running = self.run_session(client, self.file())
        self.signalled[0](signal.SIGINT)
        self.reactor.advance(5)
        self.assertNoResult(running)
        for _ in range(3):
            client.respond(200)
        self.reactor.advance(0.05)
        self.assertEqual(self.ended(running), 130)
        self.assertEqual(len(client.sent), 3)
        self.assertEqual(
            self.errors.getvalue(),
            "SIGINT: chunks under way have 10 s to finish; once more ends it at once\n"
            "Stopped. The same command resumes it.\n",
        )
        self.assertEqual(self.output.getvalue(), "0 of 1 files uploaded: 3 chunks sent\n")

    def test_second_signal(self) -> None:
        """Once more, and it ends at once."""
        client = FakeClient()
        running = self.run_session(client, self.file(), quiet=True)
        self.signalled[0](signal.SIGTERM)
        self.signalled[0](signal.SIGTERM)
        self.reactor.advance(0.05)
        self.assertEqual((self.ended(running), self.ending), (143, [143]))
        self.assertTrue(all(request.given_up for request in client.sent))
        self.assertEqual(self.errors.getvalue() + self.output.getvalue(), "")

    def test_signal_at_the_end(self) -> None:
        """A signal after which all is done nevertheless is a success."""
        client = FakeClient()
        running = self.run_session(client, self.file(1), quiet=True)
        self.signalled[0](signal.SIGINT)
        client.respond(200)
        self.reactor.advance(0.05)
        self.assertEqual(self.ended(running), 0)


HANGING = """
import sys, threading
from twisted.internet.threads import deferToThread

def identify(file):
    print("it hangs", file=sys.stderr, flush=True)
    return deferToThread(threading.Event().wait)
"""


BLOCKING = """
import sys, time

def block(file):
    print("it blocks", file=sys.stderr, flush=True)
    time.sleep(60)
"""


class CommandTests(ProcessTestCase):
    """The real thing."""

    async def test_upload(self) -> None:
        """Files arrive, empty ones too; one that fails is named, and makes the status 1."""
        self.file("empty.dat", 0)
        upload = ("-m", "txresumable", "upload", self.target, "empty.dat")
        ended = await self.python(*upload).ended
        self.assertEqual((ended.status, ended.errors), (0, ""))
        self.assertEqual(self.received("empty.dat"), b"")
        content = self.file("a.dat", 3_000_000)
        upload = ("-m", "txresumable", "upload", self.target, "a.dat")
        ended = await self.python(*upload).ended
        self.assertEqual((ended.status, ended.errors), (0, ""))
        self.assertEqual(ended.output, f"1 of 1 files uploaded: 2 chunks sent{os.linesep}")
        self.assertEqual(self.received("a.dat"), content)
        ended = await self.python(*upload, "missing.dat").ended
        self.assertEqual(
            (ended.status, ended.errors), (1, "missing.dat: No such file or directory\n")
        )
        self.assertIn("0 chunks sent, 2 were already stored", ended.output)

    async def test_standard_input(self) -> None:
        """What comes from a pipe is uploaded, and not again if it is the same."""
        content = self.file("a.dat", 3_000_000)
        script = 'cat a.dat | "$0" -m txresumable upload "$@" --stdin-name b.dat -'
        for sent in (2, 0):
            ended = await self.run_process(
                "/bin/sh", "-c", script, sys.executable, self.target
            ).ended
            self.assertEqual((ended.status, ended.errors), (0, ""))
            self.assertIn(f"1 of 1 files uploaded: {sent} chunks sent", ended.output)
        self.assertEqual(self.received("b.dat"), content)

    async def test_nothing_new(self) -> None:
        """What was only touched, copied or renamed is not sent again where it can be told."""
        small, large = self.folder / "small.dat", self.folder / "large.dat"
        self.file("small.dat", 60_000)
        self.file("large.dat", 3_000_000)
        own = ("-m", "txresumable", "upload", self.target)
        by_content = (*own, "--generate-unique-identifier=content")
        for upload, path, sent in ((own, small, 1), (by_content, large, 2)):
            ended = await self.python(*upload, path.name).ended
            self.assertIn(f": {sent} chunks sent", ended.output)
            os.utime(path, (1, 1))
            ended = await self.python(*upload, path.name, path.name).ended
            self.assertEqual((ended.status, ended.errors), (0, ""))
            self.assertIn("2 of 2 files uploaded: 0 chunks sent", ended.output)
        large.rename(self.folder / "renamed.dat")
        ended = await self.python(*by_content, "renamed.dat").ended
        self.assertIn("0 chunks sent, 2 were already stored", ended.output)

    async def test_interrupt_while_a_thread_hangs(self) -> None:
        """It ends even if a thread does not return, for which Python would wait."""
        with open(os.path.join(self.folder, "hanging.py"), "w") as hook:
            hook.write(HANGING)
        self.file("a.dat", 10)
        upload = ("-m", "txresumable", "upload", "--generate-unique-identifier=hanging:identify")
        process = self.python(*upload, self.target, "a.dat")
        await process.has_said("it hangs")
        process.signal("INT")
        ended = await process.ended
        self.assertEqual(ended.status, 130, ended.errors)

    async def test_interrupt_while_blocked(self) -> None:
        """The third signal ends it even if its reactor is blocked, as by output nobody takes."""
        with open(os.path.join(self.folder, "blocking.py"), "w") as hook:
            hook.write(BLOCKING)
        self.file("a.dat", 10)
        upload = ("-m", "txresumable", "upload", "--preprocess-file=blocking:block")
        process = self.python(*upload, self.target, "a.dat")
        await process.has_said("it blocks")
        while not process.ended.called:
            process.signal("INT")
            await deferLater(reactor, 0.05, lambda: None)
        self.assertEqual((await process.ended).signal, signal.SIGINT)

    async def test_nobody_reads(self) -> None:
        """If nobody reads what it prints any more, a signal ends it all the same."""
        self.file("a.dat", 10 << 20)
        held = self.holding()
        process = self.python(
            *("-m", "txresumable", "upload", "-v", "--test-chunks=no", held.target, "a.dat")
        )
        await held.has(3)
        process.close_output()
        process.signal("INT")
        held.release()
        ended = await process.ended
        self.assertEqual(ended.status, 130)

    async def test_full(self) -> None:
        """If what it prints to is full, it uploads, and its status is that of the upload."""
        if not os.path.exists("/dev/full"):
            raise SkipTest("nothing here is full")
        content = self.file("a.dat", 3_000_000)
        command = '"$0" -m txresumable upload -v "$@" >/dev/full 2>/dev/full'
        upload = ("/bin/sh", "-c", command, sys.executable, self.target, "a.dat")
        self.assertEqual((await self.run_process(*upload).ended).status, 0)
        self.assertEqual(self.received("a.dat"), content)
        self.assertEqual((await self.run_process(*upload, "missing.dat").ended).status, 1)

    async def test_interrupt(self) -> None:
        """Ctrl-C drains, and once more ends it at once."""
        self.file("a.dat", 10 << 20)
        held = self.holding()
        process = self.python(
            *("-m", "txresumable", "upload", "--test-chunks=no", held.target, "a.dat")
        )
        await held.has(3)
        process.signal("INT")
        await process.has_said("SIGINT: chunks under way have 10 s to finish")
        process.signal("INT")
        ended = await process.ended
        self.assertEqual(ended.status, 130, ended.errors)
        self.assertNotIn("Traceback", ended.errors)


class TokenTests(ProcessTestCase):
    """
    Tokens that expire during an upload: each is good for four chunks.

    :ivar used: the tokens of uploads that were accepted, in order.
    """

    def setUp(self) -> None:
        super().setUp()
        self.used: list[str] = []
        self.refusals = 0
        self.issue(0)

    def issue(self, number: int) -> None:
        """Write a new token, all at once."""
        self.token = f"token-{number}"
        new = self.folder / "new"
        new.write_text(f"X-Token: {self.token}\n")
        new.replace(self.folder / "token.txt")

    def owner(self, request: Request) -> str:
        if request.getHeader("x-token") != self.token:
            self.refusals += 1
            raise Refused(401 + self.refusals % 2 * 2, "an old token")
        if request.method == b"POST":
            self.used.append(self.token)
            if len(self.used) % 4 == 0:
                self.issue(len(self.used) // 4)
        return ""

    async def renewed(self, *source: str) -> None:
        """Upload ten chunks with tokens from somewhere."""
        content = self.file("a.dat", 100_000)
        upload = ("-m", "txresumable", "upload", "--chunk-size", "10000", "--force-chunk-size")
        one_by_one = ("--simultaneous-uploads", "1")
        ended = await self.python(*upload, *one_by_one, *source, self.target, "a.dat").ended
        self.assertEqual((ended.status, ended.errors), (0, ""))
        self.assertEqual(self.received("a.dat"), content)
        self.assertEqual(len(self.used), 10)
        self.assertNotIn("token-", ended.output)

    async def test_file(self) -> None:
        """A file with headers is read again when it changes, before anything is refused."""
        await self.renewed("--header-file", "token.txt")
        self.assertEqual(self.refusals, 0)

    async def test_command(self) -> None:
        """A command is run again for each token that is refused."""
        await self.renewed("--header-command", "echo run >> runs; cat token.txt")
        self.assertEqual(self.refusals, 2)
        self.assertEqual((self.folder / "runs").read_text(), "run\n" * 3)

    async def test_command_that_fails(self) -> None:
        """A command that fails is named, with what it said."""
        self.file("a.dat", 10)
        upload = ("upload", "--header-command", "echo no such user >&2; exit 3", self.target)
        ended = await self.python("-m", "txresumable", *upload, "a.dat").ended
        why = "the command of --header-command ended with status 3: no such user"
        self.assertEqual((ended.status, ended.errors), (1, f"a.dat: {why}\n"))

    async def test_twistd(self) -> None:
        """So it is in ``twistd resumable-upload``."""
        content = self.file("a.dat", 100_000)
        upload = ("--chunk-size", "10000", "--header-command", "cat token.txt")
        ended = await self.twistd(*upload, "--target", self.target, "a.dat").ended
        self.assertEqual(ended.status, 0, ended.output)
        self.assertEqual(self.received("a.dat"), content)
        self.assertNotIn("token-", ended.output + ended.errors)

"""Tests for the command ``txresumable doctor``."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from io import StringIO
from typing import Any, ClassVar

from attrs import fields
from click.testing import CliRunner
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock

from tests.doctor_rig import TARGET, TOOK, DoctorTestCase, Pretender
from tests.processes import ProcessTestCase
from txresumable._cli import doctor
from txresumable._cli import main as command
from txresumable._cli.doctor import OF_REQUESTS, Consultation
from txresumable._cli.headers import HeaderFile, RenewedHeaders
from txresumable.errors import ResumableError
from txresumable.options import Options
from txresumable.testing import FakeClient


class Reactor(MemoryReactorClock):
    """A reactor in memory that runs."""

    def callWhenRunning(self, callable: Any, *args: Any, **kwargs: Any) -> None:
        callable(*args, **kwargs)


class ArgumentTests(DoctorTestCase):
    """The command line."""

    def run_command(self, *arguments: str) -> tuple[int, str]:
        """Its exit status and what it said; nothing is examined."""
        self.made: list[tuple[Any, ...]] = []

        def noted(options: Any, format: str) -> Any:
            self.made.append((options, format))
            raise SystemExit(0)

        self.patch(doctor, "Consultation", noted)
        result = CliRunner().invoke(command.command_group(), arguments, prog_name="txresumable")
        return result.exit_code, result.output

    def test_given(self) -> None:
        """Its options are those of requests."""
        given = ("doctor", TARGET, "--header", "A: b", "--query", "folder=1", "--with-credentials")
        self.assertEqual(self.run_command(*given)[0], 0)
        expected = {
            "target": TARGET,
            "headers": {"A": "b"},
            "query": {"folder": "1"},
            "with_credentials": True,
        }
        ((options, format),) = self.made
        options.pop("proxy", None)  # of the environment
        self.assertEqual(options, expected)
        self.assertEqual(format, "text")
        self.assertEqual(self.run_command("doctor", TARGET, "--format", "toml")[0], 0)
        self.assertEqual([format for _, format in self.made], ["toml"])

    def test_bad(self) -> None:
        """What cannot be is a usage error that names it, also an option of files."""
        for arguments, part in (
            ((), "TARGET"),
            (("nowhere",), "nowhere"),
            ((TARGET, "--format", "yaml"), "yaml"),
            ((TARGET, "--chunk-size", "5"), "--chunk-size"),
            ((TARGET, "--dialect", "tus"), "dialect"),
            (("ftp://x",), "Error: TARGET: must be"),
        ):
            status, said = self.run_command("doctor", *arguments)
            self.assertEqual(status, 2, said)
            self.assertIn(part, said)
            self.assertEqual(self.made, [])

    def test_help(self) -> None:
        """The help has every option of requests."""
        status, said = self.run_command("doctor", "--help")
        self.assertEqual(status, 0)
        for argument in OF_REQUESTS:
            self.assertIn(f"--{argument.name}", said)

    def test_options(self) -> None:
        """Each is an option of the client."""
        names = {field.name for field in fields(Options)}
        self.assertEqual({argument.option for argument in OF_REQUESTS} - names, set())
        self.assertLessEqual(doctor._OPTIONS, {argument.option for argument in OF_REQUESTS})


class ConsultationTests(DoctorTestCase):
    """What a person sees."""

    def setUp(self) -> None:
        super().setUp()
        self.reactor = self.clock = Reactor()
        self.output, self.errors = StringIO(), StringIO()
        self.signalled: list[Callable[[int], object]] = []

    def consult(self, client: FakeClient, format: str = "text", **options: Any) -> Deferred[None]:
        """Examine."""
        consultation = Consultation(
            {"target": TARGET, "client": client, **options},
            format,
            output=self.output,
            errors=self.errors,
            on_signals=lambda _, called: self.signalled.append(called),
        )
        return consultation.run(self.reactor)

    def status(self, running: Deferred[None]) -> Any:
        """The exit status; no timer is left."""
        self.finish(running)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        return self.failureResultOf(running, SystemExit).value.code  # type: ignore[union-attr]

    def test_receiver(self) -> None:
        """Of a receiver all is printed, and the status is 0."""
        self.assertEqual(self.status(self.consult(Pretender(self.clock))), 0)
        self.assertIn("receiver:    yes\n", self.output.getvalue())
        self.assertIn("    Resumable(\n", self.output.getvalue())
        self.assertEqual(self.errors.getvalue(), "")

    def test_format(self) -> None:
        """It is printed as was asked."""
        self.assertEqual(self.status(self.consult(Pretender(self.clock), "json")), 0)
        self.assertEqual(json.loads(self.output.getvalue())["receiver"], True)

    def test_full(self) -> None:
        """What cannot be written is told, and the status is 1."""
        with open("/dev/full", "w") as self.output:
            self.assertEqual(self.status(self.consult(Pretender(self.clock), "toml")), 1)
        self.assertIn("could not be written: No space left", self.errors.getvalue())

    def test_no_receiver(self) -> None:
        """Of what is none it is printed why, and the status is 1."""
        self.assertEqual(self.status(self.consult(Pretender(self.clock, everything=404))), 1)
        self.assertIn("receiver:    no\n", self.output.getvalue())

    def test_nobody(self) -> None:
        """A server that does not respond is said in a line, and the status is 1."""
        client = FakeClient()
        running = self.consult(client)
        client.fail(ConnectionRefusedError())
        self.assertEqual(self.status(running), 1)
        self.assertEqual(self.output.getvalue(), "")
        self.assertIn("no connection", self.errors.getvalue())
        self.assertEqual(self.errors.getvalue().count("\n"), 1)

    def test_function(self) -> None:
        """What cannot be examined is an error of usage."""
        self.assertEqual(self.status(self.consult(FakeClient(), headers=lambda *_: {})), 2)
        self.assertIn("headers must be a value here, not", self.errors.getvalue())

    def test_headers(self) -> None:
        """Headers from a file or a command are those that there are; without them it ends."""
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("X-Token: a-token")
        pretender = Pretender(self.clock)
        headers = RenewedHeaders((HeaderFile(path),), {"X-Two": "2"})
        self.assertEqual(self.status(self.consult(pretender, headers=headers)), 0)
        for request in pretender.sent:
            self.assertEqual((request.header("X-Token"), request.header("X-Two")), ("a-token", "2"))

        class Broken:
            headers: ClassVar[dict[str, str]] = {}

            def renew(self, _: object) -> Deferred[None]:
                return fail(ResumableError("no token"))

        headers = RenewedHeaders((Broken(),), {})
        self.assertEqual(self.status(self.consult(FakeClient(), headers=headers)), 1)
        self.assertEqual(self.errors.getvalue(), "no token\n")

    def test_signal(self) -> None:
        """A signal ends it, with its status."""
        client = Pretender(self.clock)
        running = self.consult(client)
        self.reactor.advance(TOOK)
        self.signalled[0](signal.SIGINT)
        self.reactor.advance(TOOK)
        self.assertEqual(self.status(running), 130)
        self.assertEqual(
            (self.output.getvalue(), self.errors.getvalue()), ("", "SIGINT: stopped\n")
        )
        self.assertEqual(client.waiting, [])

    def test_signal_before(self) -> None:
        """So it does while the headers are awaited."""

        class Slow:
            headers: ClassVar[dict[str, str]] = {}

            def renew(self, _: object) -> Deferred[None]:
                return Deferred()

        client = FakeClient()
        running = self.consult(client, headers=RenewedHeaders((Slow(),), {}))
        self.signalled[0](signal.SIGTERM)
        self.assertEqual(self.status(running), 143)
        self.assertEqual(self.errors.getvalue(), "SIGTERM: stopped\n")
        self.assertEqual(client.sent, [])


class CommandTests(ProcessTestCase):
    """The real thing."""

    async def test_receiver(self) -> None:
        """Our receiver is found out about, and the options that are printed are right."""
        examine = ("-m", "txresumable", "doctor", "--format=json", self.target)
        ended = await self.python(*examine).ended
        self.assertEqual((ended.status, ended.errors), (0, ""))
        read = json.loads(ended.output)
        self.assertEqual(
            read["options"],
            {
                "dialect": "resumable",
                "method": "multipart",
                "checksum": "sha256",
                "test_chunks": "adaptive",
            },
        )
        found = {each["name"]: each["value"] for each in read["findings"]}
        self.assertEqual((found["rule"], found["order"]), ("either", "any"))
        self.assertEqual(read["given"], [])
        received = self.folder / "received"
        whole = [path.name for path in received.rglob("txresumable-doctor-*.bin")]
        self.assertEqual(sorted(whole), [f"{name}.bin" for name in read["left"]])
        self.assertEqual([path.name for path in received.rglob("*.chunks")], [])

    async def test_nobody(self) -> None:
        """A port on which nothing listens is said, and the status is 1."""
        ended = await self.python("-m", "txresumable", "doctor", "http://127.0.0.1:1/").ended
        self.assertEqual((ended.status, ended.output), (1, ""))
        self.assertIn("no connection", ended.errors)
        self.assertNotIn("Traceback", ended.errors)

    async def test_interrupt(self) -> None:
        """Ctrl-C ends it while a response is awaited."""
        held = self.holding()
        process = self.python("-m", "txresumable", "doctor", held.target)
        await held.has(1)
        process.signal("INT")
        ended = await process.ended
        self.assertEqual((ended.status, ended.output, ended.errors), (130, "", "SIGINT: stopped\n"))

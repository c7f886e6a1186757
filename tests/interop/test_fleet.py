"""Receivers in a fleet: a short proof, and the files in ``contrib/fleet``."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.examples import ROOT
from tests.fleet.front import Front
from tests.fleet.killed import lives
from tests.fleet.receiver import Receiver
from tests.fleet.round import SETTINGS, Round
from tests.ports import is_listening, unused_ports
from tests.processes import until
from txresumable import Resumable
from txresumable.receiver.tap import Options

from .install import BROWSER, NODE, program, python_of, why_not_installed
from .scenarios import require
from .seaweedfs import KEY, PARTS, SECRET, SeaweedFS

FLEET = ROOT / "contrib" / "fleet"

reactor: Any = installed


class ShortProof(TestCase):
    """Some lives of three receivers, behind each load balancer; ``make fleet-proof`` has more."""

    timeout = 240

    def setUp(self) -> None:
        names = [setting.balancer for setting in SETTINGS]
        require(self, why_not_installed(*PARTS, *names, NODE, BROWSER, "resumable"))

    async def prove(self, number: int) -> None:
        """A round."""
        random = Random(number)
        base = Path(self.mktemp()).absolute()
        base.mkdir()
        points = lives(random, 4, 2, latest=1)
        made = Round(reactor, self, random, 90 + number, base, SETTINGS[number], points, 11, 1)
        await made.run()
        self.assertEqual(made.faults, [])
        self.assertGreaterEqual(made.counts["files equal"], 11)
        killed = ("kills of receivers at points", "kills of receivers at random")
        self.assertGreaterEqual(sum(made.counts[each] for each in killed), 6)
        self.assertEqual(made.counts["kills of filers"], 1)
        self.assertEqual(made.counts["kills of gateways"], 1)

    async def test_nginx(self) -> None:
        """Behind nginx all files arrive once, as they were, and are notified by one id."""
        await self.prove(0)

    async def test_haproxy(self) -> None:
        """So they do behind HAProxy, even if no receiver is left for a while."""
        await self.prove(1)


class RollingTests(TestCase):
    """Receivers that are told to stop, one after the other, and are started anew."""

    timeout = 240
    options: tuple[str, ...] = ()

    def setUp(self) -> None:
        require(self, why_not_installed(*PARTS, "nginx"))

    async def test_upload(self) -> None:
        """An upload through all of that hardly notices: nothing that has begun is cut."""
        base = Path(self.mktemp()).absolute()
        base.mkdir()
        storage = await deferToThread(SeaweedFS.running)
        await deferToThread(storage.make_bucket, "rolling")
        port, *ports = unused_ports(4)
        receivers = []
        for number, each in enumerate(ports):
            own = ["-n", "--pidfile=", "resumable-receive", "--port", str(each)]
            own += ["--store", "s3://rolling/", "--s3-endpoint", storage.endpoints[number % 2]]
            own += ["--s3-region", "us-east-1", "--max-connections", "0", *self.options]
            known = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
            receivers.append(Receiver(reactor, base / f"log-{number}", own, known))
            self.addCleanup(receivers[-1].close)
        front = Front("nginx", base / "nginx", port, ports)
        self.addCleanup(front.close)
        ended = [await each.start() for each in receivers]
        for each in ports:
            await until(lambda each=each: is_listening(each))
        retries: list[Any] = []
        uploader = Resumable(
            f"http://127.0.0.1:{port}/",
            reactor=reactor,
            chunk_size=1 << 20,
            simultaneous_uploads=4,
            max_rate=12 << 20,
        )
        uploader.chunk_retry.register(lambda *given: retries.append(given))
        self.addCleanup(uploader.close)
        content = Random(1).randbytes(1 << 20) * 200
        uploading = uploader.add_file(content, file_name="file.dat")
        restarts = 0
        while not uploading.called:
            for number, receiver in enumerate(receivers):
                receiver.signal(signal.SIGTERM)
                await ended[number]
                ended[number] = await receiver.start()
                await until(lambda: is_listening(ports[number]))  # noqa: B023
                restarts += 1
        await uploading
        logs = [(base / f"log-{number}").read_text("utf-8") for number in range(3)]
        self.assertEqual(sum(log.count("received file.dat") for log in logs), 1)
        self.assertEqual(sum(log.count("with unfinished requests") for log in logs), 0)
        self.assertGreaterEqual(restarts, 6)
        self.assertLess(len(retries), restarts / 2, retries)


class ContribTests(SynchronousTestCase):
    """What is in ``contrib/fleet`` is what those who read it accept."""

    def accepted(self, *words: object, **environment: str) -> str:
        """Run what reads a file; the result is what it wrote."""
        # The path of trial's own Python, which its workers have, is not that of others.
        inherited = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
        done = subprocess.run(
            list(map(str, words)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**inherited, **environment},
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def receives(self, text: str) -> None:
        """A receiver takes the options of its command in YAML."""
        lines = [line.strip() for line in text.splitlines()]
        first = lines.index("- resumable-receive")
        own = []
        for line in lines[first + 1 :]:
            if not line.startswith("- --"):
                break
            own.append(line.removeprefix("- "))
        self.assertIn("--store=s3://uploads/", own)
        Options().parseOptions(own)

    def test_compose(self) -> None:
        """docker-compose accepts its file, and the receiver its options."""
        require(self, why_not_installed("docker-compose"))
        path = FLEET / "compose.yaml"
        known = {"AWS_ACCESS_KEY_ID": "some", "AWS_SECRET_ACCESS_KEY": "some"}
        command = (program("docker-compose"), "--file", path, "config")
        self.assertIn("receiver-3", self.accepted(*command, **known))
        self.receives(path.read_text("utf-8"))

    def test_compose_specification(self) -> None:
        """Files for docker compose are what its specification's schema says, and no mistake is."""
        require(self, why_not_installed("check-jsonschema"))
        check = python_of("check-jsonschema").parent / "check-jsonschema"
        command = (check, "--builtin-schema", "vendor.compose-spec")
        files = [FLEET / "compose.yaml", ROOT / "contrib" / "docker" / "compose.yaml"]
        self.accepted(*command, *files)
        for file in files:
            wrong = Path(self.mktemp()).absolute()
            wrong.write_text(file.read_text("utf-8").replace(" ports:", " port:"), "utf-8")
            with self.assertRaises(self.failureException):
                self.accepted(*command, wrong)

    def test_kubernetes(self) -> None:
        """The manifest is what Kubernetes's schemas say, and the receiver takes its options."""
        require(self, why_not_installed("kubernetes-validate"))
        path = FLEET / "kubernetes.yaml"
        validate = python_of("kubernetes-validate").parent / "kubernetes-validate"
        self.accepted(validate, "--strict", path)
        self.receives(path.read_text("utf-8"))

    def test_haproxy(self) -> None:
        """HAProxy accepts its configuration."""
        require(self, why_not_installed("haproxy"))
        path = Path(self.mktemp()).absolute()
        text = (FLEET / "haproxy.cfg").read_text("utf-8")
        for number in 1, 2, 3:
            text = text.replace(f"receiver-{number}:8080", "127.0.0.1:8080")
        path.write_text(text, "utf-8")
        self.accepted(program("haproxy"), "-c", "-f", path)

"""Receivers in a fleet: a short proof, and the files in ``contrib/fleet``."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor as installed
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.examples import ROOT
from tests.fleet.killed import lives
from tests.fleet.round import SETTINGS, Round
from txresumable.receiver.tap import Options

from .install import BROWSER, NODE, program, python_of, why_not_installed
from .scenarios import require
from .seaweedfs import PARTS

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

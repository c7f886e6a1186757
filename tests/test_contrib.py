"""The files for hosts: a unit of systemd, images, and what they are configured with."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.examples import ROOT
from txresumable._cli.config import load
from txresumable._cli.push.options import COMMANDS
from txresumable.receiver.tap import Options

CONTRIB = ROOT / "contrib"
UNIT = CONTRIB / "systemd" / "txresumable-push.service"
DEBIAN = CONTRIB / "debian"
DOCKER = CONTRIB / "docker"
INSTRUCTIONS = ["FROM", "RUN", "COPY", "USER", "WORKDIR", "STOPSIGNAL", "ENTRYPOINT", "CMD"]


class ContribTests(SynchronousTestCase):
    """They are what those who read them accept."""

    def test_unit(self) -> None:
        """systemd finds nothing wrong with the unit, and it gives away next to nothing."""
        analyze = shutil.which("systemd-analyze")
        if analyze is None:
            self.skipTest("systemd is not installed")
        path = Path(os.path.abspath(self.mktemp())) / UNIT.name
        path.parent.mkdir(parents=True)
        text = UNIT.read_text().replace("/usr/bin/txresumable", sys.executable)
        path.write_text(text)
        done = subprocess.run(
            [analyze, "verify", "--man=no", path], capture_output=True, text=True, check=False
        )
        complaints = [line for line in done.stderr.splitlines() if UNIT.name in line]
        self.assertEqual(complaints, [])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_unit_and_configuration(self) -> None:
        """The unit lets the service write where the configuration wants to, and has its secret."""
        unit = UNIT.read_text()
        [writable] = re.findall(r"^ReadWritePaths=(.*)$", unit, re.M)
        text = (CONTRIB / "push.toml").read_text()
        token = Path(os.path.abspath(self.mktemp()))
        token.write_text("Authorization: Bearer x\n")
        secret = "/run/credentials/txresumable-push.service/token"
        self.assertIn(secret, text)
        self.assertIn("LoadCredential=token:", unit)
        path = Path(os.path.abspath(self.mktemp()))
        path.write_text(text.replace(secret, str(token)))
        settings = load(str(path))
        [folder] = settings.folders.values()
        self.assertEqual(writable.split(), [folder.path, folder.sent, folder.failed])
        self.assertEqual(settings.state, "/var/lib/txresumable")
        self.assertIn("StateDirectory=txresumable\n", unit)

    def test_command(self) -> None:
        """What the unit and the image run is a command that there is."""
        [started] = re.findall(r"^ExecStart=\S+ (.*)$", UNIT.read_text(), re.M)
        image = (DOCKER / "Dockerfile").read_text()
        [by_image] = re.findall(r"^CMD (.*)$", image, re.M)
        words = re.findall(r'"([^"]*)"', by_image)
        self.assertEqual(words, started.split())
        [push] = [each for each in COMMANDS if each.name == "push"]
        context = push.make_context("push", words[1:])
        self.assertEqual(context.params["log_format"], "json")

    def test_debian(self) -> None:
        """The package has what is there, scripts that sh can read, and the unit's folders."""
        build = runpy.run_path(str(DEBIAN / "build.py"))
        for source in build["FILES"]:
            self.assertTrue((ROOT / source).is_file(), source)
        self.assertIn(
            f"/{build['FILES']['contrib/push.toml']}\n", (DEBIAN / "conffiles").read_text()
        )
        for name in build["SCRIPTS"]:
            subprocess.run(["sh", "-n", DEBIAN / name], check=True)
        unit, advice = UNIT.read_text(), (DEBIAN / "README.Debian").read_text()
        for pattern in r"ReadWritePaths=/.*", r"/etc/\S+\.token\b":
            self.assertEqual(re.findall(pattern, unit), re.findall(pattern, advice))

    def test_debian_has_all_extras(self) -> None:
        """What any part of it needs is in it, and of botocore only what gets credentials."""
        build = runpy.run_path(str(DEBIAN / "build.py"))
        self.assertIn(f'"txresumable[{build["EXTRAS"]}]"', (ROOT / "pyproject.toml").read_text())
        spec = find_spec("botocore")
        assert spec is not None and spec.origin is not None
        there = {path.name for path in (Path(spec.origin).parent / "data").iterdir()}
        services = {*build["SERVICES"]} - {"signin"}  # which older versions do not know
        self.assertLess({*services, "endpoints.json", "ec2"}, there)
        home = Path(self.mktemp())
        data = home / "lib/python3/site-packages/botocore/data"
        for name in (*build["SERVICES"], "ec2"):
            (data / name).mkdir(parents=True)
            (data / name / "service.json").touch()
        (data / "endpoints.json").touch()
        build["remove_what_is_not_to_stay"](home)
        left = {path.name for path in data.iterdir()}
        self.assertEqual(left, {*build["SERVICES"], "endpoints.json"})

    def test_image(self) -> None:
        """Each line of the Dockerfile is an instruction that there is."""
        text = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        self.assertEqual({line.split()[0] for line in lines} - set(INSTRUCTIONS), set())
        self.assertTrue(lines[0].startswith("FROM "))

    def test_extras(self) -> None:
        """What the Debian package can do, the image can, too."""
        [given] = re.findall(r"source\[([a-z0-9,]+)\]", (DOCKER / "Dockerfile").read_text())
        package = runpy.run_path(str(DEBIAN / "build.py"))["EXTRAS"]
        self.assertEqual(set(package.split(",")) - set(given.split(",")), set())

    def test_compose(self) -> None:
        """The services are there, their files too, and the receiver takes its options."""
        if find_spec("yaml") is None:
            self.skipTest("PyYAML is not installed")
        import yaml

        services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
        self.assertEqual(set(services), {"receiver", "nginx", "push"})
        for service in services.values():
            if "build" in service:
                context = (DOCKER / service["build"]["context"]).resolve()
                self.assertTrue((context / service["build"]["dockerfile"]).is_file())
            for volume in service["volumes"]:
                source = volume.split(":")[0]
                if source.endswith((".conf", ".toml")):
                    self.assertTrue((DOCKER / source).is_file(), source)
        Options().parseOptions(services["receiver"]["command"][1:])
        settings = load(str(DOCKER / "push.toml"))
        url = settings.targets["receiver"].options["target"]
        self.assertEqual(url, "http://nginx:8080/upload")

    def test_nginx(self) -> None:
        """nginx accepts its configuration."""
        nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if nginx is None:
            self.skipTest("nginx is not installed")
        path = Path(os.path.abspath(self.mktemp()))
        path.mkdir(parents=True)
        conf = (DOCKER / "nginx.conf").read_text().replace("//receiver:", "//127.0.0.1:")
        (path / "nginx.conf").write_text(f"pid {path}/pid;\n" + conf)
        words = [nginx, "-t", "-p", path, "-e", "stderr", "-c", path / "nginx.conf"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        self.assertIn("test is successful", done.stderr, done.stderr)

"""
Object storage that others wrote: a cluster of SeaweedFS, with an S3 gateway before each of two
filers that share their metadata in PostgreSQL.
"""

from __future__ import annotations

import atexit
import json
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import Random
from typing import ClassVar, Final

from tests.ports import is_unused

from .install import SEAWEEDFS, python_of
from .postgresql import PostgreSQL

__all__ = ["FILERS", "GATEWAYS", "KEY", "PARTS", "SECRET", "SeaweedFS"]

PARTS: Final = (SEAWEEDFS, "postgresql")
"""What has to be installed."""
KEY: Final = "some-key"
SECRET: Final = "some-secret"
"""Who may do everything in all buckets."""
FILERS: Final = ("filer-1", "filer-2")
GATEWAYS: Final = ("gateway-1", "gateway-2")

_PATIENCE: Final = 60.0
_ROLES: Final = ("master", "volume", *FILERS, *GATEWAYS)
_FILER: Final = """
[postgres2]
enabled = true
createTable = \"\"\"CREATE TABLE IF NOT EXISTS "%s" (
    dirhash BIGINT, name VARCHAR(65535), directory VARCHAR(65535), meta bytea,
    PRIMARY KEY (dirhash, name));\"\"\"
hostname = "127.0.0.1"
port = {port}
username = "postgres"
password = ""
database = "postgres"
sslmode = "disable"
connection_max_idle = 10
connection_max_open = 20
connection_max_lifetime_seconds = 300
"""


class SeaweedFS:
    """
    A master, a volume server, two filers and two gateways: a process each, on free ports of the
    loopback interface, and in a temporary folder.  All ends with this process, if not before.

    Its methods block until all is done: call them in a thread where a reactor runs.

    :ivar endpoints: the URLs of the gateways.
    :ivar filer_url: that of the first filer.
    """

    _last: ClassVar[SeaweedFS | None] = None

    def __init__(self) -> None:
        self._weed = python_of(SEAWEEDFS).parent / "weed"
        self._folder = Path(tempfile.mkdtemp(prefix="weed-"))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._database = PostgreSQL()
        ports = iter(_free_ports(len(_ROLES) + len(GATEWAYS)))
        self._ports = {name: next(ports) for name in _ROLES}
        self._metrics = {name: next(ports) for name in GATEWAYS}
        self.filer_url = f"http://127.0.0.1:{self._ports[FILERS[0]]}"
        self.endpoints = tuple(f"http://127.0.0.1:{self._ports[name]}" for name in GATEWAYS)
        atexit.register(self.stop)

    @classmethod
    def running(cls) -> SeaweedFS:
        """One that runs until this process ends, started if need be: share it, by buckets."""
        if cls._last is None:
            started = cls()
            started.start()
            cls._last = started
        return cls._last

    def start(self) -> None:
        """
        Start everything.

        :raises AssertionError: with what has been logged, if it is not ready in time.
        """
        identity = {
            "name": "some",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (self._folder / "s3.json").write_text(json.dumps({"identities": [identity]}), "utf-8")
        (self._folder / "filer.toml").write_text(_FILER.format(port=self._database.port), "utf-8")
        self._database.start()
        for name in _ROLES:
            self.restart(name)

    def make_bucket(self, name: str) -> None:
        """Make an empty bucket."""
        self._ask("POST", FILERS[0], f"/buckets/{name}/", {201})

    def kill(self, *names: str) -> None:
        """End processes at once: ``"volume"``, or some of :data:`FILERS`, :data:`GATEWAYS`."""
        for name in names:
            self._processes[name].kill()
        for name in names:
            self._processes[name].wait()

    def restart(self, name: str) -> None:
        """
        Start what was killed, and wait until it can be used.

        :raises AssertionError: with what it has logged, if it is not ready in time.
        """
        with self._log(name).open("ab") as log:
            process = self._processes[name] = subprocess.Popen(
                [str(self._weed), "-logtostderr=true", *self._command(name)],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + _PATIENCE
        while not self._is_ready(name):
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{name} does not start:\n{self.logged(name)[-5000:]}")
            time.sleep(0.05)

    def logged(self, name: str) -> str:
        """What a process has logged."""
        return self._log(name).read_text("utf-8", "replace")

    def requests(self) -> int:
        """How many requests the gateways have got since they were started."""
        total = 0
        for port in self._metrics.values():
            text = self._send("GET", port, "/metrics", {200}).decode()
            counts = re.findall(r"^SeaweedFS_s3_request_total{.*} (\S+)$", text, re.M)
            total += sum(int(float(each)) for each in counts)
        return total

    def process_ids(self) -> dict[str, int]:
        """Of all that runs."""
        return {name: process.pid for name, process in self._processes.items()}

    def stop(self) -> None:
        """End everything, and remove what is stored.  To call it again does nothing."""
        running = [each for each in self._processes.values() if each.poll() is None]
        # They would take five seconds to end in peace, and there is nothing to save.
        for process in running:
            process.send_signal(signal.SIGKILL)
        for process in running:
            process.wait()
        self._database.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.stop)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _command(self, name: str) -> Iterable[str]:
        def address(*names: str) -> str:
            return ",".join(f"127.0.0.1:{self._ports[each]}" for each in names)

        role, _, number = name.partition("-")
        own = self._folder / name
        own.mkdir(exist_ok=True)
        port = f"-port={self._ports[name]}"
        bound = ("-ip=127.0.0.1", "-ip.bind=127.0.0.1")
        if role == "master":
            options = (f"-mdir={own}", "-volumeSizeLimitMB=256", "-telemetry=false")
        elif role == "volume":
            options = (f"-dir={own}", "-max=200", f"-master={address('master')}")
        elif role == "filer":
            options = (f"-defaultStoreDir={own}", f"-master={address('master')}")
            options += (f"-localSocket={own}/socket",)
        else:
            # Each has its filer, and falls back to the other one.
            filers = FILERS if number == "1" else FILERS[::-1]
            settings = self._folder / "s3.json"
            options = (f"-filer={address(*filers)}", f"-config={settings}", "-port.iceberg=0")
            options += (
                f"-localSocket={own}/socket",
                "-port.lance=0",
                "-iam=false",
                f"-metricsPort={self._metrics[name]}",
            )
            role = "s3"
        return (role, port, *bound, *options)

    def _is_ready(self, name: str) -> bool:
        """Whether a process does what it is for, not only listens."""
        try:
            if name == "master":
                return b'"IsLeader":true' in self._ask("GET", name, "/cluster/status", {200})
            if name == "volume":
                # Volumes are made once the master knows where.
                self._ask("GET", name, "/status", {200})
                return b"fid" in self._ask("GET", "master", "/dir/assign", {200})
            self._ask("GET", name, "/status" if name in GATEWAYS else "/", {200})
        except (OSError, HTTPException, AssertionError):
            return False
        return True

    def _ask(self, method: str, name: str, path: str, expected: set[int]) -> bytes:
        return self._send(method, self._ports[name], path, expected)

    def _send(self, method: str, port: int, path: str, expected: set[int]) -> bytes:
        with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request(method, path, headers={"Accept": "application/json"})
            response = connection.getresponse()
            content = response.read()
        if response.status not in expected:
            raise AssertionError(f"{path}: {response.status} {content!r}")
        return content


def _free_ports(count: int) -> list[int]:
    """Ports that are free and whose number plus 10,000, where gRPC is served, is free as well."""
    found: list[int] = []
    random = Random()
    while len(found) < count:
        port = random.randrange(10_000, 20_000)
        if port not in found and all(map(is_unused, (port, port + 10_000))):
            found.append(port)
    return found

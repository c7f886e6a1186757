"""
Object storage that others wrote: Ceph's RADOS gateway, whose objects are in the memory of one OSD.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, ClassVar, Final

from tests.ports import is_listening, unused_ports

from .install import CEPH
from .seaweedfs import KEY, SECRET

__all__ = ["PARTS", "Ceph"]

PARTS: Final = tuple(CEPH)
"""What has to be installed."""

_PATIENCE: Final = 90.0
_CONFIGURATION: Final = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{port}]
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms bind ipv6 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data = {folder}/mon
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
run dir = {folder}
admin socket = {folder}/$name.sock
log file = {folder}/$name.log
mon cluster log file = {folder}/cluster.log
crash dir = {folder}/crash
keyring = {folder}/keyring
pid file =
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{gateway}
rgw data = {folder}/rgw
"""


class Ceph:
    """
    A monitor, an OSD and a gateway on free ports of the loopback interface.  All ends with this
    process, if not before.

    Its methods block until all is done: call them in a thread where a reactor runs.

    :ivar endpoints: the URL of the gateway.
    """

    _last: ClassVar[Ceph | None] = None

    def __init__(self) -> None:
        # Sockets are made in there, whose paths have to be short.
        self._folder = Path(tempfile.mkdtemp(prefix="ceph-"))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._port, self._gateway = unused_ports(2)
        self.endpoints = (f"http://127.0.0.1:{self._gateway}",)
        atexit.register(self.stop)

    @classmethod
    def running(cls) -> Ceph:
        """One that runs until this process ends, started if need be: share it, by buckets."""
        if cls._last is None:
            started = cls()
            started.start()
            cls._last = started
        return cls._last

    def start(self) -> None:
        """
        Start everything.

        :raises AssertionError: with what was written, if that cannot be.
        """
        fsid = str(uuid.uuid4())
        (self._folder / "mon").mkdir()
        (self._folder / "osd").mkdir()
        (self._folder / "ceph.conf").write_text(
            _CONFIGURATION.format(
                fsid=fsid, port=self._port, gateway=self._gateway, folder=self._folder
            )
        )
        address = f"[v2:127.0.0.1:{self._port}]"
        own = ("-c", "ceph.conf")
        self._run("monmaptool", "--create", "--addv", "a", address, "--fsid", fsid, "monmap")
        self._run("ceph-mon", *own, "--mkfs", "-i", "a", "--monmap", "monmap")
        self._spawn("ceph-mon", *own, "-i", "a", "-f")
        number = str(uuid.uuid4())
        self._run("ceph", *own, "--connect-timeout", "60", "osd", "new", number)
        self._run("ceph-osd", *own, "-i", "0", "--mkfs", "--osd-uuid", number)
        self._spawn("ceph-osd", *own, "-i", "0", "-f")
        client = (*own, "-n", "client.rgw")
        self._spawn("radosgw", *client, "-f")
        name = ("--uid=some", "--display-name=some")
        keys = (f"--access-key={KEY}", f"--secret-key={SECRET}")
        self._run("radosgw-admin", *client, "user", "create", *name, *keys)
        end = time.monotonic() + _PATIENCE
        while not is_listening(self._gateway):
            if time.monotonic() > end:
                raise AssertionError("the gateway does not start")
            time.sleep(0.1)

    def make_bucket(self, name: str) -> None:
        """Make an empty bucket."""
        from botocore.session import Session

        client: Any = Session().create_client(
            "s3",
            endpoint_url=self.endpoints[0],
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )
        client.create_bucket(Bucket=name)

    def stop(self) -> None:
        """End everything, and remove what is stored.  To call it again does nothing."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.stop)

    def _spawn(self, *command: str) -> None:
        with (self._folder / f"{command[0]}.out").open("wb") as output:
            self._processes.append(
                subprocess.Popen(
                    command,
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
            )

    def _run(self, *command: str) -> None:
        ran = subprocess.run(
            command,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE,
        )
        if ran.returncode != 0:
            raise AssertionError(f"{command[0]} failed:\n{ran.stdout}")

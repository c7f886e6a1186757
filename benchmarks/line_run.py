"""What is sent over a line, and one client's sending of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import sink
from cases import KIB, MIB, Case
from far import FAR_ADDRESS, FarFolder, FarSink, Line, OpenLine

HERE = Path(__file__).resolve().parent
OURS = "txresumable"
SMALLEST = "smallest-first"
RCLONE = "rclone"
SCRIPTS = {
    OURS: "ours.py",
    SMALLEST: "ours.py",
    "libcurl": "libcurl.py",
    "aiohttp": "aiohttp_raw.py",
}
LONGEST = 600
"""Seconds after which a client is ended."""

FILE = Case("file", "64 MiB in chunks of 1 MiB", 64, MIB)
MANY = Case("many", "500 files of 4 KiB", 1, 4 * KIB, files=500)
BEHIND = Case(
    "behind",
    "500 files of 4 KiB behind one of 64 MiB",
    1,
    MIB,
    files=500,
    large=64,
    size=4 * KIB,
)
RESUMED = (
    Case(
        "all",
        "resuming 2,000 chunks of 16 KiB that are all there",
        2000,
        16 * KIB,
        path="/scan",
        test_chunks=True,
        stored=True,
    ),
    Case(
        "half",
        "resuming 2,000 chunks of 16 KiB of which half are there",
        2000,
        16 * KIB,
        path="/half",
        test_chunks=True,
    ),
    Case(
        "none",
        "2,000 chunks of 16 KiB, tests on, none is there",
        2000,
        16 * KIB,
        path="/fresh",
        test_chunks=True,
    ),
)
WORKS = (FILE, MANY, BEHIND, *RESUMED)


class RunFailed(Exception):
    """A client did not do what it was asked to do."""


@dataclass(frozen=True)
class Run:
    """
    One run.

    :param line: name of the line.
    :param work: name of what was sent.
    :param client: which client, and how many requests at once.
    :param secure: whether over TLS.
    :param round: number of the round.
    :param wall: seconds.
    :param cpu: seconds of CPU that the client used.
    :param requests: how many requests arrived.
    :param share: the part of the line that the payload used.
    :param dropped: packets for which the line's queue had no room.
    :param tenths: bytes on the line, headers included, in each tenth of a second.
    :param small: seconds until all files but the first, which is larger, were there; 0 if all are
        of a size.
    """

    line: str
    work: str
    client: str
    secure: bool
    round: int
    wall: float
    cpu: float
    requests: int
    share: float
    dropped: int
    tenths: tuple[int, ...]
    small: float = 0.0

    def __str__(self) -> str:
        """What it was and how long it took, in one row of text."""
        return (
            f"{self.line}, {self.work}{', TLS' * self.secure}, {self.client}: "
            f"{self.wall:.2f} s, {self.share:.0%}, {self.requests} requests"
        )


def takes(client: str, work: Case) -> bool:
    """Whether a client can do that: rclone tests no chunks, and sends no files in an order."""
    name = client.split()[0]
    if name == RCLONE:
        return not (work.test_chunks or work.secure or work.large)
    return SCRIPTS[name] == "ours.py" or not work.large


class Bench:
    """
    Runs clients over lines, several at a time if it is called from threads.

    :param folder: where programs and files are.
    :param control: the congestion control of both ends; nothing for the machine's own.
    """

    def __init__(self, folder: Path, control: str = "") -> None:
        self._folder = folder
        self._control = control
        self._cores = sink.Cores.available()
        self._line = sink.build(folder, "line", ())
        self._sink = sink.build(folder)
        self._certificate = sink.make_certificate(folder, FAR_ADDRESS)

    def run(self, line: Line, work: Case, client: str, number: int) -> Run:
        """
        Send something over a line, whose files are there if it was sent or made before.

        :raises RunFailed: something else arrived, or nothing in time.
        """
        name, at_once = client.split()
        core = self._cores.sink
        try:
            with OpenLine(self._line, line, core, self._control) as opened:
                if name == RCLONE:
                    measured, requests = self._rclone(opened, work, int(at_once))
                else:
                    with FarSink(self._sink, opened, self._certificate, core) as far:
                        measured = self._client(opened, far, work, name, at_once)
                    requests = self._check(work, far.counted)
        except subprocess.SubprocessError as error:
            raise RunFailed(str(error)) from error
        passed = opened.passed
        payload = work.payload // 2 if work.name == "half" else work.payload
        return Run(
            line=line.name,
            work=work.name,
            client=client,
            secure=work.secure,
            round=number,
            wall=measured["wall"],
            cpu=measured["cpu"],
            requests=requests,
            share=payload * 8 / (line.rate * 1e6) / measured["wall"],
            dropped=passed.dropped,
            tenths=tuple(passed.tenths),
            small=measured.get("small", 0.0),
        )

    def make(self, work: Case) -> list[Path]:
        """The files of it."""
        return work.make_files(self._folder)

    def _client(
        self, line: OpenLine, far: FarSink, work: Case, name: str, at_once: str
    ) -> dict[str, float]:
        job = {
            "url": (far.secure_url if work.secure else far.url) + work.path,
            "files": [str(path) for path in self.make(work)],
            "chunk_size": work.chunk_size,
            "smallest_first": name == SMALLEST,
            "test_chunks": work.test_chunks,
            "at_once": int(at_once) if at_once.isdecimal() else 3,
            "certificate": str(self._certificate[0]),
            "core": self._cores.client,
            "priority": os.getpriority(os.PRIO_PROCESS, 0),
        }
        extra = [] if at_once.isdecimal() else [at_once]
        script = str(HERE / "clients" / SCRIPTS[name])
        # What it imports takes nothing from those that run beside it.
        done = subprocess.run(
            line.near("nice", "-n", "10", sys.executable, script, *extra),
            input=json.dumps(job),
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parent)},
            timeout=LONGEST,
        )
        if done.returncode != 0:
            raise RunFailed(f"exit code {done.returncode}\n{done.stderr[-2000:]}")
        measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return measured

    def _rclone(self, line: OpenLine, work: Case, at_once: int) -> tuple[dict[str, float], int]:
        paths = self.make(work)
        arrived = Path(tempfile.mkdtemp(dir=self._folder))
        command = ["rclone", "copy", str(self._folder), ":webdav:", "--no-traverse", "--quiet"]
        command += ["--transfers", str(at_once), "--checkers", str(at_once)]
        for path in paths:
            command += ["--include", f"/{path.name}"]
        try:
            with FarFolder(line, arrived, self._cores.sink) as far:
                command += ["--webdav-url", far.url]
                began = time.perf_counter()
                done = subprocess.Popen(line.near(*command))
                ends = threading.Timer(LONGEST, done.kill)
                ends.start()
                _, status, use = os.wait4(done.pid, 0)
                wall = time.perf_counter() - began
                ends.cancel()
                done.returncode = os.waitstatus_to_exitcode(status)
            if done.returncode != 0:
                raise RunFailed(f"exit code {done.returncode}")
            if sorted(each.name for each in arrived.iterdir()) != sorted(p.name for p in paths):
                raise RunFailed("not all files arrived")
        finally:
            shutil.rmtree(arrived)
        return {"wall": wall, "cpu": use.ru_utime + use.ru_stime}, len(paths)

    def _check(self, work: Case, counted: dict[str, float]) -> int:
        """Each chunk was sent, or its test said that it is there. :returns: how many requests."""
        if counted["errors"]:
            raise RunFailed(f"the sink saw {counted['errors']} errors")
        if counted["uploads"] + counted["hits"] < work.units:
            raise RunFailed(f"{counted} instead of {work.units} chunks")
        return int(counted["requests"])

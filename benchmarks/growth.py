"""
Show what a chunk costs as uploads grow: time and memory have to stay flat.

Each case runs in a process of its own against the sink: a file of 100 GiB, one of a million
chunks, 100,000 files that queue up, and 1, 3, 16 and 64 requests at once. While it runs, CPU time
and resident memory are noted a hundred times. Those that are compared with each other are run in
turns, several times, and the median is shown.

Time in user mode is told apart: a sparse file of 100 GiB passes through the page cache, and what
the kernel spends on that depends on how much memory is left to it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from sink import Cores, Sink

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "docs" / "_static"
KIB = 1024
MIB = 1024 * KIB
POINTS = 100


@dataclass(frozen=True)
class Growth:
    """
    One upload to watch.

    :param name: what the table calls it.
    :param title: what it is, in words.
    :param chunks: chunks of each file.
    :param chunk_size: bytes of a chunk.
    :param files: how many files.
    :param at_once: how many requests at once.
    :param most: MiB that it may have resident, or None if that is for comparison only.
    :param filled: whether files have content, all the same, and are in the page cache; they are
        sparse otherwise.
    :param fed: whether files are taken out of an iterable as others get done, not added at once.
    """

    name: str
    title: str
    chunks: int
    chunk_size: int
    files: int = 1
    at_once: int = 3
    most: int | None = 80
    filled: bool = False
    fed: bool = False

    @property
    def units(self) -> int:
        """Chunks in all."""
        return self.chunks * self.files


GROWTHS = (
    Growth("100 GiB", "one file of 100 GiB, 102,400 chunks", 102_400, MIB),
    Growth("million", "one file of a million chunks of 4 KiB", 1_000_000, 4 * KIB, most=100),
    Growth("queue", "100,000 files of 4 KiB, fed", 1, 4 * KIB, files=100_000, fed=True),
    Growth(
        "added", "100,000 files of 4 KiB, each with a handle", 1, 4 * KIB, files=100_000, most=None
    ),
    *(
        Growth(
            f"{n} at once",
            f"8 files of 1 GiB, {n} requests at once",
            1024,
            MIB,
            files=8,
            at_once=n,
            filled=True,
        )
        for n in (1, 3, 16, 64)
    ),
)
USUAL = "3 at once"
ROUNDS = 7


@dataclass
class Watched:
    """
    What was noted.

    :param name: of the :class:`Growth`.
    :param units: how many chunks it was about.
    :param wall: seconds.
    :param cpu: seconds.
    :param user: those of them in user mode.
    :param peak: most bytes of memory that were ever resident.
    :param points: (chunks, CPU seconds, those in user mode, resident bytes) a hundred times.
    """

    name: str
    units: int
    wall: float = 0.0
    cpu: float = 0.0
    user: float = 0.0
    peak: int = 0
    points: list[tuple[int, float, float, int]] = field(default_factory=list)

    def microseconds(self, user: bool = False) -> list[tuple[int, float]]:
        """(chunks so far, microseconds of CPU, or in user mode, a chunk since the point before)."""
        which = 2 if user else 1
        return [
            (later[0], (later[which] - earlier[which]) / (later[0] - earlier[0]) * 1e6)
            for earlier, later in zip(self.points, self.points[1:], strict=False)
        ]

    def slope(self, user: bool = False) -> float:
        """What a chunk of the last third costs, divided by what one of the first third does."""
        costs = [cost for _, cost in self.microseconds(user)]
        third = max(len(costs) // 3, 1)
        return fmean(costs[-third:]) / max(fmean(costs[:third]), 1e-9)


def user_seconds() -> float:
    """Seconds that this process has spent in user mode."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def watch(job: dict[str, Any]) -> None:
    """Upload in this process, and print what was noted."""
    from twisted.internet.defer import Deferred
    from twisted.internet.task import react

    from txresumable import Resumable

    sys.path.insert(0, str(HERE / "clients"))
    from job import peak_rss

    os.sched_setaffinity(0, {job["core"]})
    growth, folder = Growth(**job["growth"]), Path(job["folder"])
    watched = Watched(growth.name, growth.units)
    step, done = max(growth.units // POINTS, 1), 0
    page = os.sysconf("SC_PAGE_SIZE")

    def count(*_: object) -> None:
        nonlocal done
        if done % step == 0:
            with open("/proc/self/statm") as statm:
                resident = int(statm.read().split()[1]) * page
            watched.points.append((done, time.process_time(), user_seconds(), resident))
        done += 1

    async def main(reactor: Any) -> None:
        options = {"chunk_size": growth.chunk_size, "simultaneous_uploads": growth.at_once}
        begun, used, user = time.perf_counter(), time.process_time(), user_seconds()
        async with Resumable(job["url"], reactor=reactor, test_chunks=False, **options) as uploader:
            uploader.chunk_completed.register(count)
            paths = (folder / f"{number}.dat" for number in range(growth.files))
            if growth.fed:
                await uploader.feed(paths)
            else:
                for path in paths:
                    uploader.add_file(path)
        watched.wall = time.perf_counter() - begun
        watched.cpu = time.process_time() - used
        watched.user = user_seconds() - user
        watched.peak = peak_rss()
        print(json.dumps(asdict(watched)), flush=True)

    react(lambda reactor: Deferred.fromCoroutine(main(reactor)))


def make_files(growth: Growth, folder: str) -> None:
    """Make what is to be uploaded."""
    for number in range(growth.files):
        path = f"{folder}/{number}.dat"
        if growth.filled and number:  # so that all are in the page cache
            os.link(f"{folder}/0.dat", path)
            continue
        with open(path, "wb") as file:
            if growth.files > 1:
                # Each its own content: equal ones would be told apart by their names only.
                file.write(number.to_bytes(8, "big"))
            for _ in range(growth.chunks if growth.filled else 0):
                file.write(bytes(growth.chunk_size))
            file.truncate(growth.chunks * growth.chunk_size)


def measure(growth: Growth, folder: str, sink: Sink, cores: Cores) -> Watched:
    """Watch files being uploaded, in a process of its own."""
    job = {
        "url": sink.url + "/upload",
        "folder": folder,
        "growth": asdict(growth),
        "core": cores.client,
    }
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    sink.reset()
    done = subprocess.run(
        [sys.executable, __file__, "--watch"],
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
    arrived = sink.reset()["uploads"]
    if arrived != growth.units:
        raise SystemExit(f"{growth.name}: {arrived} of {growth.units} chunks arrived")
    return Watched(**json.loads(done.stdout.splitlines()[-1]))


def in_turns(growths: Sequence[Growth], rounds: int, sink: Sink, cores: Cores) -> list[Watched]:
    """Measure uploads of the same files, one after the other and over again: the medians."""
    runs: dict[str, list[Watched]] = {growth.name: [] for growth in growths}
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        make_files(growths[0], folder)
        for _ in range(rounds):
            for growth in growths:
                watched = measure(growth, folder, sink, cores)
                runs[growth.name].append(watched)
                print(f"{growth.name}: {watched.wall:.1f} s", file=sys.stderr, flush=True)
    return [sorted(each, key=lambda one: one.cpu)[rounds // 2] for each in runs.values()]


HEADING = [
    "upload",
    "chunks",
    "wall s",
    "us CPU a chunk",
    "us in user mode",
    f"against {USUAL}",
    "last third / first",
    "the same, user mode",
    "peak MiB",
    "limit",
]


def row(growth: Growth, watched: Watched, usual: Watched | None) -> list[str]:
    """A row of the table."""
    peak = watched.peak / MIB
    limit = "none"
    if growth.most is not None:
        limit = f"{growth.most} MiB: " + ("met" if peak <= growth.most else "NOT MET")
    against = f"{watched.cpu / usual.cpu:.2f}" if usual is not None and growth.filled else ""
    return [
        growth.title,
        f"{growth.units:,}",
        f"{watched.wall:.1f}",
        f"{watched.cpu / growth.units * 1e6:.0f}",
        f"{watched.user / growth.units * 1e6:.0f}",
        against,
        f"{watched.slope():.2f}",
        f"{watched.slope(user=True):.2f}",
        f"{peak:.0f}",
        limit,
    ]


def main() -> None:
    """Run what the command line asks for."""
    from results import as_csv, as_text

    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    names = [growth.name for growth in GROWTHS]
    parser.add_argument("--cases", nargs="+", choices=names, default=names)
    parser.add_argument("--publish", action="store_true", help="renew table and plot of the docs")
    parser.add_argument("--watch", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch:
        watch(json.load(sys.stdin))
        return
    cores = Cores.available()
    os.sched_setaffinity(0, {cores.sink})
    chosen = [growth for growth in GROWTHS if growth.name in options.cases]
    alone = [growth for growth in chosen if not growth.filled]
    together = [growth for growth in chosen if growth.filled]
    seen: list[Watched] = []
    with (
        tempfile.TemporaryDirectory(prefix="growth-") as folder,
        Sink(Path(folder), cores.sink) as sink,
    ):
        for growth in alone:
            seen += in_turns([growth], 1, sink, cores)
        if together:
            seen += in_turns(together, ROUNDS, sink, cores)
    usual = next((watched for watched in seen if watched.name == USUAL), None)
    pairs = zip((*alone, *together), seen, strict=True)
    rows = [row(growth, watched, usual) for growth, watched in pairs]
    rows.insert(0, HEADING)
    print(as_text(rows), "", *(json.dumps(asdict(one)) for one in seen), sep="\n")
    if options.publish:
        import plot

        (STATIC / "performance-growth.csv").write_text(as_csv(rows))
        plot.growth(seen, STATIC / "performance-growth.svg")


if __name__ == "__main__":
    main()

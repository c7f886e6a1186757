"""
Measure txresumable and its peers over long lines, which are made on this machine.

Each run has a line and a server of its own, so that the kernel remembers nothing of the run before.
A round goes over all clients before the next one begins. It takes root; without it, it says so and
ends.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import sink
from cases import KIB, MIB, Case
from far import FAR_ADDRESS, LINES, FarFolder, FarSink, Line, OpenLine, missing
from results import as_csv, as_text

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "docs" / "_static"
AUTO = "txresumable auto"
RCLONE = "rclone 4"
SWEEP = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
CLIENTS = (
    "txresumable 3",
    AUTO,
    "txresumable 16",
    "libcurl 3",
    "libcurl 16",
    "aiohttp 16",
    RCLONE,
)
SMALLEST = "smallest-first"
SCRIPTS = {
    "txresumable": "ours.py",
    SMALLEST: "ours.py",
    "libcurl": "libcurl.py",
    "aiohttp": "aiohttp_raw.py",
}

FILE = Case("file", "one large file in chunks of 1 MiB", 64, MIB)
WORKS = (
    FILE,
    Case("many", "500 files of 4 KiB", 1, 4 * KIB, files=500),
    Case(
        "behind",
        "500 files of 4 KiB behind one of 64 MiB",
        1,
        MIB,
        files=500,
        large=64,
        size=4 * KIB,
    ),
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


class Bench:
    """
    Runs clients over lines.

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
        Send something over a line.

        :raises RunFailed: something else arrived.
        """
        name, at_once = client.split()
        core = self._cores.sink
        with OpenLine(self._line, line, core, self._control) as opened:
            if name == "rclone":
                measured, requests = self._rclone(opened, work, int(at_once))
            else:
                with FarSink(self._sink, opened, self._certificate, core) as far:
                    measured = self._client(opened, far, work, name, at_once)
                requests = self._check(work, far.counted)
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

    def _client(
        self, line: OpenLine, far: FarSink, work: Case, name: str, at_once: str
    ) -> dict[str, float]:
        job = {
            "url": (far.secure_url if work.secure else far.url) + work.path,
            "files": [str(path) for path in work.make_files(self._folder)],
            "chunk_size": work.chunk_size,
            "smallest_first": name == SMALLEST,
            "test_chunks": work.test_chunks,
            "at_once": int(at_once) if at_once.isdecimal() else 3,
            "certificate": str(self._certificate[0]),
            "core": self._cores.client,
        }
        extra = [] if at_once.isdecimal() else [at_once]
        script = str(HERE / "clients" / SCRIPTS[name])
        done = subprocess.run(
            line.near(sys.executable, script, *extra),
            input=json.dumps(job),
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parent)},
            timeout=1800,
        )
        if done.returncode != 0:
            raise RunFailed(f"exit code {done.returncode}\n{done.stderr[-2000:]}")
        measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return measured

    def _rclone(self, line: OpenLine, work: Case, at_once: int) -> tuple[dict[str, float], int]:
        paths = work.make_files(self._folder)
        arrived = Path(tempfile.mkdtemp(dir=self._folder))
        command = ["rclone", "copy", str(self._folder), ":webdav:", "--no-traverse", "--quiet"]
        command += ["--transfers", str(at_once), "--checkers", str(at_once)]
        for path in paths:
            command += ["--include", f"/{path.name}"]
        try:
            with FarFolder(line, arrived, self._cores.sink) as far:
                before, began = os.times(), time.perf_counter()
                subprocess.run(
                    line.near(*command, "--webdav-url", far.url), check=True, timeout=1800
                )
                wall, after = time.perf_counter() - began, os.times()
            if sorted(each.name for each in arrived.iterdir()) != sorted(p.name for p in paths):
                raise RunFailed("not all files arrived")
        finally:
            shutil.rmtree(arrived)
        cpu = after.children_user + after.children_system
        cpu -= before.children_user + before.children_system
        return {"wall": wall, "cpu": cpu}, len(paths)

    def _check(self, work: Case, counted: dict[str, float]) -> int:
        """Each chunk was sent, or its test said that it is there. :returns: how many requests."""
        if counted["errors"]:
            raise RunFailed(f"the sink saw {counted['errors']} errors")
        if counted["uploads"] + counted["hits"] < work.units:
            raise RunFailed(f"{counted} instead of {work.units} chunks")
        return int(counted["requests"])


def measure(
    bench: Bench,
    lines: Sequence[Line],
    works: Sequence[Case],
    clients: Sequence[str],
    rounds: int,
    scale: float,
) -> list[Run]:
    """Run everything; a client that fails is left out of that round."""
    runs = []
    for line in lines:
        for work in works:
            this = replace(work, chunks=line.size) if work.name == "file" else work
            this = this.scaled(scale)
            for number in range(rounds):
                turn = number % len(clients)
                for client in [*clients[turn:], *clients[:turn]]:
                    if client == RCLONE and (this.test_chunks or this.secure):
                        continue
                    if this.large and SCRIPTS.get(client.split()[0]) != "ours.py":
                        continue
                    try:
                        runs.append(bench.run(line, this, client, number))
                    except RunFailed as error:
                        print(f"{line.name}, {this.name}, {client}: {error}", file=sys.stderr)
                        continue
                    last = runs[-1]
                    print(
                        f"{line.name}, {this.name}{', TLS' * this.secure}, {client}: "
                        f"{last.wall:.2f} s, {last.share:.0%}, {last.requests} requests",
                        file=sys.stderr,
                        flush=True,
                    )
    return runs


def rows(runs: Sequence[Run]) -> list[list[str]]:
    """The table, its heading first: medians."""
    together: dict[tuple[str, str, bool], dict[str, list[Run]]] = {}
    for run in runs:
        key = (run.line, run.work, run.secure)
        together.setdefault(key, {}).setdefault(run.client, []).append(run)
    table = [["line", "what", "client", "seconds", "share of the line", "requests", "/ fastest"]]
    table[0] += ["small ones s"] * any(run.small for run in runs)
    for (line, work, secure), clients in together.items():
        walls = {client: median(run.wall for run in each) for client, each in clients.items()}
        for client in sorted(walls, key=walls.__getitem__):
            each = clients[client]
            table.append(
                [
                    line,
                    work + (", TLS" if secure else ""),
                    client,
                    f"{walls[client]:.2f}",
                    f"{median(run.share for run in each):.0%}" if work != "all" else "",
                    f"{median(run.requests for run in each):,.0f}",
                    f"{walls[client] / min(walls.values()):.2f}",
                    *([f"{median(run.small for run in each):.2f}"] * (len(table[0]) - 7)),
                ]
            )
    return table


def _place(client: str) -> tuple[bool, str, int]:
    """Where a client is in a table: ours first, and of each the fewest at once, but ``"auto"``."""
    name, at_once = client.split()
    return name != "txresumable", name, int(at_once) if at_once.isdecimal() else 0


def wide_rows(runs: Sequence[Run]) -> list[list[str]]:
    """A row for what was sent over each line, with the seconds of each client: medians."""
    clients = sorted({run.client for run in runs}, key=_place)
    table = [["line", "what", *clients, "the line alone"]]
    for line, work in dict.fromkeys((run.line, run.work) for run in runs):
        these = [run for run in runs if (run.line, run.work) == (line, work)]
        cells = []
        for client in clients:
            walls = [run.wall for run in these if run.client == client]
            cells.append(f"{median(walls):.1f}" if walls else "")
        least = min(run.share * run.wall for run in these)
        table.append([line, work, *cells, f"{least:.1f}" if least else ""])
    return table


def auto_rows(runs: Sequence[Run]) -> list[list[str]]:
    """``"auto"`` beside the best fixed number and beside 3, its heading first."""
    table = [["line", "what", "auto s", "best fixed s", "at once", "auto / best", "auto / 3"]]
    for line in dict.fromkeys(run.line for run in runs):
        for work in dict.fromkeys(run.work for run in runs):
            walls: dict[str, list[float]] = {}
            for run in runs:
                if (run.line, run.work) == (line, work) and run.client.startswith("txresumable "):
                    walls.setdefault(run.client.split()[1], []).append(run.wall)
            medians = {number: median(each) for number, each in walls.items()}
            auto = medians.pop("auto", None)
            if auto is None or not medians:
                continue
            best = min(medians, key=medians.__getitem__)
            three = f"{auto / medians['3']:.2f}" if "3" in medians else ""
            times = [f"{auto:.2f}", f"{medians[best]:.2f}", best, f"{auto / medians[best]:.2f}"]
            table.append([line, work, *times, three])
    return table


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    works = [work.name for work in WORKS]
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--lines", nargs="+", type=int, metavar="N", help="which lines, by number, from 1"
    )
    parser.add_argument("--works", nargs="+", choices=works, default=works, help="what to send")
    parser.add_argument("--clients", nargs="+", help="such as 'txresumable 8' or 'libcurl 3'")
    parser.add_argument("--sweep", action="store_true", help='"auto" and each number from 1 to 64')
    parser.add_argument("--tls", action="store_true", help="over TLS")
    parser.add_argument("--control", default="", help="congestion control, such as cubic")
    parser.add_argument("--scale", type=float, default=1.0, help="that much as large, to try out")
    parser.add_argument("--output", type=Path, help="write the JSON lines to this file, too")
    parser.add_argument(
        "--runs", nargs="+", type=Path, metavar="FILE", help="earlier output, instead of running"
    )
    parser.add_argument("--publish", action="store_true", help="renew the documentation's tables")
    return parser.parse_args()


def main() -> None:
    """Run what the command line asks for."""
    options = arguments()
    runs = recorded(options.runs) if options.runs else made(options)
    table = auto_rows(runs) if options.sweep else rows(runs)
    print(as_text(table))
    if options.output:
        options.output.write_text("".join(json.dumps(asdict(run)) + "\n" for run in runs))
    if options.publish and runs:
        import plot

        name = "line-auto" if options.sweep else "line-tls" if options.tls else "line"
        shown = table if options.sweep else wide_rows(runs)
        (STATIC / f"{name}.csv").write_text(as_csv(shown))
        if name == "line":
            plot.lines(runs, LINES, STATIC / f"{name}.svg")


def recorded(files: Sequence[Path]) -> list[Run]:
    """The runs that files have, which are lines of JSON."""
    lines = [line for file in files for line in file.read_text().splitlines()]
    runs = [Run(**json.loads(line)) for line in lines]
    over, what = [line.name for line in LINES], [work.name for work in WORKS]
    return sorted(runs, key=lambda run: (over.index(run.line), what.index(run.work)))


def made(options: argparse.Namespace) -> list[Run]:
    """Runs as they are asked for; none where no line can be made."""
    if reason := missing():
        print(f"skipped: {reason}")
        return []
    clients = options.clients or list(CLIENTS)
    if options.sweep:
        clients = [AUTO, *(f"txresumable {number}" for number in SWEEP)]
    if shutil.which("rclone") is None and RCLONE in clients:
        print("without rclone, which is not here (Debian and Ubuntu: rclone)", file=sys.stderr)
        clients.remove(RCLONE)
    lines = [line for number, line in enumerate(LINES, 1) if number in (options.lines or range(9))]
    works = [replace(work, secure=options.tls) for work in WORKS if work.name in options.works]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as temporary:
        bench = Bench(Path(temporary), options.control)
        return measure(bench, lines, works, clients, options.rounds, options.scale)


if __name__ == "__main__":
    main()

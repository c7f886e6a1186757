"""
Measure txresumable and its peers, case by case, and print medians, ratios and the targets.

Each client runs in a process of its own on one core, and the sink on another. A round goes over
all clients before the next one begins, so that whatever else the machine does falls on all of them
alike: read ratios, not absolutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import targets
from cases import CASES, Case
from results import OURS, Results, Run, as_csv, as_text
from sink import Cores, Sink

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "docs" / "_static"

CLIENTS = {
    OURS: ["ours.py"],
    "libcurl": ["libcurl.py"],
    "libcurl tuned": ["libcurl.py", str(256 * 1024)],
    "libcurl form": ["libcurl.py", "form"],
    "aiohttp": ["aiohttp_raw.py"],
    "treq files=": ["treq_files.py"],
    "requests": ["requests_threads.py"],
    "resumable": ["resumable_py.py"],
    "tuspy": ["tuspy.py"],
}

#: tus has no test for a chunk, so that these cannot be asked of it.
IMPOSSIBLE = {("scan", "tuspy"), ("fresh", "tuspy")}

AT_ONCE = 3
TRIES = 3
PACKAGES = ("Twisted", "treq", "pycurl", "aiohttp", "requests", "resumable", "tuspy")


class RunFailed(Exception):
    """A client did not do what it was asked to do."""


class Bench:
    """
    Runs clients against the sink.

    :param folder: where the files are.
    :param sink: the running sink.
    :param cores: where to run.
    """

    def __init__(self, folder: Path, sink: Sink, cores: Cores) -> None:
        self._folder = folder
        self._sink = sink
        self._cores = cores

    def run(self, case: Case, client: str, number: int) -> Run:
        """
        Run a client once, and again if it fails: one of them sometimes does.

        :raises RunFailed: it failed every time.
        """
        for _ in range(TRIES):
            try:
                return self._run(case, client, number)
            except RunFailed as error:
                print(f"  {case.name}, {client}: {error}", file=sys.stderr)
        raise RunFailed(f"{client} failed {TRIES} times in {case.name}")

    def _run(self, case: Case, client: str, number: int) -> Run:
        url = self._sink.secure_url if case.secure else self._sink.url
        job = {
            "url": url + ("/tus" if client == "tuspy" else case.path),
            "files": [str(path) for path in case.make_files(self._folder)],
            "chunk_size": case.chunk_size,
            "test_chunks": case.test_chunks,
            "at_once": AT_ONCE,
            "certificate": str(self._sink.certificate),
            "core": self._cores.client,
        }
        self._sink.reset()
        script, *extra = CLIENTS[client]
        done = subprocess.run(
            [sys.executable, str(HERE / "clients" / script), *extra],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            env=self._environment(),
            timeout=600,
        )
        if done.returncode != 0:
            raise RunFailed(f"exit code {done.returncode}\n{done.stderr[-2000:]}")
        measured = json.loads(done.stdout.splitlines()[-1])
        counted = self._sink.reset()
        self._check(case, counted)
        return Run(
            case=case.name,
            client=client,
            round=number,
            wall=measured["wall"],
            cpu=measured["cpu"],
            rss=measured["rss"],
            requests=int(counted["requests"]),
            connections=int(counted["connections"]) - 1,  # ours, that reset the counters
            units=case.units,
        )

    def _environment(self) -> dict[str, str]:
        """This package, no proxies, and the sink's certificate for those who use requests."""
        environment = {
            name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
        }
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")])
        )
        environment["REQUESTS_CA_BUNDLE"] = str(self._sink.certificate)
        return environment

    def _check(self, case: Case, counted: dict[str, float]) -> None:
        """Nobody is fast by sending less."""
        if counted["errors"]:
            raise RunFailed(f"the sink saw {counted['errors']} errors")
        if case.stored:
            if counted["hits"] != case.units or counted["uploads"]:
                raise RunFailed(f"{counted['hits']} of {case.units} tests were made")
        elif counted["uploads"] != case.units:
            raise RunFailed(f"{counted['uploads']} of {case.units} chunks arrived")
        elif not case.payload <= counted["body_bytes"] <= case.payload + 8192 * counted["requests"]:
            raise RunFailed(
                f"{counted['body_bytes']} bytes arrived instead of {case.payload} and some"
            )


def measure(bench: Bench, cases: Sequence[Case], clients: Sequence[str], rounds: int) -> list[Run]:
    """Run everything; a client that fails a case for good is left out of it."""
    runs = []
    for case in cases:
        here = [client for client in clients if (case.name, client) not in IMPOSSIBLE]
        for number in range(rounds):
            turn = number % max(len(here), 1)
            for client in [*here[turn:], *here[:turn]]:
                try:
                    runs.append(bench.run(case, client, number))
                except RunFailed as error:
                    print(error, file=sys.stderr)
                    here.remove(client)
        print(
            f"{case.name}: {case.title}, {rounds} rounds, load {os.getloadavg()[0]:.1f}",
            file=sys.stderr,
            flush=True,
        )
    return runs


def environment() -> dict[str, object]:
    """On what it was measured."""
    versions: dict[str, str] = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "absent"
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "versions": versions,
    }


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    names = [case.name for case in CASES]
    parser.add_argument(
        "--rounds", type=int, default=7, help="rounds of each case (default: %(default)s)"
    )
    parser.add_argument(
        "--cases", nargs="+", choices=names, default=names, help="which cases (default: all)"
    )
    parser.add_argument(
        "--clients", nargs="+", choices=list(CLIENTS), default=list(CLIENTS), help="which clients"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="make every case this much as large, to try out"
    )
    parser.add_argument(
        "--folder", type=Path, help="where to make the files (default: a temporary folder)"
    )
    parser.add_argument("--output", type=Path, help="write the JSON lines to this file, too")
    parser.add_argument(
        "--publish", action="store_true", help="renew the tables and the plot of the documentation"
    )
    return parser.parse_args()


def report(results: Results, options: argparse.Namespace) -> None:
    """Print the tables and the JSON lines, and write what was asked for."""
    lines = [
        json.dumps({"environment": environment(), "rounds": options.rounds, "scale": options.scale})
    ]
    lines += results.lines()
    verdicts = targets.rows(results)
    print(as_text(results.rows()), "", as_text(verdicts), "", *lines, sep="\n")
    if options.output:
        options.output.write_text("\n".join(lines) + "\n")
    if options.publish:
        import plot

        (STATIC / "performance.jsonl").write_text("\n".join(lines) + "\n")
        (STATIC / "performance.csv").write_text(as_csv(results.rows()))
        (STATIC / "performance-targets.csv").write_text(as_csv(verdicts))
        plot.cases(results, STATIC / "performance.svg")


def main() -> None:
    """Run what the command line asks for."""
    options = arguments()
    cases = [case.scaled(options.scale) for case in CASES if case.name in options.cases]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (most, most)
    )  # resumable opens all of its files at once
    cores = Cores.available()
    os.sched_setaffinity(0, {cores.sink})
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as temporary:
        folder = options.folder or Path(temporary)
        with Sink(Path(temporary), cores.sink) as sink:
            bench = Bench(folder, sink, cores)
            results = Results(measure(bench, cases, options.clients, options.rounds))
    report(results, options)


if __name__ == "__main__":
    main()

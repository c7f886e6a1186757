"""
Measure txresumable and its peers over long lines, which are made on this machine.

Each run has a line and a server of its own, so that the kernel remembers nothing of the run before.
``--publish`` measures all that the documentation shows, once; its tables show the last three times
of the same code. It takes root; without it, it says so and ends.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import line_targets
from cases import Case
from far import LINES, Line, missing
from line_run import HERE, WORKS, Bench, Run, RunFailed, takes
from line_tables import rows, sweep_rows, wide_rows
from publication import CLIENTS, IN_ORDER, SECURE, SWEEP, Publication, folder, keep, kept
from results import as_csv, as_text

STATIC = HERE.parent / "docs" / "_static"


def measure(
    bench: Bench,
    lines: Sequence[Line],
    works: Sequence[Case],
    clients: Sequence[str],
    rounds: int,
) -> list[Run]:
    """
    Run everything, one after another; a client that fails is left out of that round.

    A round goes over all clients before the next one begins.
    """
    runs = []
    for line in lines:
        for work in works:
            for number in range(rounds):
                turn = number % len(clients)
                for client in [*clients[turn:], *clients[:turn]]:
                    if not takes(client, work):
                        continue
                    try:
                        runs.append(bench.run(line, work, client, number))
                    except RunFailed as error:
                        print(f"{line.name}, {work.name}, {client}: {error}", file=sys.stderr)
                    else:
                        print(runs[-1], file=sys.stderr, flush=True)
    return runs


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    works = [work.name for work in WORKS]
    every = [*CLIENTS, *IN_ORDER]
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--lines", nargs="+", type=int, metavar="N", help="which lines, by number, from 1"
    )
    parser.add_argument("--works", nargs="+", choices=works, default=works, help="what to send")
    parser.add_argument(
        "--clients", nargs="+", default=every, help="such as 'txresumable 8' or 'libcurl 3'"
    )
    parser.add_argument("--tls", action="store_true", help="over TLS")
    parser.add_argument(
        "--control", default="cubic", help="congestion control (default: %(default)s)"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="that much as large, to try out")
    parser.add_argument("--output", type=Path, help="write the JSON lines to this file, too")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="everything, lines and runs side by side, into the documentation's tables and plot",
    )
    parser.add_argument(
        "--tables", action="store_true", help="those tables and that plot, without measuring"
    )
    return parser.parse_args()


def main() -> None:
    """Run what the command line asks for."""
    options = arguments()
    if options.tables:
        publish(kept(folder()))
        return
    if reason := missing():
        print(f"skipped: {reason}")
        return
    if shutil.which("rclone") is None:
        sys.exit("There is no rclone (Debian and Ubuntu: rclone).")
    lines = [line for number, line in enumerate(LINES, 1) if number in (options.lines or range(9))]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as temporary:
        bench = Bench(Path(temporary), options.control)
        works = [work.scaled(options.scale) for work in WORKS if work.name in options.works]
        for work in works:
            bench.make(work)
        if options.publish:
            began = time.monotonic()
            publication = Publication(bench.run)
            publication.measure(lines)
            runs = publication.runs
            print(f"{(time.monotonic() - began) / 60:.1f} minutes", file=sys.stderr)
        else:
            works = [replace(work, secure=options.tls) for work in works]
            runs = measure(bench, lines, works, options.clients, options.rounds)
    print(as_text(rows(runs)))
    if options.output:
        options.output.write_text("".join(json.dumps(asdict(run)) + "\n" for run in runs))
    if options.publish:
        keep(runs, folder())
        publish(kept(folder()))
        print("\n".join(line_targets.sentences(runs, LINES)))


def publish(publications: Sequence[Sequence[Run]]) -> None:
    """Write the tables of the last publications, and the plot."""
    import plot

    runs = [run for each in publications for run in each]
    tables = {
        "line-targets": line_targets.rows(publications, LINES),
        "line-auto": sweep_rows(runs, LINES, sorted(SWEEP)),
        "line": wide_rows(runs, LINES, CLIENTS),
        "line-tls": wide_rows(runs, LINES, SECURE, secure=True),
    }
    for name, table in tables.items():
        (STATIC / f"{name}.csv").write_text(as_csv(table))
    plot.lines(runs, LINES, STATIC / "line.svg")


if __name__ == "__main__":
    main()

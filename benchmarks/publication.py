"""All that is published of long lines, measured in one go: lines and runs side by side."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, replace
from pathlib import Path

from bounds import FAR_OFF, least, left_out
from cases import Case
from far import LINES, Line
from line_run import BEHIND, FILE, HERE, MANY, OURS, SMALLEST, WORKS, Run, RunFailed, takes
from line_targets import AUTO, CLOSE, TARGETS, Runs

SWEEP = (12, 8, 6, 16, 24, 4, 32, 3, 48, 64, 2, 1)
"""The likeliest to be the best first: what cannot be is left out."""
CLIENTS = (
    AUTO,
    f"{OURS} 3",
    f"{OURS} 16",
    "libcurl 3",
    "libcurl 16",
    "aiohttp 16",
    "rclone 4",
)
SECURE = (AUTO, f"{OURS} 3", f"{OURS} 16", "libcurl 16")
IN_ORDER = (f"{SMALLEST} auto", f"{SMALLEST} 3", f"{SMALLEST} 16")
PUBLICATIONS = 3
LONG = 15.0
"""Seconds: what takes so long over the fastest line only waits there, and need not be alone."""
ROUNDS, SHORT_ROUNDS = 3, 7
"""Of what is close to its limit, or above; the shorter a run, the more of it is chance."""
LANES = {10: 3, 20: 2, 100: 1, 1000: 1}
"""How many runs over a line of so many Mbit/s go side by side."""

Group = tuple[Case, Sequence[str]]


def groups() -> list[Group]:
    """What is sent over each line, and by whom."""
    sweep = [f"{OURS} {number}" for number in SWEEP]
    return [
        (FILE, list(dict.fromkeys([AUTO, *sweep, *CLIENTS]))),
        (replace(FILE, secure=True), SECURE),
        (BEHIND, [*CLIENTS[:3], *IN_ORDER]),
        *((work, CLIENTS) for work in reversed(WORKS) if work not in (FILE, BEHIND)),
        (replace(MANY, secure=True), SECURE),
    ]


def hopeless(line: Line, work: Case, client: str, runs: Iterable[Run]) -> bool:
    """Whether a number of the sweep cannot be the best of it, by what was measured so far."""
    if client in CLIENTS or not client.startswith(f"{OURS} "):
        return False
    fixed = [run.wall for run in runs if run.client.startswith(f"{OURS} ") and run.client != AUTO]
    return bool(fixed) and least(line, work, client) > FAR_OFF * min(fixed)


class Publication:
    """
    One measurement of everything.

    :param run: sends something over a line: see :meth:`line_run.Bench.run`.
    :param note: is told what was measured, left out or not possible.
    """

    def __init__(
        self,
        run: Callable[[Line, Case, str, int], Run],
        note: Callable[[str], object] = lambda text: print(text, file=sys.stderr, flush=True),
    ) -> None:
        self.runs: list[Run] = []
        self._run = run
        self._note = note

    def measure(self, lines: Sequence[Line] = LINES, lanes: int | None = None) -> None:
        """
        Measure all lines: the fastest alone first, but for what only waits there; then the others.

        :param lanes: how many runs over each line go side by side, instead of what fits its rate.
        """
        lines = sorted(lines, key=lambda line: -line.rate)
        fast = [line for line in lines if line.rate >= 1000]
        for line in fast:
            self._line(line, 1, lambda seconds: seconds < LONG)
        side: list[tuple[Line, Callable[[float], bool]]] = [
            *((line, lambda seconds: seconds >= LONG) for line in fast),
            *((line, lambda seconds: True) for line in lines if line not in fast),
        ]
        with ThreadPoolExecutor(max(len(side), 1)) as pool:
            begun = [
                pool.submit(self._line, line, lanes or LANES.get(int(line.rate), 1), which)
                for line, which in side
            ]
        for each in begun:
            each.result()

    def _line(self, line: Line, lanes: int, which: Callable[[float], bool]) -> None:
        """All of a line, so many runs at a time; each work is looked at when the next has begun."""
        begun: list[Future[None]] = []
        with ThreadPoolExecutor(lanes) as pool:
            again: list[tuple[Case, list[Future[None]]]] = []
            for work, clients in groups():
                these = [each for each in clients if takes(each, work)]
                these = [each for each in these if which(least(line, work, each))]
                again.append((work, [pool.submit(self._once, line, work, each) for each in these]))
                begun += again[-1][1]
                if len(again) > 1:
                    begun.append(pool.submit(self._again, line, *again.pop(0)))
            begun += [pool.submit(self._again, line, *each) for each in again]
        for each in begun:
            each.result()

    def _once(self, line: Line, work: Case, client: str, number: int = 0) -> None:
        said = f"{line.name}, {work.name}{', TLS' * work.secure}, {client}"
        of_work = Runs(self.runs).of(line.name, work.name, work.secure)
        if left_out(line, work, client) or hopeless(line, work, client, of_work):
            self._note(f"{said}: left out, at least {least(line, work, client):.0f} s")
            return
        try:
            self.runs.append(self._run(line, work, client, number))
        except RunFailed as error:
            self._note(f"{said}: {error}")
        else:
            self._note(str(self.runs[-1]))

    def _again(self, line: Line, work: Case, futures: Sequence[Future[None]]) -> None:
        """Once all have run: some rounds more of ``"auto"`` and those to which it is close."""
        wait(futures)
        if not futures:
            return
        measured = Runs(self.runs)
        rivals: dict[str, None] = {}
        for target in TARGETS:
            if (target.work, target.secure) != (work.name, work.secure):
                continue
            ratio = target.ratio(measured, line)
            if ratio is not None and ratio > target.limit * (1 - CLOSE):
                rivals |= dict.fromkeys(target.rivals(measured, line.name))
        rounds = SHORT_ROUNDS if least(line, work, AUTO) < LONG else ROUNDS
        for number in range(1, rounds if rivals else 1):
            for client in [AUTO, *rivals]:
                self._once(line, work, client, number)


def folder() -> Path:
    """Where publications of this very code are kept: by the content of the package."""
    package = HERE.parent / OURS
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.read_bytes())
    return HERE.parent / "build" / "line" / digest.hexdigest()[:12]


def keep(runs: Sequence[Run], where: Path) -> Path:
    """Write a publication beside those that are there: lines of JSON."""
    where.mkdir(parents=True, exist_ok=True)
    path = where / f"{len(list(where.glob('*.jsonl'))) + 1}.jsonl"
    path.write_text("".join(json.dumps(asdict(run)) + "\n" for run in runs))
    return path


def kept(where: Path) -> list[list[Run]]:
    """The last publications that are there, the oldest first."""
    paths = sorted(where.glob("*.jsonl"), key=lambda path: int(path.stem))[-PUBLICATIONS:]
    return [[Run(**json.loads(text)) for text in path.read_text().splitlines()] for path in paths]

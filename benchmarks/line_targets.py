"""What ``"auto"`` has to reach over long lines, and whether it did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from bounds import least, left_out
from cases import Case
from far import Line
from line_run import OURS, WORKS, Run

AUTO = f"{OURS} auto"
BEST = "the best fixed number"
CLOSE = 0.08
"""A ratio that is no further than that below its limit is one of medians."""
CANDIDATES = 2
"""So many of the fastest fixed numbers may be the best."""


class Runs:
    """The runs of one publication, or of several."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = list(runs)

    def of(self, line: str, work: str, secure: bool = False) -> list[Run]:
        """Those of one work over a line."""
        key = (line, work, secure)
        return [run for run in self._runs if (run.line, run.work, run.secure) == key]

    def walls(self, line: str, work: str, secure: bool = False) -> dict[str, list[float]]:
        """The seconds of each client."""
        walls: dict[str, list[float]] = {}
        for run in self.of(line, work, secure):
            walls.setdefault(run.client, []).append(run.wall)
        return walls

    def wall(self, line: str, work: str, client: str, secure: bool = False) -> float | None:
        """Its median."""
        walls = self.walls(line, work, secure).get(client)
        return median(walls) if walls else None

    def fixed(self, line: str, work: str, secure: bool = False) -> list[str]:
        """Our fixed numbers, the fastest first; if some were measured more often, those alone."""
        walls = self.walls(line, work, secure)
        ours = {who: each for who, each in walls.items() if who.split()[0] == OURS and who != AUTO}
        most = max(map(len, ours.values()), default=0)
        if most > 1:
            ours = {who: each for who, each in ours.items() if len(each) == most}
        return sorted(ours, key=lambda who: median(ours[who]))


@dataclass(frozen=True)
class Target:
    """
    A ratio of seconds that ``"auto"`` has to keep over each line.

    :param work: of which work.
    :param against: which client, or :data:`BEST`.
    :param limit: the most that it may be.
    :param secure: whether over TLS.
    """

    work: str
    against: str
    limit: float
    secure: bool = False

    def rivals(self, runs: Runs, line: str) -> list[str]:
        """Which clients it is compared with."""
        if self.against == BEST:
            return runs.fixed(line, self.work, self.secure)[:CANDIDATES]
        return [self.against] if runs.wall(line, self.work, self.against, self.secure) else []

    def ratio(self, runs: Runs, line: Line) -> float | None:
        """What was measured; what left its rival out is what that takes at least."""
        auto = runs.wall(line.name, self.work, AUTO, self.secure)
        if auto is None:
            return None
        for rival in self.rivals(runs, line.name)[:1]:
            wall = runs.wall(line.name, self.work, rival, self.secure)
            return auto / wall if wall else None
        if self.against != BEST and left_out(line, self.case, self.against):
            return auto / least(line, self.case, self.against)
        return None

    @property
    def case(self) -> Case:
        """The work itself."""
        (case,) = (case for case in WORKS if case.name == self.work)
        return replace(case, secure=self.secure)


TARGETS = (
    Target("file", BEST, 1.05),
    *(Target(work.name, f"{OURS} 3", 1.10) for work in WORKS),
    Target("file", f"{OURS} 3", 1.10, secure=True),
    Target("many", f"{OURS} 3", 1.10, secure=True),
    Target("file", "libcurl 16", 1.10, secure=True),
)


def rows(publications: Sequence[Sequence[Run]], lines: Sequence[Line]) -> list[list[str]]:
    """The table of targets, with each publication's ratio, its heading first."""
    numbers = [f"run {number}" for number in range(1, len(publications) + 1)]
    table = [["line", "what", "against", "at most", *numbers, "median", "verdict"]]
    for line in lines:
        for target in TARGETS:
            ratios = [target.ratio(Runs(runs), line) for runs in publications]
            found = [ratio for ratio in ratios if ratio is not None]
            if not found:
                continue
            each = ["" if ratio is None else f"{ratio:.2f}" for ratio in ratios]
            what = target.work + ", TLS" * target.secure
            head = [line.name, what, against(target, line, publications), f"{target.limit:.2f}"]
            table.append([*head, *each, f"{median(found):.2f}", verdict(found, target.limit)])
    return table


def against(target: Target, line: Line, publications: Sequence[Sequence[Run]]) -> str:
    """What it is compared with, in words: the best number of each publication, or a bound."""
    if target.against == BEST:
        found = [target.rivals(Runs(runs), line.name) for runs in publications]
        numbers = dict.fromkeys(rivals[0].split()[1] for rivals in found if rivals)
        return f"the best number ({', '.join(numbers)})"
    if left_out(line, target.case, target.against):
        return f"{target.against} (at least {least(line, target.case, target.against):.0f} s)"
    return target.against


def verdict(ratios: Sequence[float], limit: float) -> str:
    """Whether it was met each time, and by how much it was not."""
    missed = [ratio for ratio in ratios if round(ratio, 2) > limit]
    if not missed:
        return "met"
    worst = f"{max(missed) / limit - 1:.0%}"
    often = "" if len(missed) == len(ratios) == 1 else f" in {len(missed)} of {len(ratios)}"
    return f"missed by up to {worst}{often}" if len(missed) > 1 else f"missed by {worst}{often}"


def sentences(runs: Sequence[Run], lines: Sequence[Line]) -> list[str]:
    """Each target of one publication, in words."""
    said = []
    for line in lines:
        for target in TARGETS:
            ratio = target.ratio(Runs(runs), line)
            if ratio is not None:
                words = f'"auto" is {ratio:.2f} of {against(target, line, [runs])}'
                what = target.work + ", TLS" * target.secure
                words += f" on {line.name}, {what}; at most {target.limit:.2f}: "
                said.append(words + verdict([ratio], target.limit))
    return said

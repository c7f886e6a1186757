"""What txresumable set out to reach, each as a ratio of medians in one run."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

from results import OURS, Results


@dataclass(frozen=True)
class Target:
    """
    One thing to reach.

    :param case: in which case.
    :param against: compared with which client.
    :param words: what is asked for.
    :param limit: the number that is asked for.
    :param measure: what to compare with it; None where a client was not run.
    :param holds: how to compare.
    """

    case: str
    against: str
    words: str
    limit: float
    measure: Callable[[Results, str, str], float | None]
    holds: Callable[[float, float], bool]

    def row(self, results: Results) -> list[str]:
        """The target, what was measured, and whether that meets it."""
        measured = self.measure(results, self.case, self.against)
        if measured is None:
            return [self.case, self.against, self.words, "-", "not run"]
        verdict = "met" if self.holds(measured, self.limit) else "NOT MET"
        return [self.case, self.against, self.words, f"{measured:.2f}", verdict]


def _times_as_fast(results: Results, case: str, against: str) -> float | None:
    return results.ratio(case, against)


def _wall(results: Results, case: str, against: str) -> float | None:
    ratio = results.ratio(case, against)
    return None if ratio is None else 1 / ratio


def _cpu(results: Results, case: str, against: str) -> float | None:
    ratio = results.ratio(case, against, "cpu")
    return None if ratio is None else 1 / ratio


def _requests_a_chunk(results: Results, case: str, against: str) -> float | None:
    ours = results.get(case, OURS)
    return None if ours is None else ours.requests / ours.units


def at_most(
    case: str, against: str, limit: float, measure: Callable[..., float | None], what: str
) -> Target:
    """A target that is met from below."""
    return Target(case, against, f"{what} at most {limit:g}", limit, measure, operator.le)


def at_least(case: str, against: str, limit: float) -> Target:
    """So many times as fast."""
    return Target(
        case, against, f"at least {limit:g} x as fast", limit, _times_as_fast, operator.ge
    )


TARGETS = (
    at_most("big", "libcurl", 1.10, _wall, "wall, as a multiple,"),
    at_least("big", "resumable", 2.3),
    at_most("big", "resumable", 0.42, _cpu, "CPU, as a multiple,"),
    at_least("big", "aiohttp", 1.15),
    at_least("small", "resumable", 4),
    at_least("many", "resumable", 4),
    at_least("small", "aiohttp", 1.0),
    at_least("scan", "resumable", 4),
    at_most("fresh", "resumable", 1.05, _requests_a_chunk, "requests a chunk"),
    at_most("small", "libcurl form", 1.25, _wall, "wall, as a multiple,"),
    at_most("many", "libcurl form", 1.25, _wall, "wall, as a multiple,"),
    at_most("scan", "libcurl form", 1.25, _wall, "wall, as a multiple,"),
    at_most("tls", "libcurl", 1.1, _wall, "wall, as a multiple,"),
    at_least("tls", "aiohttp", 1.1),
)

HEADING = ["case", "against", "target", "measured", "verdict"]


def rows(results: Results) -> list[list[str]]:
    """The table of targets, its heading first."""
    return [HEADING, *(target.row(results) for target in TARGETS)]

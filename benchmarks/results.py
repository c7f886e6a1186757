"""What runs gave: medians, ratios, and the table that shows them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

OURS = "txresumable"


@dataclass(frozen=True)
class Run:
    """
    One client's run of one case.

    :param case: name of the case.
    :param client: name of the client.
    :param round: number of the round.
    :param wall: seconds from the first call into the client to the end of the last upload.
    :param cpu: seconds of CPU that the client's process used in them.
    :param rss: peak of its resident memory in bytes.
    :param requests: how many requests the sink counted.
    :param connections: over how many connections.
    :param units: how many chunks it was about.
    """

    case: str
    client: str
    round: int
    wall: float
    cpu: float
    rss: int
    requests: int
    connections: int
    units: int


@dataclass(frozen=True)
class Summary:
    """The medians of a client's rounds of a case; see :class:`Run`."""

    case: str
    client: str
    rounds: int
    wall: float
    cpu: float
    rss: float
    requests: float
    connections: float
    units: int
    fastest: float
    slowest: float

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Summary:
        """Sum up runs of one client and one case."""
        walls = [run.wall for run in runs]
        return cls(
            case=runs[0].case,
            client=runs[0].client,
            rounds=len(runs),
            wall=median(walls),
            cpu=median(run.cpu for run in runs),
            rss=median(run.rss for run in runs),
            requests=median(run.requests for run in runs),
            connections=median(run.connections for run in runs),
            units=runs[0].units,
            fastest=min(walls),
            slowest=max(walls),
        )


class Results:
    """The summaries of one run of the benchmarks, by case and client."""

    def __init__(self, runs: Iterable[Run]) -> None:
        together: dict[tuple[str, str], list[Run]] = {}
        for run in runs:
            together.setdefault((run.case, run.client), []).append(run)
        self._summaries = {key: Summary.of(group) for key, group in together.items()}

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read the JSON lines that :meth:`lines` gave."""
        results = cls([])
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if "client" in record:
                summary = Summary(**{name: record[name] for name in Summary.__dataclass_fields__})
                results._summaries[summary.case, summary.client] = summary
        return results

    def get(self, case: str, client: str) -> Summary | None:
        """The summary, if there is one."""
        return self._summaries.get((case, client))

    def cases(self) -> list[str]:
        """The names of the cases, in the order they were run."""
        return list(dict.fromkeys(case for case, _ in self._summaries))

    def of_case(self, case: str) -> list[Summary]:
        """All clients' summaries of a case, the fastest first."""
        return sorted(
            (one for one in self._summaries.values() if one.case == case), key=lambda one: one.wall
        )

    def ratio(self, case: str, client: str, field: str = "wall") -> float | None:
        """A client's median divided by ours."""
        ours, theirs = self.get(case, OURS), self.get(case, client)
        if ours is None or theirs is None:
            return None
        return float(getattr(theirs, field) / getattr(ours, field))

    def lines(self) -> list[str]:
        """One JSON object for each case and client."""
        return [
            json.dumps({**asdict(one), "wall_by_ours": self.ratio(one.case, one.client)})
            for one in self._summaries.values()
        ]

    def rows(self) -> list[list[str]]:
        """The table, its heading first."""
        rows = [
            [
                "case",
                "client",
                "wall s",
                "spread",
                "CPU s",
                "us CPU each",
                "peak MiB",
                "requests",
                "wall / ours",
            ],
        ]
        for case in self.cases():
            for one in self.of_case(case):
                ratio = self.ratio(case, one.client)
                rows.append(
                    [
                        case,
                        one.client,
                        f"{one.wall:.3f}",
                        f"{one.fastest:.3f} - {one.slowest:.3f}",
                        f"{one.cpu:.3f}",
                        f"{one.cpu / one.units * 1e6:.0f}",
                        f"{one.rss / 2**20:.0f}",
                        f"{one.requests:,.0f}",
                        "" if ratio is None else f"{ratio:.2f}",
                    ]
                )
        return rows


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """Rows as the documentation includes them."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()

"""
Figures in a file, a row for each module; what is not measured anew stays.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from .modules import TESTS
from .score import Score

__all__ = ["record"]

COLUMNS = ("module", "mutants", "equivalent", "planted", "caught", "survived", "percent")


def record(path: Path, scores: Mapping[str, Score]) -> None:
    """
    Write figures down.

    :param path: a table of comma-separated values, whose other rows are kept.
    :param scores: the figures of some modules.
    """
    rows = _read(path)
    for module, score in scores.items():
        rows[module] = [score.total, score.equivalent, score.planted, score.caught]
    rows = {module: rows[module] for module in TESTS if module in rows}
    rows["all"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    with path.open("w", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        for module, (total, equivalent, planted, caught) in rows.items():
            part = f"{100 * caught / planted:.1f}" if planted else ""
            table.writerow([module, total, equivalent, planted, caught, planted - caught, part])


def _read(path: Path) -> dict[str, list[int]]:
    if not path.exists():
        return {}
    with path.open(newline="") as stream:
        return {
            row["module"]: [int(row[name]) for name in COLUMNS[1:5]]
            for row in csv.DictReader(stream)
        }

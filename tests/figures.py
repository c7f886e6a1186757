"""
Figures: tests note what they have counted, and ``python -m tests.figures FILE`` adds it up.

Nothing is noted unless ``TXRESUMABLE_FIGURES`` names a file.  Several processes may write to it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable

__all__ = ["add_up", "note"]

Figures = dict[str, dict[str, float]]


def note(what: str, **figures: float) -> None:
    """
    Note some figures.

    :param what: what they are about.
    :param figures: numbers; those whose name begins with ``most`` are compared and not added.
    """
    path = os.environ.get("TXRESUMABLE_FIGURES")
    if path:
        with open(path, "a") as file:
            file.write(json.dumps([what, figures]) + "\n")


def add_up(lines: Iterable[str]) -> Figures:
    """:returns: the figures of all lines, by what they are about and their name."""
    total: Figures = {}
    for line in lines:
        what, figures = json.loads(line)
        known = total.setdefault(what, {})
        for name, value in figures.items():
            if name.startswith("most"):
                known[name] = max(known.get(name, value), value)
            else:
                known[name] = known.get(name, 0) + value
    return total


def main(path: str) -> None:
    """Print what a file holds."""
    with open(path) as lines:
        total = add_up(lines)
    for what in sorted(total):
        figures = ", ".join(
            f"{name.replace('_', ' ')} {value:,.10g}" for name, value in total[what].items()
        )
        print(f"{what}: {figures}")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])

"""
Runs the proof; see :mod:`tests.pushing`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.proof import report

from .killed import labels, lives
from .round import Round


async def prove(reactor: Any, files: int, kills: int, seed: int, keep: bool) -> None:
    """One round."""
    random = Random(seed)
    each = max(1, round(kills / len(labels())))
    points = lives(random, each * len(labels()), kills, latest=3)
    base = Path(tempfile.mkdtemp(prefix="pushing-"))
    made = Round(reactor, random, base, points, files, kills)
    verdict = await made.run()
    counts = made.counts + verdict.counts
    if not report(counts, verdict.faults, base, keep=keep, hint=f"{made.last_words}\n"):
        sys.exit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.pushing")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep all files")
    chosen = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(prove(reactor, **vars(chosen))))

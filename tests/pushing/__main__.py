"""
Runs the proof; see :mod:`tests.pushing`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

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
    say = sys.stdout.write
    for name, count in (made.counts + verdict.counts).items():
        say(f"{name}: {count}\n")
    for fault in verdict.faults:
        say(f"FAULT: {fault}\n")
    if verdict.faults:
        say(f"{made.last_words}\nall is left in {base}\n")
        sys.exit(1)
    if not keep:
        shutil.rmtree(base)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.pushing")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep all files")
    chosen = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(prove(reactor, **vars(chosen))))

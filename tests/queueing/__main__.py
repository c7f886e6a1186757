"""
Runs the proof; see :mod:`tests.queueing`.
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

from tests.interop.install import POSTGRESQL, why_not_installed
from tests.postgres import Database

from .round import Round


async def prove(reactor: Any, files: int, kills: int, seed: int, keep: bool) -> None:
    """One round."""
    missing = why_not_installed(POSTGRESQL)
    if missing is not None:
        sys.exit(missing)
    base = Path(tempfile.mkdtemp(prefix="queueing-"))
    server = Database()
    try:
        server.start()
        made = Round(reactor, Random(seed), base, server, files, kills)
        faults = await made.run()
    finally:
        server.stop()
    say = sys.stdout.write
    for name, count in made.counts.items():
        say(f"{name}: {count}\n")
    for fault in faults:
        say(f"FAULT: {fault}\n")
    if faults:
        say(f"{made.last_words}\nall is left in {base}\n")
        sys.exit(1)
    if not keep:
        shutil.rmtree(base)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.queueing")
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep all files")
    chosen = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(prove(reactor, **vars(chosen))))

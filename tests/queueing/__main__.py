"""
Runs the proof; see :mod:`tests.queueing`.
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

from tests.interop.install import POSTGRESQL, why_not_installed
from tests.postgres import Database
from tests.proof import report

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
    if not report(made.counts, faults, base, keep=keep, hint=f"{made.last_words}\n"):
        sys.exit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.queueing")
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep all files")
    chosen = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(prove(reactor, **vars(chosen))))

"""
Runs the proof; see :mod:`tests.fleet`.
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

from tests.interop.install import BROWSER, NODE, why_not_installed
from tests.interop.seaweedfs import PARTS
from tests.proof import report

from .front import BALANCERS
from .killed import lives
from .round import SETTINGS, Round


class Cleanups:
    """What a test case would do at its end."""

    def __init__(self) -> None:
        self._cleanups: list[tuple[Any, Any]] = []

    def addCleanup(self, function: Any, *arguments: Any) -> None:
        self._cleanups.append((function, arguments))

    async def clean(self) -> None:
        while self._cleanups:
            function, arguments = self._cleanups.pop()
            result = function(*arguments)
            if hasattr(result, "__await__"):
                await result


async def prove(reactor: Any, files: int, kills: int, seed: int, keep: bool) -> None:
    """A round behind each load balancer, with half of it all."""
    has_failed = False
    for number, setting in enumerate(SETTINGS):
        random = Random(f"{seed} {setting.balancer}")
        half = kills // 2 + (kills % 2 if number == 0 else 0)
        points = lives(random, half * 2 // 3, half - half * 2 // 3, latest=3)
        base = Path(tempfile.mkdtemp(prefix="fleet-"))
        case = Cleanups()
        storage_kills = -(-half // 20)
        made = Round(reactor, case, random, seed, base, setting, points, files // 2, storage_kills)
        try:
            await made.run()
        finally:
            await case.clean()
        sys.stdout.write(f"behind {setting.balancer}\n")
        counts = dict(sorted(made.counts.items()))
        hint = f"repeat it with --seed {seed}; "
        is_well = report(counts, made.faults, base, keep=keep, hint=hint, indent="  ")
        has_failed = has_failed or not is_well
    if has_failed:
        sys.exit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.fleet")
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep all logs")
    chosen = parser.parse_args()
    reason = why_not_installed(*PARTS, *BALANCERS, NODE, BROWSER, "resumable")
    if reason is not None:
        sys.exit(reason)
    react(lambda reactor: Deferred.fromCoroutine(prove(reactor, **vars(chosen))))

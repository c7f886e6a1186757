"""
Rounds until the time is over; see :mod:`tests.soak`.

Each round prints its seed, what happened, and what was wrong.  The folder of a round that failed
stays.  The exit status is 1 if any did.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from random import SystemRandom
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.figures import note

from .plan import Plan
from .round import Round

_SHOWN = ("completed", "failed", "cancelled", "kills", "restarts", "taken", "connections", "tricks")


def _arguments() -> Any:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long")
    parser.add_argument("--rounds", type=int, default=10**9, help="at most so many")
    parser.add_argument("--seed", type=int, help="of the first round; chance's by default")
    parser.add_argument("--folder", type=Path, default=Path("build/soak"), help="where to work")
    parser.add_argument("--keep", action="store_true", help="keep the folders of good rounds, too")
    return parser.parse_args()


async def _soak(reactor: Any, given: Any) -> None:
    first = given.seed if given.seed is not None else SystemRandom().randrange(10**8)
    began, failed, total, number = time.monotonic(), [], Counter[str](), 0
    while number < given.rounds and time.monotonic() - began < given.seconds:
        seed = first + number
        number += 1
        if await _one(reactor, seed, given, total):
            failed.append(seed)
    total["rounds"], total["rounds_failed"] = number, len(failed)
    tricks = {name: total.pop(name) for name in sorted(total) if name[0].isupper()}
    _say("tricks: " + ", ".join(f"{name} {count}" for name, count in tricks.items()))
    note("soak", **total)
    _say(f"{number} rounds in {time.monotonic() - began:.0f} s, {len(failed)} failed: {failed}")
    if failed:
        raise SystemExit(1)


async def _one(reactor: Any, seed: int, given: Any, total: Counter[str]) -> bool:
    """One round.  :returns: whether it failed."""
    folder = given.folder.absolute() / f"round-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    made = Round(reactor, Plan.of(seed), folder)
    try:
        await made.run()
    except Exception:
        made.faults.append(f"it could not be run: {traceback.format_exc()}")
    total.update(made.counts)
    shown = ", ".join(f"{name} {made.counts[name]}" for name in _SHOWN if made.counts[name])
    _say(f"seed {seed}: {time.monotonic() - began:.1f} s: {shown or 'nothing'}")
    for each in made.faults:
        _say(f"  WRONG: {each}")
    if made.faults:
        _say(f"  see {folder}; again: python -m tests.soak --rounds 1 --seed {seed}")
    elif not given.keep:
        shutil.rmtree(folder)
    return bool(made.faults)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(_soak(reactor, _arguments())))

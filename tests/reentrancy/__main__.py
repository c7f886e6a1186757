"""
``python -m tests.reentrancy SEED``: run one seed again and tell all that happens.

``python -m tests.reentrancy FIRST LAST``: run many, and list what does not hold by kind.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections import defaultdict

from .plan import Plan
from .schedule import Broken, run

write = sys.stdout.write


def _several(first: int, last: int) -> int:
    """:returns: the exit status."""
    kinds: dict[str, dict[int, str]] = defaultdict(dict)
    broken: set[int] = set()
    gc.freeze()
    began = time.perf_counter()
    for seed in range(first, last):
        try:
            with tempfile.TemporaryDirectory(prefix="reentrancy-") as folder:
                run(seed, folder)
        except Broken as error:
            broken.add(seed)
            for line in error.wrong:
                kinds[line.partition(":")[0]].setdefault(seed, line)
    spent = (time.perf_counter() - began) / (last - first)
    write(f"{len(broken)} of {last - first} seeds break, {spent * 1000:.1f} ms each\n")
    for kind, seeds in sorted(kinds.items(), key=lambda each: -len(each[1])):
        write(f"{kind}: {len(seeds)} seeds: {list(seeds)[:12]}\n")
        write(f"    {next(iter(seeds.values()))}\n")
    return 1 if broken else 0


def _one(seed: int) -> int:
    """:returns: the exit status."""
    write("\n".join(Plan.of(seed).lines) + "\n")
    try:
        with tempfile.TemporaryDirectory(prefix="reentrancy-") as folder:
            counts = run(seed, folder, lambda line: write(f"{line}\n"))
    except Broken as broken:
        write(f"BROKEN\n{broken}\n")
        return 1
    write(f"{dict(counts)}\n")
    return 0


def main(arguments: list[str]) -> int:
    """
    :param arguments: a seed, or the first and the one after the last.
    :returns: the exit status.
    """
    numbers = [int(argument) for argument in arguments]
    return _one(*numbers) if len(numbers) == 1 else _several(*numbers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""``python -m tests.push_model SEED [...]``: run them again and tell what happens."""

from __future__ import annotations

import shutil
import sys
from tempfile import mkdtemp

from .simulation import Wrong, simulate


def main(arguments: list[str]) -> int:
    failed = 0
    for seed in map(int, arguments):
        folder = mkdtemp()
        try:
            counted = simulate(seed, f"{folder}/state", print)
            print(f"{seed}: all holds: {dict(counted)}")  # noqa: T201
        except Wrong as wrong:
            failed += 1
            print(f"{seed}: {wrong}")  # noqa: T201
        finally:
            shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

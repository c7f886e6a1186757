"""``python -m tests.objects_model SEED [...]``: run them again, and tell what happens."""

from __future__ import annotations

import sys

from .plan import Plan
from .world import ModelFailed, run


def main(arguments: list[str]) -> int:
    failed = 0
    for seed in map(int, arguments):
        plan = Plan.of(seed)
        print("\n".join(plan.lines))  # noqa: T201
        try:
            print(dict(run(plan, print)))  # noqa: T201
        except ModelFailed as error:
            failed += 1
            print(error)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

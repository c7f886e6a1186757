"""``python -m tests.model SEED [...]``: run them again; what fails is shortened and told."""

from __future__ import annotations

import sys

from .schedule import Schedule, fails, run, shortened


def main(arguments: list[str]) -> int:
    failed = 0
    for seed in map(int, arguments):
        schedule = Schedule.of(seed)
        if fails(schedule) is None:
            print(f"{seed}: all holds")  # noqa: T201
            continue
        failed += 1
        schedule = shortened(schedule)
        print("\n".join(schedule.lines))  # noqa: T201
        try:
            run(schedule, print)
        except Exception as error:
            print(f"{seed}: {error!r}")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

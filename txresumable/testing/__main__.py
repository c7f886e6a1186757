"""
``python -m txresumable.testing SEED``: run one simulation again and tell all that happens.
"""

import sys

from .schedule import Schedule
from .simulation import SimulationFailed, simulate


def main(arguments: list[str]) -> int:
    """
    :param arguments: the seed.
    :returns: the exit status: 1 if the simulation failed.
    """
    if len(arguments) != 1 or not arguments[0].lstrip("-").isdigit():
        sys.stderr.write("usage: python -m txresumable.testing SEED\n")
        return 2
    seed = int(arguments[0])
    write = sys.stdout.write
    write("\n".join(Schedule.of(seed).lines) + "\n")
    try:
        report = simulate(seed, note=print)
    except SimulationFailed as failed:
        write(f"FAILED\n{failed}\n")
        return 1
    write(f"{report}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""
``python -m txresumable.testing [--receiver] SEED``: run one simulation again and tell all that
happens; with ``--receiver`` one of several uploaders and a real receiver.
"""

import sys

from .receiver_simulation import ReceiverSchedule, simulate_receiver
from .report import SimulationFailed
from .schedule import Schedule
from .simulation import simulate


def main(arguments: list[str]) -> int:
    """
    :param arguments: the seed, and before it which kind of simulation.
    :returns: the exit status: 1 if the simulation failed.
    """
    write = sys.stdout.write
    *options, seed = arguments or [""]
    if options not in ([], ["--receiver"]) or not seed.lstrip("-").isdigit():
        sys.stderr.write("usage: python -m txresumable.testing [--receiver] SEED\n")
        return 2
    lines = ReceiverSchedule.of(int(seed)).lines if options else Schedule.of(int(seed)).lines
    write("\n".join(lines) + "\n")
    try:
        report = (simulate_receiver if options else simulate)(int(seed), note=print)
    except SimulationFailed as failed:
        write(f"FAILED\n{failed}\n")
        return 1
    write(f"{report}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

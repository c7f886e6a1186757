"""
The receiver: ``python -m tests.soak.receiver SECONDS ARGUMENT...``.

It is ``twistd -n resumable-receive``, but may forget what has expired more often than once a
second, which is the most that ``--sweep`` can have.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from twisted.scripts.twistd import run

from txresumable.receiver import tap


def often(made: Any, seconds: float, *args: Any, sweep_every: float, **options: Any) -> Any:
    """Make a receiver that does so, whatever its option says."""
    return made(*args, sweep_every=seconds, **options)


if __name__ == "__main__":
    tap.ReceiverProcess = partial(often, tap.ReceiverProcess, float(sys.argv[1]))  # type: ignore
    sys.argv[1:] = ["-n", "--pidfile=", "resumable-receive", *sys.argv[2:]]
    run()

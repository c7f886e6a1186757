"""
The receiver: ``python -m tests.soak.receiver SECONDS ARGUMENT...``.

It is ``twistd -n resumable-receive``, but forgets what has expired every so many seconds, and not
every ten minutes.
"""

from __future__ import annotations

import sys

from twisted.scripts.twistd import run

from txresumable.receiver import service

if __name__ == "__main__":
    if not isinstance(service._BETWEEN_SWEEPS, float):
        raise SystemExit("how often it sweeps has another name now")
    service._BETWEEN_SWEEPS = float(sys.argv[1])
    sys.argv[1:] = ["-n", "--pidfile=", "resumable-receive", *sys.argv[2:]]
    run()

"""
Fetch what others wrote, then run the tests that need it, or those that are named; none of them may
be skipped.
"""

import os
import subprocess
import sys

from .install import main

if main(["--system"]) != 0:
    sys.exit(1)
trial = [sys.executable, "-m", "twisted.trial", "--temp-directory=_trial_temp_interop"]
sys.exit(
    subprocess.run(
        [*trial, *(sys.argv[1:] or ["tests.interop"])], env=dict(os.environ, INTEROP_REQUIRED="1")
    ).returncode
)

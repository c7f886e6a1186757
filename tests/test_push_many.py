"""
A folder with many files at once, in a process of its own; ``make push-proof`` has more of them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent


class ManyTests(SynchronousTestCase):
    """Thousands of files, which nobody has to wait for."""

    if not sys.platform.startswith("linux"):
        skip = "memory is measured as on Linux"

    def test_flat(self) -> None:
        """All are queued, memory does not grow by much, and no turn of the reactor is long."""
        command = [sys.executable, "-m", "tests.pushing.many", "--files", "5000", "--settle", "0.5"]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=100)
        self.assertEqual(ended.returncode, 0, ended)
        self.assertIn(b"5000 files were queued", ended.stdout)

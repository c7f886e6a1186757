"""
What the programs that try packages share: commands, and conditions that have to hold.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def run(command: list[str], cwd: Path | None = None) -> str:
    """What a command prints; its failure ends this program with all that it said."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def require(condition: bool, message: str) -> None:
    """End with a message unless something holds."""
    if not condition:
        sys.exit(message)

"""
What clients say about themselves: a line of JSON each, which a SIGKILL does not undo.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["Journal", "read"]


class Journal:
    """
    Writes lines.

    :param path: where to; several threads may write.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)

    def write(self, what: str, **more: Any) -> None:
        """Write a line, with the time: the system's, so that processes can be compared."""
        line = json.dumps({"at": time.monotonic(), "what": what, **more})
        os.write(self._fd, line.encode() + b"\n")


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a journal, as long as they are whole."""
    for line in path.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)

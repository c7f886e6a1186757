"""Uploads with PyPI's ``resumable``: ``pypi_resumable.py TARGET CHUNK_SIZE FILE...``."""

from __future__ import annotations

import json
import sys
from threading import Lock
from typing import Any

from resumable import Resumable  # type: ignore[import-not-found]

_one_at_a_time = Lock()


def say(file: Any) -> None:
    """Print what a finished file says of itself."""
    fields = {"path": file.path, "size": file.size, "is_completed": file.is_completed}
    with _one_at_a_time:
        sys.stdout.write(json.dumps(fields) + "\n")


target, chunk_size, *paths = sys.argv[1:]
with Resumable(target, chunk_size=int(chunk_size)) as uploader:
    uploader.file_completed.register(say)
    for path in paths:
        uploader.add_file(path)

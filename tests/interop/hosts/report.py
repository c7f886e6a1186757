"""What the Python hosts tell the tests, as lines of JSON on standard output."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from threading import Lock

_one_at_a_time = Lock()


def say(**fields: object) -> None:
    """Print one line and do not keep it back."""
    with _one_at_a_time:
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()


def say_request(request, response, prefix: str) -> None:
    """Print what Flask's request for a chunk was, and what its response is."""
    fields = request.args if request.method == "GET" else request.form
    say(
        method=request.method,
        chunk=fields.get(f"{prefix}ChunkNumber", 0, int),
        status=response.status_code,
        file_name=fields.get(f"{prefix}Filename"),
    )


def folders(*names: str) -> list[Path]:
    """Make folders below the root given on the command line."""
    made = [Path(sys.argv[1]).resolve() / name for name in names]
    for folder in made:
        folder.mkdir(parents=True, exist_ok=True)
    return made

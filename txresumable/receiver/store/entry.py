"""
An upload, as requests to the folder store use it.
"""

from __future__ import annotations

import re
from typing import Protocol

from ..._protocol.ranges import MORE
from .interface import Entry, Upload
from .record import Record

__all__ = ["RecordedEntry", "RecordedUpload", "spans"]

_RUNS = re.compile(rb"\x01+")
# nginx has 4 KiB for all headers of a response by default, and responds with 502 to more.
_LONGEST = 3072


class RecordedUpload(Upload, Protocol):
    """An upload of which there is a record."""

    @property
    def record(self) -> Record:
        """What it is."""


class RecordedEntry(Entry, Protocol):
    """A request's use of an upload of which there is a record."""

    @property
    def record(self) -> Record:
        """What it is."""


def spans(present: bytearray) -> str:
    """
    The chunks that are present, counted from 1, as ``1-57,60``.

    :param present: a byte for each chunk, 1 if it is.
    :returns: text of at most 3 KiB; if that cuts it short, it ends with ``,...``.
    """
    found: list[str] = []
    length = -1
    for run in _RUNS.finditer(present):
        first, last = run.start() + 1, run.end()
        found.append(str(first) if first == last else f"{first}-{last}")
        length += len(found[-1]) + 1
        if length > _LONGEST:
            while length + len(MORE) > _LONGEST:
                length -= len(found.pop()) + 1
            return ",".join(found) + MORE
    return ",".join(found)

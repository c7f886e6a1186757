"""
The digest of a file that is being sent, in the journal, and what it holds good for.
"""

from __future__ import annotations

import json
from typing import Any

from ..entry import Entry

__all__ = ["as_facts", "known_digest"]

_CTIME = "ctime_ns"


def as_facts(digest: str, ctime_ns: int) -> dict[str, Any]:
    """
    What to write down about a file all of which was read.

    :param digest: its SHA-256 as hexadecimal.
    :param ctime_ns: the time of its last change of any kind at that time: that of the last write,
        by which versions are told apart, can be reset.
    """
    return {"digest": digest, "note": json.dumps({_CTIME: ctime_ns})}


def known_digest(entry: Entry) -> tuple[str, int]:
    """
    What was written down.

    :returns: the digest, which is empty if there is none, and that time.
    """
    ctime_ns = json.loads(entry.note).get(_CTIME) if entry.digest and entry.note else None
    return ("", 0) if ctime_ns is None else (entry.digest, ctime_ns)

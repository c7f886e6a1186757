"""
Entries as JSON.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ..entry import Entry

__all__ = ["describe"]


def describe(entry: Entry) -> dict[str, Any]:
    """
    All about one version of a file.

    Times are seconds since 1970, or null.  ``name`` is for people; ``path`` and ``location``, which
    may be any bytes, are percent-encoded as in a URL.

    :param entry: the version.
    :returns: what JSON can have.
    """
    return {
        "id": entry.id,
        "folder": entry.folder,
        "name": entry.name,
        "path": quote(entry.path),
        "size": entry.version.size,
        "modified": entry.version.mtime_ns / 1e9,
        "state": entry.state.value,
        "why": entry.why,
        "until": entry.until or None,
        "attempts": entry.attempts,
        "sent": entry.sent,
        "seen": entry.seen,
        "changed": entry.changed,
        "identifier": entry.identifier,
        "digest": entry.digest,
        "event_id": entry.event_id,
        "location": quote(entry.location) or None,
    }

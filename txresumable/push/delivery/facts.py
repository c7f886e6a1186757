"""
What commands, and who finds a file that was put aside, are told about it.
"""

from __future__ import annotations

import os
from typing import Any

from ..._runtime.printable import printable
from ..entry import Entry
from ..settings import FolderSettings
from ..state import FAILED

__all__ = ["facts_of"]


def facts_of(entry: Entry, settings: FolderSettings) -> dict[str, Any]:
    """
    The facts about a file, as JSON has them.

    :param entry: the file.
    :param settings: those of its folder.
    """
    location = entry.location or os.path.join(os.fsencode(settings.path), entry.path)
    return {
        "event": "failed" if entry.state is FAILED else "sent",
        "id": entry.event_id,
        "folder": entry.folder,
        "target": settings.target,
        "name": entry.name,
        "path": printable(os.fsdecode(location)),
        "size": entry.version.size,
        "identifier": entry.identifier,
        "attempts": entry.attempts,
        "why": entry.why,
        "seen": entry.seen,
        "at": entry.changed,
    }

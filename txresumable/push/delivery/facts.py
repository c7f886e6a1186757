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

__all__ = ["FACTS", "facts_of"]

FACTS = {
    "event": "sent, or failed: for good.",
    "id": "32 hexadecimal digits: the same ones each time that a command is run for one delivery "
    "of a file, others once it is sent again.",
    "folder": "The name of the folder, as in [folder.NAME].",
    "target": "The name of the target.",
    "name": "The path of the file below the folder, where it was found.",
    "path": "Where the file lies now: in the folder, as files are deleted or moved only after "
    "on_sent; in the folder of failed, if it was put aside. In the environment it is as the "
    "system has it; in JSON, bytes that are no UTF-8 and characters that cannot be printed "
    "are shown as escapes.",
    "size": "Its size in bytes.",
    "identifier": "What the server knows it by; empty if it did not come so far.",
    "attempts": "How many attempts were made; with a queue, those to run a command included.",
    "why": "Why it has failed; empty for one that was sent.",
    "seen": "When it was found, in seconds since 1970.",
    "at": "When it was stored, or had failed, likewise.",
}
"""What each fact about a file says."""


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

"""
Entries as rows of the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..entry import HANDED_OVER, Entry, Version
from ..state import PushState

__all__ = ["COLUMNS", "FACTS", "IS_HANDED_OVER", "entry_of", "key_of", "version_of"]

COLUMNS = (
    "id, folder, path, inode, size, mtime_ns, state, identifier, event_id, attempts, why, until, "
    "seen, changed, sent, digest, note, location, is_aside"
)
"""What :func:`entry_of` takes."""

FACTS = frozenset(
    ("identifier", "attempts", "why", "until", "sent", "digest", "note", "location", "is_aside")
)
"""What may be written down about an entry besides its state."""

IS_HANDED_OVER = f"state = 'done' AND is_aside = 0 AND note = '{HANDED_OVER}'"
"""What holds for rows that were handed over, and were not away since then."""

_STATES: Mapping[str, PushState] = {state.value: state for state in PushState}


def key_of(version: Version) -> tuple[int, int, int]:
    """A version as the database keeps it: an inode may need 64 bits, and there they have a sign."""
    inode = version.inode
    return inode if inode < 1 << 63 else inode - (1 << 64), version.size, version.mtime_ns


def version_of(inode: int, size: int, mtime_ns: int) -> Version:
    """The version that the database keeps as this."""
    return Version(inode if inode >= 0 else inode + (1 << 64), size, mtime_ns)


def entry_of(row: tuple[Any, ...]) -> Entry:
    """
    An entry.

    :param row: its :data:`COLUMNS`.
    """
    id, folder, path, inode, size, mtime_ns, state, *facts = row
    facts[-1] = bool(facts[-1])
    return Entry(id, folder, path, version_of(inode, size, mtime_ns), _STATES[state], *facts)

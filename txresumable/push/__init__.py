"""
Watched folders, whose files are uploaded once each, whatever happens in between.
"""

from .entry import Entry, Seen, Version
from .errors import (
    AlreadyRunning,
    ImpossibleTransition,
    JournalDamaged,
    JournalTooNew,
    JournalUnavailable,
    PushError,
    UnknownEntry,
)
from .journal import Journal, Observation
from .state import NEXT_PUSH_STATES, PushState

__all__ = [
    "NEXT_PUSH_STATES",
    "AlreadyRunning",
    "Entry",
    "ImpossibleTransition",
    "Journal",
    "JournalDamaged",
    "JournalTooNew",
    "JournalUnavailable",
    "Observation",
    "PushError",
    "PushState",
    "Seen",
    "UnknownEntry",
    "Version",
]

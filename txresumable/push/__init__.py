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
from .settings import ControlSettings, FolderSettings, PushSettings, RateRule, TargetSettings
from .state import NEXT_PUSH_STATES, PushState

__all__ = [
    "NEXT_PUSH_STATES",
    "AlreadyRunning",
    "ControlSettings",
    "Entry",
    "FolderSettings",
    "ImpossibleTransition",
    "Journal",
    "JournalDamaged",
    "JournalTooNew",
    "JournalUnavailable",
    "Observation",
    "PushError",
    "PushSettings",
    "PushState",
    "RateRule",
    "Seen",
    "TargetSettings",
    "UnknownEntry",
    "Version",
]

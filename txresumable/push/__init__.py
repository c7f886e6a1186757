"""
Watched folders, whose files are uploaded once each, whatever happens in between.
"""

from .control import ControlService
from .entry import Entry, Seen, Version
from .errors import (
    AlreadyRunning,
    ImpossibleTransition,
    JournalDamaged,
    JournalTooNew,
    JournalUnavailable,
    NotRunning,
    NotThere,
    PushError,
    UnknownEntry,
)
from .host import HostNotices
from .journal import Journal, Observation
from .service import PushService
from .settings import ControlSettings, FolderSettings, PushSettings, RateRule, TargetSettings
from .state import NEXT_PUSH_STATES, PushState

__all__ = [
    "NEXT_PUSH_STATES",
    "AlreadyRunning",
    "ControlService",
    "ControlSettings",
    "Entry",
    "FolderSettings",
    "HostNotices",
    "ImpossibleTransition",
    "Journal",
    "JournalDamaged",
    "JournalTooNew",
    "JournalUnavailable",
    "NotRunning",
    "NotThere",
    "Observation",
    "PushError",
    "PushService",
    "PushSettings",
    "PushState",
    "RateRule",
    "Seen",
    "TargetSettings",
    "UnknownEntry",
    "Version",
]

"""
Watched folders, whose files are uploaded once each, whatever happens in between.
"""

from .control import ControlService
from .entry import Entry, Seen, Version
from .errors import (
    AlreadyRunning,
    ImpossibleTransition,
    JobLost,
    JobsTooNew,
    JobsUnavailable,
    JournalDamaged,
    JournalTooNew,
    JournalUnavailable,
    NotRunning,
    NotThere,
    PushError,
    UnknownEntry,
    WouldNotResume,
)
from .host import HostNotices
from .jobs import Job, JobQueue, JobRecord, JobSource, NewJob, PostgreSQLJobs
from .journal import Journal, Observation
from .service import PushService
from .settings import (
    ControlSettings,
    FolderSettings,
    PushSettings,
    QueueSettings,
    RateRule,
    TargetSettings,
)
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
    "Job",
    "JobLost",
    "JobQueue",
    "JobRecord",
    "JobSource",
    "JobsTooNew",
    "JobsUnavailable",
    "Journal",
    "JournalDamaged",
    "JournalTooNew",
    "JournalUnavailable",
    "NewJob",
    "NotRunning",
    "NotThere",
    "Observation",
    "PostgreSQLJobs",
    "PushError",
    "PushService",
    "PushSettings",
    "PushState",
    "QueueSettings",
    "RateRule",
    "Seen",
    "TargetSettings",
    "UnknownEntry",
    "Version",
    "WouldNotResume",
]

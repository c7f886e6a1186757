"""
What goes wrong with watched folders and their journal.
"""

from __future__ import annotations

from attrs import define

from ..errors import ResumableError
from .entry import Entry
from .state import PushState

__all__ = [
    "AlreadyRunning",
    "ImpossibleTransition",
    "JobLost",
    "JobsTooNew",
    "JobsUnavailable",
    "JournalDamaged",
    "JournalTooNew",
    "JournalUnavailable",
    "NotRunning",
    "NotThere",
    "PushError",
    "UnknownEntry",
    "WouldNotResume",
]


class PushError(ResumableError):
    """Something went wrong with a watched folder."""


@define(eq=False, slots=False)
class AlreadyRunning(PushError):
    """
    Another process uses the journal.

    :ivar pid: its process, or 0 if that is not known.
    """

    pid: int

    def __str__(self) -> str:
        return f"already running, pid {self.pid or 'unknown'}"


@define(eq=False, slots=False)
class JournalUnavailable(PushError):
    """
    The journal cannot be read or written; nothing was changed.

    :ivar reason: what the system or the database reported.
    """

    reason: str

    def __str__(self) -> str:
        return f"the journal is not available: {self.reason}"


class JournalDamaged(JournalUnavailable):
    """The journal is damaged, and was set aside; it begins anew when it is opened again."""

    def __str__(self) -> str:
        return f"the journal is damaged: {self.reason}"


@define(eq=False, slots=False)
class JournalTooNew(PushError):
    """
    The journal was written by a later version of this package.

    :ivar found: the number of its layout.
    :ivar known: the greatest one that this version knows.
    """

    found: int
    known: int

    def __str__(self) -> str:
        return (
            f"the journal was written by a later version: its layout is {self.found}, and this "
            f"version knows {self.known}"
        )


@define(eq=False, slots=False)
class ImpossibleTransition(PushError):
    """
    A file cannot get from the state that it is in to another one.

    :ivar entry: the file.
    :ivar to: the other state.
    """

    entry: Entry
    to: PushState

    def __str__(self) -> str:
        entry = self.entry
        how = f" ({entry.why})" if entry.state is PushState.DONE and entry.why else ""
        return f"{entry.name!r} is {entry.state.value}{how} and cannot be {self.to.value}"


@define(eq=False, slots=False)
class UnknownEntry(PushError):
    """
    The journal has no such file.

    :ivar id: the number that was asked for.
    """

    id: int

    def __str__(self) -> str:
        return f"the journal has no file with the number {self.id}"


class NotRunning(PushError):
    """The service is not running, or its journal cannot be used yet."""


@define(eq=False, slots=False)
class NotThere(PushError):
    """
    A file is not where it was put, or another one is in its place.

    :ivar name: the file.
    :ivar location: where it was to be; empty for its folder.
    """

    name: str
    location: str

    def __str__(self) -> str:
        if not self.location:
            return f"{self.name!r} is not in its folder any more, or is another version"
        return f"{self.name!r} cannot be put back from {self.location}"


@define(eq=False, slots=False)
class JobsUnavailable(PushError):
    """
    The queue cannot be used now; what was asked for may have been carried out or not.

    :ivar reason: what the system or the database reported.
    """

    reason: str

    def __str__(self) -> str:
        return f"the queue is not available: {self.reason}"


@define(eq=False, slots=False)
class JobLost(PushError):
    """
    A job is not with its claim any more: it was claimed by another process after the lease.

    :ivar id: its number.
    """

    id: int

    def __str__(self) -> str:
        return f"the job {self.id} is not with this process any more"


class JobsTooNew(JobsUnavailable):
    """
    The tables of the queue were made by a later version of this package.

    :ivar found: the number of their layout.
    :ivar known: the greatest one that this version knows.
    """

    def __init__(self, found: int, known: int) -> None:
        super().__init__(
            f"its tables were made by a later version: their layout is {found}, and this version "
            f"knows {known}"
        )
        self.found = found
        self.known = known


@define(eq=False, slots=False)
class WouldNotResume(PushError):
    """
    Another machine has begun to send a file under another identifier, so that all of it would be
    sent anew, and what was sent would be left at the server.

    :ivar name: the file.
    :ivar before: the identifier that it has at the server.
    :ivar now: the one that it would get here.
    """

    name: str
    before: str
    now: str

    def __str__(self) -> str:
        return (
            f"{self.name!r} was begun as {self.before!r} and would be {self.now!r} here: identify "
            "must give it the same on all machines, as identify = 'shared' does"
        )

"""
Requests that are refused.
"""

from __future__ import annotations

from attrs import define

from ...errors import ResumableError

__all__ = ["FilesRemoved", "Refused"]


@define(eq=False, slots=False)
class Refused(ResumableError):
    """
    The receiver refuses a request.

    :ivar status: the HTTP status that says so.
    :ivar reason: for people.
    :ivar retry_after: after how many seconds it may work, or :data:`None`.
    :ivar about: what else has to wait: ``chunk`` is nothing, ``upload`` is the other chunks of the
        same file, and the empty string is everything.
    :ivar challenge: with 401, how to log in: what ``WWW-Authenticate`` says.
    """

    status: int
    reason: str
    retry_after: int | None = None
    about: str = ""
    challenge: str = ""

    def __str__(self) -> str:
        return self.reason


class FilesRemoved(Refused):
    """
    Somebody has removed or changed the files of an upload while it was being received.
    """

    @classmethod
    def by_somebody(cls) -> FilesRemoved:
        """The files are not there any more."""
        return cls(500, "this upload was removed from the receiver: send it again")

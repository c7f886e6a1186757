"""
Requests that are refused.
"""

from __future__ import annotations

from attrs import define

from ...errors import ResumableError

__all__ = ["Refused"]


@define(eq=False, slots=False)
class Refused(ResumableError):
    """
    The receiver refuses a request.

    :ivar status: the HTTP status that says so.
    :ivar reason: for people.
    :ivar retry_after: after how many seconds it may work, or :data:`None`.
    """

    status: int
    reason: str
    retry_after: int | None = None

    def __str__(self) -> str:
        return self.reason

"""
One file to be sent, by whichever machine is free.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from attrs import field, frozen
from attrs.validators import matches_re

from ..._runtime.printable import printable

__all__ = ["STATES", "Job", "JobRecord", "NewJob"]

STATES = ("queued", "claimed", "done", "failed")
"""What a job is at.  A job that is queued may have been claimed before, and be tried again."""

_DIGITS = matches_re("[0-9a-f]{32}")


def _to_mapping(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(value))


@frozen(kw_only=True)
class NewJob:
    """
    A file that is to be sent.

    :ivar folder: the name of its folder in the settings of those who send it.
    :ivar path: relative to the folder, as :func:`os.fsencode` returns it.
    :ivar version: its :attr:`~txresumable.push.Version.shared`: its size in bytes, a hyphen, and
        when it was last written to in nanoseconds since 1970; empty if whatever is there at the
        first attempt is to be sent.  Of jobs with the same
        folder, path and version there is one.
    :ivar event_id: 32 hexadecimal digits, by which hooks know the delivery that this asks for; new
        ones by default.
    """

    folder: str
    path: bytes
    version: str = ""
    event_id: str = field(factory=lambda: uuid4().hex, validator=_DIGITS, eq=False)


@frozen(kw_only=True)
class Job:
    """
    A job that somebody has claimed, as it was then.

    :ivar id: its number, which no other job has or gets.
    :ivar claim: the number of the claim; each has another one.
    :ivar folder: as for :class:`NewJob`, and so are ``path`` and ``version``.
    :ivar event_id: 32 hexadecimal digits, by which hooks know the delivery.
    :ivar attempts: how many attempts have failed.
    :ivar progress: what earlier claims have written down, as JSON has it.
    :ivar added: when it was added, in seconds since 1970.
    """

    id: int
    claim: int
    folder: str
    path: bytes
    version: str = ""
    event_id: str
    attempts: int = 0
    progress: Mapping[str, Any] = field(default=MappingProxyType({}), converter=_to_mapping)
    added: float = 0.0

    @property
    def name(self) -> str:
        """The path as text that is safe to print."""
        return printable(os.fsdecode(self.path))


@frozen(kw_only=True)
class JobRecord:
    """
    What is known about a job, for people.

    :ivar id: its number.
    :ivar folder: as for :class:`NewJob`, and so are ``path`` and ``version``.
    :ivar state: one of :data:`STATES`.
    :ivar why: why the last attempt failed, or empty.
    :ivar attempts: how many attempts have failed.
    :ivar worker: who claimed it last, or empty.
    :ivar due: when the claim ends, or when it may be claimed; seconds since 1970.
    :ivar changed: since when it is in its state, or was tried last, likewise.
    """

    id: int
    folder: str
    path: bytes
    version: str
    state: str
    why: str
    attempts: int
    worker: str
    due: float
    changed: float

    @property
    def name(self) -> str:
        """The path as text that is safe to print."""
        return printable(os.fsdecode(self.path))

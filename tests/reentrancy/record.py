"""
What is known of each file that was given to the uploader, and of each Deferred that it returned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred

from txresumable import FileRejected, FileState, ResumableFile
from txresumable.file import transfer_of

__all__ = ["HandedOut", "Known", "Planned"]


_ENDS = (FileState.COMPLETED, FileState.FAILED, FileState.CANCELLED)


class Planned(Exception):
    """Raised on purpose, by an observer or a hook."""


@define(eq=False)
class Known:
    """
    A file that was given to the uploader.

    :ivar name: its name, which no other has.
    :ivar content: its bytes.
    :ivar is_odd: whether it cannot be read, or was described by nonsense: it may fail.
    :ivar file: the uploader's object.
    :ivar is_aborted: whether ``abort()`` was called, and no ``resume()`` or ``retry()`` since.
    :ivar is_cancelled: the same of ``cancel()`` and ``retry()``.
    :ivar is_bootstrapped: whether ``bootstrap()`` was called, which starts nothing by itself.
    :ivar was_cancelled: whether anything was called that may cancel it.
    :ivar marked: the chunks that somebody declared stored.
    :ivar identifiers: those that its requests had.
    :ivar preparations: how often ``preprocess_file`` was called.
    :ivar prepared: whether ``preprocess_file`` came to a good end when it was last called.
    :ivar errors: what its own hooks raised.
    :ivar had_rubbish: whether a hook returned something that cannot be used.
    :ivar had_cancelled_hook: whether a hook was cancelled or raised a ``CancelledError``.
    :ivar statuses: the statuses that something answered instead of the receiver.
    :ivar was_broken: whether a request of its broke, or could not be made.
    :ivar is_announced: whether an event said that this try of it is at its end.
    :ivar fraction: the largest that was seen.
    """

    name: str
    content: bytes
    is_odd: bool = False
    file: ResumableFile = field(default=None)
    is_aborted: bool = False
    is_cancelled: bool = False
    is_bootstrapped: bool = False
    was_cancelled: bool = False
    marked: set[int] = field(factory=set)
    identifiers: set[str] = field(factory=set)
    prepared: bool = False
    preparations: int = 0
    errors: list[BaseException] = field(factory=list)
    had_rubbish: bool = False
    had_cancelled_hook: bool = False
    statuses: set[int] = field(factory=set)
    was_broken: bool = False
    is_announced: bool = False
    fraction: float = 0.0

    def __repr__(self) -> str:
        return self.name

    @property
    def is_going_on(self) -> bool:
        """Whether it is with the uploader, and not at its end."""
        return self.file is not None and self.file.state not in _ENDS

    @property
    def has_news(self) -> bool:
        """
        Whether it is at an end of which an event tells; none does of a file that was refused, or
        shares an upload.
        """
        if self.file is None or isinstance(self.file.error, FileRejected):
            return False
        if transfer_of(self.file).shares:
            return False
        return self.file.state in (FileState.COMPLETED, FileState.FAILED)


@define(eq=False)
class HandedOut:
    """
    A Deferred that the uploader returned.

    :ivar label: what for.
    :ivar deferred: it.
    :ivar fired: how often it fired.
    :ivar is_bootstrapped: whether ``bootstrap()`` was called, which starts nothing by itself.
    :ivar was_cancelled: whether the schedule cancelled it.
    """

    label: str
    deferred: Deferred[Any]
    fired: int = 0
    was_cancelled: bool = False

    def watch(self, then: Callable[[Any], None]) -> None:
        """
        Count how often it fires.

        :param then: called with the result.
        """

        def fired(result: Any) -> None:
            self.fired += 1
            then(result)

        self.deferred.addBoth(fired)

"""
How long what is on the disk is kept.
"""

from __future__ import annotations

from attrs import frozen

from .private import CHUNKS, DONE, REJECTED

__all__ = ["Ages", "Expiry"]

_NEVER = float("-inf")


@frozen
class Ages:
    """
    For how many seconds; :data:`None` is for ever.

    :ivar unfinished: an upload that nothing is written to.
    :ivar received: that a file was received, or rejected.
    """

    unfinished: float | None
    received: float | None

    def at(self, now: float) -> Expiry:
        """What has expired at a time."""
        times = (_NEVER if age is None else now - age for age in (self.unfinished, self.received))
        return Expiry(*times)


@frozen
class Expiry:
    """
    Since when nothing was written to what has expired.

    :ivar unfinished: uploads.
    :ivar received: what is kept of files that were received, or rejected.
    """

    unfinished: float
    received: float

    def of(self, ending: str) -> float:
        """The same for a file of the private folder, by the ending of its name."""
        if ending == CHUNKS:
            return self.unfinished
        return self.received if ending in (DONE, REJECTED) else _NEVER

"""
Limits on unfinished uploads.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from .record import Record
from .refused import Refused

__all__ = ["Quota"]


@frozen(kw_only=True)
class Quota:
    """
    Limits on uploads; :data:`None` is none.

    :ivar file_size: the most bytes that a file may have.
    :ivar unfinished: the most unfinished uploads that an owner may have.
    :ivar unfinished_size: the most bytes that they may come to.
    """

    file_size: int | None = None
    unfinished: int | None = None
    unfinished_size: int | None = None

    def admit(self, wanted: Record, others: Iterable[Record]) -> None:
        """
        Check a new upload against the limits.

        :param wanted: what it is.
        :param others: all unfinished uploads.
        :raises Refused: with 413 or 507 if that would break a limit.
        """
        if self.file_size is not None and wanted.size > self.file_size:
            raise Refused(413, f"a file may have at most {self.file_size} bytes")
        if self.unfinished is None and self.unfinished_size is None:
            return
        sizes = [each.size for each in others if each.owner == wanted.owner]
        if self.unfinished is not None and len(sizes) >= self.unfinished:
            raise Refused(507, "there are too many unfinished uploads", 60, about="upload")
        limit = self.unfinished_size
        if limit is not None and sum(sizes) + wanted.size > limit:
            raise Refused(507, "the unfinished uploads take too much room", 60, about="upload")

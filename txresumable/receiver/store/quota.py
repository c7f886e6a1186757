"""
Limits on uploads.
"""

from __future__ import annotations

from attrs import frozen

from ..arguments import check_whole
from .record import Record
from .refused import Refused

__all__ = ["Quota"]

# That files were taken away is noticed by the next sweep.
_RECOUNTED = 600


@frozen(kw_only=True)
class Quota:
    """
    Limits on uploads; :data:`None` is none.

    :ivar chunks: the most chunks that a file may have: each costs a byte of its record on the disk.
    :ivar file_size: the most bytes that a file may have.
    :ivar unfinished: the most unfinished uploads that an owner may have.
    :ivar unfinished_size: the most bytes that they may come to.
    :ivar total: the most bytes that all that is an owner's may come to, finished or not.
    """

    chunks: int
    file_size: int | None = None
    unfinished: int | None = None
    unfinished_size: int | None = None
    total: int | None = None

    @classmethod
    def checked(
        cls,
        *,
        max_file_size: object,
        max_chunks: object,
        max_unfinished: object,
        max_unfinished_size: object,
        quota: object = None,
    ) -> Quota:
        """
        The limits that the options of a store ask for.

        :raises InvalidOption: if one of them is no such number.
        """
        return cls(
            file_size=check_whole("max_file_size", max_file_size, none=True),
            chunks=check_whole("max_chunks", max_chunks),
            unfinished=check_whole("max_unfinished", max_unfinished, none=True),
            unfinished_size=check_whole("max_unfinished_size", max_unfinished_size, none=True),
            total=check_whole("quota", quota, none=True),
        )

    def admit(self, wanted: Record, count: int, size: int, received: int) -> None:
        """
        Check a new upload against the limits.

        :param wanted: what it is.
        :param count: how many unfinished uploads its owner has.
        :param size: how many bytes they come to.
        :param received: how many bytes its owner's finished files come to.
        :raises Refused: with 400, 413 or 507 if that would break a limit.
        """
        if self.file_size is not None and wanted.size > self.file_size:
            raise Refused(413, f"a file may have at most {self.file_size} bytes")
        if wanted.layout.count > self.chunks:
            raise Refused(400, f"a file may have at most {self.chunks} chunks")
        if self.unfinished is not None and count >= self.unfinished:
            raise Refused(507, "there are too many unfinished uploads", 60, about="upload")
        if self.unfinished_size is not None and size + wanted.size > self.unfinished_size:
            raise Refused(507, "the unfinished uploads take too much room", 60, about="upload")
        if self.total is not None and received + size + wanted.size > self.total:
            raise Refused(507, "the quota is used up", _RECOUNTED, about="upload")

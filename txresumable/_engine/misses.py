"""
Whether asking for chunks helps: ``test_chunks="adaptive"``.
"""

from __future__ import annotations

from .plan import Plan

__all__ = ["CHEAP", "SAMPLE", "Misses"]

CHEAP = 1024
"""
Bytes of a file that costs no more than a question: the request has its parameters in the URL, some
500 bytes, and the response has a head.
"""

SAMPLE = 50
"""While what was asked for is absent again and again, one in so many small files is asked for."""
_FEW = 4
"""So many in a row that were absent are enough to send files that are cheap unasked."""


class Misses:
    """
    Counts chunks that were absent, over all files of an uploader.

    A file with many chunks is asked for until enough of them in a row were absent.  Of smaller
    files, as many are asked for; after that the first chunk of each, or of one in
    :data:`SAMPLE` if that is all that there is.  A chunk that is found starts anew.

    A file that was begun before is not judged by others: what is absent of it is counted alone.

    A few are enough for files of at most :data:`CHEAP` bytes, of which sending one is as cheap as
    asking for it, as long as nothing was found.  Without any question, what is complete would
    arrive twice at servers that know complete files no more.

    :ivar enough: how many absent chunks in a row.
    """

    def __init__(self) -> None:
        self.enough = 16
        self._in_a_row = 0
        self._small = 0
        self._has_found = False

    def are_few(self, plan: Plan, offset: int) -> bool:
        """
        Whether a chunk is worth a test.

        :param plan: that of its file.
        :param offset: which chunk, counted from 0.
        """
        if plan.misses >= self.enough:
            return False
        file = plan.template.file
        chunks, enough = int(file.total_chunks), self.enough
        if chunks == 1 and int(file.size) <= CHEAP and not self._has_found:
            enough = _FEW
        if plan.was_begun or self._in_a_row < enough or chunks >= self.enough:
            return True
        if plan.sampled is None:
            plan.sampled = offset
            if chunks == 1:
                self._small += 1
                if self._small % SAMPLE:
                    plan.sampled = -1
        return plan.sampled == offset

    def count(self, plan: Plan, found: bool) -> None:
        """
        A chunk was tested.

        :param plan: that of its file.
        :param found: whether it is there.
        """
        self._has_found = self._has_found or found
        plan.misses = 0 if found else plan.misses + 1
        self._in_a_row = 0 if found else self._in_a_row + 1

"""
The resumable.js protocol and its relatives: parameter names, and what responses mean.

Nothing here sends, waits or reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import evolve, frozen

__all__ = [
    "DIALECTS",
    "Dialect",
    "ParameterNames",
    "Verdict",
    "classify",
]


class Verdict(Enum):
    """What a response means for a chunk."""

    STORED = "stored"
    """The server has it."""
    ABSENT = "absent"
    """The server does not have it: send it (tests only)."""
    RETRY = "retry"
    """It may work later."""
    REDIRECTED = "redirected"
    """The server points elsewhere: permanent, and never followed."""
    REJECTED = "rejected"
    """It will never work."""


# Before Python 3.12, looking a member up in its class costs as much as calling a function.
STORED, ABSENT, RETRY, REDIRECTED, REJECTED = Verdict


@frozen(kw_only=True)
class ParameterNames:
    """
    What the parameters are called.  An empty name drops that parameter.
    """

    chunk_number: str = "resumableChunkNumber"
    chunk_size: str = "resumableChunkSize"
    current_chunk_size: str = "resumableCurrentChunkSize"
    total_size: str = "resumableTotalSize"
    type: str = "resumableType"
    identifier: str = "resumableIdentifier"
    file_name: str = "resumableFilename"
    relative_path: str = "resumableRelativePath"
    total_chunks: str = "resumableTotalChunks"
    checksum: str = "resumableChunkChecksum"
    file: str = "file"


@frozen(kw_only=True)
class Dialect:
    """
    A protocol of the family: its parameter names and what its servers' responses mean.

    :ivar names: what the parameters are called.
    :ivar stored: the statuses that mean that a chunk is on the server.
    :ivar permanent: the statuses that fail the file.
    :ivar tests_fail: whether these fail the file in response to a test, too.
    :ivar tests_merged: whether a test has the parameters that an upload has, each once; otherwise
        it has the custom query, and then all parameters.
    :ivar custom_query_first: whether the custom query of an upload comes before the parameters, and
        they replace what has the same name; otherwise it comes after them, and replaces them.
    :ivar in_url: whether the parameters of a multipart upload stand in the URL as well.
    :ivar appended: whether parameters that stand in the URL are appended to what a ``target`` that
        is a function returns.
    :ivar type_from_file: whether a chunk has the media type of its file.
    """

    names: ParameterNames = ParameterNames()
    stored: frozenset[int] = frozenset((200, 201))
    permanent: frozenset[int] = frozenset((400, 401, 403, 404, 409, 415, 500, 501))
    tests_fail: bool = False
    tests_merged: bool = False
    custom_query_first: bool = False
    in_url: bool = True
    appended: bool = False
    type_from_file: bool = False

    @property
    def absent(self) -> int:
        """The status with which a server says that it does not have a chunk."""
        return 204 if self.tests_fail and 404 in self.permanent else 404


_FLOW = Dialect(
    names=ParameterNames(
        chunk_number="flowChunkNumber",
        chunk_size="flowChunkSize",
        current_chunk_size="flowCurrentChunkSize",
        total_size="flowTotalSize",
        type="",
        identifier="flowIdentifier",
        file_name="flowFilename",
        relative_path="flowRelativePath",
        total_chunks="flowTotalChunks",
        checksum="flowChunkChecksum",
    ),
    stored=frozenset((200, 201, 202)),
    permanent=frozenset((404, 413, 415, 500, 501)),
    tests_fail=True,
    tests_merged=True,
    custom_query_first=True,
    in_url=False,
    appended=True,
    type_from_file=True,
)
_SIMPLE = evolve(
    _FLOW,
    names=ParameterNames(
        chunk_number="chunkNumber",
        chunk_size="chunkSize",
        current_chunk_size="currentChunkSize",
        total_size="totalSize",
        type="",
        identifier="identifier",
        file_name="filename",
        relative_path="relativePath",
        total_chunks="totalChunks",
        checksum="chunkChecksum",
    ),
    permanent=frozenset((404, 415, 500, 501)),
    custom_query_first=False,
)

DIALECTS: Mapping[str, Dialect] = {"resumable": Dialect(), "flow": _FLOW, "simple": _SIMPLE}


def classify(
    status: int, *, stored: frozenset[int], permanent: frozenset[int], test: bool = False
) -> Verdict:
    """
    What a status means.

    :param status: the HTTP status.
    :param stored: the statuses that mean that the chunk is stored.
    :param permanent: the statuses that fail the file.
    :param test: whether the request was a test, not an upload.
    :returns: the verdict, for any number.
    """
    if status in stored:
        return STORED
    if status in permanent:
        return REJECTED
    if test:
        return ABSENT
    if 300 <= status < 400:
        return REDIRECTED
    return RETRY

"""
Responses, as values.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping

from attrs import field, frozen

from ..store.received import ReceivedFile
from ..store.refused import Refused
from .digest import repr_digest

__all__ = ["Response", "complete", "refusal", "refused_by_disk", "stored"]

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
# Short of something for a moment, interrupted, or a network file system that comes back.
_PASSING = frozenset(
    (
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOBUFS,
        errno.EAGAIN,
        errno.EINTR,
        errno.EBUSY,
        errno.ENOLCK,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
    )
)


@frozen
class Response:
    """
    A response.

    :ivar status: the HTTP status.
    :ivar content: what the body says, as JSON; or its bytes.
    :ivar headers: more headers.
    :ivar type: the body's media type.
    """

    status: int
    content: Mapping[str, object] | bytes = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict)
    type: str = "application/json"

    @property
    def body(self) -> bytes:
        """The body's bytes; 204 has none."""
        if isinstance(self.content, bytes):
            return self.content
        return b"" if self.status == 204 else json.dumps(self.content).encode()


def stored(ranges: str = "") -> Response:
    """
    The chunk is durable.

    :param ranges: the chunks that are, for the ``Resumable-Stored`` header.
    """
    return Response(200, {"status": "stored"}, {"Resumable-Stored": ranges} if ranges else {})


def complete(file: ReceivedFile, ranges: str = "", wanted: str | None = None) -> Response:
    """
    The whole file is in its place.

    What is sent describes the request's status, so ``Repr-Digest`` has to be of that (RFC 9530,
    3.1 and B.8), and vouches for the file's digest, which is in it.

    :param ranges: the chunks that are stored, for the ``Resumable-Stored`` header.
    :param wanted: the request's ``Want-Repr-Digest``.
    """
    content = {
        "status": "complete",
        "identifier": file.identifier,
        "file_name": file.file_name,
        "size": file.size,
        "sha256": file.sha256,
    }
    body = json.dumps(content).encode()
    headers = {
        "Resumable-File-Checksum": f"sha256:{file.sha256}",
        **repr_digest(body, wanted),
    }
    if ranges:
        headers["Resumable-Stored"] = ranges
    return Response(200, body, headers)


def refusal(error: Refused) -> Response:
    """The response to a request that is refused."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.about:
        headers["Resumable-Refused"] = error.about
    if error.challenge:
        headers["WWW-Authenticate"] = error.challenge
    if error.status == 410:
        # So that it differs from the 410 of other servers, which may be temporary.
        headers["Resumable-Received"] = "before"
    return Response(error.status, {"status": "error", "error": error.reason}, headers)


def refused_by_disk(error: OSError) -> Refused:
    """
    The refusal of a request when the disk fails: 507 when there is no room and 503 when a resource
    is short for a moment, which the client may retry; 500, which is permanent, for the rest.
    """
    if error.errno in _FULL:
        return Refused(507, "there is no room for this", retry_after=10)
    if error.errno in _PASSING:
        return Refused(503, "the receiver is short of resources", retry_after=1)
    return Refused(500, "the receiver's disk failed")

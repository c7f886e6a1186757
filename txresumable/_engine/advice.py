"""
What a person can do about a refusal, and whether trying again is any use.
"""

from __future__ import annotations

from .._protocol.servers import needed_by
from ..errors import ChunkRejected, MalformedResponse
from ..options import Options
from .refusal import BUSY

__all__ = ["FEW", "HOPELESS", "advice", "is_hopeless"]

FEW = 3
"""A chunk that is refused so often for what does not change is not tried again."""

_OTHER_SUCCESSES = frozenset(range(200, 300)) - {202}
"""Unless they are ``success_statuses``; 202 may mean that a chunk is not stored yet."""

HOPELESS = _OTHER_SUCCESSES | {
    *(400, 401, 402, 403, 405, 406, 407, 410, 411, 413, 414, 416, 422, 431, 451)
}
"""Statuses that no retry changes, of which few are permanent for resumable.js or for flow.js."""

_NO_SUCH_METHOD = "the server takes no {method} there: see target and upload_method"

_ADVICE = {
    401: "headers can have credentials",
    404: "see whether target is the right URL",
    405: _NO_SUCH_METHOD,
    407: "a proxy on the way requires a user and a password: see proxy",
    411: "something on the way takes the length out of requests",
    414: "the URL is too long for the server: query or long names make it so",
    415: "the server takes no such bodies: see method",
    416: "the server takes no such chunks: see dialect",
    422: "the server does not accept these parameters: see dialect",
    431: "the head of the request is too large for the server: see headers",
    501: _NO_SUCH_METHOD,
}


def advice(error: ChunkRejected, options: Options, size: int) -> str:
    """
    What may help.

    :param error: the refusal.
    :param size: bytes of the chunk.
    :returns: a clause, or nothing.
    """
    if error.of_test and error.status not in BUSY:
        return _of_test(error.status, options)
    if error.status == 413:
        return (
            f"the server takes smaller requests than this one with {size} bytes of the file: lower "
            "chunk_size (--chunk-size)"
        )
    if error.status in _OTHER_SUCCESSES:
        accepted = ",".join(map(str, sorted({*options.stored, error.status})))
        return (
            "if that is how the server says that a chunk is stored, success_statuses with it "
            f"(--success-statuses {accepted}) accepts it"
        )
    return _ADVICE.get(error.status, "").format(method=options.upload_method)


def _of_test(status: int, options: Options) -> str:
    without_tests = "test_chunks=False (--test-chunks no) sends without tests"
    if status != 404 or options.permanent_errors is not None:
        return without_tests
    others = ",".join(map(str, sorted(options.permanent - {404})))
    return (
        "if 404 is how the server says that a chunk is absent, permanent_errors without it "
        f"(--permanent-errors {others}) sends the chunk; {without_tests}"
    )


def is_hopeless(error: BaseException, options: Options, is_http: bool) -> bool:
    """
    Whether a failure would be the same each time.

    :param error: why an attempt failed.
    :param options: ``permanent_errors`` of one's own goes before what is usual, and only with
        ``checksum`` may 422 be about bytes that arrived damaged.
    :param is_http: whether there was any response that is HTTP; else what is there speaks another
        protocol.
    """
    if isinstance(error, MalformedResponse):
        return not (is_http or error.is_http)
    if not isinstance(error, ChunkRejected) or error.status not in HOPELESS:
        return False
    if _is_by_choice(error.status, options):
        return False
    return error.status != 422 or options.checksum is None


def _is_by_choice(status: int, options: Options) -> bool:
    """
    Whether a status is tried again because ``permanent_errors`` says so: which is neither what the
    server needs, nor the usual ones without the one with which it says that a chunk is absent.
    """
    chosen, usual = options.permanent_errors, options.spoken.permanent
    if chosen in (None, needed_by(options.server).get("permanent_errors")):
        return False
    return status in usual or not chosen <= usual or len(usual - chosen) > 1

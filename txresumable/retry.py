"""
How long to wait before a chunk is retried: retry policies, and ``Retry-After``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from attrs import frozen

from .file import ResumableFile

__all__ = ["FailedAttempt", "RetryPolicy", "fixed_interval", "full_jitter", "retry_after"]


@frozen(kw_only=True)
class FailedAttempt:
    """
    An attempt at a chunk that failed, for a retry policy.

    :ivar error: why.
    :ivar attempts: how many attempts in a row have failed, counted from 1: those at this chunk, or,
        while no connection to the server can be made or it refuses everybody, those at the server.
    :ivar requested: the seconds that the server asked to wait (``Retry-After``), or :data:`None`.
    :ivar file: the file.
    :ivar chunk_number: which chunk, counted from 1.
    """

    error: Exception
    attempts: int
    requested: float | None
    file: ResumableFile
    chunk_number: int


RetryPolicy = Callable[[FailedAttempt], float | None]
"""
A policy is called with a :class:`FailedAttempt`.  It returns the seconds to wait, or :data:`None`
to give up: then the file fails with :class:`~txresumable.errors.RetriesExhausted`.
"""

_LONGEST_WAIT_BY_REQUEST = 300.0


def full_jitter(
    base: float = 0.5,
    cap: float = 60.0,
    *,
    longest_request: float = _LONGEST_WAIT_BY_REQUEST,
    uniform: Callable[[float, float], float] = random.uniform,
) -> RetryPolicy:
    """
    Exponential backoff with full jitter: a random time between zero and a bound that doubles.

    :param base: the bound after the first failure, in seconds.
    :param cap: the largest bound, in seconds.
    :param longest_request: the longest ``Retry-After`` that is honoured, in seconds.
    :param uniform: the source of randomness.
    :returns: a policy.
    """

    def policy(failed: FailedAttempt) -> float:
        # 2 ** 64 half seconds is far above any cap, and stays a finite float.
        bound = min(cap, base * 2.0 ** min(failed.attempts - 1, 64))
        return max(uniform(0.0, bound), _honoured(failed.requested, longest_request))

    return policy


def fixed_interval(
    seconds: float, *, longest_request: float = _LONGEST_WAIT_BY_REQUEST
) -> RetryPolicy:
    """
    The same delay each time: resumable.js's ``chunkRetryInterval``.

    :param seconds: the delay.
    :param longest_request: the longest ``Retry-After`` that is honoured, in seconds.
    :returns: a policy.
    """

    def policy(failed: FailedAttempt) -> float:
        return max(seconds, _honoured(failed.requested, longest_request))

    return policy


def retry_after(value: str | None, now: float) -> float | None:
    """
    Read a ``Retry-After`` header (RFC 9110, section 10.2.3).

    :param value: the header, or :data:`None`.
    :param now: the wall clock, in seconds since the epoch, for the header's date form.
    :returns: seconds from now, 0 or more, or :data:`None` if it is not valid.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 10 else float(10**9)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _honoured(requested: float | None, longest: float) -> float:
    return 0.0 if requested is None else min(requested, longest)

"""
How long to wait before a chunk is retried: retry policies, and ``Retry-After``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from email.utils import parsedate_to_datetime

__all__ = ["RetryPolicy", "fixed_interval", "full_jitter", "retry_after"]

RetryPolicy = Callable[[int, "float | None"], float]
"""
A policy is called with the number of attempts that failed so far (from 1) and with the seconds
that the server asked for (``Retry-After``), or :data:`None`; it returns seconds to wait.
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

    def policy(attempt: int, requested: float | None) -> float:
        # 2 ** 64 half seconds is far above any cap, and stays a finite float.
        bound = min(cap, base * 2.0 ** min(attempt - 1, 64))
        return max(uniform(0.0, bound), _honoured(requested, longest_request))

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

    def policy(attempt: int, requested: float | None) -> float:
        return max(seconds, _honoured(requested, longest_request))

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

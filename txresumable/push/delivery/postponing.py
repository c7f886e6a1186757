"""
When what has failed after the upload is tried again.
"""

from __future__ import annotations

from twisted.logger import Logger

__all__ = ["postpone"]

_FIRST, _LONGEST = 15.0, 3600.0
"""Seconds until it is tried again: at first, and at most."""

_log = Logger()


def postpone(name: str, why: str, failures: int, attempts: int) -> float | None:
    """
    Say in the log that it has failed.

    :param name: the file.
    :param failures: how often it has.
    :param attempts: how often it is tried.
    :returns: in how many seconds it is tried again; :data:`None` if an operator has to see to it.
    """
    is_last = failures >= attempts
    text = "{name}: {why}" + ("; an operator has to see to it" if is_last else "")
    _log.warn(text, name=name, why=why)
    return None if is_last else min(_LONGEST, _FIRST * 2.0 ** min(failures - 1, 16))

"""
What stands on a command line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from twisted.python.usage import UsageError

from ..errors import InvalidOption

__all__ = ["checked", "lasting", "number", "octal", "size", "span"]

_Given = TypeVar("_Given")
_Read = TypeVar("_Read")

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"([0-9]{1,15})([kmgt]?)(i?b)?\Z", re.IGNORECASE | re.ASCII)
_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}
_SPAN = re.compile(r"([0-9]{1,9})([smhd]?)\Z", re.ASCII)


def checked(check: Callable[[_Given], _Read], name: str, given: _Given) -> _Read:
    """
    What an option is read as.

    :raises UsageError: naming it, if it cannot be.
    """
    try:
        return check(given)
    except InvalidOption as error:
        raise UsageError(f"--{name} {given}: {error.reason}")
    except ValueError as error:
        raise UsageError(f"--{name} {given}: {error}")


def size(text: str) -> int | None:
    """
    Read a size: ``0`` for none, else bytes, or with one of the units K, M, G, T of 1024.

    :raises ValueError: if it is something else.
    """
    found = _SIZE.match(text)
    if found is None:
        raise ValueError("must be a size such as 1000, 20M or 4G")
    return int(found[1]) * _UNITS[found[2].lower()] or None


def span(text: str) -> float | None:
    """
    Read a time: ``0`` for none, else seconds, or with one of the units s, m, h, d.

    :raises ValueError: if it is something else.
    """
    found = _SPAN.match(text)
    if found is None:
        raise ValueError("must be a time such as 90, 15m, 12h or 7d")
    return float(found[1]) * _SPANS[found[2]] or None


def lasting(text: str) -> float:
    """
    Read a time that is at least a second.

    :raises ValueError: if it is something else.
    """
    found = span(text)
    if found is None:
        raise ValueError("must be at least a second")
    return found


def number(text: str) -> int:
    """
    Read a whole number.

    :raises ValueError: if it is something else.
    """
    if re.match(r"[0-9]{1,9}\Z", text, re.ASCII) is None:
        raise ValueError("must be a whole number")
    return int(text)


def octal(text: str) -> int:
    """
    Read permissions.

    :raises ValueError: if they are something else.
    """
    if re.match(r"(0o)?[0-7]{3,4}\Z", text, re.ASCII) is None:
        raise ValueError("must be octal permissions such as 0640")
    return int(text, 8)

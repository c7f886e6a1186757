"""
From the values of TOML to those of settings: as the command reads them, or as TOML has them.

Each function raises :exc:`ValueError` with what the key takes.
"""

from __future__ import annotations

import shlex
from datetime import time
from typing import Any

from .. import values

__all__ = [
    "clock",
    "command",
    "content",
    "days",
    "identification",
    "number",
    "rate",
    "seconds",
    "switch",
    "text",
    "texts",
]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text, in quotes")
    return value


def content(path: str, encoding: str, what: str) -> str:
    """What a file has in it, that the key names."""
    try:
        with open(path, encoding=encoding) as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        raise ValueError(f"must have {what} in it")


def switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def number(value: Any) -> int:
    if isinstance(value, str):
        return values.number(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")
    return value


def seconds(value: Any) -> float:
    return values.seconds(_plain(value, "must be a time such as 30, or '500ms', '15m', '12h'"))


def rate(value: Any) -> float | None:
    if value == "none":
        return None
    return float(values.size(_plain(value, "must be a size such as '512K' or '2M', 0, or 'none'")))


def texts(value: Any) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise ValueError("must be a text, or texts in brackets")
    return tuple(given)


def command(value: Any) -> tuple[str, ...]:
    if not isinstance(value, str):
        return texts(value)
    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise ValueError(f"is no command: {error}")


def identification(value: Any) -> Any:
    name = text(value)
    return values.function(name) if ":" in name else name


def days(value: Any) -> frozenset[int]:
    """Days, and ranges of days, which may go over the end of a week."""
    found: set[int] = set()
    for each in (part for given in texts(value) for part in given.lower().split(",")):
        first, hyphen, last = (part.strip() for part in each.partition("-"))
        ends = (first, last if hyphen else first)
        if not all(end in _DAYS for end in ends):
            raise ValueError("must be days such as 'mon-fri' or 'mon,wed,sat-sun'")
        day, end = map(_DAYS.index, ends)
        found.add(day)
        while day != end:
            day = (day + 1) % 7
            found.add(day)
    return frozenset(found)


def clock(value: Any) -> time:
    if isinstance(value, time):
        return value
    reason = "must be a time of the day such as '08:00'"
    if value == "24:00":
        return time.min
    try:
        found = time.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(reason)
    if found.tzinfo is not None:
        raise ValueError(reason)
    return found


def _plain(value: Any, reason: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(reason)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) else f"{value:.9f}".rstrip("0").rstrip(".")

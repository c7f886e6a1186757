"""
A log of one JSON object a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from twisted.logger import ILogObserver, LogEvent, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from .printable import printable

__all__ = ["JsonLog"]

_FACTS = ("file", "folder", "identifier", "seconds", "count")


@implementer(ILogObserver)
class JsonLog:
    """
    Writes flat objects: ``time`` (ISO 8601, UTC), ``level``, ``logger`` and ``message``; ``file``,
    ``folder``, ``identifier``, ``seconds`` and ``count`` of lines that have them; ``traceback``.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        """
        :param write: gets each line, with its end.
        """
        self._write = write

    def __call__(self, event: LogEvent) -> None:
        """A line is logged."""
        at = datetime.fromtimestamp(event.get("log_time", 0.0), timezone.utc)
        level = event.get("log_level")
        facts: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": "info" if level is None else level.name,
            "logger": event.get("log_namespace", ""),
            "message": formatEvent(event),
        }
        for name in _FACTS:
            if name in event:
                facts[name] = _plain(event[name])
        failure = event.get("log_failure")
        if isinstance(failure, Failure):
            facts["message"] = facts["message"] or failure.getErrorMessage()
            facts["traceback"] = failure.getTraceback()
        self._write(json.dumps(facts) + "\n")


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        # What is infinite or no number is not JSON.
        return value if not isinstance(value, float) or abs(value) < float("inf") else str(value)
    return printable(getattr(value, "file_name", None) or str(value))

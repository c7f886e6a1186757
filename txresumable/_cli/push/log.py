"""
What a process that watches folders logs.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import ILogObserver, globalLogBeginner, textFileLogObserver

from ..._runtime.flood import FloodLimit
from ..._runtime.json_log import JsonLog

__all__ = ["FORMATS", "begin_logging", "observer"]

FORMATS = ("text", "json")


def observer(format: str, reactor: Any, stream: Any) -> ILogObserver:
    """
    What gets the lines of a log.

    :param format: ``text`` or ``json``.
    :param reactor: whose time it goes by: of what is logged again and again, there is one line.
    :param stream: where they are written to.
    """
    if format == "json":

        def write(line: str) -> None:
            stream.write(line)
            stream.flush()

        return FloodLimit(JsonLog(write), reactor)
    return FloodLimit(textFileLogObserver(stream), reactor)


def begin_logging(format: str, reactor: Any, stream: Any) -> None:
    """
    Log from now on; the parameters are those of :func:`observer`.
    """
    globalLogBeginner.beginLoggingTo([observer(format, reactor, stream)], redirectStandardIO=False)

"""What is logged, and may not be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import FirstError
from twisted.logger import LogLevel, globalLogPublisher

from .disk import Killed
from .life import HookFailed

__all__ = ["silence", "watched"]

# Twisted reports what nobody handled in two events, of which the second has the failure.
_EXPECTED = (
    "Unhandled error in Deferred",
    "on_complete has taken",
    "the store takes too long to close",
)
_EXPECTED_OF_DISKS = (*_EXPECTED, "the disk failed")


@contextmanager
def watched(fail: Callable[[str], None], may_fail: Callable[[], bool]) -> Iterator[None]:
    """
    Look at all that is logged.

    :param fail: called with what may not be.
    :param may_fail: whether there is a reason for errors of the disk.
    """

    def logged(event: dict[str, Any]) -> None:
        failure, text = event.get("log_failure"), event.get("log_format") or ""
        if failure is None:
            expected = _EXPECTED_OF_DISKS if may_fail() else _EXPECTED
            if event["log_level"] >= LogLevel.error and not text.startswith(expected):
                fail(f"logged: {text} {event.get('log_text')}")
            return
        while failure.check(FirstError):
            failure = failure.value.subFailure
        explained = failure.check(HookFailed) or (failure.check(OSError) and may_fail())
        if not failure.check(Killed) and not (text and explained):
            text = text or "Unhandled error in Deferred"
            fail(f"logged: {text}: {failure.type.__name__}: {failure.value}")

    with patch.object(globalLogPublisher, "_observers", [logged]):
        yield


@contextmanager
def silence() -> Iterator[None]:
    """What is logged meanwhile is nobody's fault."""
    with patch.object(globalLogPublisher, "_observers", []):
        yield

"""What is logged, and may not be."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from twisted.internet.defer import FirstError
from twisted.logger import LogLevel, globalLogPublisher

from txresumable.receiver import Refused

from .disk import Killed
from .life import HookFailed

if TYPE_CHECKING:
    from .world import World

__all__ = ["bury", "watched"]

# Twisted reports what nobody handled in two events, of which the second has the failure.
_EXPECTED = (
    "Unhandled error in Deferred",
    "on_complete has taken",
    "the store takes too long to close",
)
_EXPECTED_OF_DISKS = (*_EXPECTED, "the disk failed", "{path} was removed", "the files of an")
_EXPECTED_OF_OPERATORS = ("changed before its end was written down", "cannot be read back")


@contextmanager
def watched(world: World) -> Iterator[None]:
    """
    Look at all that is logged.

    :param world: what it may have a reason in.
    """

    def logged(event: dict[str, Any]) -> None:
        failure, text = event.get("log_failure"), event.get("log_format") or ""
        if failure is None:
            expected: tuple[str, ...] = _EXPECTED_OF_DISKS if world.may_fail() else _EXPECTED
            if world.was_operated:
                expected += _EXPECTED_OF_OPERATORS
            if event["log_level"] >= LogLevel.error and not text.startswith(expected):
                world.fail(f"logged: {text} {event.get('log_text')}")
            return
        while failure.check(FirstError):
            failure = failure.value.subFailure
        explained = failure.check(HookFailed) or (failure.check(OSError) and world.may_fail())
        # Its file is gone as soon as it is finished, with threads that take no time.
        gone = world.was_razed or world.was_operated or world.settings.hook == "moves"
        explained = explained or (gone and failure.check(Refused))
        if not failure.check(Killed) and not (text and explained):
            text = text or "Unhandled error in Deferred"
            world.fail(f"logged: {text}: {failure.type.__name__}: {failure.value}")

    with patch.object(globalLogPublisher, "_observers", [logged]):
        yield


def bury() -> None:
    """Collect what the dead have left; what they still do and say is nobody's fault."""
    with patch.object(globalLogPublisher, "_observers", []):
        while gc.collect():
            pass

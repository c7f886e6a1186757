"""
Doing one thing after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

__all__ = ["OneByOne"]


class OneByOne:
    """Does what it is asked for, each when what was asked for before is done."""

    def __init__(self) -> None:
        self._last: Deferred[None] = succeed(None)

    def do(self, work: Callable[[], Any]) -> Deferred[None]:
        """
        Do something.

        :param work: what to do, which returns what can be awaited.
        :returns: a Deferred that fires when it is done, and fails as it did.
        """
        done: Deferred[None] = Deferred()

        def begin(_: object) -> Any:
            return Deferred.fromCoroutine(_awaited(work)).addBoth(_pass_on, done)

        self._last.addCallback(begin)
        return done

    def idle(self) -> Deferred[None]:
        """
        Wait.

        :returns: a Deferred that fires when all that was asked for before is done.
        """
        return self.do(lambda: succeed(None))


async def _awaited(work: Callable[[], Any]) -> None:
    await work()


def _pass_on(result: Any, done: Deferred[None]) -> None:
    done.callback(result)

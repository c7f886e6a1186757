"""
Doing several things at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.task import deferLater

from .interface import Unavailable

__all__ = ["each", "persistently", "together"]

_T = TypeVar("_T")
_ATTEMPTS = 4


async def together(*works: Coroutine[Any, Any, object]) -> None:
    """
    Do all of it at once.

    :raises Exception: what the first of them that fails does; the others are cancelled then.
    """
    doing = [Deferred.fromCoroutine(work) for work in works]
    try:
        await gatherResults(doing, consumeErrors=True)
    except FirstError as error:
        for each_ in doing:
            each_.cancel()
        failure = error.subFailure.value
        assert failure is not None
        raise failure from None


async def each(
    items: Iterable[_T], work: Callable[[_T], Coroutine[Any, Any, None]], at_once: int
) -> None:
    """
    Do something with each of some items.

    :param items: taken one by one, as their turn comes.
    :param work: does it with one.
    :param at_once: how many at the same time at most.
    :raises Exception: as :func:`together` does.
    """
    left = iter(items)

    async def worker() -> None:
        for item in left:
            await work(item)

    await together(*(worker() for _ in range(at_once)))


async def persistently(clock: Any, work: Callable[[], Awaitable[_T]]) -> _T:
    """
    Do something that may be done again, some times while the storage does not respond.

    :raises StorageError: as it does in the end.
    """
    for attempt in range(1, _ATTEMPTS):
        try:
            return await work()
        except Unavailable as error:
            wait = max(0.1 * 2**attempt, min(error.retry_after or 0.0, 2.0))
            await deferLater(clock, wait)
    return await work()

"""
A receiver that can be killed, or stall.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from txresumable.receiver.objects.store import ObjectStore
from txresumable.testing import FakeObjects

__all__ = ["Life"]

_T = TypeVar("_T")


class _Call:
    def __init__(self, life: Life, run: Callable[[], object], delay: float) -> None:
        self._life = life
        self._run: Callable[[], object] | None = run
        self._due = life.world_clock.callLater(delay, self._fire)

    def active(self) -> bool:
        return self._run is not None

    def cancel(self) -> None:
        assert self._run is not None
        self._run = None
        if self._due.active():
            self._due.cancel()

    def _fire(self) -> None:
        def run() -> None:
            run, self._run = self._run, None
            if run is not None:
                run()

        self._life.when_running(run)


class Life:
    """
    One life of a receiver: its clock, its client of the storage, and its store.

    :param clock: the world's.
    :param objects: a client of the bucket.
    :param killed: called once it is.
    """

    def __init__(self, clock: Any, objects: FakeObjects, killed: Callable[[], None]) -> None:
        self.world_clock = clock
        self.is_dead = False
        self.store: ObjectStore
        self.open_calls = 0
        self._objects = objects
        self._killed = killed
        self._stalled_until = 0.0
        self._waiting: dict[Deferred[Any], None] = {}  # in their order
        self._kill_at: int | None = None

    # A clock, as far as one is needed.

    def seconds(self) -> float:
        return float(self.world_clock.seconds())

    def callLater(
        self, delay: float, call: Callable[..., object], *given: Any, **named: Any
    ) -> Any:
        return _Call(self, lambda: call(*given, **named), delay)

    # The storage.

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._objects, name)

        def call(*given: Any, **named: Any) -> Deferred[Any]:
            return self._send(lambda: method(*given, **named))

        return call

    def _send(self, method: Callable[[], Coroutine[Any, Any, Any]]) -> Deferred[Any]:
        response: Deferred[Any] = Deferred(lambda _: sent.cancel())
        sent: Deferred[Any] = Deferred().addErrback(lambda _: None)
        if self._is_killed_now(before=True):
            return response
        sent = Deferred.fromCoroutine(method())
        self.open_calls += 1

        def respond(result: Any) -> None:
            def deliver() -> None:
                self.open_calls -= 1
                if not response.called:
                    response.callback(result)

            self.when_running(deliver)

        sent.addBoth(respond)
        self._is_killed_now(before=False)
        return response

    def _is_killed_now(self, *, before: bool) -> bool:
        if self.is_dead:
            return True
        if self._kill_at is not None and before == (self._kill_at > 0):
            self._kill_at -= 1 if before else -1
            if not self._kill_at:
                self.kill()
        return self.is_dead

    # What is done to it.

    def when_running(self, run: Callable[[], object]) -> None:
        """Do something at once, or once it does not stall any more; never, if it is dead."""
        left = self._stalled_until - self.seconds()
        if self.is_dead:
            return
        if left > 0:
            self.world_clock.callLater(left, self.when_running, run)
        else:
            run()

    def stall(self, seconds: float) -> None:
        """Do nothing for some time."""
        self._stalled_until = max(self._stalled_until, self.seconds() + seconds)

    def kill_at(self, calls: int | None) -> None:
        """
        Be killed at one of the next calls to the storage: before it, or after it if that is
        negative; or not, if it is nothing.
        """
        self._kill_at = calls

    def kill(self) -> None:
        """Be no more."""
        if self.is_dead:
            return
        self.is_dead = True
        self._objects.crash()
        waiting, self._waiting = self._waiting, {}
        for each in waiting:
            self.world_clock.callLater(0.0, _lose, each)
        self._killed()

    def serve(self, request: Callable[[ObjectStore], Coroutine[Any, Any, _T]]) -> Deferred[_T]:
        """
        Respond to a request.

        :returns: a Deferred of the response; fails with :exc:`ConnectionLost` if it is killed.
        """
        response: Deferred[_T] = Deferred(lambda _: self._waiting.pop(response, None))
        self._waiting[response] = None

        def respond(result: _T | Failure) -> None:
            self.when_running(lambda: self._respond(response, result))

        self.when_running(
            lambda: Deferred.fromCoroutine(request(self.store)).addBoth(respond) and None
        )
        return response

    def _respond(self, response: Deferred[Any], result: Any) -> None:
        if response in self._waiting:
            del self._waiting[response]
            response.callback(result)


def _lose(response: Deferred[Any]) -> None:
    if not response.called:
        response.errback(ConnectionLost())

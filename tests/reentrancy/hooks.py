"""
Hooks that call the uploader, raise, return nonsense, or take their time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from twisted.internet.defer import CancelledError, Deferred

from txresumable.retry import FailedAttempt

from .record import Known, Planned

if TYPE_CHECKING:
    from .program import Program

__all__ = ["Hooks", "mishap"]

TARGET = "http://receiver.example/upload"

_RUBBISH: dict[str, tuple[Any, ...]] = {
    "headers": (5, {"Bad\n": "x"}, {"Host": "x"}, {"X": 5}),
    "query": (7, [1]),
    "target": (None, "http://with a space/", "http://é/"),
    "test_target": (None, "http://with a space/"),
    "generate_unique_identifier": (None, "", 5, "a\0b"),
    "retry_policy": (-1, float("nan"), "x"),
}


def mishap(random: Random, where: str) -> BaseException:
    """Something to raise."""
    return random.choice(
        (Planned(where), Planned(where), asyncio.CancelledError(), CancelledError())
    )


class Hooks:
    """
    The hooks of an uploader.

    :ivar held: Deferreds that hooks returned and that have not fired, each with what fires it.
    :ivar shared_errors: what hooks raised that do not know for which file they are called.
    :ivar had_shared_rubbish: whether such a hook returned what cannot be used.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._random = program.random
        self._plan = program.plan
        self.held: list[tuple[Deferred[Any], Callable[[], None]]] = []
        self.shared_errors: list[BaseException] = []
        self.had_shared_rubbish = False

    @property
    def options(self) -> dict[str, Any]:
        """The options that are hooks, and the target."""
        options: dict[str, Any] = {"target": TARGET}
        for name in self._plan.hooks:
            options[name] = getattr(self, f"_{name}", None) or self._told
        return options

    def release(self) -> bool:
        """Let one of the held Deferreds fire. :returns: whether there was one."""
        while self.held:
            held = self.held.pop(self._random.randrange(len(self.held)))
            if not held[0].called:
                held[1]()
                return True
        return False

    # Those that are asked ----------------------------------------------------------------------

    def _headers(self, file: Any, chunk: Any) -> Any:
        return self._answer("headers", self._program.meet(file), {"X-Name": file.file_name})

    def _query(self, file: Any, chunk: Any) -> Any:
        return self._answer("query", self._program.meet(file), {"q": file.file_name})

    def _target(self, pairs: list[str]) -> Any:
        return self._url("target", pairs)

    def _test_target(self, pairs: list[str]) -> Any:
        return self._url("test_target", pairs)

    def _url(self, hook: str, pairs: list[str]) -> Any:
        name = dict(parse_qsl("&".join(pairs)))["resumableFilename"]
        return self._answer(hook, self._program.find(name), f"{TARGET}?{'&'.join(pairs)}")

    def _preprocess(self, chunk: Any) -> Any:
        return self._answer("preprocess", self._program.meet(chunk.file), None)

    def _preprocess_file(self, file: Any) -> Any:
        known = self._program.meet(file)
        known.preparations += 1
        known.prepared = False
        turn = known.preparations

        def prepared() -> None:
            known.prepared = known.preparations == turn

        return self._answer("preprocess_file", known, None, prepared)

    def _generate_unique_identifier(self, file: Any) -> Any:
        known = self._program.meet(file)
        identifier = sha256(known.content).hexdigest()[:16]
        return self._answer("generate_unique_identifier", known, identifier)

    def _retry_policy(self, failed: FailedAttempt) -> Any:
        return self._answer("retry_policy", None, self._random.choice((0.0, 0.1, 3.0, 0.5, None)))

    def _told(self, what: Any, count: int) -> None:
        """An error callback, from which nothing is expected."""
        self._program.inside("error callback")
        if not self._program.is_calm and self._random.random() < self._plan.raising:
            raise mishap(self._random, "error callback")

    # What they answer --------------------------------------------------------------------------

    def _answer(
        self, hook: str, known: Known | None, good: Any, done: Callable[[], None] = bool
    ) -> Any:
        program, random, plan = self._program, self._random, self._plan
        program.note(f"hook {hook} of {known}")
        program.inside(hook)
        if program.is_calm:
            done()
            return good
        if random.random() < plan.raising:
            raise self._error(hook, known)
        if random.random() < plan.rubbish and hook in _RUBBISH:
            good = random.choice(_RUBBISH[hook])
            program.note(f"hook {hook} of {known} answers {good!r}")
            if known is None:
                self.had_shared_rubbish = True
            else:
                known.had_rubbish = True
        if hook != "retry_policy" and random.random() < plan.slow:
            return self._later(hook, known, good, done)
        done()
        return good

    def _error(self, hook: str, known: Known | None) -> BaseException:
        error = mishap(self._random, f"{hook} of {known}")
        self._program.note(f"hook {hook} of {known} raises {error!r}")
        if known is None:
            self.shared_errors.append(error)
        else:
            known.errors.append(error)
        return error

    def _later(self, hook: str, known: Known | None, good: Any, done: Callable[[], None]) -> Any:
        """A Deferred or a coroutine; some do not mind being cancelled."""
        program, random = self._program, self._random
        minds = random.random() < 0.6
        waiting: Deferred[Any] = Deferred(None if minds else lambda _: waiting.callback(good))

        def fire() -> None:
            if not program.is_calm and random.random() < self._plan.raising:
                waiting.errback(self._error(hook, known))
            else:
                program.note(f"hook {hook} of {known} fires")
                waiting.callback(good)

        def fired(result: Any) -> Any:
            done()
            return result

        async def coroutine() -> Any:
            return await waiting

        self.held.append((waiting, fire))
        waiting.addCallback(fired)
        return waiting if random.random() < 0.7 else coroutine()

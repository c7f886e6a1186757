"""
The receiver that is killed: ``python -m tests.fleet.killed`` loads what a receiver is made of, and
starts one after the other from that.

It reads a line of JSON for each: the ``point`` where it kills itself, the ``arguments`` of
``twistd``, and the ``log`` that it writes to.  It writes ``started PID`` and ``ended``.

A point is empty; or what the storage is asked for, ``put record``, ``put chunk``, ``complete file``
(see :func:`labels`), or ``hook``; with ``:before``, ``:amid`` or ``:after`` it, or ``:stall``, to
stop until it is told to go on; with ``:N``, the how manieth it is since SIGUSR2.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from random import Random
from typing import Any

__all__ = ["Point", "labels", "lives"]

# What never happens to a small file, or only to a large one, is reached by few lives.
OPERATIONS = (
    *("put record", "put chunk", "put file", "head chunk", "list chunk", "get record"),
    *("begin file", "part file", "copy file", "complete file", "head file", "hook"),
)
WHEN = ("before", "amid", "after")
STALLS = ("put record", "put chunk", "put file", "complete file", "hook")
LEASE = 3.0
"""Seconds."""


def labels() -> list[str]:
    """All points that an upload comes by."""
    kills = [f"{operation}:{when}" for operation in OPERATIONS for when in WHEN]
    return kills + [f"{operation}:stall" for operation in STALLS]


def lives(random: Random, labelled: int, at_random: int, latest: int) -> list[str]:
    """
    Where receivers are killed, life by life.

    :param labelled: how many of the lives end at a point of :func:`labels`, each in turn.
    :param at_random: how many do not.
    :param latest: the how manieth time at most that one comes by there.
    """
    every = labels()
    random.shuffle(every)
    points = [f"{every[n % len(every)]}:{random.randint(1, latest)}" for n in range(labelled)]
    points += [""] * at_random
    random.shuffle(points)
    return points


def _noun(key: str) -> str:
    for noun, folder in ("record", "u/r/"), ("chunk", "u/c/"), ("file", "files/"):
        if folder in key:
            return noun
    return "other"


class Point:
    """
    Where to be killed.

    :param text: what was asked for.
    """

    METHODS = {
        "put": "put",
        "head": "head",
        "get": "get",
        "list": "list",
        "delete": "delete",
        "begin_multipart": "begin",
        "put_part": "part",
        "copy_part": "copy",
        "complete_multipart": "complete",
    }

    def __init__(self, text: str) -> None:
        self._operation, self._when, left = text.rsplit(":", 2)
        self._left = int(left)
        self._random = Random(text)
        self._is_armed = False
        signal.signal(signal.SIGUSR2, self._arm)

    def _arm(self, *_: object) -> None:
        self._is_armed = True

    def install(self) -> None:
        """Put it into everything that has points."""
        from txresumable.receiver.objects.s3 import S3Objects
        from txresumable.receiver.webhook import Webhook

        for name, verb in self.METHODS.items():
            self._around(S3Objects, name, verb)
        self._around(Webhook, "_deliver", "hook")

    def _around(self, owner: Any, name: str, verb: str) -> None:
        real = getattr(owner, name)

        async def around(itself: Any, *arguments: Any, **named: Any) -> Any:
            is_here = self._is_here(verb, arguments)
            if is_here and self._when == "before":
                _die()
            if is_here and self._when == "stall":
                os.kill(os.getpid(), signal.SIGSTOP)
            if is_here and self._when == "amid":
                from twisted.internet import reactor

                later: Any = reactor
                later.callLater(self._random.expovariate(200.0), _die)
            result = await real(itself, *arguments, **named)
            if is_here and self._when == "after":
                _die()
            return result

        setattr(owner, name, around)

    def _is_here(self, verb: str, arguments: tuple[Any, ...]) -> bool:
        operation = verb if verb == "hook" else f"{verb} {_noun(arguments[0])}"
        if not self._is_armed or operation != self._operation:
            return False
        self._left -= 1
        return self._left == 0


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _live(point: str, arguments: list[str], log: str) -> None:
    """Be a receiver."""
    _die_with_parent()
    for name, mode, number in (os.devnull, "r", 0), (log, "a", 1), (log, "a", 2):
        with open(name, mode) as file:
            os.dup2(file.fileno(), number)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    if point:
        Point(point).install()
    # Who was killed while it finished a file is not waited for half a minute.
    from txresumable.receiver import ObjectStore

    ObjectStore.__init__.__kwdefaults__["lease"] = LEASE
    from twisted.scripts.twistd import run

    sys.argv = ["twistd", *arguments]
    run()


def main() -> None:
    """Start receivers, until there is no more to read."""
    import botocore.session  # noqa: F401
    import twisted.scripts.twistd  # noqa: F401

    import txresumable.receiver.objects.s3
    import txresumable.receiver.tap  # noqa: F401

    _die_with_parent()
    for line in sys.stdin:
        life = json.loads(line)
        number = os.fork()
        if number == 0:
            try:
                _live(**life)
            finally:
                os._exit(1)
        sys.stdout.write(f"started {number}\n")
        sys.stdout.flush()
        os.waitpid(number, 0)
        sys.stdout.write("ended\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

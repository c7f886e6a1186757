"""
The service that is killed: ``python -m tests.pushing.killed POINT ARGUMENT...`` is ``twistd`` with
these arguments, and kills itself at a point.

A point is empty; or the label of a transition, ``uploading>stored``; or an effect, ``hook``,
``delete`` or ``move``; with ``:before`` or ``:after`` it, and with ``:N``, the how manieth it is.
Before a transition is while it is written, and after it is when it is durable and nobody knows.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from itertools import cycle, islice
from random import Random
from typing import Any

from txresumable.push.effects import Effects
from txresumable.push.hooks import Hooks
from txresumable.push.journal.database import Database
from txresumable.push.journal.transaction import Transaction

__all__ = ["EFFECTS", "labels", "lives"]

EFFECTS = ("hook", "delete", "move")


def labels() -> list[str]:
    """All points at which a file that is sent comes by."""
    ways = ["new>seen", "seen>queued", "queued>uploading", "uploading>stored", "stored>hook"]
    ways += ["hook>moving", "moving>done", *EFFECTS]
    return [f"{way}:{when}" for way in ways for when in ("before", "after")]


def lives(random: Random, transitions: int, at_random: int, latest: int) -> list[str]:
    """
    Where a service is killed, life by life.

    :param transitions: how many of its lives end at a point of :func:`labels`, each in turn.
    :param at_random: how many do not.
    :param latest: the how manieth time at most that one comes by there.
    """
    every = labels()
    random.shuffle(every)
    points = [f"{way}:{random.randint(1, latest)}" for way in islice(cycle(every), transitions)]
    points += [""] * at_random
    random.shuffle(points)
    return points


class Point:
    """
    Where to be killed.

    :param text: what the command line says.
    """

    def __init__(self, text: str) -> None:
        self._label, _, left = text.rpartition(":")
        self._left = int(left)

    def passed(self, label: str) -> None:
        """Something was reached."""
        if label == self._label:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Put it into everything that has points."""
        self._around(Effects, "delete", "delete")
        self._around(Effects, "move", "move")
        self._around(Hooks, "run", "hook")
        move, insert, transact = Transaction.move, Transaction.insert, Database._transact

        def moving(transaction: Any, before: Any, to: Any, *arguments: Any) -> Any:
            after = move(transaction, before, to, *arguments)
            self.passed(f"{before.state.value}>{to.value}:before")
            return after

        def inserting(transaction: Any, *arguments: Any) -> Any:
            entry = insert(transaction, *arguments)
            self.passed("new>seen:before")
            return entry

        def transacting(database: Any, works: Any) -> Any:
            made = transact(database, works)
            for before, after in made.changes:
                state = before.state.value if before else "new"
                if state != after.state.value:
                    self.passed(f"{state}>{after.state.value}:after")
            return made

        patches: list[tuple[Any, str, Callable[..., Any]]] = [
            (Transaction, "move", moving),
            (Transaction, "insert", inserting),
            (Database, "_transact", transacting),
        ]
        for owner, name, patch in patches:
            setattr(owner, name, patch)

    def _around(self, owner: Any, name: str, label: str) -> None:
        """Before something begins, and after it has ended."""
        real = getattr(owner, name)

        def around(*arguments: Any, **named: Any) -> Any:
            self.passed(f"{label}:before")
            result = real(*arguments, **named)
            if hasattr(result, "addCallback"):

                def ended(value: Any) -> Any:
                    self.passed(f"{label}:after")
                    return value

                return result.addCallback(ended)
            self.passed(f"{label}:after")
            return result

        setattr(owner, name, around)


if __name__ == "__main__":
    point, *arguments = sys.argv[1:]
    if point:
        Point(point).install()
    from twisted.scripts.twistd import run

    sys.argv = ["twistd", *arguments]
    run()

"""
What is taken for a reactor, as a type.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Protocol, Union

from twisted.internet.interfaces import IReactorTime

__all__ = ["Reactor", "Timed"]


class Timed(Protocol):
    """
    What has the methods of ``IReactorTime``, such as :class:`~twisted.internet.task.Clock`: which
    classes implement an interface of zope's is not known to every type checker.
    """

    def seconds(self) -> float: ...
    def callLater(
        self, delay: float, callable: Callable[..., object], /, *args: object
    ) -> object: ...


Reactor = Union[IReactorTime, Timed, ModuleType]
"""
A reactor: to a type checker, ``twisted.internet.reactor`` is a module.

A :class:`~twisted.internet.task.Clock` is enough with a client in memory.  Connections of our own
need ``IReactorTCP`` and ``IReactorPluggableNameResolver`` as well, and files that are given by
their paths are read in the threads of ``IReactorThreads``, if it is provided.
"""

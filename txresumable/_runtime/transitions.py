"""
Steps from state to state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import TypeVar

__all__ = ["advancing"]

_S = TypeVar("_S", bound=Enum)


def advancing(transitions: Mapping[_S, AbstractSet[_S]], what: str) -> Callable[[_S, _S], _S]:
    """
    What takes something from one state to another.

    :param transitions: the states that each one leads to.
    :param what: is in these states, for people.
    :returns: a function of the state and the following one, which it returns; it raises
        :exc:`RuntimeError` if that cannot follow.
    """

    def advance(state: _S, following: _S) -> _S:
        if following not in transitions[state]:
            raise RuntimeError(f"{what} that is {state.value} cannot be {following.value}")
        return following

    return advance

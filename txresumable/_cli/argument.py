"""
One argument of a command line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

__all__ = ["Argument", "BadArgument"]


class BadArgument(ValueError):
    """
    An argument cannot be used.

    :ivar name: the argument.
    :ivar value: what it was given; :data:`None` if that is not to be shown.
    :ivar reason: what it takes.
    """

    def __init__(self, name: str, value: str | None, reason: str) -> None:
        super().__init__(name, value, reason)
        self.name = name
        self.value = value
        self.reason = reason

    def __str__(self) -> str:
        shown = "" if self.value is None else f" {self.value}"
        return f"--{self.name}{shown}: {self.reason}"


@frozen
class Argument:
    """
    One argument.

    :ivar name: with hyphens, and none in front.
    :ivar option: the option that it sets, or adds to.
    :ivar metavar: what it takes, in capitals; nothing for a switch, which is ``--name`` or
        ``--no-name``.
    :ivar text: what it does, for people.
    :ivar read: from its text to the option's value, or to what is added to it; raises
        :exc:`ValueError` with what it takes.
    :ivar many: whether it may be given again, to add more.
    :ivar secret: whether its value is not to be shown.
    """

    name: str
    option: str
    metavar: str
    text: str
    read: Callable[[str], Any]
    many: bool = False
    secret: bool = False

    @property
    def is_switch(self) -> bool:
        """Whether it takes no value."""
        return not self.metavar

    def value_of(self, text: str) -> Any:
        """
        Read a value.

        :param text: as it was typed.
        :raises BadArgument: if it cannot be.
        """
        try:
            return self.read(text)
        except ValueError as error:
            raise BadArgument(self.name, None if self.secret else text, str(error))

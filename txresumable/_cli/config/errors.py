"""
What is wrong with a configuration file, and where.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from ..._runtime.printable import printable
from ...errors import ResumableError

__all__ = ["BadConfig", "Problem"]


@frozen
class Problem:
    """
    Something that is wrong.

    :ivar path: the key, after the names of its tables; a table of an array has its number, from 0
        on; nothing for the file as a whole.
    :ivar reason: what is wrong with it.
    :ivar line: its line, from 1 on; 0 if it has none.
    :ivar may_pass: whether it may be over by itself, as for a command that has failed.
    """

    path: tuple[str | int, ...]
    reason: str
    line: int = 0
    may_pass: bool = False

    def shown(self, file: str) -> str:
        """
        One line for people.

        :param file: the path of the file.
        """
        key = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in self.path)
        where = f"{file}:{self.line}" if self.line else file
        return printable(f"{where}: {key[1:]}{': ' if key else ''}{self.reason}")


class BadConfig(ResumableError):
    """
    A configuration file cannot be used.

    :ivar file: its path.
    :ivar problems: all that is wrong with it.
    :ivar may_pass: whether all of it may be over by itself.
    """

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        super().__init__(file, problems)
        self.file = file
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        self.may_pass = all(problem.may_pass for problem in self.problems)

    def __str__(self) -> str:
        return "\n".join(problem.shown(self.file) for problem in self.problems)

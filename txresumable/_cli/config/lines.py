"""
The lines of a TOML file that its keys are on, which the parser of the standard library forgets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .toml import loads

__all__ = ["Path", "lines_of"]

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*""")
_SKIPPED = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'"
    r"|\#[^\n]*"
    r"|[^\[\]{}\"'#\n]+",
    re.DOTALL,
)


def lines_of(text: str) -> Mapping[Path, int]:
    """
    Where each key and table is.

    :param text: what the parser has accepted.
    :returns: from the names of tables and the key to the line, from 1 on.  A table of an array has
        its number, from 0 on.  What is in an array or in a table in braces is where that begins.
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    at = _after(_BLANK, text, 0)
    while at < len(text):
        line = text.count("\n", 0, at) + 1
        if text[at] == "[":
            is_array = text.startswith("[[", at)
            names, at = _dotted(text, at + 1 + is_array)
            at += 1 + is_array
            table = _within(names[:-1] if is_array else names, counts)
            if is_array:
                whole = (*table, names[-1])
                counts[whole] = counts.get(whole, -1) + 1
                table = (*whole, counts[whole])
            _note(found, table, line)
        else:
            names, at = _dotted(text, at)
            _note(found, (*table, *names), line)
            at = _value_end(text, at + 1)
        at = _after(_BLANK, text, at)
    return found


def _note(found: dict[Path, int], path: Path, line: int) -> None:
    for length in range(1, len(path) + 1):
        found.setdefault(path[:length], line)


def _within(names: tuple[str, ...], counts: Mapping[Path, int]) -> Path:
    """A table's name with the numbers of the arrays that it is in."""
    path: Path = ()
    for name in names:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path])
    return path


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()


def _dotted(text: str, at: int) -> tuple[tuple[str, ...], int]:
    """The parts of a key, and where it ends."""
    names: list[str] = []
    while True:
        end = _after(_KEY, text, at)
        name = text[at:end].strip()
        names.append(next(iter(loads(f"{name} = 0"))))
        if not text.startswith(".", end):
            return tuple(names), end
        at = end + 1


def _value_end(text: str, at: int) -> int:
    depth = 0
    while at < len(text):
        mark = text[at]
        if mark == "\n" and not depth:
            break
        if mark in "[{]}\n":
            depth += {"[": 1, "{": 1, "\n": 0}.get(mark, -1)
            at += 1
        else:
            at = _after(_SKIPPED, text, at)
    return at

"""
The examples in ``README.rst`` and ``docs/``, as values: every block of code is one.

How a page is written so that its examples run, one after the other:

- ``.. code-block:: python`` is a *program* if it calls ``react``, starts the reactor by other
  means, or another program: it runs as it stands, in a process of its own.  With a ``:caption:`` it
  is a *file* of that name, which is written and not run.  Any other block is a *fragment*: the
  fragments of a page share their names, as if typed into one session; they may ``await`` at the
  top level; ``reactor`` is there, everything else they import.
- ``.. code-block:: console`` holds commands, each after ``$``.  Those of this package run in a
  process; one that serves runs until the page ends.  What installs, builds or measures is shown
  only: git, make, pip, and Python with the name of a script.
- A comment ``.. test:`` with indented Python below it is a fragment that readers do not see: what
  has to be there before, and what must hold afterwards.
- A comment ``.. needs: NAME VERSION`` keeps what follows it in its section from running with an
  older version of a package.
- ``https://example.com`` is replaced by a server on loopback, see ``tests/example_site.py``.
- Blocks in other languages are only shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent

from attrs import frozen

__all__ = ["ROOT", "Example", "examples", "pages"]

ROOT = Path(__file__).resolve().parent.parent

_BLOCK = re.compile(r"(?P<indent> *)\.\. (?:code-block:: (?P<language>\w+)|(?P<test>test:))\s*$")
_OPTION = re.compile(r"^ *:([\w-]+): *(.*)$", re.MULTILINE)
_NEEDS = re.compile(r"\.\. needs: ([\w-]+) ([\d.]+)$")
_HEADING = re.compile(r"([-=~])\1\1+$")
_PROGRAM = re.compile(
    r"^(@react$|(task\.)?react\(|(reactor\.run|process\.start|subprocess\.run|crochet\.setup)\()",
    re.MULTILINE,
)


@frozen
class Example:
    """
    A block of code on a page.

    :ivar page: where it stands.
    :ivar line: how many lines are before its first.
    :ivar language: ``python``, ``console`` or another.
    :ivar code: its text, without indentation.
    :ivar needs: a package and the lowest version of it that this works with, if that matters.
    :ivar file: the name of the file that it is, if it is one.
    """

    page: Path
    line: int
    language: str
    code: str
    needs: tuple[str, str] | None = None
    file: str | None = None

    @property
    def works_here(self) -> bool:
        """Whether what it needs is installed."""
        return self.needs is None or _numbers(version(self.needs[0])) >= _numbers(self.needs[1])

    @property
    def is_program(self) -> bool:
        """Whether it needs a process of its own."""
        return self.language == "python" and _PROGRAM.search(self.code) is not None

    @property
    def padded(self) -> str:
        """Its text with as many lines before it as on the page, so that tracebacks point there."""
        return "\n" * self.line + self.code

    @property
    def commands(self) -> list[str]:
        """The commands in it; a backslash continues a line."""
        joined = self.code.replace("\\\n", " ")
        return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


def pages() -> list[Path]:
    """Every page that may have examples."""
    return [ROOT / "README.rst", *sorted((ROOT / "docs").glob("*.rst"))]


def examples(page: Path) -> Iterator[Example]:
    """The blocks of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    needs = None
    for number, line in enumerate(lines):
        if _HEADING.match(line):
            needs = None
        elif found := _NEEDS.match(line):
            needs = found[1], found[2]
        match = _BLOCK.match(line)
        if match is None:
            continue
        start = number + 1
        while start < len(lines) and (not lines[start].strip() or _OPTION.match(lines[start])):
            start += 1
        options = dict(_OPTION.findall("\n".join(lines[number + 1 : start])))
        end = start
        while end < len(lines) and _belongs(lines[end], len(match["indent"])):
            end += 1
        code = dedent("\n".join(lines[start:end])).strip("\n") + "\n"
        language = "python" if match["test"] else match["language"]
        yield Example(page, start, language, code, needs, options.get("caption"))


def _numbers(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text)]


def _belongs(line: str, indent: int) -> bool:
    return not line.strip() or len(line) - len(line.lstrip()) > indent

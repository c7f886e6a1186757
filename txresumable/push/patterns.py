"""
Which files of a folder are uploaded: patterns as those of ``.gitignore``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from ..errors import InvalidOption

__all__ = ["Patterns"]

_LINE_BREAK, _STAND_IN = "\n", "\0"
"""
A pattern's expression treats the end of a line as the end of the path, so names are compared with
a character that no path has in the place of line breaks.
"""


class Patterns:
    """
    What is included and what is excluded, by paths relative to the folder.

    ``*.dcm`` is any such file, ``/a.dcm`` one that lies in the folder itself, ``cache/`` everything
    below each folder of that name, and ``a/**/b`` what it is in ``.gitignore``.  Of the patterns of
    a list the last one that matches decides; one that begins with ``!`` takes files out again.
    """

    def __init__(self, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> None:
        """
        :param include: patterns of files that are uploaded; all, if there are none.
        :param exclude: patterns of files that are not, included or not.
        :raises InvalidOption: if a pattern cannot be read, or matches nothing; it names it.
        """
        self._include = [_pattern("include", text) for text in include]
        self._exclude = [_pattern("exclude", text) for text in exclude]
        for option, patterns in ("include", self._include), ("exclude", self._exclude):
            if patterns and not patterns[0].include:
                reason = "cannot be the first of them: it takes files out of what others match"
                raise InvalidOption(option, patterns[0].pattern, reason)
        self._can_skip = all(pattern.include for pattern in self._exclude)

    def includes(self, path: bytes) -> bool:
        """
        Whether a file is uploaded.

        :param path: relative to the folder.
        """
        text = os.fsdecode(path).replace(_LINE_BREAK, _STAND_IN)
        if self._include and not _matches(self._include, text):
            return False
        return not _matches(self._exclude, text)

    def skips(self, path: bytes) -> bool:
        """
        Whether nothing below a folder can be uploaded.

        :param path: of the folder, relative to the one that it is in.
        """
        text = os.fsdecode(path).replace(_LINE_BREAK, _STAND_IN)
        return self._can_skip and _matches(self._exclude, f"{text}/")


def _pattern(option: str, text: str) -> Any:
    if "\0" in text:
        raise InvalidOption(option, text, "cannot have a NUL in it")
    try:
        from pathspec import GitIgnoreSpec
    except ImportError:
        raise InvalidOption(option, text, "needs pathspec: pip install 'txresumable[push]'")
    try:
        patterns: list[Any] = list(
            GitIgnoreSpec.from_lines([text.replace(_LINE_BREAK, _STAND_IN)]).patterns
        )
    except (ValueError, re.error):
        raise InvalidOption(option, text, "is no pattern of .gitignore")
    if len(patterns) != 1 or patterns[0].include is None:
        raise InvalidOption(option, text, "matches nothing: it is empty, or a comment")
    return patterns[0]


def _matches(patterns: list[Any], text: str) -> bool:
    for pattern in reversed(patterns):
        if pattern.match_file(text) is not None:
            return bool(pattern.include)
    return False

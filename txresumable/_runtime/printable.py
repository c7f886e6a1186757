"""
Text that others chose, such as names of files and responses, for terminals and logs.
"""

from __future__ import annotations

import re
from html import unescape

__all__ = ["counted", "first_line", "printable", "text_of"]

_UNSAFE = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""
Control characters, separators of lines, marks that reverse what follows, and surrogates, which
stand for bytes of a name that is not in the encoding of the file system.
"""


def printable(text: str) -> str:
    r"""
    Text on one line that neither controls a terminal nor pretends to be something else.

    :param text: any text.
    :returns: the same, with escapes such as ``\n``, ``\x1b`` and ``\u202e`` for what is not to be
        printed; a byte that is not in the encoding of the file system is shown as ``\xff``.
    """
    return _UNSAFE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # PEP 383
        return f"\\x{code - 0xDC00:02x}"
    return found[0].encode("unicode_escape").decode("ascii")


def text_of(body: str) -> str:
    """
    The body of a response for people, on one line: of a page, its title.

    :param body: decoded.
    """
    title = re.search(r"(?is)<title[^>]*>(.*?)</title", body)
    return printable(" ".join((unescape(title[1]) if title else body).split()))


def counted(count: int, noun: str) -> str:
    """A number of things, such as ``1 folder`` and ``2 folders``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def first_line(kind: type[BaseException]) -> str:
    """
    What a person reads about a kind of error.

    :param kind: an exception class.
    :returns: the first line of its docstring.
    """
    return (kind.__doc__ or kind.__name__).strip().splitlines()[0]

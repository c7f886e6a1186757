"""
The media type that a file name suggests.
"""

from __future__ import annotations

import mimetypes
from functools import lru_cache

__all__ = ["type_of"]


def type_of(name: str) -> str:
    """
    Guess a media type from a name.  The first call reads the tables of the system.

    :param name: of a file.
    :returns: what :func:`mimetypes.guess_type` says, or an empty text.
    """
    first, *ends = name.split(".")
    try:
        if not first or ":" in name or "/" in name:
            return _guess(name)  # hidden, or it may be taken for a URL
        # A type and an encoding, as in .tar.gz: what stands before them does not matter.
        return _guess_by_end(".".join(ends[-2:])) if ends else ""
    except OSError:  # too many files are open
        return ""


@lru_cache(maxsize=256)
def _guess_by_end(end: str) -> str:
    return _guess("x." + end)


def _guess(name: str) -> str:
    return mimetypes.guess_type(name, strict=False)[0] or ""

"""
Names of files that cannot exist.
"""

from __future__ import annotations

from hashlib import sha256

__all__ = ["PREFIX", "impossible_name", "is_impossible"]

PREFIX = "no-such-file-"


def impossible_name(file_name: str) -> str:
    """
    A name, and identifier, that no file has.

    :param file_name: that of one that exists: different ones make different names.
    """
    return PREFIX + sha256(file_name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def is_impossible(name: str) -> bool:
    """Whether a name is one of those."""
    return name.startswith(PREFIX)

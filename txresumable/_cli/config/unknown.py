"""
Keys that there are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["unknown"]


def unknown(key: str, known: Iterable[str]) -> str:
    """
    What is wrong with a key.

    :param key: as it is in the file.
    :param known: those that there are.
    """
    close = get_close_matches(key.replace("-", "_"), list(known), 1)
    return f"is not known{f'; perhaps {close[0]}' if close else ''}"

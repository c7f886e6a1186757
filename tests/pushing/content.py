"""
Contents of files by which they are known wherever they are found.
"""

from __future__ import annotations

import hashlib
from random import Random

__all__ = ["content_of", "digest_of"]


def content_of(number: int, version: int, size: int) -> bytes:
    """
    The content of a version of a file: different from all others.

    :param size: bytes besides the first line, which says what it is.
    """
    seeded = Random(number * 1000 + version)
    return b"file %d version %d\n" % (number, version) + seeded.randbytes(size)


def digest_of(content: bytes) -> str:
    """What a content is compared by."""
    return hashlib.sha256(content).hexdigest()

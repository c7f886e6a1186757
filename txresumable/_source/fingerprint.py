"""
Sizes, times and samples of files, of which their identifiers are made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["READ_WHOLE", "UNSEEN", "Fingerprint", "fingerprint"]

SAMPLE = 4096
SAMPLES = 16
"""Bytes of a sample, a page, and the number of samples of a large file."""
READ_WHOLE = SAMPLE * SAMPLES
"""Up to so many bytes, a file is one sample."""


class Fingerprint(NamedTuple):
    """
    What a file looked like when it was added.

    :ivar size: bytes.
    :ivar mtime_ns: when it was last written, in nanoseconds since the epoch; :data:`None` for
        what has no such time, whose sample is then its whole content.
    :ivar sample: SHA-256 over samples of the content.
    :ivar ctime_ns: when anything about it last changed, if that is known and counts: nobody can
        put that time back, as some do with the other one.
    """

    size: int
    mtime_ns: int | None
    sample: bytes
    ctime_ns: int | None = None


UNSEEN = Fingerprint(0, None, b"")
"""The fingerprint of what was not looked at yet."""


def fingerprint(
    size: int,
    mtime_ns: int | None,
    read: Callable[[int, int], bytes],
    ctime_ns: int | None = None,
) -> Fingerprint:
    """
    Look at a file.  Blocks: not for the reactor thread.

    :param size: bytes.
    :param mtime_ns: when it was last written, if that is known.
    :param read: from an offset and a size to exactly those bytes.
    :param ctime_ns: when anything about it last changed, if that is known.
    """
    if size <= READ_WHOLE:
        digest = hashlib.sha256(read(0, size) if size else b"")
        return Fingerprint(size, mtime_ns, digest.digest(), ctime_ns)
    digest = hashlib.sha256()
    if mtime_ns is None:
        for start in range(0, size, 65536):
            digest.update(read(start, min(65536, size - start)))
    else:
        for part in range(SAMPLES):
            digest.update(read((size - SAMPLE) * part // (SAMPLES - 1), SAMPLE))
    return Fingerprint(size, mtime_ns, digest.digest(), ctime_ns)

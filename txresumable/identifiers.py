"""
What a server knows a file by.

An identifier must let a restarted process find the chunks it sent before, and must never let two
contents share one.  Each strategy is a function of a
:class:`~txresumable.ResumableFile` and can be given as ``generate_unique_identifier``.
"""

from __future__ import annotations

import hashlib
import re

from twisted.internet.defer import Deferred

from ._source.fingerprint import Fingerprint
from .file import ResumableFile

__all__ = ["Fingerprint", "content", "resumable_js", "safe"]

_UNSAFE = re.compile(r"[^0-9A-Za-z_-]")


def safe(file: ResumableFile) -> str:
    """
    The default: size, a short cleaned name, and 128 bits of SHA-256 over relative path, size,
    times of the last write and of the last change of any kind, how it is cut into chunks
    (``chunk_size`` and ``force_chunk_size``), and samples of the content.

    :returns: at most 128 characters of ``[0-9A-Za-z_-]``; the same in every process as long as
        the file is not written to, nor its name, links, owner or mode changed.
    """
    look = file.fingerprint
    path = file.relative_path.encode("utf-8", "surrogatepass")
    facts = f"{look.size} {look.mtime_ns} {look.ctime_ns} {_cut(file)} ".encode()
    digest = hashlib.sha256(facts + look.sample + path)
    return f"{look.size}-{_short(file.file_name)}-{digest.hexdigest()[:32]}"


def resumable_js(file: ResumableFile) -> str:
    """
    resumable.js's own: ``size-name``, for going on with what a browser began.

    It collides: ``a b`` with ``ab``, all names of one size in a script that is not Latin, and
    both contents of a file that was rewritten with the same size.

    :returns: size, a hyphen, and the relative path without what is not ``[0-9A-Za-z_-]``.
    """
    return f"{file.size}-{_UNSAFE.sub('', file.relative_path)}"


def content(file: ResumableFile) -> Deferred[str]:
    """
    From the whole content alone: the same bytes have the same identifier whatever they are
    called, wherever they lie and whenever they were written, as long as they are cut into chunks
    in the same way.  Costs one more reading of the file, off the reactor thread.

    :returns: a Deferred that fires with size and 128 bits of SHA-256 over content, ``chunk_size``
        and ``force_chunk_size``; it fails as reading fails.
    """

    def named(hexadecimal: str) -> str:
        whole = hashlib.sha256(f"{hexadecimal}:{_cut(file)}".encode()).hexdigest()
        return f"{file.size}-{whole[:32]}"

    return file.content_digest().addCallback(named)


def _cut(file: ResumableFile) -> str:
    """What the bounds of a file's chunks follow from, beside its size."""
    return f"{file.chunk_size}{' forced' * file.force_chunk_size}"


def _short(name: str) -> str:
    return _UNSAFE.sub("", name)[:48]

"""
Identifiers, by which servers know files.

With its identifier a restarted process finds the chunks that it has sent before; two different
files must never have the same one.  Each strategy is a function of a
:class:`~txresumable.ResumableFile` and can be given as ``generate_unique_identifier``.
"""

from __future__ import annotations

import hashlib
import re

from twisted.internet.defer import Deferred

from ._source.fingerprint import READ_WHOLE, Fingerprint
from .file import ResumableFile

__all__ = ["Fingerprint", "content", "identify", "resumable_js", "safe", "shared"]

_UNSAFE = re.compile(r"[^0-9A-Za-z_-]")


def safe(file: ResumableFile) -> str:
    """
    The default: size, 128 bits of SHA-256 over relative path, size, how it is divided into chunks
    (``chunk_size`` and ``force_chunk_size``), and content; and a short cleaned name.  Of a file of
    more than 64 KiB these are samples of the content, and the times of the last write and of the
    last change of any kind.

    :returns: at most 128 characters of ``[0-9A-Za-z_-]``; the same in every process as long as
        the file is not written to, nor its name changed, nor, if it is larger than that, its links,
        owner, mode or times.
    """
    return identify(
        file.fingerprint,
        file.file_name,
        file.relative_path,
        file.chunk_size,
        file.force_chunk_size,
    )


def shared(file: ResumableFile) -> str:
    """
    For files that several machines see: as :func:`safe`, but without the time of the last change of
    any kind, which file systems that are shared need not report to all of them alike.

    :returns: the same as long as the file is not written to, nor its name, nor the time of its last
        write changed.
    """
    return identify(
        file.fingerprint._replace(ctime_ns=None),
        file.file_name,
        file.relative_path,
        file.chunk_size,
        file.force_chunk_size,
    )


def identify(
    look: Fingerprint, file_name: str, relative_path: str, chunk_size: int, force_chunk_size: bool
) -> str:
    """What :func:`safe` returns, from what it depends on."""
    size, mtime_ns, sample, ctime_ns = look
    times = "" if size <= READ_WHOLE else f"{mtime_ns} {ctime_ns}"
    facts = f"{size} {times} {_cut(chunk_size, force_chunk_size)} ".encode()
    path = relative_path.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(facts + sample + path).hexdigest()
    # Some servers cut identifiers off.
    return f"{size}-{digest[:32]}-{_UNSAFE.sub('', file_name)[:48]}"


def resumable_js(file: ResumableFile) -> str:
    """
    The identifier of resumable.js, ``size-name``, to resume what a browser began.

    It collides: ``a b`` with ``ab``, all names of one size in a script that is not Latin, and
    both versions of a file that was rewritten with the same size.

    :returns: size, a hyphen, and the relative path without what is not ``[0-9A-Za-z_-]``.
    """
    return f"{file.size}-{_UNSAFE.sub('', file.relative_path)}"


def content(file: ResumableFile) -> Deferred[str]:
    """
    Only from the whole content: the same bytes have the same identifier whatever their name,
    path and times, as long as they are divided into chunks in the same way.  The file is read
    once more for it, in a thread.

    :returns: a Deferred that fires with size and 128 bits of SHA-256 over content, ``chunk_size``
        and ``force_chunk_size``; it fails if reading fails.
    """

    def named(hexadecimal: str) -> str:
        whole = hashlib.sha256(
            f"{hexadecimal}:{_cut(file.chunk_size, file.force_chunk_size)}".encode()
        ).hexdigest()
        return f"{file.size}-{whole[:32]}"

    return file.content_digest().addCallback(named)


def _cut(chunk_size: int, force_chunk_size: bool) -> str:
    """What the bounds of a file's chunks follow from, beside its size."""
    return f"{chunk_size}{' forced' * force_chunk_size}"

"""
Which files are accepted.
"""

from __future__ import annotations

from .._protocol.layout import chunk_count
from ..errors import FileRejected
from ..options import Options

__all__ = ["check_file"]

MOST_CHUNKS = 1 << 27
"""Each costs a byte of memory; more of them is a mistaken chunk_size."""


def check_file(options: Options, file_name: str, relative_path: str, type: str, size: int) -> None:
    """
    Refuse a file that the options do not accept.

    :param options: with ``file_type``, ``min_file_size`` and ``max_file_size``.
    :param file_name: its name.
    :param relative_path: its path below what was added.
    :param type: its media type, or nothing.
    :param size: bytes.
    :raises FileRejected: naming the option; ``file_name`` for a name that no request can carry.
    """
    if "\0" in file_name or "\0" in relative_path:
        raise FileRejected(file_name, "file_name", "a name cannot hold NUL")
    if options.file_type and not any(_fits(kind, file_name, type) for kind in options.file_type):
        allowed = ", ".join(options.file_type)
        raise FileRejected(file_name, "file_type", f"only {allowed} may be uploaded")
    if size < options.min_file_size:
        hint = "" if size else "; min_file_size=0 accepts empty files"
        reason = f"it has {size} bytes, at least {options.min_file_size} are needed{hint}"
        raise FileRejected(file_name, "min_file_size", reason)
    if options.max_file_size is not None and size > options.max_file_size:
        reason = f"it has {size} bytes, at most {options.max_file_size} are allowed"
        raise FileRejected(file_name, "max_file_size", reason)
    if size > MOST_CHUNKS * options.chunk_size:
        count = chunk_count(size, options.chunk_size, options.force_chunk_size)
        if count > MOST_CHUNKS:
            reason = f"it would have {count} chunks, at most {MOST_CHUNKS} are possible"
            raise FileRejected(file_name, "chunk_size", reason)


def _fits(kind: str, file_name: str, type: str) -> bool:
    """``jpg``, ``.jpg``, ``image/png`` or ``image/*``, in lower case."""
    kind = "".join(kind.split())
    if "/" in kind:
        prefix, star, _ = kind.partition("*")
        return type.lower().startswith(prefix) if star else type.lower() == kind
    return file_name.lower().endswith(kind if kind.startswith(".") else "." + kind)

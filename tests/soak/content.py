"""
The files that are uploaded, as what an uploader takes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from twisted.python.filepath import FilePath

from .plan import Plan, UploadPlan

__all__ = ["content", "give", "sha256_of", "write_sources"]


def content(upload: UploadPlan) -> bytes:
    """The bytes of a file."""
    return Random(upload.seed).randbytes(upload.size)


@lru_cache(maxsize=1000)
def sha256_of(upload: UploadPlan) -> str:
    """The digest of a file."""
    return hashlib.sha256(content(upload)).hexdigest()


def write_sources(plan: Plan, folder: Path) -> None:
    """Write the files that are read from the disk."""
    folder.mkdir()
    for client in plan.clients:
        for upload in client.uploads:
            where = _path(folder, upload)
            if not where.exists():
                where.parent.mkdir(exist_ok=True)
                where.write_bytes(content(upload))
            if upload.source == "gzip":
                with gzip.open(f"{where}.gz", "wb", compresslevel=1) as packed:
                    packed.write(content(upload))


def give(upload: UploadPlan, folder: Path) -> Any:
    """What the uploader gets."""
    return _GIVE[upload.source](upload, _path(folder, upload))


def _path(folder: Path, upload: UploadPlan) -> Path:
    return folder / f"{upload.seed}-{upload.size}" / "content"


def _temporary(upload: UploadPlan, path: Path) -> Any:
    file = tempfile.NamedTemporaryFile(dir=path.parent)  # noqa: SIM115
    file.write(content(upload))
    file.flush()
    return file


_GIVE: dict[str, Callable[[UploadPlan, Path], Any]] = {
    "path": lambda upload, path: os.fspath(path),
    "file_path": lambda upload, path: FilePath(os.fspath(path)),
    "file": lambda upload, path: open(path, "rb"),  # noqa: SIM115
    "gzip": lambda upload, path: gzip.open(f"{path}.gz", "rb"),  # noqa: SIM115
    "bytes_io": lambda upload, path: io.BytesIO(content(upload)),
    "bytes": lambda upload, path: content(upload),
    "temporary": _temporary,
}

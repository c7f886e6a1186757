"""
A file that is uploaded, and may change meanwhile.
"""

from __future__ import annotations

import io
import os
from random import Random
from typing import IO, Any

from .schedule import FilePlan

__all__ = ["ChangingFile"]

_EPOCH = 1_700_000_000


class ChangingFile:
    """
    A file, and all that it ever held.

    :ivar plan: what it is to be.
    :ivar versions: its contents, one after the other.
    :ivar changed: whether it was touched in any way.
    """

    def __init__(self, plan: FilePlan, folder: str) -> None:
        """
        :param plan: what it is to be.
        :param folder: where it lies, if it lies anywhere.
        """
        self.plan = plan
        self.versions = [plan.content]
        self.changed = False
        self._path = os.path.join(folder, plan.name)
        self._open: IO[bytes] | None = None
        self._writes = 0
        if plan.kind in ("path", "file"):
            self._write(plan.content)

    def source(self) -> Any:
        """What to give to ``add_file()``."""
        if self.plan.kind == "path":
            return self._path
        if self.plan.kind == "bytes":
            return self.plan.content
        if self.plan.kind == "memory":
            return io.BytesIO(self.plan.content)
        self.close()
        self._open = open(self._path, "rb")  # noqa: SIM115
        return self._open

    def close(self) -> None:
        """Close the file object that was given away last."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def change(self, how: str, random: Random) -> None:
        """
        Change it.

        :param how: a word for what becomes of it.
        :param random: the source of new bytes.
        """
        self.changed = True
        content = self.versions[-1]
        if how == "deleted":
            if os.path.exists(self._path):
                os.remove(self._path)
            return
        if how == "touched":
            self._stamp()
            return
        if how == "lengthened":
            content += random.randbytes(random.randint(1, 2000))
        elif how == "shortened":
            content = content[: random.randrange(len(content) + 1)]
        else:
            content = random.randbytes(len(content))
        self.versions.append(content)
        if how == "replaced":
            os.rename(self._write(content, ".new"), self._path)
        else:
            self._write(content)

    def _write(self, content: bytes, suffix: str = "") -> str:
        path = self._path + suffix
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(content)
            file.truncate()
        self._stamp(path)
        return path

    def _stamp(self, path: str | None = None) -> None:
        """Times that are the same in every run, and other than before."""
        self._writes += 1
        seconds = _EPOCH + self._writes
        if os.path.exists(path or self._path):
            os.utime(path or self._path, (seconds, seconds))

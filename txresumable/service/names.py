"""
Files of one name in several folders, which not every server keeps apart.
"""

from __future__ import annotations

from twisted.logger import Logger

from .._runtime.printable import printable
from ..file import ResumableFile, transfer_of
from ..uploader import Resumable

__all__ = ["SharedNames"]

_log = Logger()


class SharedNames:
    """
    Warns once of two files that have one name and different paths, as soon as a file is complete on
    a server that does not respond as our receiver does: many store files by their names alone.
    """

    def __init__(self, uploader: Resumable) -> None:
        """
        :param uploader: with no files yet.
        """
        self._uploader = uploader
        self._paths: dict[str, str] = {}
        self._pair: tuple[str, str] | None = None
        self._is_other = False
        uploader.file_added.register(self._added)
        uploader.file_completed.register(self._completed)

    def _added(self, file: ResumableFile) -> None:
        path = self._paths.setdefault(file.file_name, file.relative_path)
        if path != file.relative_path:
            self._pair = (path, file.relative_path)
            self._uploader.file_added.unregister(self._added)
            self._paths.clear()
            self._warn()

    def _completed(self, file: ResumableFile) -> None:
        self._uploader.file_completed.unregister(self._completed)
        if not transfer_of(file).is_like_ours:
            self._is_other = True
            self._warn()
        elif self._pair is None:
            self._uploader.file_added.unregister(self._added)
            self._paths.clear()

    def _warn(self) -> None:
        if self._is_other and self._pair is not None:
            one, other = map(printable, self._pair)
            _log.warn(
                "{one} and {other} have the same name: a server that stores files by their names "
                "alone keeps one of them",
                one=one,
                other=other,
            )

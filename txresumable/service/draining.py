"""
Letting what is under way finish, but nothing begin.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from .._runtime.printable import counted
from ..file import ResumableFile
from ..uploader import Resumable

__all__ = ["Draining"]

_LOOK = 0.05

_log = Logger()


class Draining:
    """
    Lets the chunks of an uploader that are under way finish, for a while.
    """

    def __init__(self, uploader: Resumable, clock: Any, patience: float) -> None:
        """
        :param uploader: what is to be closed then.
        :param clock: an ``IReactorTime``.
        :param patience: seconds.
        """
        self._uploader = uploader
        self._clock = clock
        self._patience = patience
        self._deadline = 0.0

    def run(self) -> Deferred[None]:
        """
        Begin.

        :returns: a Deferred that fires when no chunk is under way any more, or when patience is at
            its end.
        """
        uploader, clock = self._uploader, self._clock
        uploader.file_added.register(_suspend)
        for file in uploader.files:
            file.suspend()
        count = uploader.chunks_under_way
        self._deadline = clock.seconds() + self._patience
        if count:
            _log.info(
                "Stopping; {what} under way may take {patience:g} s to finish",
                what=counted(count, "chunk"),
                patience=self._patience,
            )
        drained: Deferred[None] = Deferred()

        def look() -> None:
            left = uploader.chunks_under_way
            if left and clock.seconds() < self._deadline:
                clock.callLater(_LOOK, look)
                return
            if left:
                _log.warn("Aborting {what} under way", what=counted(left, "chunk"))
            uploader.file_added.unregister(_suspend)
            drained.callback(None)

        look()
        return drained

    def abort(self) -> None:
        """No longer wait."""
        self._deadline = self._clock.seconds()


def _suspend(file: ResumableFile) -> None:
    file.suspend()

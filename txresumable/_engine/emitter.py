"""
The events of an uploader, fired in the engine's turn.
"""

from __future__ import annotations

from ..events import Events
from .turn import Turn

__all__ = ["Emitter"]


class Emitter:
    """
    Fires the signals of an uploader, and what follows from them.

    :ivar file_progress: one of them; like the next two, for who asks often whether it is observed.
    :ivar chunk_completed: another one.
    :ivar catch_all: that of all events.

    :param events: has the signals.
    :param turn: in which observers are notified.
    """

    def __init__(self, events: Events, turn: Turn) -> None:
        self._events = events
        self.file_progress = events.file_progress
        self.chunk_completed = events.chunk_completed
        self.catch_all = events.catch_all
        self._turn = turn

    @property
    def hears_files(self) -> bool:
        """Whether anybody is notified of a file that is accepted."""
        events = self._events
        return bool(
            events.catch_all.callbacks
            or events.file_added.callbacks
            or events.chunking_start.callbacks
            or events.chunking_progress.callbacks
            or events.chunking_complete.callbacks
        )

    @property
    def hears_progress(self) -> bool:
        """Whether anybody is notified of progress."""
        events = self._events
        return bool(
            events.file_progress.callbacks
            or events.progress.callbacks
            or events.catch_all.callbacks
        )

    def post(self, name: str, *args: object) -> None:
        """Emit with the next turn."""
        self._turn.post(self.emit, name, *args)

    def emit(self, name: str, *args: object) -> None:
        """Emit now, and emit what follows from it, as resumable.js does."""
        signal = getattr(self._events, name)
        if signal.callbacks:
            signal.fire(*args)
        catch_all = self._events.catch_all
        if catch_all.callbacks:
            catch_all.fire(name, *args)
        if name == "file_error":
            self.emit("error", args[1], args[0])
        elif name == "file_progress":
            self.emit("progress")

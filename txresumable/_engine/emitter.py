"""
The events of an uploader, fired in the engine's turn.
"""

from __future__ import annotations

from .._runtime.observers import observers_of
from ..events import EVENTS, Events
from .transfer import Transfer
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
        self._observers = {name: observers_of(getattr(events, name)) for name in EVENTS}
        self.file_progress = self._observers["file_progress"]
        self.chunk_completed = self._observers["chunk_completed"]
        self.catch_all = observers_of(events.catch_all)
        self._turn = turn

    @property
    def hears_files(self) -> bool:
        """Whether anybody is notified of a file that is accepted."""
        observers = self._observers
        return bool(
            self.catch_all.callbacks
            or observers["file_added"].callbacks
            or observers["chunking_start"].callbacks
            or observers["chunking_progress"].callbacks
            or observers["chunking_complete"].callbacks
        )

    def hears_progress(self, transfer: Transfer) -> bool:
        """Whether anybody is notified of the progress of a file."""
        return bool(
            self.file_progress.callbacks
            or self._observers["progress"].callbacks
            or self.catch_all.callbacks
            or (transfer.observers is not None and transfer.observers.hears_progress)
        )

    def post_progress(self, transfer: Transfer) -> None:
        """Emit the progress of a file with the next turn: the file's own signal first."""
        if transfer.observers is not None:
            self._turn.post(transfer.observers.fire, "progress")
        self._turn.post(self.emit, "file_progress", transfer.file)

    def hears(self, name: str) -> bool:
        """Whether anybody is notified of an event."""
        return bool(self._observers[name].callbacks or self.catch_all.callbacks)

    def post(self, name: str, *args: object) -> None:
        """Emit with the next turn."""
        self._turn.post(self.emit, name, *args)

    def emit(self, name: str, *args: object) -> None:
        """Emit now, and emit what follows from it, as resumable.js does."""
        observers = self._observers[name]
        if observers.callbacks:
            observers.notify(*args)
        if self.catch_all.callbacks:
            self.catch_all.notify(name, *args)
        if name == "file_error":
            self.emit("error", args[1], args[0])
        elif name == "file_progress":
            self.emit("progress")

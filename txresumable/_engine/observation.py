"""
Whoever observes one file or waits for it: made when the first does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .._runtime.observers import OneShotObserver, Signal, observers_of
from ..file import ResumableChunk, ResumableFile

__all__ = ["FileObservers"]


class FileObservers:
    """
    Signals of a file, and Deferreds of its end and of its chunks.
    """

    __slots__ = ("_chunks", "_file", "_signals")

    def __init__(self) -> None:
        self._signals: dict[str, Signal[...]] = {}
        self._file: OneShotObserver[ResumableFile] = OneShotObserver()
        self._chunks: dict[int, OneShotObserver[ResumableChunk]] = {}

    @property
    def awaited_chunks(self) -> list[int]:
        """The chunks that somebody waits for, counted from 0."""
        return list(self._chunks)

    def signal(self, name: str) -> Signal[...]:
        """One of the signals."""
        return self._signals.setdefault(name, Signal(name))

    @property
    def hears_progress(self) -> bool:
        """Whether anybody is notified of progress."""
        return "progress" in self._signals and bool(
            observers_of(self._signals["progress"]).callbacks
        )

    def fire(self, name: str, *args: object) -> None:
        """Fire a signal, if anybody ever asked for it."""
        if name in self._signals:
            observers_of(self._signals[name]).notify(*args)

    def wait(self) -> Deferred[ResumableFile]:
        """A new Deferred of the end."""
        return self._file.wait()

    def wait_for_chunk(self, offset: int) -> Deferred[ResumableChunk]:
        """A new Deferred of a chunk."""
        return self._chunks.setdefault(offset, OneShotObserver()).wait()

    def take_chunk(self, offset: int) -> OneShotObserver[ResumableChunk] | None:
        """Part with those who waited for a chunk."""
        return self._chunks.pop(offset, None)

    def take_waiters(self, chunk: Callable[[int], ResumableChunk]) -> Callable[[Any], None]:
        """
        Part with those who waited for the end and for chunks.

        :param chunk: makes the view of a chunk.
        :returns: what notifies them of the result.
        """
        chunks, self._chunks = self._chunks, {}
        file, self._file = self._file, OneShotObserver()

        def notify(result: ResumableFile | Failure) -> None:
            for offset, each in chunks.items():
                each.settle(result if isinstance(result, Failure) else chunk(offset))
            file.settle(result)

        return notify

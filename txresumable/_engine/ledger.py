"""
How far the chunks of a file are.
"""

from __future__ import annotations

from typing import Any

from .._protocol.layout import ChunkLayout
from .chunk import ChunkState

__all__ = ["NOWHERE", "Course", "InHand"]


class Course:
    """
    What a file remembers of its chunks: made when the first begins, or when somebody looks, and
    parted with when all are stored.  A file that waits, or is done, has none.

    :ivar layout: which bytes are which chunk's.
    :ivar states: a byte for each chunk.
    :ivar in_hand: more about those that are not done with.
    :ivar plan: what is remembered of its requests.
    :ivar told: a byte for each chunk, 1 for those that were stored once and had to be sent again;
        :data:`None` if there are none.
    :ivar cursor: before it, no chunk waits for its turn.
    :ivar stored_count: how many are stored.
    :ivar stored_bytes: bytes of these.
    :ivar best: the largest fraction that was told.
    """

    __slots__ = (
        "best",
        "cursor",
        "in_hand",
        "layout",
        "plan",
        "states",
        "stored_bytes",
        "stored_count",
        "told",
    )

    def __init__(self, layout: ChunkLayout, chunks: int | None = None) -> None:
        """
        :param layout: which bytes are which chunk's.
        :param chunks: how many there are, if not as many as laid out.
        """
        self.layout = layout
        self.states = bytearray(layout.count if chunks is None else chunks)
        self.in_hand: InHand | None = None
        self.plan: Any = None
        self.told: bytearray | None = None
        self.cursor = self.stored_count = self.stored_bytes = 0
        self.best = 0.0

    def store_all(self) -> None:
        """Every chunk is stored."""
        self.states = bytearray((ChunkState.STORED.value,)) * self.layout.count
        self.stored_count, self.stored_bytes = self.layout.count, self.layout.size


class InHand:
    """What is remembered of the chunks of a file that are not done with."""

    __slots__ = ("loaded", "messages", "retries")

    def __init__(self) -> None:
        self.loaded: dict[int, int] = {}
        self.retries: dict[int, int] = {}
        self.messages: dict[int, str] = {}

    def forget(self, offset: int) -> None:
        """
        A chunk is done with.

        :param offset: which, counted from 0.
        """
        self.retries.pop(offset, None)
        self.messages.pop(offset, None)


class _Nowhere(Course):
    """One that cannot be written into, as all files share it."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, "best"):  # the last that is set as it is made
            raise AttributeError(f"{name} of a file that has not set out")
        super().__setattr__(name, value)


NOWHERE: Course = _Nowhere(ChunkLayout(0, 1), chunks=0)
"""That of a file that has none."""

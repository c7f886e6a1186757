"""What somebody does."""

from __future__ import annotations

from attrs import frozen

__all__ = ["Step"]


@frozen
class Step:
    """
    Something that somebody does.

    The numbers say which and how; each is taken modulo what there is, so that a step means
    something wherever it stands, and a schedule can be shortened.

    :ivar inner: what happens while a thread is in the middle of it.
    """

    what: str
    a: int = 0
    b: int = 0
    c: int = 0
    inner: tuple[Step, ...] = ()

    def __str__(self) -> str:
        inner = f", inner=({', '.join(map(str, self.inner))},)" if self.inner else ""
        return f"Step({self.what!r}, {self.a}, {self.b}, {self.c}{inner})"

"""
What is under way, on a terminal: needs rich, which the extra ``command`` brings.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TextIO

from attrs import frozen
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .._runtime.clock import steady
from .._runtime.printable import printable
from .._runtime.ticker import Ticker
from .amounts import duration, size
from .meter import Meter

__all__ = ["Line", "Picture", "View"]

PERIOD = 0.25
"""Seconds between two looks."""
_MOST = 10
"""Files that have a line."""
_WIDE, _MEDIUM, _NARROW = 80, 60, 36
"""Columns from which on there are the numbers of bytes, the rate, and a bar."""


@frozen
class Line:
    """
    Something that gets on.

    :ivar name: what it is called; it may be any text.
    :ivar done: how many bytes are done.
    :ivar size: how many there are; :data:`None` if that is not known.
    :ivar found: how many of those that are done cost no time, and do not count for the rate.
    :ivar key: what it is known by.
    """

    name: str
    done: float
    size: float | None
    found: float = 0
    key: Hashable = None


@frozen
class Picture:
    """
    What is shown.

    :ivar files: those that are under way, or the first of them.
    :ivar more: how many others there are.
    :ivar total: all of it.
    :ivar note: something to know.
    """

    files: Sequence[Line]
    more: int
    total: Line
    note: str = ""


class View(io.TextIOBase):
    """
    A few lines at the end of a terminal, one for each file, and one for all; and a stream whose
    text is above them.  Where nobody looks, it is only that.
    """

    def __init__(
        self, stream: TextIO | io.TextIOBase, look: Callable[[int], Picture], reactor: Any
    ) -> None:
        """
        :param stream: where to show it.
        :param look: what there is; called with how many files have a line.
        :param reactor: whose time it goes by.
        """
        self._stream: Any = stream
        self._look = look
        self._clock = steady(reactor)
        self._written = ""
        self._meters: dict[Hashable, Meter] = {}
        self._console = Console(
            file=stream,  # type: ignore[arg-type]
            force_terminal=self.isatty(),
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._live: Live | None = None
        self._ticker = Ticker(self._clock, PERIOD, self._show)
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )

    def begin(self) -> None:
        """Show it, from now on."""
        if self._live is not None:
            self._fit()
            self._live.start()
            self._show()
            self._ticker.start()

    def show_cursor(self) -> None:
        """Have the terminal show its cursor, from now on: the process may be ended at any time."""
        if self._ticker.is_running:
            self._console.show_cursor(True)

    def end(self) -> None:
        """Show it a last time; what is written then goes on to be."""
        self.flush()
        if self._ticker.is_running and self._live is not None:
            self._ticker.stop()
            self._show()
            self._live.stop()
        self._live = None

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return bool(self._stream.isatty())

    def write(self, text: str) -> int:
        """Write text above; a line once it is whole."""
        if not self._ticker.is_running:
            self._stream.write(text)
            return len(text)
        *lines, self._written = (self._written + text).split("\n")
        for line in lines:
            self._console.print(Text(line), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        """Have all written that was given, also if it is no whole line."""
        if self._written:
            self.write("\n")
        self._stream.flush()

    def _show(self) -> bool:
        if self._live is not None:
            self._fit()
            picture = self._look(max(min(_MOST, self._console.height - 4), 1))
            self._live.update(self._drawn(picture, self._console.width), refresh=True)
        return True

    def _fit(self) -> None:
        """As wide and high as the terminal, now; some do not know that."""
        try:
            known = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            known = os.terminal_size((80, 24))
        self._console.width, self._console.height = known.columns or 80, known.lines or 24

    def _drawn(self, picture: Picture, width: int) -> Group:
        table = Table.grid(padding=(0, 1, 0, 0), expand=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        if width >= _NARROW:
            table.add_column(width=max(min(width // 4, 30), 8))
        for _ in range(1 + 2 * (width >= _MEDIUM) + (width >= _WIDE)):
            table.add_column(justify="right", no_wrap=True)
        now, meters = self._clock.seconds(), self._meters
        self._meters = {}
        for line in (*picture.files, picture.total):
            meter = self._meters[line.key] = meters.get(line.key) or Meter()
            table.add_row(*_cells(line, meter.rate(now, line.done - line.found), width))
        notes = [f"and {picture.more} more"] if picture.more else []
        notes += [picture.note] if picture.note else []
        shown = [Text(printable(note), no_wrap=True, overflow="ellipsis") for note in notes]
        return Group(table, *shown)


def _cells(line: Line, rate: float | None, width: int) -> list[Any]:
    """The columns of a line."""
    total = line.size
    cells: list[Any] = [Text(printable(line.name), no_wrap=True, overflow="ellipsis")]
    if width >= _NARROW:
        is_known = total is not None and total > 0
        cells.append(ProgressBar(total, min(line.done, total or 0)) if is_known else Text())
    share = None if total is None else line.done / total if total else 1.0
    cells.append(Text("" if share is None else f"{min(share, 1.0):.0%}"))
    if width >= _WIDE:
        cells.append(Text(size(line.done) + ("" if total is None else f" of {size(total)}")))
    if width >= _MEDIUM:
        cells.append(Text("" if rate is None else f"{size(rate)}/s"))
        left = None if total is None else total - line.done
        cells.append(Text(duration(left / rate) if rate and left is not None else "-:--"))
    return cells

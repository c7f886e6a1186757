"""
A bar that shows how far an upload is: needs tqdm, which the extra ``command`` brings.
"""

from __future__ import annotations

import os
from io import TextIOBase
from typing import Any, TextIO

from tqdm import tqdm
from twisted.python.failure import Failure

from .._engine.totals import ProgressTotals
from .._runtime.printable import printable
from ..events import Events
from ..file import ResumableChunk, ResumableFile
from .reasons import short

__all__ = ["Bar"]


class _Meter(tqdm):  # type: ignore[type-arg]
    """tqdm without its thread."""

    monitor_interval = 0


class Bar:
    """
    One bar for all files of an uploader.

    What the server had already counts as done, but not for the rate, nor for the time that is
    left.

    :ivar tally: the numbers that it shows.
    """

    def __init__(
        self,
        uploader: Events,
        stream: TextIO | TextIOBase,
        *,
        tally: ProgressTotals | None = None,
        **options: Any,
    ) -> None:
        """
        :param uploader: with no files yet.
        :param stream: where to draw it; nothing is drawn where it is no terminal, unless
            ``disable=False``.
        :param tally: the uploader's, if there is one already.
        :param options: more of tqdm's.
        """
        self.tally = ProgressTotals(uploader) if tally is None else tally
        self._stream = stream
        self._note = ""
        self._found = 0
        self._meter = _Meter(
            **{
                "file": stream,
                "total": 0,
                "unit": "B",
                "unit_scale": True,
                "unit_divisor": 1024,
                **_width(stream),
                "disable": None,
                "mininterval": 0.1,
                "bar_format": "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} "
                "[{elapsed}<{remaining}, {rate_fmt}{postfix}]",
                **options,
            }
        )
        self.tally.changed.register(self._changed)
        uploader.file_added.register(self._named)
        uploader.chunk_retry.register(self._retried)
        uploader.chunk_completed.register(self._went_on)

    def write(self, line: str) -> None:
        """
        Write a line above the bar.

        :param line: without its end.
        """
        _Meter.write(line, file=self._stream)

    def close(self) -> None:
        """Draw it a last time, and end its line."""
        self.tally.changed.unregister(self._changed)
        self._meter.close()

    def _changed(self) -> None:
        meter, tally = self._meter, self.tally
        found, self._found = tally.found - self._found, tally.found
        if meter.disable:
            return
        meter.total = tally.total
        meter.initial += found
        meter.n += found
        meter.last_print_n += found
        meter.update(tally.done - meter.n)

    def _named(self, file: ResumableFile) -> None:
        self._meter.set_description_str(
            f"{printable(file.file_name)} "
            if self.tally.files == 1
            else f"{self.tally.files} files ",
            False,
        )

    def _retried(
        self, file: ResumableFile, chunk: ResumableChunk, failure: Failure, delay: float
    ) -> None:
        self._show(f"trying again in {delay:.1f} s, {short(failure.value)}")
        self._meter.refresh()  # nothing else may move for a while

    def _went_on(self, *_: object) -> None:
        found = self.tally.chunks_found
        self._show(f"{found} chunks found there" if found else "")

    def _show(self, note: str) -> None:
        if note != self._note:
            self._note = note
            self._meter.set_postfix_str(note, False)


def _width(stream: TextIO | TextIOBase) -> dict[str, Any]:
    """As wide as the terminal, now and later; some do not know how wide they are."""
    try:
        known = os.get_terminal_size(stream.fileno()).columns > 0
    except (OSError, ValueError):
        known = False
    return {"dynamic_ncols": True} if known else {"ncols": 80}

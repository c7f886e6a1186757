"""
Where the command prints to.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import TextIO

__all__ = ["Output"]


class Output(io.TextIOBase):
    """
    A text stream that may be absent (``2>&-``), closed, full, or a pipe that nobody reads any more:
    what cannot be written is lost, and no error.

    :ivar lost: why something was, unless nobody was to read it; :data:`None` before.
    """

    lost: OSError | None = None

    def __init__(self, stream: TextIO | None) -> None:
        """
        :param stream: where the text goes; it is not closed.
        """
        self._stream = stream

    @property
    def encoding(self) -> str | None:  # type: ignore[override]
        """The encoding of the stream."""
        return getattr(self._stream, "encoding", None)

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor of the stream; :exc:`OSError` if it has none."""
        return super().fileno() if self._stream is None else self._stream.fileno()

    def write(self, text: str) -> int:
        """Write text, if that is possible."""
        try:
            if self._stream is not None:
                self._stream.write(self._encodable(text))
        except (OSError, ValueError) as error:  # of a stream that was closed
            self._abandon(error)
        return len(text)

    def flush(self) -> None:
        """Have the stream write what it holds, if that is possible."""
        try:
            if self._stream is not None:
                self._stream.flush()
        except (OSError, ValueError) as error:
            self._abandon(error)

    def _encodable(self, text: str) -> str:
        """The text, with escapes for what the stream cannot encode, as on standard error."""
        encoding = self.encoding or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def _abandon(self, error: Exception) -> None:
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            self.lost = error
        # What the stream still holds would fail again when Python flushes it at the end.
        with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), self.fileno())
        self._stream = None

"""
A log of requests.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from logging import makeLogRecord
from logging.handlers import WatchedFileHandler
from typing import Any

from twisted.web.http import Request

__all__ = ["AccessLog"]


class AccessLog:
    """
    Writes a line for each request, in the combined format, without the parameters of its URL: they
    are private, and there may be tokens among them.

    A file that was moved away, to rotate it, is begun anew.

    :param path: where the file is.
    :param now: the wall clock.
    :raises OSError: if it cannot be opened.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, now: Callable[[], float] = time.time
    ) -> None:
        self._handler = WatchedFileHandler(path, encoding="ascii")
        self._now = now

    def __call__(self, request: Request) -> None:
        """To be a site's ``on_response``: write a line."""
        given: Any = request
        moment = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(self._now()))
        path = given.uri.partition(b"?")[0]
        first = b"%b %b %b" % (given.method, path, given.clientproto)
        line = " ".join(
            (
                str(getattr(given.getClientAddress(), "host", None) or "-"),
                "-",
                "-",
                f"[{moment}]",
                _quoted(first),
                str(given.code),
                str(given.sentLength),
                _quoted(given.getHeader(b"referer")),
                _quoted(given.getHeader(b"user-agent")),
            )
        )
        self._handler.handle(makeLogRecord({"msg": line}))

    def close(self) -> None:
        """Close the file."""
        self._handler.close()


def _quoted(text: bytes | None) -> str:
    return json.dumps("-" if text is None else text.decode("latin-1"))

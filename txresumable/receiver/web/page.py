"""
A page to drop files on.

The page, its script and its style sheet have the URL of the receiver; the latter two are told
apart by their query, so that they are found whatever the path is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path

from attrs import asdict

from ..._protocol.dialect import ParameterNames
from .parameters import url_parameters
from .response import Response

__all__ = ["Page"]

_STATIC = Path(__file__).with_name("static")
# What a chunk or a file is refused with for good; the rest is sent again.
_PERMANENT = (400, 401, 403, 404, 405, 409, 410, 413, 415, 421, 422, 500)
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


class Page:
    """
    The page, and the files that it loads.

    :param names: what the parameters are called.
    :param kept: the names of those of the application's that are kept: the page may have them in
        its URL, and sends them with each chunk.
    """

    def __init__(self, names: ParameterNames, kept: Iterable[str] = ()) -> None:
        self._kept = frozenset(kept)
        protocol = {"names": asdict(names), "permanent": _PERMANENT}
        page = (_STATIC / "page.html").read_text("utf-8")
        self._page = page.replace("PROTOCOL", escape(json.dumps(protocol))).encode()
        self._files = {
            b"page.js": ("text/javascript", (_STATIC / "page.js").read_bytes()),
            b"page.css": ("text/css", (_STATIC / "page.css").read_bytes()),
        }

    def asked(self, url: bytes, accept: str | None) -> Response | None:
        """
        What is asked for, if it is the page or one of its files.

        A client of another dialect, or one with its parameters elsewhere, must not take the page
        for the response to a test: only who accepts HTML gets it, at a URL without parameters but
        those that are kept.

        :param url: of the request.
        :param accept: its ``Accept`` header.
        """
        type, content = self._files.get(url.partition(b"?")[2], ("text/html", self._page))
        if content is self._page and not (
            "text/html" in (accept or "")
            and all(name in self._kept for name, _ in url_parameters(url))
        ):
            return None
        return Response(200, content, _HEADERS, f"{type}; charset=utf-8")

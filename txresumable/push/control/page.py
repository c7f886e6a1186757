"""
A page for browsers.

It has no secrets itself, so that it is shown without a token; what it shows, it asks for with the
token that whoever looks at it gives it.
"""

from __future__ import annotations

from pathlib import Path

from twisted.web.resource import Resource
from twisted.web.server import Request

from .endpoint import Endpoint
from .guard import Guard
from .refusal import Refusal
from .request import refuse, respond

__all__ = ["Page"]

_STATIC = Path(__file__).with_name("static")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    ),
    "X-Frame-Options": "DENY",
}


class Page(Endpoint):
    """The root, with the page and the files that it loads."""

    def __init__(self, guard: Guard) -> None:
        """
        :param guard: whom it responds to.
        """
        super().__init__(guard)
        self.putChild(b"", _Static(guard, "page.html", "text/html"))
        self.putChild(b"page.js", _Static(guard, "page.js", "text/javascript"))
        self.putChild(b"plot.js", _Static(guard, "plot.js", "text/javascript"))
        self.putChild(b"page.css", _Static(guard, "page.css", "text/css"))


class _Static(Resource):
    isLeaf = True

    def __init__(self, guard: Guard, name: str, type: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._guard = guard
        self._type = f"{type}; charset=utf-8"
        self._content = (_STATIC / name).read_bytes()

    def render(self, request: Request) -> int:
        try:
            if request.postpath:
                raise Refusal(404, "There is nothing at this URL.")
            if request.method not in (b"GET", b"HEAD"):
                raise Refusal(405, "That method is not possible here.")
            self._guard.check_source(request)
        except Refusal as refusal:
            return refuse(request, refusal)
        return respond(request, 200, self._content, self._type, _HEADERS)

"""
What treq is given for a request: things that are ready, and that stay as they are.

treq, and the three agents that it puts around ours for each request, take a URL apart and put it
together again, copy the headers and add to them, and merge cookies: for a page that is asked for
once, that is right.  Here, requests by the thousand differ in nothing but their bodies, and each of
the four classes below keeps one of these things from being done twice.  A client has one object of
each for all of its requests: treq is done with it when ``request()`` returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from http.cookiejar import Cookie, CookieJar
from typing import Any

from hyperlink import EncodedURL
from twisted.web.http_headers import Headers

from .origin import split_url

__all__ = ["NoCookies", "PreparedHeaders", "PreparedURL", "SplitURL"]


class SplitURL(bytes):
    """
    The URL of a request as the agents around ours see it: empty, which is soon parsed.

    :ivar origin: scheme, host and port.
    :ivar path: what is requested there, path and query.
    """

    origin: bytes
    path: bytes


class PreparedURL(EncodedURL):
    """
    An encoded URL that treq hands on as a :class:`SplitURL`, or whole if there are cookies, which
    depend on the path as well.

    :ivar text: the URL of the next request.
    """

    def __init__(self, whole: bool) -> None:
        self._whole = whole
        self.text = ""
        self._split = SplitURL()

    def to_uri(self) -> PreparedURL:
        return self

    def to_text(self, with_password: bool = False) -> Any:
        return self

    def encode(self, encoding: str) -> bytes:
        """As treq turns a URL into bytes."""
        encoded = self.text.encode(encoding)
        if self._whole:
            return encoded
        url = self._split
        url.origin, url.path = split_url(encoded)
        return url


class PreparedHeaders(Headers):
    """
    Request headers that are written already.

    What an HTTP client would add by itself (``Accept-Encoding``, ``Cookie``) they refuse.

    :ivar lines: those of the next request, as they are sent.
    """

    def __init__(self, lines: bytes = b"") -> None:
        super().__init__()
        self.lines = lines

    def copy(self) -> PreparedHeaders:
        return self

    def hasHeader(self, name: str | bytes) -> bool:
        return True

    def addRawHeader(self, name: Any, value: Any) -> None:
        pass


class NoCookies(CookieJar):
    """A cookie jar that takes and gives nothing."""

    def __iter__(self) -> Iterator[Cookie]:
        return iter(())

    def add_cookie_header(self, request: Any) -> None:
        pass

    def extract_cookies(self, response: Any, request: Any) -> None:
        pass

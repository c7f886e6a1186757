"""
URLs, taken apart into an origin and the rest.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from twisted.web.client import URI

from ..errors import InvalidOption

__all__ = ["first_fields", "parse_origin", "split_url"]

_ORIGIN = re.compile(
    rb"(?i:https?)://(\[[0-9a-f:.]+\]|[^\0- :/?#@\[\]\x7f-\xff]+)(:[0-9]{1,5})?\Z", re.I
)
_IMPLIED_PORTS = {b"http": b":80", b"https": b":443"}


def split_url(url: bytes) -> tuple[bytes, bytes]:
    """
    The origin of a URL, and the rest.

    :param url: encoded.
    """
    cut = url.find(b"/", 8)
    if cut < 0:
        cut = len(url)
    question = url.find(b"?", 8, cut)
    if question >= 0:
        cut = question
    return url[:cut], url[cut:]


def parse_origin(origin: bytes) -> URI:
    """
    Parse an origin.

    :param origin: as :func:`split_url` gives it.
    :raises InvalidOption: if there is nothing at which requests could be sent.
    """
    if not _ORIGIN.match(origin):
        shown = origin.rpartition(b"@")[2].decode("latin-1")
        raise InvalidOption("target", shown, "must give http:// or https:// and a host")
    uri: URI = URI.fromBytes(origin + b"/")
    return uri


def first_fields(origin: bytes) -> bytes:
    """
    The fields that each request to an origin begins with: its ``Host``, without a port that its
    scheme implies (RFC 9110, section 7.2), and that no content is to be encoded.

    :param origin: a valid one.
    """
    parts = urlsplit(origin)
    host = parts.netloc.removesuffix(_IMPLIED_PORTS[parts.scheme])
    return b"Host: %b\r\nAccept-Encoding: identity\r\n" % host

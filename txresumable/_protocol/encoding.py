"""
Text encoded for URLs and forms as browsers do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from urllib.parse import quote

from hyperlink import EncodedURL

__all__ = [
    "encode_component",
    "form_file_name",
    "form_name",
    "form_value",
    "joinable",
    "js_order",
    "js_string",
    "url_layer",
]

_SURROGATES = re.compile("[\ud800-\udfff]")
_UNRESERVED = re.compile(r"[0-9A-Za-z_.!~*()-]*\Z")
_NEWLINES = re.compile("\r\n|\r|\n")
_NOT_URL_TEXT = re.compile(r"[^\x21\x24-\x26\x28-\x3b\x3d\x3f-\x7e]")
_NOT_PATH_TEXT = re.compile(r"[^\x21\x24-\x3b\x3d\x40-\x5f\x61-\x7a\x7c\x7e]")
_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,9})\Z")


def _scalars(text: str) -> str:
    """Text as a browser would send it: a lone surrogate becomes U+FFFD."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def encode_component(text: str) -> str:
    """
    Percent-encode as ``encodeURIComponent`` does, then as the URL layer does (``'`` too).

    :param text: any text; a lone surrogate is sent as U+FFFD.
    :returns: ASCII.
    """
    if _UNRESERVED.match(text):
        return text
    return quote(_scalars(text), safe="!~*()")


def url_layer(text: str, unwanted: re.Pattern[str] = _NOT_URL_TEXT) -> str:
    """A piece of a query as a browser's URL parser encodes it if it was not encoded before."""
    return unwanted.sub(lambda found: quote(found[0], safe=""), _scalars(text))


def js_string(value: object) -> str:
    """
    A value of a custom query as JavaScript's ``String()`` writes it.

    :param value: text, a number, a boolean, :data:`None` or a sequence of these.
    :returns: its text.
    :raises TypeError: for anything else.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _js_number(value)
    if isinstance(value, (list, tuple)):
        return ",".join("" if item is None else js_string(item) for item in value)
    raise TypeError(
        f"text, a number, a boolean, None or a list of them is needed, not {type(value)}"
    )


def _js_number(value: float) -> str:
    """A float as JavaScript writes it (ECMA-262, Number::toString)."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if not value:
        return "0"
    _, digits, exponent = Decimal(repr(abs(value))).normalize().as_tuple()
    assert isinstance(exponent, int)
    text, point, sign = "".join(map(str, digits)), len(digits) + exponent, "-" * (value < 0)
    if 0 < point <= 21:
        whole, rest = text[:point].ljust(point, "0"), text[point:]
        return f"{sign}{whole}.{rest}" if rest else sign + whole
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{text}"
    rest = f".{text[1:]}" if text[1:] else ""
    return f"{sign}{text[0]}{rest}e{point - 1:+d}"


def js_order(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs in the order in which JavaScript walks an object: whole numbers first, by size."""
    pairs = list(pairs)
    if any(name[:1].isdigit() for name, _ in pairs):
        pairs.sort(key=lambda pair: int(pair[0]) if _is_index(pair[0]) else 2**32)
    return pairs


def _is_index(name: str) -> bool:
    return _INDEX.match(name) is not None and int(name) < 2**32 - 1


def form_file_name(text: str) -> bytes:
    """A file name inside a Content-Disposition header (HTML, multipart/form-data encoding)."""
    escaped = text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return _scalars(escaped).encode()


@lru_cache(maxsize=128)
def fold_newlines(text: str) -> str:
    """Text with CRLF line ends, as browsers write them in forms, though not in URLs."""
    return _NEWLINES.sub("\r\n", text)


def form_name(text: str) -> bytes:
    """The name of a part: encoded as a file name, but with the newlines of a value."""
    return form_file_name(fold_newlines(text))


def form_value(text: str) -> bytes:
    """The content of a part that is not a file, with CRLF line ends."""
    if text.isascii() and text.isprintable():
        return text.encode()
    return fold_newlines(_scalars(text)).encode()


def joinable(target: str) -> str:
    """A target as ASCII, without a fragment, ending in ``?`` or ``&`` for the parameters."""
    address, mark, query = _scalars(target).partition("#")[0].partition("?")
    scheme, _, rest = address.partition("://")
    host, _, path = rest.partition("/")
    origin = f"{scheme}://{host}"
    if not origin.isascii():
        origin = EncodedURL.from_text(origin).to_uri().to_text().rstrip("/")
    address = f"{origin}/{url_layer(path, _NOT_PATH_TEXT)}"
    return f"{address}?{url_layer(query)}&" if mark else f"{address}?"

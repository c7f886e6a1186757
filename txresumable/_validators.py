"""
What the values of options may be.

Each validator refuses what an option cannot have, by :class:`~txresumable.InvalidOption`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn
from urllib.parse import urlsplit

from attrs import Attribute

from ._protocol.encoding import joinable, js_string
from ._protocol.proxy import Proxy
from ._protocol.url import without_query
from .errors import InvalidOption

Validator = Callable[[Any, "Attribute[Any]", Any], None]
_NO_VALUE = re.compile("[\0\r\n\ud800-\udfff]")
LONGEST = sys.float_info.max
"""Seconds: a timer takes no integer that is larger."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


def _refuse(attribute: Attribute[Any], value: object, reason: str) -> NoReturn:
    raise InvalidOption(attribute.name, value, reason)


def whole(least: int, none: bool = False) -> Validator:
    def validate(_: object, attribute: Attribute[Any], value: object) -> None:
        if none and value is None:
            return
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            _refuse(attribute, value, f"must be a whole number of at least {least}")

    return validate


def seconds(least: float = 0.0, none: bool = False) -> Validator:
    def validate(_: object, attribute: Attribute[Any], value: Any) -> None:
        if none and value is None:
            return
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
            _refuse(attribute, value, f"must be a number of seconds of at least {least:g}")
        if value > LONGEST:
            _refuse(attribute, value, "must be finite")

    return validate


def slots(_: object, attribute: Attribute[Any], value: object) -> None:
    if value != "auto" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        _refuse(attribute, value, "must be a whole number of at least 1, or 'auto'")


def slots_or_none(instance: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None:
        slots(instance, attribute, value)


def one_of(*values: object) -> Validator:
    def validate(_: object, attribute: Attribute[Any], value: object) -> None:
        for allowed in values:
            if type(value) is type(allowed) and value == allowed:
                return
        _refuse(attribute, value, "must be one of " + ", ".join(map(repr, values)))

    return validate


maybe = one_of(None, True, False)


def switch(_: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        _refuse(attribute, value, "must be True or False")


def text(_: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str):
        _refuse(attribute, value, "must be text")


def method(_: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not _TOKEN.match(value):
        _refuse(attribute, value, "must be an HTTP method")


def hook(_: object, attribute: Attribute[Any], value: object) -> None:
    optional = attribute.default is None
    if not callable(value) and not (optional and value is None):
        _refuse(attribute, value, "must be callable")


def target(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is None and attribute.name == "test_target":
        return
    if callable(value) or (value == "/" and attribute.name == "test_target"):
        return
    if not isinstance(value, str):
        _refuse(attribute, type(value), "must be a URL or a function that returns one")
    assert isinstance(value, str)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        sent = joinable(value)
        usable = usable and sent.isprintable() and " " not in sent
    except ValueError:  # a name that cannot be written in ASCII is one, too
        usable = False
    if not usable or parts.username is not None or any(mark in value for mark in "\r\n\t\0"):
        _refuse(
            attribute,
            without_query(value),
            "must be an http:// or https:// URL with a host and without user name or password",
        )


def to_proxy(value: object) -> Proxy | None:
    """
    A proxy from its URL.

    :param value: a URL, or :data:`None` for no proxy.
    :raises InvalidOption: for anything else.  The value is not shown: it may have a password.
    """
    if value is None:
        return None
    shown: object = type(value)
    reason = "must be a URL or a function that returns one"
    if isinstance(value, str):
        scheme, mark, _ = value.partition("://")
        shown = f"{scheme}://..." if mark and scheme.isalnum() else "..."
        try:
            return Proxy.of(value)
        except ValueError as error:
            reason = str(error)
    raise InvalidOption("proxy", shown, reason) from None


def proxy(_: object, attribute: Attribute[Any], value: object) -> None:
    if not callable(value):
        to_proxy(value)


def shown_target(target: object) -> str:
    """How a target is shown: what follows the question mark may be a secret."""
    return repr(without_query(target) if isinstance(target, str) else target)


def per_chunk(_: object, attribute: Attribute[Any], value: object) -> None:
    if callable(value):
        return
    if not isinstance(value, Mapping):
        _refuse(attribute, type(value), "must be a mapping or a function of file and chunk")


def headers(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    per_chunk(instance, attribute, value)
    if not callable(value):
        check_headers(value, multipart=instance.method == "multipart")


def check_headers(headers: object, *, multipart: bool = False) -> Mapping[str, str]:
    """
    Refuse headers that cannot be sent as they are.

    :param headers: names to values.
    :param multipart: whether bodies are forms, whose ``Content-Type`` says how they are divided.
    :returns: the same headers.
    :raises InvalidOption: for a name that is no token, a value that holds a line break or is not
        text, and the headers that an HTTP client sets by itself.  The value is not shown: it may
        be a secret.
    """
    if not isinstance(headers, Mapping):
        raise InvalidOption("headers", type(headers), "must be a mapping of names to values")
    name: Any
    value: Any
    for name, value in headers.items():
        if not isinstance(name, str) or not _TOKEN.match(name):
            shown = name.partition(":")[0] if isinstance(name, str) else type(name)
            raise InvalidOption("headers", shown, "must have names that are HTTP tokens")
        if name.lower() in ("content-length", "transfer-encoding", "connection", "host"):
            raise InvalidOption(
                "headers", name, "cannot be set: it is one of those that frame a request"
            )
        if multipart and name.lower() == "content-type":
            reason = "cannot be set for a form, only with method='octet'"
            raise InvalidOption("headers", name, reason)
        if not isinstance(value, str) or _NO_VALUE.search(value):
            raise InvalidOption("headers", name, "has a value that is not text on one line")
    return headers


def query_pairs(query: object) -> tuple[tuple[str, str], ...]:
    """
    A custom query as text.

    :param query: a mapping; values as :func:`txresumable._protocol.encoding.js_string` takes them.
    :returns: its pairs in order.
    :raises InvalidOption: for anything else.  No value is shown: it may be a secret.
    """
    if not isinstance(query, Mapping):
        raise InvalidOption("query", type(query), "must be a mapping of names to values")
    pairs = []
    for name, value in query.items():
        try:
            pairs.append((js_string(name), js_string(value)))
        except TypeError:
            shown = f"{type(value)} as {name!r}" if isinstance(name, str) else type(name)
            reason = "must have values of text, numbers, booleans, None and lists of them"
            raise InvalidOption("query", shown, reason) from None
    return tuple(pairs)


def query(instance: object, attribute: Attribute[Any], value: object) -> None:
    per_chunk(instance, attribute, value)
    if not callable(value):
        query_pairs(value)


def statuses(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, frozenset):
        _refuse(attribute, value, "must be a collection of HTTP statuses")
    for status in value:
        if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
            _refuse(attribute, status, "must be HTTP statuses from 100 to 599")


def success(_: object, attribute: Attribute[Any], value: Any) -> None:
    statuses(_, attribute, value)
    if value is not None and not value:
        _refuse(attribute, value, "must be at least one status")
    for status in value or ():
        if status < 200 or 300 <= status < 400:
            _refuse(attribute, status, "is an interim status or a redirect")


def to_statuses(value: Any) -> Any:
    if isinstance(value, (str, bytes)):
        return value
    try:
        return frozenset(value)
    except TypeError:  # it, or what it holds, is no such thing
        return value


def to_types(value: Any) -> tuple[str, ...]:
    reason = "must be extensions (jpg, .jpg) or types (image/png, image/*)"
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise InvalidOption("file_type", value, reason)
    kinds = (value,) if isinstance(value, str) else tuple(value)
    for kind in kinds:
        if not isinstance(kind, str) or not kind.strip():
            raise InvalidOption("file_type", kind, reason)
    return tuple(kind.strip().lower() for kind in kinds)


def to_expected(value: object) -> Any:
    """A compiled pattern, a hook or nothing; text is a pattern."""
    if isinstance(value, str):
        try:
            return re.compile(value)
        except re.error as error:
            raise InvalidOption("expect_response", value, f"is no regular expression ({error})")
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        return value
    if value is None or callable(value):
        return value
    raise InvalidOption("expect_response", value, "must be a regular expression or a function")


def check_text(*given: object) -> None:
    """
    Check what a file is called, and its type.

    :raises TypeError: if any of it is neither text nor :data:`None`.
    """
    for each in given:
        if each is not None and not isinstance(each, str):
            raise TypeError(f"a file's names and its type are text, not {each!r}")

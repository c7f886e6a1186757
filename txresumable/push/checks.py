"""
What the values of settings may be.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from attrs import Attribute

from .. import _validators as validators
from .. import identifiers
from ..errors import InvalidOption
from ..options import Identify

IDENTIFICATIONS: Mapping[str, Identify] = {
    "content": identifiers.content,
    "safe": identifiers.safe,
    "resumable_js": identifiers.resumable_js,
    "shared": identifiers.shared,
}
MOVE = "move:"


def name(_: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value or not value.isprintable() or "/" in value:
        reason = "must be a name on one line without a slash"
        raise InvalidOption(attribute.name, value, reason)


def to_path(value: Any) -> Any:
    """Absolute, as a daemon changes its working directory."""
    try:
        path = os.fsdecode(value)
    except TypeError:
        return value
    return os.path.abspath(path) if path and "\0" not in path else path


def path(_: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidOption(attribute.name, value, "must be a path")


def path_or_none(instance: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None:
        path(instance, attribute, value)


def to_tuple(value: Any) -> Any:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return value
    return tuple(value)


def texts(_: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, tuple) or not all(isinstance(each, str) for each in value):
        raise InvalidOption(attribute.name, value, "must be several texts")


def command(instance: object, attribute: Attribute[Any], value: Any) -> None:
    texts(instance, attribute, value)
    if any("\0" in word for word in value) or (value and not value[0]):
        reason = "must be a program and its arguments"
        raise InvalidOption(attribute.name, value, reason)


def marker(instance: object, attribute: Attribute[Any], value: Any) -> None:
    validators.text(instance, attribute, value)
    if "/" in value or "\0" in value or value in (".", ".."):
        reason = "must be the end of a file's name, as .done"
        raise InvalidOption(attribute.name, value, reason)


def to_after(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(MOVE) and value != MOVE:
        return MOVE + str(to_path(value[len(MOVE) :]))
    return value


def after(_: object, attribute: Attribute[Any], value: Any) -> None:
    usable = isinstance(value, str) and "\0" not in value
    if usable and (value in ("keep", "delete") or (value.startswith(MOVE) and value != MOVE)):
        return
    reason = "must be 'keep', 'delete' or 'move:' and a folder"
    raise InvalidOption(attribute.name, value, reason)


def identification(_: object, attribute: Attribute[Any], value: Any) -> None:
    if not callable(value) and (not isinstance(value, str) or value not in IDENTIFICATIONS):
        reason = f"must be one of {', '.join(map(repr, IDENTIFICATIONS))}, or a function"
        raise InvalidOption(attribute.name, value, reason)


def url(_: object, attribute: Attribute[Any], value: Any) -> None:
    if value == "":
        return
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and value.isprintable() and value.isascii() and " " not in value
    except (AttributeError, TypeError, ValueError):
        usable = False
    if not usable:  # not shown: such URLs are secrets
        raise InvalidOption(attribute.name, type(value), "must be an http:// or https:// URL")

"""
From the text of an argument to the value of an option.

Each function raises :exc:`ValueError` with what the argument takes.
"""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import Any

_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)\s?([kmgt]?)(?:i?b)?\Z", re.I | re.A)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SPAN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|[smhd]?)\Z", re.A)
_SPANS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NAMED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*\Z")
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def text(text: str) -> str:
    return text


def number(text: str) -> int:
    if re.match(r"[0-9]{1,18}\Z", text, re.ASCII) is None:
        raise ValueError("must be a whole number")
    return int(text)


def size(text: str) -> int:
    found = _SIZE.match(text)
    if found is None:
        raise ValueError("must be a size such as 1000, 512K, 20MiB or 1.5G")
    number = float(found[1]) if "." in found[1] else int(found[1])
    return int(number * _UNITS[found[2].lower()])


def seconds(text: str) -> float:
    found = _SPAN.match(text)
    if found is None:
        raise ValueError("must be a time in seconds such as 30 or 0.5, or 500ms, 15m, 12h, 7d")
    return float(found[1]) * _SPANS[found[2]]


def number_or_auto(text: str) -> int | str:
    return text if text == "auto" else number(text)


def yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError("must be yes or no")
    return text == "yes"


def tests(text: str) -> bool | str:
    if text not in ("yes", "no", "adaptive"):
        raise ValueError("must be yes, no or adaptive")
    return text if text == "adaptive" else text == "yes"


def word(text: str) -> str | None:
    return None if text == "none" else text


def words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def statuses(text: str) -> frozenset[int]:
    try:
        return frozenset(number(word) for word in words(text))
    except ValueError:
        raise ValueError("must be HTTP statuses such as 400,404,501")


def function(text: str) -> Any:
    if _NAMED.match(text) is None:
        raise ValueError("must be the name of a function, as package.module:function")
    module, _, name = text.partition(":")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # whatever happens in a module of the user's
        raise ValueError(f"cannot be imported: {type(error).__name__}: {error}")
    if not callable(found):
        raise ValueError("cannot be called")
    return found


def identify(text: str) -> Any:
    return function(text if ":" in text else f"txresumable.identifiers:{text}")


def target(text: str) -> Any:
    return function(text) if _NAMED.match(text) else text


def proxy(text: str) -> Any:
    if text == "none":
        return None
    return function(text) if _NAMED.match(text) else text


def header(text: str) -> dict[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ValueError("must be 'Name: value'")
    return {name.strip(): value.strip()}


def header_from_environment(text: str) -> dict[str, str]:
    ((name, variable),) = header(text).items()
    if variable not in os.environ:
        raise ValueError(f"the environment has no variable {variable!r}")
    return {name: os.environ[variable]}


def pair(text: str) -> dict[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError("must be name=value")
    return {name: value}


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}")


def trust_root(path: str) -> Any:
    from OpenSSL.crypto import Error
    from twisted.internet.ssl import Certificate, trustRootFromCertificates

    found = _CERTIFICATE.findall(_read(path))
    if not found:
        raise ValueError("holds no certificate in PEM form")
    try:
        return trustRootFromCertificates([Certificate.loadPEM(pem) for pem in found])
    except Error:
        raise ValueError("holds a certificate that cannot be read")


def client_certificate(path: str) -> Any:
    from OpenSSL.crypto import Error
    from twisted.internet.ssl import PrivateCertificate

    pem = _read(path)
    if b"ENCRYPTED" in pem:
        raise ValueError("holds a key with a passphrase; it is to be one without")
    try:
        return PrivateCertificate.loadPEM(pem)
    except Error:
        raise ValueError("must hold a certificate and its private key in PEM form")

"""
What a response means that is not success.
"""

from __future__ import annotations

from ...._http.response import Response
from ...._runtime.printable import printable
from ..interface import (
    Conflict,
    Contended,
    Forbidden,
    Missing,
    Rejected,
    StorageError,
    Unavailable,
)
from .document import Element, MalformedDocument, parse_document

__all__ = ["error_in", "error_of", "is_said_to_be_missing"]

_MISSING = ("NoSuchKey", "NoSuchUpload")
_WRONG = (400, 405, 411, 413, 416, 501)
_PASSING = ("RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable", "Throttling")
# That it has ended is noticed before it has, so these are not renewed in time by anybody.
_FORBIDDEN = ("ExpiredToken", "InvalidToken", "NoSuchBucket", "AuthorizationHeaderMalformed")


def error_of(response: Response, what: str, *, conditional: bool = False) -> StorageError:
    """
    What to raise for a response that is not success.

    :param what: was asked for, for people.
    :param conditional: whether there was a condition.
    """
    status = response.code
    code, message = _said(response)
    shown = f"{what}: {status}"
    if code or message:
        shown += f" {printable(f'{code} {message}'.strip())[:300]}"
    elif response.body:
        shown += " with a page that is no error of S3"
    if status == 412:
        return Conflict(shown)
    if status == 409 and conditional:
        return Contended(shown)
    if status == 404 and conditional and code != "NoSuchBucket":
        return Conflict(shown)
    if status in (401, 403) or code in _FORBIDDEN:
        return Forbidden(shown)
    if status == 404:
        return Missing(shown)
    if 300 <= status < 400:
        return _redirected(response, shown)
    if status in _WRONG and code not in _PASSING:
        return Rejected(shown, code or str(status))
    return Unavailable(shown, _retry_after(response))


def error_in(document: Element, what: str) -> StorageError | None:
    """
    What to raise for a response that began as success, before it was known.

    :returns: it, or nothing if it is success.
    """
    if document.name != "Error":
        return None
    code, message = document.get("Code"), document.get("Message")
    shown = f"{what}: {printable(f'{code} {message}'.strip())[:300]}"
    if code in _MISSING:
        return Missing(shown)
    if code.startswith(("Invalid", "EntityTooSmall", "Malformed")):
        return Rejected(shown, code)
    return Unavailable(shown)


def is_said_to_be_missing(response: Response) -> bool:
    """Whether the storage itself says that there is no such object, and not something before it."""
    return _said(response)[0] in _MISSING


def _said(response: Response) -> tuple[str, str]:
    try:
        document = parse_document(response.body)
    except (MalformedDocument, ValueError):
        return "", ""
    return document.get("Code"), document.get("Message")


def _redirected(response: Response, shown: str) -> StorageError:
    region, target = response.header("x-amz-bucket-region"), response.header("location")
    if response.code == 307:  # the name of a new bucket is not known everywhere yet
        return Unavailable(shown, _retry_after(response))
    place = f", in {region}" if region else f", at {target}" if target else ""
    return Forbidden(f"{shown}: it is elsewhere{printable(place)[:300]}")


def _retry_after(response: Response) -> float | None:
    text = response.header("retry-after") or ""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None

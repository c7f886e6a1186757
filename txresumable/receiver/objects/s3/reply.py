"""
What responses of S3 say.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NoReturn
from urllib.parse import unquote_plus

from ...._http.response import Response
from ..interface import Multipart, Stat, Unreadable
from .document import Element, MalformedDocument, parse_document, parse_time
from .failure import error_in, error_of

__all__ = [
    "begun",
    "check",
    "date_of",
    "document_of",
    "etag_of",
    "listed",
    "raise_malformed",
    "stat_of",
]

_META = b"x-amz-meta-"


def check(response: Response, what: str, *, conditional: bool = False) -> None:
    if not 200 <= response.code < 300:
        raise error_of(response, what, conditional=conditional)


def document_of(response: Response, what: str) -> Element:
    """What a response has to say, if it is success."""
    check(response, what)
    if response.truncated:
        raise_malformed(what, "it is too long")
    try:
        document = parse_document(response.body)
    except MalformedDocument as error:
        raise_malformed(what, error)
    failed = error_in(document, what)
    if failed is not None:
        raise failed
    return document


def raise_malformed(what: str, why: object) -> NoReturn:
    raise Unreadable(f"{what}: the response cannot be read: {why}")


def stat_of(key: str, response: Response, size: int) -> Stat:
    metadata = {
        name[len(_META) :].decode("ascii", "replace").lower(): values[-1].decode("latin-1")
        for name, values in response.headers.getAllRawHeaders()
        if name[: len(_META)].lower() == _META
    }
    now = date_of(response.header("date"))
    return Stat(
        key=key,
        etag=etag_of(response),
        size=size,
        modified=date_of(response.header("last-modified")),
        now=now,
        metadata=metadata,
    )


def listed(each: Element, encoded: bool, now: float) -> Stat:
    """
    An object in a listing.

    :param encoded: whether keys are, as XML cannot hold all of them as they are.
    :raises ValueError: if it is none.
    """
    key = each.get("Key")
    return Stat(
        key=unquote_plus(key, errors="strict") if encoded else key,
        etag=each.get("ETag").strip('"'),
        size=int(each.get("Size")),
        modified=parse_time(each.get("LastModified")),
        now=now,
    )


def begun(each: Element, now: float) -> Multipart:
    return Multipart(
        key=each.get("Key"),
        id=each.get("UploadId"),
        began=parse_time(each.get("Initiated")),
        now=now,
    )


def etag_of(response: Response) -> str:
    etag = (response.header("etag") or "").removeprefix("W/").strip('"')
    if not etag:
        raise Unreadable("there is no ETag in the response")
    return etag


def date_of(text: str | None) -> float:
    """A time in a response; a storage that does not tell it is taken to have this clock."""
    return float(int(time.time())) if text is None else _parsed(text)


@lru_cache(1024)
def _parsed(text: str) -> float:
    try:
        return float(int(parsedate_to_datetime(text).timestamp()))
    except (ValueError, TypeError, OverflowError):
        raise Unreadable(f"{text!r} is no time")

"""
A bucket that is spoken to as S3.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import md5 as md5_of
from typing import Any

from ...._http.response import Response
from ...._runtime.threads import run_in_thread
from ..interface import (
    Body,
    Listing,
    Missing,
    Multipart,
    Part,
    Rejected,
    Stat,
    Unreadable,
)
from ..metadata import check_metadata
from .body import PiecesBody
from .byte_range import ByteRange
from .credentials import Credentials, configured_region
from .document import parts_document
from .exchange import Exchange
from .failure import is_said_to_be_missing
from .location import Location, quoted
from .reply import begun, check, date_of, document_of, etag_of, listed, raise_malformed, stat_of
from .signature import Signer

__all__ = ["S3Objects"]

_BIGGEST_RECORD = 1 << 20
# Of more, one that stalls would be waited for too long.
_READ = 16 << 20
_SMALL = 64 * 1024
_SHA256 = "x-amz-checksum-sha256"
# Making an object of many parts may take S3 minutes.
_PATIENCE = 4.0


class S3Objects:
    """
    Objects in a bucket of Amazon S3, or of a storage that speaks its protocol: an
    :class:`~txresumable.receiver.objects.interface.Objects`.

    Credentials are found as botocore finds them: in the environment, in its files, or from the
    service that this runs on.

    :param bucket: its name.
    :param endpoint: the URL of the storage; Amazon's for the region if there is none.
    :param region: as the storage calls it; by default as botocore is configured, or
        ``us-east-1``.
    :param deadline: how many seconds a request may take; one more for each 256 KiB that it moves.
    :param connections: how many requests are under way at once, of which three quarters at most
        move more than 64 KiB; others wait for their turn, which counts toward their deadlines.
    :param credentials: botocore's, instead of those that it finds.
    :param reactor: the installed one by default.
    :ivar quotes: whether ETags are compared in quotes, as HTTP has it; the start-up self-test finds
        out where that is not so.
    :ivar checks_sha256: whether a SHA-256 that is known goes with a body, in place of its MD5; the
        start-up self-test finds out where that is compared with what arrives.
    :raises ImportError: if botocore is not installed.
    :raises ValueError: if there can be no such bucket, or endpoint, or if what botocore is
        configured by cannot be read.
    """

    def __init__(
        self,
        bucket: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        deadline: float = 30.0,
        connections: int = 32,
        credentials: Any = None,  # Any: botocore is not typed
        reactor: Any = None,  # Any: several interfaces
    ) -> None:
        try:
            import botocore  # noqa: F401
        except ImportError:
            raise ImportError("S3 needs botocore: pip install 'txresumable[s3]'") from None
        if reactor is None:
            from twisted.internet import reactor
        self.bucket = bucket
        self.quotes = True
        self.checks_sha256 = False
        self._reactor = reactor
        region = region or configured_region() or "us-east-1"
        location = Location.of(bucket, endpoint, region)
        self._exchange = Exchange(
            reactor,
            location,
            Signer(location.origin, location.host, region),
            Credentials(reactor, credentials),
            deadline=deadline,
            connections=connections,
        )

    async def head(self, key: str) -> Stat | None:
        response = await self._exchange.send("HEAD", key, {}, {})
        if response.code == 404:
            return None
        check(response, f"HEAD {key}")
        return stat_of(key, response, int(response.header("content-length") or 0))

    async def get(self, key: str) -> tuple[Stat, bytes] | None:
        response = await self._exchange.send("GET", key, {}, {})
        try:
            check(response, f"GET {key}")
        except Missing as error:
            if not is_said_to_be_missing(response):
                # It may come from a proxy: nothing is to be taken for gone by that.
                raise Unreadable(error.reason)
            return None
        if response.truncated or response.length > _BIGGEST_RECORD:
            raise Rejected(f"GET {key}: it is too big", "EntityTooLarge")
        return stat_of(key, response, response.length), response.body

    async def read(self, key: str, start: int, end: int, write: Callable[[bytes], object]) -> None:
        same: dict[str, str] = {}
        while start < end:
            bytes_ = ByteRange(start, min(start + _READ, end), write)
            headers, what = {"Range": bytes_.header, **same}, f"GET {key}, {bytes_.header}"
            response = await self._exchange.send(
                "GET", key, {}, headers, size=bytes_.size, taker=bytes_.of
            )
            check(response, what)
            bytes_.check(what)
            same = {"If-Match": self._shown(etag_of(response))}
            start = bytes_.end

    async def put(
        self,
        key: str,
        body: Body,
        *,
        absent: bool = False,
        match: str | None = None,
        metadata: Mapping[str, str] | None = None,
        type: str = "",
        md5: bytes | None = None,
        sha256: str = "",
    ) -> Stat:
        if absent and match is not None:
            raise ValueError("absent and match exclude each other")
        headers = _described(metadata, type)
        if absent:
            headers["If-None-Match"] = "*"
        if match is not None:
            headers["If-Match"] = self._shown(match)
        if sha256 and self.checks_sha256:
            headers[_SHA256] = b64encode(bytes.fromhex(sha256)).decode()
        response, size = await self._send_body(key, {}, headers, body, md5)
        check(response, f"PUT {key}", conditional=absent or match is not None)
        now = date_of(response.header("date"))
        given = {name.lower(): value for name, value in (metadata or {}).items()}
        return Stat(
            key=key, etag=etag_of(response), size=size, modified=now, now=now, metadata=given
        )

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Listing:
        query: dict[str, str | int] = {
            "list-type": 2,
            "encoding-type": "url",
            "max-keys": min(limit, 1000),
            "prefix": prefix,
        }
        if after:
            query["start-after"] = after
        what = f"LIST {prefix}"
        response = await self._exchange.send("GET", "", query, {})
        document = document_of(response, what)
        now = date_of(response.header("date"))
        encoded = document.get("EncodingType") == "url"
        try:
            objects = [listed(each, encoded, now) for each in document.all("Contents")]
        except ValueError as error:
            raise_malformed(what, error)
        more = document.get("IsTruncated") == "true"
        if more and not objects:
            raise_malformed(what, "there is more after nothing")
        return Listing(objects=objects, next=objects[-1].key if more else "")

    async def delete(self, key: str) -> None:
        response = await self._exchange.send("DELETE", key, {}, {})
        with suppress(Missing):
            check(response, f"DELETE {key}")

    async def begin_multipart(
        self, key: str, *, metadata: Mapping[str, str] | None = None, type: str = ""
    ) -> str:
        what = f"POST {key}?uploads"
        headers = _described(metadata, type)
        response = await self._exchange.send("POST", key, {"uploads": ""}, headers)
        id = document_of(response, what).get("UploadId")
        return id or raise_malformed(what, "there is no UploadId")

    async def put_part(
        self, key: str, multipart: str, number: int, body: Body, *, md5: bytes | None = None
    ) -> Part:
        query: dict[str, str | int] = {"partNumber": number, "uploadId": multipart}
        response, _ = await self._send_body(key, query, {}, body, md5)
        check(response, f"PUT {key}, part {number}")
        return Part(number=number, etag=etag_of(response))

    async def copy_part(
        self, key: str, multipart: str, number: int, source: str, start: int, end: int
    ) -> Part:
        query: dict[str, str | int] = {"partNumber": number, "uploadId": multipart}
        headers = {
            "x-amz-copy-source": f"/{self.bucket}/{quoted(source)}",
            "x-amz-copy-source-range": f"bytes={start}-{end - 1}",
        }
        what = f"PUT {key}, part {number} of {source}"
        response = await self._exchange.send("PUT", key, query, headers, size=end - start)
        etag = document_of(response, what).get("ETag").strip('"')
        return Part(number=number, etag=etag or raise_malformed(what, "there is no ETag"))

    async def complete_multipart(self, key: str, multipart: str, parts: Sequence[Part]) -> None:
        body = PiecesBody([memoryview(parts_document(parts))])
        response = await self._exchange.send(
            "POST", key, {"uploadId": multipart}, {}, body, patience=_PATIENCE
        )
        document_of(response, f"POST {key}, {len(parts)} parts")

    async def abort_multipart(self, key: str, multipart: str) -> None:
        response = await self._exchange.send("DELETE", key, {"uploadId": multipart}, {})
        with suppress(Missing):
            check(response, f"DELETE {key}, parts")

    async def list_multiparts(self, prefix: str, *, limit: int = 1000) -> Sequence[Multipart]:
        query: dict[str, str | int] = {
            "uploads": "",
            "max-uploads": min(limit, 1000),
            "prefix": prefix,
        }
        what = f"LIST of multipart uploads {prefix}"
        response = await self._exchange.send("GET", "", query, {})
        document = document_of(response, what)
        now = date_of(response.header("date"))
        try:
            return [begun(each, now) for each in document.all("Upload")]
        except ValueError as error:
            raise_malformed(what, error)

    async def close(self) -> None:
        await self._exchange.close()

    def _shown(self, etag: str) -> str:
        return f'"{etag}"' if self.quotes else etag

    async def _send_body(
        self,
        key: str,
        query: Mapping[str, str | int],
        headers: dict[str, str],
        body: Body,
        md5: bytes | None,
    ) -> tuple[Response, int]:
        pieces = _pieces(body)
        sent = PiecesBody(pieces)
        if _SHA256 not in headers:
            if md5 is not None:
                digest = md5
            elif sent.length > _SMALL:
                digest = await run_in_thread(self._reactor, _digest, pieces)
            else:
                digest = _digest(pieces)
            headers["Content-MD5"] = b64encode(digest).decode()
        response = await self._exchange.send("PUT", key, query, headers, sent, size=sent.length)
        return response, sent.length


def _described(metadata: Mapping[str, str] | None, type: str) -> dict[str, str]:
    found = check_metadata(metadata or {})
    headers = {f"x-amz-meta-{name.lower()}": value for name, value in found.items()}
    if type:
        headers["Content-Type"] = type
    return headers


def _pieces(body: Body) -> list[memoryview]:
    given = [body] if isinstance(body, (bytes, bytearray, memoryview)) else body
    return [memoryview(piece) for piece in given]


def _digest(pieces: Sequence[memoryview]) -> bytes:
    digest = md5_of(usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
    return digest.digest()

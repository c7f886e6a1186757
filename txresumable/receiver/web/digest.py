"""
Digests of bodies, as RFC 9530 has them: ``Content-Digest`` of requests, and ``Repr-Digest`` of
responses.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

from ..store.refused import Refused
from .form import BodyParser, Event

__all__ = ["DigestedBody", "digested", "repr_digest"]

_ALGORITHMS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_DEFAULT = "sha-256"
_WANTED = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)\s*=\s*(10|[0-9])\s*\Z", re.ASCII)
_MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)\s*=\s*:([A-Za-z0-9+/=]*):\s*\Z")


class DigestedBody:
    """
    A body whose bytes have to have some digests.

    :param parser: parses it.
    :param digests: the digests by the names of their algorithms.
    """

    def __init__(self, parser: BodyParser, digests: dict[str, bytes]) -> None:
        self._parser = parser
        self._digests = [(_ALGORITHMS[name](), digest) for name, digest in digests.items()]

    def begin(self) -> Iterator[Event]:
        return self._parser.begin()

    def parse(self, data: bytes) -> Iterator[Event]:
        for found, _ in self._digests:
            found.update(data)
        return self._parser.parse(data)

    def end(self) -> Iterator[Event]:
        """:raises Refused: also with 422 if a digest is another."""
        for found, digest in self._digests:
            if found.digest() != digest:
                raise Refused(422, "the body arrived with another digest")
        yield from self._parser.end()


def digested(parser: BodyParser, header: str | None) -> BodyParser:
    """
    A parser that looks at the digest of a body, too, if there is one.

    Of algorithms other than SHA-256 and SHA-512 nothing is known, and none is needed.

    :param header: what ``Content-Digest`` says, if anything.
    :raises Refused: with 400 if that is malformed.
    """
    if header is None:
        return parser
    digests: dict[str, bytes] = {}
    for member in header.split(","):
        found = _MEMBER.match(member)
        if found is None:
            raise _malformed()
        algorithm: Any = _ALGORITHMS.get(found[1])
        if algorithm is None:
            continue
        try:
            digests[found[1]] = b64decode(found[2], validate=True)
        except binascii.Error:
            raise _malformed() from None
        if len(digests[found[1]]) != algorithm().digest_size:
            raise _malformed()
    return DigestedBody(parser, digests) if digests else parser


def repr_digest(body: bytes, wanted: str | None) -> dict[str, str]:
    """
    The header with the digest of a response.

    :param body: the response's whole body.
    :param wanted: what the request's ``Want-Repr-Digest`` says, if anything; one that is malformed
        says nothing.
    :returns: the header, by SHA-256 unless something else is wanted; none if only that is known
        and not acceptable.
    """
    algorithm = _preferred(wanted or "")
    if algorithm is None:
        return {}
    digest = b64encode(_ALGORITHMS[algorithm](body).digest()).decode()
    return {"Repr-Digest": f"{algorithm}=:{digest}:"}


def _preferred(wanted: str) -> str | None:
    """Of the algorithms that are known, the one that is wanted most."""
    weights: dict[str, int] = {}
    for member in wanted.split(","):
        found = _WANTED.match(member)
        if found is None:
            return _DEFAULT
        if found[1] in _ALGORITHMS:
            weights[found[1]] = int(found[2])
    best = max(weights, key=lambda name: weights[name], default=_DEFAULT)
    if weights.get(best) != 0:
        return best
    return None if _DEFAULT in weights else _DEFAULT


def _malformed() -> Refused:
    return Refused(400, "Content-Digest must be like sha-256=:base64:")

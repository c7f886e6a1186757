"""
The head of a response that has come before.
"""

from __future__ import annotations

from attrs import define
from twisted.web.http_headers import Headers

__all__ = ["KnownHead"]


@define(eq=False)
class KnownHead:
    """
    A head that was parsed before: a server sends nearly the same one for each chunk.

    :ivar head: without the empty line.
    :ivar start: with it.
    :ivar size: bytes of the whole response, if all of its body is kept.
    """

    head: bytes
    start: bytes
    size: int | None
    version: tuple[bytes, int, int]
    code: int
    phrase: bytes
    headers: Headers
    keep: bool
    left: int | None

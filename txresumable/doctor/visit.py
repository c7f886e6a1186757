"""
Tests and uploads of single chunks, in one way of those that there are.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve, frozen

from .._protocol.encoding import encode_component, joinable
from .._protocol.multipart import closing, next_boundary
from .._protocol.request import ChunkFacts
from .._validators import query_pairs
from ..options import Options
from .specimen import Specimen
from .wire import Reply, Wire

__all__ = ["Visit"]


@frozen
class Visit:
    """
    A way of making requests.

    :ivar wire: sends them.
    :ivar options: how they are made.
    """

    wire: Wire
    options: Options

    def otherwise(self, **options: Any) -> Visit:
        """The same with other options."""
        return evolve(self, options=evolve(self.options, **options))

    def holds(self, reply: Reply) -> bool:
        """Whether a response means that a chunk is stored."""
        return reply.code in self.options.stored

    async def test(self, specimen: Specimen, number: int) -> Reply:
        """
        Test a chunk.

        :param number: which, counted from 1.
        """
        target = self.options.test_target
        if target in (None, "/"):
            target = self.options.target
        return await self.wire.ask(self.options.test_method, self._url(target, specimen, number))

    async def forget(self, specimen: Specimen) -> Reply:
        """Delete an unfinished upload, as our receiver understands it."""
        return await self.wire.ask("DELETE", self._url(self.options.target, specimen, 1))

    def _url(self, target: Any, specimen: Specimen, number: int) -> str:
        options = self.options
        encoder = evolve(options.encoder, chunk_size=specimen.layout.chunk_size)
        start, end = specimen.layout.range(number - 1)
        chunk = ChunkFacts(number, end - start)
        pairs = encoder.test_pairs(specimen.facts, chunk, query_pairs(options.query))
        return joinable(target) + "&".join(pairs)

    async def upload(
        self,
        specimen: Specimen,
        number: int,
        *,
        in_url: bool | None = None,
        in_body: bool = True,
        part: str | None = None,
        checksum: str | None = None,
    ) -> Reply:
        """
        Upload a chunk.

        :param number: which, counted from 1.
        :param in_url: whether its parameters are in the URL; by default as the dialect has it.
        :param in_body: whether they are in the body of a form.
        :param part: the name of the part with the chunk, if not the usual one.
        :param checksum: the SHA-256 that is stated for the chunk.
        """
        options, content = self.options, specimen.chunk(number)
        encoder = evolve(options.encoder, chunk_size=specimen.layout.chunk_size)
        if part is not None:
            encoder = evolve(encoder, names=evolve(encoder.names, file=part))
        if checksum is not None:
            encoder = evolve(encoder, checksum=True)
        if in_url is not None:
            encoder = evolve(encoder, in_url=in_url)
        file, query = specimen.facts, query_pairs(options.query)
        chunk = ChunkFacts(number, len(content), checksum or "")
        target: Any = options.target
        url = encoder.upload_url(target, file, chunk, query)
        if encoder.octet:
            reply = await self._send(url, "application/octet-stream", (b"", content, b""))
        else:
            fields = encoder.upload_fields(file, chunk, query) if in_body else ()
            boundary = next_boundary()
            head, tail = encoder.multipart(file, fields, boundary)
            sent = encoder.encode_chunk(content) if encoder.base64 else content
            reply = await self._send(url, _form(boundary), (head, sent, tail))
        if self.holds(reply):
            self.wire.note_stored(specimen.name, reply)
        return reply

    async def nonsense(self) -> Reply:
        """Upload what is no chunk, and has no parameters: a receiver refuses it."""
        target: Any = self.options.target
        query = [
            f"{encode_component(name)}={encode_component(value)}"
            for name, value in query_pairs(self.options.query)
        ]
        url = joinable(target) + "&".join(query) if query else joinable(target)[:-1]
        boundary = next_boundary()
        body = (b"", b"--%b" % boundary.encode(), closing(boundary)[-4:])
        return await self._send(url, _form(boundary), body)

    async def _send(self, url: str, content_type: str, body: tuple[bytes, bytes, bytes]) -> Reply:
        return await self.wire.ask(self.options.upload_method, url, content_type, body)


def _form(boundary: str) -> str:
    return f"multipart/form-data; boundary={boundary}"

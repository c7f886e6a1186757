"""
A receiver for simple-uploader.js after what its page says of a server, since no registry has one.

Names have no prefix.  Absent chunks are 204, since 404 would be permanent to that library.
"""

# mypy: ignore-errors
from __future__ import annotations

import asyncio
import hashlib

from report import folders, say
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

stored, chunks = folders("stored", "chunks")


class Upload(RequestHandler):
    """One request for one chunk; a test's fields come in the query, an upload's in the body."""

    def get(self) -> None:
        self.answer(200 if self.chunk(self.number).exists() else 204)

    def post(self) -> None:
        data = self.request.files["file"][0].body
        if len(data) != int(self.field("currentChunkSize")):
            self.answer(400)
            return
        self.chunk(self.number).write_bytes(data)
        self.finish_file()
        self.answer(200)

    def finish_file(self) -> None:
        """Put the chunks together if this was the last of them."""
        parts = [self.chunk(number) for number in range(1, int(self.field("totalChunks")) + 1)]
        if all(part.exists() for part in parts):
            data = b"".join(part.read_bytes() for part in parts)
            if len(data) == int(self.field("totalSize")):
                (stored / self.key).write_bytes(data)

    def answer(self, status: int) -> None:
        self.set_status(status)
        say(
            method=self.request.method,
            chunk=self.number,
            status=status,
            file_name=self.field("filename"),
        )

    def field(self, name: str) -> str:
        return (
            self.get_query_argument(name)
            if self.request.method == "GET"
            else self.get_body_argument(name)
        )

    def chunk(self, number: int):
        return chunks / f"{self.key}.{number}"

    @property
    def key(self) -> str:
        return hashlib.sha256(self.field("identifier").encode()).hexdigest()

    @property
    def number(self) -> int:
        return int(self.field("chunkNumber"))


async def main() -> None:
    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(Application([("/upload", Upload)], log_function=lambda handler: None)).add_sockets(
        sockets
    )
    say(port=sockets[0].getsockname()[1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())

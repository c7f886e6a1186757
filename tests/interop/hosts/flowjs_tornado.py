"""
PyPI's ``flowjs``, in Tornado as its page shows: absent chunks are 204.

The receiver moves each chunk out of the temporary folder, so that one has to be on the same disk;
and it finishes a file in its place, so that one is moved when it is whole.
"""

# mypy: ignore-errors
from __future__ import annotations

import asyncio
import tempfile

import flowjs
from flowjs.requests import TornadoRequest
from report import folders, say
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

stored, chunks, parts, incoming = folders("stored", "chunks", "parts", "incoming")
tempfile.tempdir = str(incoming)


class Upload(RequestHandler):
    """One request for one chunk."""

    def get(self) -> None:
        self.receive()

    def post(self) -> None:
        self.receive()

    def receive(self) -> None:
        config = flowjs.Config({"tempDir": str(chunks)})
        request = TornadoRequest(self)
        part = parts / flowjs.ChunkedFile(config, request).get_identifier()
        try:
            done = flowjs.save(str(part), config, request)
        except flowjs.NoContent:
            self.set_status(204)
        except flowjs.BadRequest:
            self.set_status(400)
        else:
            if done and request.is_post():
                part.rename(stored / part.name)
        say(
            method=self.request.method,
            chunk=request.get_current_chunk_number(),
            status=self.get_status(),
            file_name=request.get_file_name(),
        )


async def main() -> None:
    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(Application([("/upload", Upload)], log_function=lambda handler: None)).add_sockets(
        sockets
    )
    say(port=sockets[0].getsockname()[1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())

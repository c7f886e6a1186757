"""What receives in the benchmarks, and what each is sent."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PEERS", "Peer", "Pieces", "installed"]

_HERE = Path(__file__).parent
_BOUNDARY = "a-boundary-of-the-benchmark"

Pieces = tuple[bytes, ...]
"""A request in pieces, so that to send a chunk does not mean to copy it."""


def _request(method: str, path: str, headers: dict[str, object], *body: bytes) -> Pieces:
    length = sum(map(len, body))
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode(), *body


@dataclass(frozen=True)
class Peer:
    """
    A receiver.

    :param name: what it is called.
    :param command: what starts it, but for the folder.
    :param waits: whether it waits for the disk.
    """

    name: str
    command: tuple[str, ...]
    waits: bool = False

    def small(self, number: int, content: bytes) -> bytes:
        """The request that sends a file in one piece."""
        return self.chunk(f"{number}.dat", content, 1, 1, len(content), len(content))

    def chunk(
        self, name: str, content: bytes, number: int, count: int, size: int, total: int
    ) -> bytes:
        """The request that sends one chunk of a file."""
        return b"".join(self.pieces(name, content, number, count, size, total))

    def pieces(
        self, name: str, content: bytes, number: int, count: int, size: int, total: int
    ) -> Pieces:
        """The same, the chunk by itself."""
        fields = {
            "resumableChunkNumber": number,
            "resumableChunkSize": size,
            "resumableCurrentChunkSize": len(content),
            "resumableTotalSize": total,
            "resumableType": "",
            "resumableIdentifier": name,
            "resumableFilename": name,
            "resumableRelativePath": name,
            "resumableTotalChunks": count,
        }
        start = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="'
        parts = [f'{start}{field}"\r\n\r\n{value}\r\n' for field, value in fields.items()]
        head = "".join([*parts, f'{start}file"; filename="{name}"\r\n\r\n']).encode()
        end = f"\r\n--{_BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        return _request("POST", "/", {"Content-Type": kind}, head, content, end)

    def big(self, content: bytes, count: int) -> Iterator[Pieces]:
        """The requests that send a file of so many equal chunks."""
        size = len(content)
        for number in range(1, count + 1):
            yield self.pieces("big", content, number, count, size, count * size)


@dataclass(frozen=True)
class Tus(Peer):
    """One that speaks tus."""

    def small(self, number: int, content: bytes) -> bytes:
        return self._post(len(content), content)

    def first(self, size: int) -> bytes:
        """The request that begins a file."""
        return self._post(size, b"")

    def next(self, path: str, offset: int, content: bytes) -> Pieces:
        """The request that goes on with it."""
        return _request("PATCH", path, self._headers(**{"Upload-Offset": offset}), content)

    def _post(self, size: int, content: bytes) -> bytes:
        return b"".join(_request("POST", "/", self._headers(**{"Upload-Length": size}), content))

    def _headers(self, **others: object) -> dict[str, object]:
        kind = "application/offset+octet-stream"
        return {"Tus-Resumable": "1.0.0", "Content-Type": kind, **others}


PEERS = (
    Peer("txresumable", (sys.executable, str(_HERE / "ours.py")), waits=True),
    Tus("@tus/server", ("node", str(_HERE / "tus.mjs"))),
    Peer("Flask, waitress", (sys.executable, str(_HERE / "flask_app.py"))),
)


def installed(peer: Peer) -> bool:
    """Whether what a receiver needs is there."""
    if isinstance(peer, Tus):
        return shutil.which("node") is not None and (_HERE / "node_modules/@tus").exists()
    if "flask" in peer.command[-1]:
        return all(importlib.util.find_spec(name) for name in ("flask", "waitress"))
    return True

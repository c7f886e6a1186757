"""
A client that sends chunks in any order, and some of them twice.
"""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any
from urllib.parse import urlencode

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from .plan import File

__all__ = ["LostChunk", "Shuffled"]

SLOTS = 3
AGAIN = 0.1
"""The share of chunks that are sent twice."""
LOOKS = 0.2
"""How often some chunk that was acknowledged before is asked for."""
LATER = (502, 503, 504)
REQUEST_TIMEOUT = 30.0


class LostChunk(AssertionError):
    """What was acknowledged is not there."""


class Shuffled:
    """
    Sends a file.

    :ivar completed: what the receiver said of the whole file.
    :ivar counts: of requests, by their outcome.
    """

    def __init__(self, reactor: Any, client: HTTPClient, url: str, file: File, seed: int) -> None:
        self.completed: dict[str, Any] | None = None
        self.counts: Counter[str] = Counter()
        self._reactor = reactor
        self._client = client
        self._url = url
        self._file = file
        self._random = Random(seed)
        self._content = file.content()
        self._acknowledged: list[int] = []
        chunks = list(range(1, file.chunks + 1))
        twice = [chunk for chunk in chunks if self._random.random() < AGAIN]
        self._left = chunks + twice
        self._random.shuffle(self._left)

    async def send(self, patience: float) -> None:
        """
        Send all chunks until each was acknowledged.

        :raises LostChunk: if one is not there any more.
        :raises AssertionError: for anything that no receiver may say, or if it takes too long.
        """
        end = self._reactor.seconds() + patience
        slots = [Deferred.fromCoroutine(self._slot(end)) for _ in range(SLOTS)]
        try:
            await gatherResults(slots, consumeErrors=True)
        finally:
            for slot in slots:
                slot.addErrback(lambda _: None).cancel()
        if self.completed is None:
            self.counts["completed by a test only"] += 1
            await self._ask_until_complete(end)

    async def _slot(self, end: float) -> None:
        while self._left:
            chunk = self._left.pop()
            while not await self._try("POST", chunk, end):
                await deferLater(self._reactor, self._random.uniform(0.01, 0.3))
            self._acknowledged.append(chunk)
            if self._random.random() < LOOKS:
                known = self._random.choice(self._acknowledged)
                await self._try("GET", known, end)

    async def _ask_until_complete(self, end: float) -> None:
        while self.completed is None:
            await self._try("GET", 1, end)
            await deferLater(self._reactor, 0.2)

    async def _try(self, method: str, chunk: int, end: float) -> bool:
        """One request. :returns: whether the chunk is stored."""
        if self._reactor.seconds() > end:
            raise AssertionError(f"{self._file.name}: chunk {chunk} takes too long: {self.counts}")
        start, stop = self._file.bounds(chunk)
        fields = {
            "resumableChunkNumber": chunk,
            "resumableChunkSize": self._file.chunk_size,
            "resumableCurrentChunkSize": stop - start,
            "resumableTotalSize": self._file.size,
            "resumableTotalChunks": self._file.chunks,
            "resumableType": "",
            "resumableIdentifier": f"{self._file.size}-{self._file.name}",
            "resumableFilename": self._file.name,
            "resumableRelativePath": self._file.name,
        }
        headers = {"content-type": "application/octet-stream"} if method == "POST" else {}
        body = self._content[start:stop] if method == "POST" else None
        asked: Any = Deferred.fromCoroutine(
            self._ask(method, f"{self._url}?{urlencode(fields)}", headers, body)
        )
        asked.addTimeout(REQUEST_TIMEOUT, self._reactor)
        try:
            status, text = await asked
        except Exception as error:  # a connection that ends, in any way
            self.counts[f"no response: {type(error).__name__}"] += 1
            return False
        self.counts[f"responses to {method}: {status}"] += 1
        if status == 200:
            said = json.loads(text)
            if said["status"] == "complete":
                self.completed = said
            return True
        if status in LATER:
            if text.startswith(b"{"):  # and is the receiver's
                self.counts[f"refused: {json.loads(text)['error']}"] += 1
            return False
        if method == "GET" and status == 404:
            raise LostChunk(f"{self._file.name}: chunk {chunk} was acknowledged, and is not there")
        raise AssertionError(f"{self._file.name}: {method} of {chunk}: {status} {text!r}")

    async def _ask(self, method: str, url: str, headers: Any, body: Any) -> tuple[int, bytes]:
        response: Any = await self._client.request(method, url, headers=headers, data=body)
        return response.code, await response.content()

"""
Our receiver for the clients of others, which tells what it was asked.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from attrs import frozen
from twisted.trial.unittest import TestCase
from twisted.web import http

from tests.processes import until
from txresumable._protocol.control import is_impossible
from txresumable._protocol.dialect import DIALECTS
from txresumable.receiver import ReceiverResource, ReceiverSite, Store

from .receivers import sha256_of

__all__ = ["RecordingReceiver", "stored"]


@frozen
class Asked:
    """
    A request that was answered.

    :ivar chunk: the number of the chunk if the URL tells, else 0.
    """

    method: str
    chunk: int
    status: int


class _RecordingSite(ReceiverSite):
    """A site that remembers its requests, but for the tests for what cannot exist."""

    def __init__(self, resource: ReceiverResource, name: str, reactor: Any) -> None:
        super().__init__(resource, reactor=reactor)
        self.asked: list[Asked] = []
        self._name = name

    def log(self, request: http.Request) -> None:
        query = parse_qs(request.uri.partition(b"?")[2].decode("ascii"))
        if any(is_impossible(value) for values in query.values() for value in values):
            return
        chunk = query.get(self._name, ["0"])
        self.asked.append(Asked(request.method.decode(), int(chunk[-1]), request.code))


class RecordingReceiver:
    """
    A receiver on a free port of the loopback interface.

    :param case: whose end is its own.
    :param folder: where files go.
    :param dialect: which protocol of the family.
    :param options: what else :class:`ReceiverResource` takes.
    :ivar url: the target of uploads.
    :ivar port: its port.
    :ivar asked: the requests that it has answered.
    """

    def __init__(self, case: TestCase, folder: Path, dialect: str, **options: Any) -> None:
        from twisted.internet import reactor

        self._folder = folder
        store = Store(folder, reactor=reactor)
        resource = ReceiverResource(store, dialect=dialect, **options)
        name = options.get("namespace", "") + DIALECTS[dialect].names.chunk_number
        site = _RecordingSite(resource, name, reactor)
        listening: Any = reactor
        port = listening.listenTCP(0, site, interface="127.0.0.1")
        case.addCleanup(store.close)
        case.addCleanup(site.drop_connections)
        case.addCleanup(port.stopListening)
        self.port = port.getHost().port
        self.url = f"http://127.0.0.1:{self.port}/upload"
        self.asked = site.asked
        self._site = site

    async def forget(self) -> None:
        """Hang up on all clients, and forget what has been asked."""
        # A connection that is made meanwhile may be one more than there were.
        await until(self._is_alone)
        self.asked.clear()

    def _is_alone(self) -> bool:
        self._site.drop_connections()
        return not self._site.connections

    def requests(self, method: str) -> Counter[int]:
        """How often each chunk was asked for."""
        return Counter(asked.chunk for asked in self.asked if asked.method == method)

    def statuses(self, method: str) -> set[int]:
        """Every status that requests with a method were answered."""
        return {asked.status for asked in self.asked if asked.method == method}

    def found(self) -> set[int]:
        """The chunks that a test was told are there."""
        asked = (asked for asked in self.asked if asked.method == "GET")
        return {each.chunk for each in asked if each.status == 200}

    def stored(self) -> dict[str, str]:
        """The SHA-256 of each finished file, by its name."""
        return stored(self._folder)


def stored(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that was received into a folder, by its name."""
    return {path.name: sha256_of(path) for path in folder.iterdir() if path.is_file()}

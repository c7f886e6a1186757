"""
A server that behaves as it is told to, for the doctor.
"""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.dialect import DIALECTS
from txresumable._protocol.layout import chunk_count
from txresumable.doctor import Diagnosis, Finding, examine, limit
from txresumable.doctor.specimen import CHUNK
from txresumable.testing import FakeClient, FakeResponse, Response, SentRequest

TARGET = "http://server.example/upload"

TOOK = 0.01
"""Seconds that a response takes."""


@define(eq=False)
class Stored:
    """What is there of a file."""

    chunks: dict[int, bytes] = field(factory=dict)
    complete: bool = False


class Pretender(FakeClient):
    """
    A server of which each habit can be chosen.

    :ivar files: what is there, by identifier.
    :ivar deleted: the URLs that were.
    """

    dialect: str | None = "resumable"
    """The names that it knows; ``None``: those of all."""
    everything: int | Response | None = None
    """The response to all requests."""
    uploads_all: int | None = None
    """The response to all uploads."""
    tests: int | None = None
    """The response to all tests."""
    absent: int = 404
    loses: bool = False
    """Whether it accepts chunks and stores none."""
    places = ("url", "body")
    """Where it reads parameters; ``("both",)``: it wants them twice."""
    formats = ("form",)
    """
    What it takes: ``form``, ``loose`` (a form whose part may have any name), ``bare``, ``base64``;
    ``body``: whatever it is, as it is.
    """
    rules = (False, True)
    """Which values of ``force_chunk_size`` it takes."""
    remainders = True
    """Whether it takes files that are no multiple of a chunk."""
    multiples = True
    """Whether it takes the last chunk of a file that is a multiple of a chunk."""
    counts: bool | None = None
    """By which of them it counts the chunks of a complete file; ``None``: as it is told."""
    needs_order = ""
    """``last``: the last chunk comes last; ``all``: each comes after those before it."""
    refuses_order = True
    """Whether it refuses what comes out of order; else it puts together nothing."""
    shows = "word"
    """What shows that a file is complete: ``word``, ``gone``, ``digest``, or nothing."""
    early = False
    """Whether it removes what it has after the second chunk."""
    races = ""
    """What comes of two chunks at once: ``refused``, ``broken``, or ``nothing``: no file."""
    at = "last"
    """Which two: the ``first`` or the ``last``."""
    twice = True
    """Whether it takes a chunk twice."""
    most: int | None = None
    """Bytes of a body."""
    over = 413
    """The response to what is more; 0: none; 200: it is thrown away."""
    digests = False
    lists = False
    folders = ""
    """``named``: the response names them; ``refused``."""
    location = ""
    """Where a file can be deleted; ``*`` is its number."""
    deletes = 204
    """The response to DELETE; 0: it depends on whether the file is complete."""

    def __init__(self, clock: Clock, **habits: Any) -> None:
        super().__init__()
        self.clock = clock
        self.files: dict[str, Stored] = {}
        self.deleted: list[str] = []
        self._under_way = 0
        for name, value in habits.items():
            assert hasattr(type(self), name), name
            setattr(self, name, value)

    def deliver(self, request: SentRequest) -> None:
        request.start()
        self._under_way += request.is_upload
        together = self._under_way > 1

        def respond() -> None:
            self._under_way -= request.is_upload
            response = self.respond_to(request, together)
            if response is None:
                request.fail(ConnectionResetError("the server has closed"))
            else:
                request.respond(response.response())

        self.clock.callLater(TOOK, respond)

    def respond_to(self, request: SentRequest, together: bool) -> Response | None:
        if request.method == "DELETE":
            self.deleted.append(request.url)
            return Response(self.deletes or self._forget(dict(request.query)))
        if isinstance(self.everything, Response):
            return self.everything
        fixed = self.everything or (self.uploads_all if request.is_upload else self.tests)
        if fixed is not None:
            return Response(fixed)
        try:
            return self._upload(request, together) if request.is_upload else self._test(request)
        except (IndexError, KeyError, ValueError) as error:
            return Response(400, f"{type(error).__name__}".encode())

    def _names(self, given: dict[str, str]) -> Any:
        for name, dialect in DIALECTS.items():
            if self.dialect in (None, name) and dialect.names.chunk_number in given:
                return dialect.names
        raise KeyError("parameters")

    def _test(self, request: SentRequest) -> Response:
        given = dict(request.query)
        names = self._names(given)
        file = self.files.get(given[names.identifier])
        if file is None or int(given[names.chunk_number]) not in file.chunks:
            return Response(self.absent)
        headers = {"Resumable-Stored": "1"} if self.lists else {}
        return Response(200, b"found", headers)

    def _forget(self, given: dict[str, str]) -> int:
        identifier = given[self._names(given).identifier]
        if self.files[identifier].complete:
            return 409
        del self.files[identifier]
        return 204

    def _given(self, request: SentRequest) -> dict[str, str]:
        in_url, in_body = dict(request.query), request.fields
        if self.places == ("both",):
            self._names(in_url)
            self._names(in_body)
        return {
            **(in_url if "url" in self.places or self.places == ("both",) else {}),
            **(in_body if "body" in self.places else {}),
        }

    def _chunk(self, request: SentRequest) -> bytes:
        parts = request.parts
        if "body" in self.formats:
            return request.body
        if not parts and "bare" in self.formats and request.header("Content-Type"):
            if "multipart" in (request.header("Content-Type") or ""):
                raise ValueError("no part")
            return request.body
        if "loose" in self.formats:
            files = [part.content for part in parts if part.file_name is not None]
            return files[0]
        named = [part for part in parts if part.name == "file"]
        if not named:
            raise ValueError("no part")
        if named[0].file_name is None:
            if "base64" not in self.formats:
                raise ValueError("no file")
            return b64decode(named[0].content.partition(b";base64,")[2], validate=True)
        if "form" not in self.formats:
            raise ValueError("a file")
        return named[0].content

    def _upload(self, request: SentRequest, together: bool) -> Response | None:
        if self.most is not None and request.length > self.most:
            return Response(self.over) if self.over else None
        given = self._given(request)
        names = self._names(given)
        content = self._chunk(request)
        number, total = int(given[names.chunk_number]), int(given[names.total_chunks])
        size, chunk_size = int(given[names.total_size]), int(given[names.chunk_size])
        if total not in {chunk_count(size, chunk_size, force) for force in self.rules}:
            return Response(400, b"the wrong number of chunks")
        if size % chunk_size and not self.remainders:
            return Response(400, b"a remainder")
        if number == total and not size % chunk_size and not self.multiples:
            return Response(500, b"a multiple")
        stated = given.get(names.checksum)
        if self.digests and stated not in (None, f"sha256:{sha256(content).hexdigest()}"):
            return Response(422, b"damaged")
        path = given[names.relative_path]
        if "/" in path and self.folders == "refused":
            return Response(400, b"no folders")
        if self.loses:
            return Response(200, b"taken")
        file = self.files.setdefault(given[names.identifier], Stored())
        together = together and number == (2 if self.at == "first" else total)
        if together and self.races == "refused":
            return Response(500, b"it broke")
        if together and self.races == "broken":
            return None
        if number in file.chunks and not self.twice:
            return Response(409, b"it is there")
        if self._is_out_of_order(file, number, total):
            if self.refuses_order:
                return Response(400, b"out of order")
            file.complete = True  # never any more
        file.chunks[number] = content
        if self.early and len(file.chunks) == 2:
            file.chunks.clear()
        if self.counts is not None:
            total = chunk_count(size, chunk_size, self.counts)
        full = len(file.chunks) == total and not file.complete
        if together and self.races == "nothing":
            file.complete, full = True, False
        return self._respond(file, path if self.folders == "named" else "", full)

    def _is_out_of_order(self, file: Stored, number: int, total: int) -> bool:
        if self.needs_order == "all":
            return number != len(file.chunks) + 1 and number not in file.chunks
        return self.needs_order == "last" and number == total != len(file.chunks) + 1

    def _respond(self, file: Stored, path: str, full: bool) -> Response:
        location = self.location.replace("*", str([*self.files.values()].index(file)))
        headers = {"Location": location} if location else {}
        status = 201 if self.location else 200
        if not full:
            return Response(status, b"partly", headers)
        file.complete = True
        content = b"".join(chunk for _, chunk in sorted(file.chunks.items()))
        if self.shows == "gone":
            file.chunks.clear()
        if self.shows == "digest":
            headers["Resumable-File-Checksum"] = f"sha256:{sha256(content).hexdigest()}"
        word = b"done" if self.shows == "word" else b"partly"
        return Response(status, word + path.encode(), headers)


class Gone(Pretender):
    """
    A server that is not there any more after some requests.

    :ivar after: how many it responds to.
    """

    after = 0

    def respond_to(self, request: SentRequest, together: bool) -> Response | None:
        if len(self.sent) > self.after:
            return None
        return super().respond_to(request, together)


class DoctorTestCase(SynchronousTestCase):
    """
    Examinations of servers in memory.

    :cvar most: the largest chunk that is tried; few tests are about that.
    """

    most = 4 * CHUNK

    def setUp(self) -> None:
        self.clock = Clock()
        self.patch(limit, "MOST", self.most)

    def start(self, server: FakeClient, **options: Any) -> Deferred[Diagnosis]:
        """Begin to examine a server."""
        return examine(TARGET, reactor=self.clock, client=server, **options)

    def finish(self, examining: Deferred[Any], most: float = 60.0) -> None:
        """Let it go on until it ends."""
        fired: list[Any] = []
        examining.addBoth(lambda result: (fired.append(result), result)[1])
        end = self.clock.seconds() + most
        while not fired and self.clock.seconds() < end:
            self.clock.advance(TOOK)

    def examine(self, **habits: Any) -> Diagnosis:
        """What is found about a server with these habits."""
        self.server = Pretender(self.clock, **habits)
        return self.diagnosis(self.server)

    def diagnosis(self, server: FakeClient, **options: Any) -> Diagnosis:
        """What is found about a server."""
        examining = self.start(server, **options)
        self.finish(examining)
        diagnosis: Diagnosis = self.successResultOf(examining)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return diagnosis

    def found(self, name: str, **habits: Any) -> Finding:
        """One finding about a server with these habits."""
        return self.examine(**habits).finding(name)


__all__ = ["TARGET", "TOOK", "DoctorTestCase", "FakeResponse", "Gone", "Pretender"]

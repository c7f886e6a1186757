"""
A receiver that keeps what it gets in memory, and responds as it is told to.
"""

from __future__ import annotations

from base64 import b64decode
from collections import deque
from collections.abc import Callable, Mapping
from hashlib import sha256
from itertools import groupby

from attrs import define, field, frozen
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._protocol.dialect import ParameterNames
from .._protocol.encoding import fold_newlines
from .._protocol.layout import chunk_count
from .client import FakeClient
from .request import FakeResponse, SentRequest

__all__ = ["Response", "ScriptedReceiver", "StoredFile"]

_log = Logger()


@frozen
class Response:
    """
    A response to come.

    :ivar status: the HTTP status.
    :ivar body: its body.
    :ivar headers: its header fields.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict)

    def response(self) -> FakeResponse:
        """It, as a response."""
        return FakeResponse(self.status, self.body, self.headers)


@define(eq=False)
class StoredFile:
    """
    A file as far as it has arrived.

    :ivar identifier: what the uploader calls it.
    :ivar file_name: its name.
    :ivar relative_path: its path.
    :ivar size: bytes in all.
    :ivar total_chunks: how many chunks it has.
    :ivar chunk_size: the configured size of a chunk.
    :ivar chunks: the bytes of the chunks that are there, by their number from 1.
    :ivar arrivals: how often each chunk arrived.
    """

    identifier: str
    file_name: str
    relative_path: str
    size: int
    total_chunks: int
    chunk_size: int
    chunks: dict[int, bytes] = field(factory=dict)
    arrivals: dict[int, int] = field(factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether every chunk is there."""
        return len(self.chunks) == self.total_chunks

    @property
    def content(self) -> bytes:
        """The chunks that are there, in order; the file when it is complete."""
        return b"".join(content for _, content in sorted(self.chunks.items()))

    @property
    def ranges(self) -> str:
        """The chunks that are there, as ``1-57,60``."""
        spans = []
        for _, run in groupby(enumerate(sorted(self.chunks)), lambda each: each[1] - each[0]):
            numbers = [number for _, number in run]
            spans.append(f"{numbers[0]}-{numbers[-1]}" if len(numbers) > 1 else str(numbers[0]))
        return ",".join(spans)


class ScriptedReceiver(FakeClient):
    """
    Stands in for treq's ``HTTPClient`` and for the server behind it.

    It takes chunks as a strict receiver does: a request whose URL and body disagree, or whose
    numbers do not fit, gets 400, and other bytes for a chunk that is there 409.

    :ivar files: what has arrived, by identifier.
    :ivar script: responses to give instead of looking at the request, the next one first;
        :data:`None` in it lets one request through.
    :ivar rule: called with each request that the script has no response for; what it returns is
        the response, :data:`None` lets the request through.  If it raises, or gives something else,
        that is logged, and the request fails.
    """

    def __init__(
        self,
        *,
        names: ParameterNames | None = None,
        absent: int = 404,
        rule: Callable[[SentRequest], int | Response | None] | None = None,
    ) -> None:
        """
        :param names: what the parameters are called; resumable.js's by default.
        :param absent: what a test for an absent chunk gets as the response.
        :param rule: see above.
        """
        super().__init__()
        self.names = names or ParameterNames()
        self.absent = absent
        self.rule = rule
        self.script: deque[int | Response | None] = deque()
        self.files: dict[str, StoredFile] = {}

    def deliver(self, request: SentRequest) -> None:
        """
        Take a request's body and respond to it.

        :param request: a new one.
        """

        def broken(failure: Failure) -> None:
            _log.failure("The script or the rule gave no response", failure)
            assert failure.value is not None
            request.fail(failure.value)

        request.produced.addCallback(lambda _: request.respond(self.receive(request).response()))
        request.produced.addErrback(broken)
        request.start()

    def stored(self, file_name: str) -> StoredFile:
        """
        What arrived last under a name.

        :param file_name: the name.
        :raises KeyError: if nothing did.
        """
        for file in reversed(list(self.files.values())):
            if file.file_name == file_name:
                return file
        raise KeyError(file_name)

    @property
    def is_up(self) -> bool:
        """Whether it takes connections: always."""
        return True

    def receive_part(self, request: SentRequest) -> None:
        """
        A part of a request arrived: nothing comes of it.

        :param request: the request.
        """

    def receive(self, request: SentRequest) -> Response:
        """
        Act on a request that arrived whole.

        :param request: the request.
        :returns: the response to it.
        """
        reply = self.script.popleft() if self.script else None
        if reply is None and self.rule is not None:
            reply = self.rule(request)
        if isinstance(reply, Response):
            return reply
        if isinstance(reply, int):
            return Response(reply)
        if reply is not None:
            raise TypeError(f"a response is a status or a Response, not {reply!r}")
        try:
            return self._store(request) if request.is_upload else self._tell(request)
        except (KeyError, ValueError) as error:
            return Response(400, f"{type(error).__name__}: {error}".encode())

    def _tell(self, request: SentRequest) -> Response:
        parameters = request.parameters
        file, number = self._file(parameters), int(parameters[self.names.chunk_number])
        headers = {"Resumable-Stored": file.ranges} if file.chunks else {}
        content = file.chunks.get(number)
        if content is None or not self._matches(parameters, content):
            return Response(self.absent, headers=headers)
        return self._reply(file, headers)

    def _store(self, request: SentRequest) -> Response:
        names, in_url, in_body = self.names, dict(request.query), request.fields
        both = in_url.keys() & in_body.keys()
        if any(fold_newlines(in_url[name]) != fold_newlines(in_body[name]) for name in both):
            raise ValueError("URL and body disagree")
        parameters = {**in_body, **in_url}
        content = _decoded(request)
        file, number = self._file(parameters), int(parameters[names.chunk_number])
        if len(content) != int(parameters[names.current_chunk_size]):
            raise ValueError("not as many bytes as announced")
        if not 1 <= number <= file.total_chunks or len(content) != _length(file, number):
            raise ValueError("a chunk that does not fit")
        if not self._matches(parameters, content):
            return Response(422, b"not what its digest says")
        self.files[file.identifier] = file
        if file.chunks.setdefault(number, content) != content:
            return Response(409, b"the chunk is there, and different")
        file.arrivals[number] = file.arrivals.get(number, 0) + 1
        return self._reply(file, {})

    def _matches(self, parameters: Mapping[str, str], content: bytes) -> bool:
        digest = parameters.get(self.names.checksum)
        return digest is None or digest == f"sha256:{sha256(content).hexdigest()}"

    def _file(self, parameters: Mapping[str, str]) -> StoredFile:
        names = self.names
        identifier = parameters[names.identifier]
        stated = StoredFile(
            identifier,
            parameters[names.file_name],
            parameters[names.relative_path],
            int(parameters[names.total_size]),
            int(parameters[names.total_chunks]),
            int(parameters[names.chunk_size]),
        )
        file = self.files.get(identifier, stated)
        if (file.size, file.total_chunks) != (stated.size, stated.total_chunks):
            raise ValueError("totals that differ from the first request's")
        if file.total_chunks not in _counts(file):
            raise ValueError("a number of chunks that does not fit")
        return file

    @staticmethod
    def _reply(file: StoredFile, headers: Mapping[str, str]) -> Response:
        if not file.is_complete:
            return Response(200, b'{"status":"stored"}', headers)
        digest = f"sha256:{sha256(file.content).hexdigest()}"
        headers = {**headers, "Resumable-File-Checksum": digest}
        return Response(200, b'{"status":"complete"}', headers)


def _counts(file: StoredFile) -> set[int]:
    """The floor rule's number of chunks and the ceil rule's."""
    return {chunk_count(file.size, file.chunk_size, force) for force in (False, True)}


def _length(file: StoredFile, number: int) -> int:
    if number < file.total_chunks:
        return file.chunk_size
    return file.size - (file.total_chunks - 1) * file.chunk_size


def _decoded(request: SentRequest) -> bytes:
    """The chunk: bare, as a file, or as a ``data:`` URL in a field."""
    parts = request.parts
    if parts and parts[-1].file_name is None:
        return b64decode(parts[-1].content.partition(b";base64,")[2], validate=True)
    return request.content

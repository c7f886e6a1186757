"""
The receiver as a resource of Twisted's web server.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, NoReturn

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from .._protocol.dialect import Dialect, ParameterNames
from .._protocol.phrase import reason_phrase
from .arguments import as_dialect, as_hosts, as_names, as_origins, as_parameters, check_flag
from .permission import Authorize, Owner, Permission, one_owner
from .store import UploadStore
from .store.chunk import Chunk
from .store.interface import Entry
from .store.refused import Refused
from .web.arrival import Arrival
from .web.digest import digested
from .web.form import OctetBody, body_parser
from .web.origin import METHODS, Origins
from .web.page import Page
from .web.parameters import ChunkReader, merged, url_parameters
from .web.request import IBodyTaker
from .web.response import Response, complete, refusal, refused_by_disk, stored
from .web.throttle import LogThrottle

__all__ = ["ReceiverResource"]

_BLOCK = 64 * 1024
_TESTS = (b"GET", b"HEAD")
_UPLOADS = (b"POST", b"PUT")
# A cache in between would go on saying that a file is there, or that a chunk is not.
_ALWAYS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


@implementer(IBodyTaker)
class ReceiverResource(Resource):
    """
    Receives files from clients of the resumable.js protocol.

    Behind a :class:`~txresumable.receiver.ReceiverSite` the bodies are written while they
    arrive.  It also works in any other site, which collects each body first: give that one
    ``parsePOSTFormSubmission=False`` where Twisted has it, or forms are parsed in memory too.

    :param store: where files go: a :class:`~txresumable.receiver.Store`, or another
        :class:`~txresumable.receiver.UploadStore`.
    :param origins: the origins of web pages that may upload, besides the receiver's own host; one
        as a :class:`str`, or several.  ``*`` for all.
    :param hosts: the names of the receiver, one or several: requests with another ``Host`` are
        refused, and pages from these hosts may upload.  By default only those from an address or
        ``localhost`` may.
    :param owner: says whose a request is, as a :class:`str` or a Deferred of one; uploads of
        different owners never meet.  By default all belong to one.  Called when a request's head is
        there.  May fail with :class:`~txresumable.receiver.Refused`; anything else that it raises
        or returns is logged, and the response is 500.
    :param authorize: called with each request and the :class:`~txresumable.receiver.AnnouncedFile`
        that it is about; returns :data:`False`, or fails with
        :class:`~txresumable.receiver.Refused`, if that may not be.  May return a Deferred, and
        fails as ``owner`` does.
    :param dialect: which protocol of the family: ``resumable``, ``flow``, ``simple``, or a
        :class:`~txresumable._protocol.dialect.Dialect`.
    :param names: what the parameters are called, if not as the dialect says.
    :param namespace: what stands before every name.
    :param parameters: the names of parameters of the application's, one or several, which are kept
        with an upload as its first request has them; see
        :class:`~txresumable.receiver.AnnouncedFile`.
    :param page: whether browsers get a page to drop files on at the URL of the receiver.
    :raises TypeError: if there is no store, but its path for instance.
    :raises InvalidOption: if one of the others is something else.
    """

    isLeaf = True
    _log = Logger()

    def __init__(
        self,
        store: UploadStore,
        *,
        origins: str | Iterable[str] = (),
        hosts: str | Iterable[str] = (),
        owner: Owner = one_owner,
        authorize: Authorize | None = None,
        dialect: str | Dialect = "resumable",
        names: ParameterNames | None = None,
        namespace: str = "",
        parameters: str | Iterable[str] = (),
        page: bool = False,
    ) -> None:
        if not isinstance(store, UploadStore):
            raise TypeError(f"a receiver is given a Store, not {store!r}")
        super().__init__()  # type: ignore[no-untyped-call]
        self.store = store
        self._origins = Origins(as_origins(origins), as_hosts(hosts))
        self._permission = Permission(owner, authorize)
        self._dialect = as_dialect(dialect)
        prefixed = as_names(names, self._dialect, namespace)
        kept = as_parameters(parameters, prefixed)
        self._reader = ChunkReader(prefixed, kept)
        self._page = Page(prefixed, kept) if check_flag("page", page) else None
        self._absent = self._dialect.absent
        self._disk_errors = LogThrottle()
        self._failures = LogThrottle()

    def take_body(self, request: Request) -> Arrival:
        """What takes the body of a request (see :class:`IBodyTaker`)."""
        try:
            return self._taker(request)
        except Refused as error:
            arrival = Arrival(OctetBody(), {}, self._reader, _never)
            arrival.refuse(error)
            return arrival

    def _taker(self, request: Request) -> Arrival:
        self._check_origin(request)
        if request.method not in _UPLOADS:
            if request.method not in (*_TESTS, b"DELETE", b"OPTIONS"):
                _refuse_method()
            raise Refused(400, "only an upload has a body")
        if _header(request, "content-encoding") not in (None, "identity"):
            raise Refused(415, "send a chunk without an encoding")
        kind = _header(request, "content-type") or ""
        arrival = Arrival(
            digested(
                body_parser(kind, self._reader.names.file), _header(request, "content-digest")
            ),
            self._url_parameters(request, repeated=False),
            self._reader,
            lambda chunk: self._begin(request, owner, chunk),
        )

        def refuse(failure: Failure) -> Refused:
            error = failure.value
            assert isinstance(error, Refused)
            arrival.refuse(error)
            return error

        owner = Deferred.fromCoroutine(self._permission.owner_of(request)).addErrback(refuse)
        arrival.begin()
        return arrival

    async def _begin(self, request: Request, owner: Deferred[Any], chunk: Chunk) -> Entry:
        found = await owner
        if isinstance(found, Refused):
            raise found
        await self._permission.check(request, found, chunk)
        return await self.store.begin(found, chunk, again=_wanted_again(request))

    def render(self, request: Request) -> int:
        """Respond to a request; see the class."""
        responding: Coroutine[Deferred[Any], Any, Response]
        if request.method in _UPLOADS or getattr(request, "arrival", None) is not None:
            responding = self._upload(request)
        elif request.method in _TESTS:
            responding = self._test(request)
        elif request.method == b"DELETE":
            responding = self._abandon(request)
        else:
            responding = self._other(request)
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)
        responded = Deferred.fromCoroutine(self._respond(request, responding))
        responded.addCallback(lambda response: None if gone else self._write(request, response))
        responded.addErrback(lambda failure: None if gone else self._cut(request, failure))
        return NOT_DONE_YET

    async def _respond(
        self, request: Request, responding: Coroutine[Deferred[Any], Any, Response]
    ) -> Response:
        try:
            return await responding
        except Refused as error:
            return self._refusal(request, error)
        except OSError as error:
            if self._disk_errors.passes():
                self._log.error(
                    "the disk failed: {error} ({more} such errors were not logged)",
                    error=error,
                    more=self._disk_errors.held_back(),
                )
            return self._refusal(request, refused_by_disk(error))
        except GeneratorExit:
            raise
        except CancelledError:
            return self._refusal(request, Refused(503, "the client has gone"))
        except BaseException:
            # What a hook, or asyncio, raises need not be an Exception.
            self._log_failure("a request failed")
            return self._refusal(request, Refused(500, "the receiver failed"))

    def _log_failure(self, what: str, failure: Failure | None = None) -> None:
        if self._failures.passes():
            self._log.failure(
                "{what} ({more} such failures were not logged)",
                failure,
                what=what,
                more=self._failures.held_back(),
            )

    def _cut(self, request: Request, failure: Failure) -> None:
        """End a connection over which a response cannot be written."""
        self._log_failure("cannot respond", failure)
        transport: Any = request.transport
        transport.abortConnection()

    def _refusal(self, request: Request, error: Refused) -> Response:
        permanent = self._dialect.permanent
        if error.status == 413 and 413 not in permanent and 400 in permanent:
            # These clients would send it again and again.
            error = Refused(400, error.reason)
        self._log.info(
            "refused {method} with {status}: {reason}",
            method=request.method.decode("latin-1"),
            status=error.status,
            reason=error.reason,
        )
        return refusal(error)

    async def _test(self, request: Request) -> Response:
        gone = request.notifyFinish().addCallbacks(lambda _: False, lambda _: True)
        self._check_origin(request)
        page = self._page.asked(request.uri, _header(request, "accept")) if self._page else None
        if page is not None:
            await self._permission.owner_of(request)
            return page
        chunk = self._chunk_of(request)
        owner = await self._permission.admit(request, chunk)
        entry = await self.store.find(owner, chunk, again=_wanted_again(request))
        if entry is None:
            return Response(self._absent, {"status": "absent"})
        with entry:
            asking = Deferred.fromCoroutine(entry.holds(chunk))
            # Nobody reads a big chunk for a client that has gone.
            gone.addCallback(lambda is_gone: asking.cancel() if is_gone else None)
            if await asking:
                return await self._result(request, entry)
            absent = stored(entry.ranges())
            return Response(self._absent, {"status": "absent"}, absent.headers)

    def _chunk_of(self, request: Request) -> Chunk:
        """The chunk that the parameters of the URL describe."""
        return self._reader.read(self._url_parameters(request, repeated=True))

    def _url_parameters(self, request: Request, *, repeated: bool) -> dict[str, str]:
        """
        The parameters of the URL.

        :param repeated: whether one of the protocol's may be there twice, of which the last
            counts: so it is in tests, where one of the user's with the same name comes first.
        """
        pairs = url_parameters(request.uri)
        return dict(pairs) if repeated else merged({}, pairs, self._reader.known)

    async def _upload(self, request: Request) -> Response:
        arrival = getattr(request, "arrival", None)
        if arrival is None:
            arrival = self.take_body(request)
            await _feed(arrival, request)
        with await arrival.done as entry:
            return await self._result(request, entry)

    async def _abandon(self, request: Request) -> Response:
        self._check_origin(request)
        chunk = self._chunk_of(request)
        await self.store.abandon(await self._permission.admit(request, chunk), chunk)
        return Response(204)

    async def _other(self, request: Request) -> Response:
        if request.method != b"OPTIONS":
            _refuse_method()
        self._check_origin(request)
        wanted = _header(request, "access-control-request-headers")
        return Response(204, {}, self._origins.preflight(wanted))

    async def _result(self, request: Request, entry: Entry) -> Response:
        if entry.full:
            wanted = _header(request, "want-repr-digest")
            return complete(await entry.finish(), entry.ranges(), wanted)
        return stored(entry.ranges())

    def _check_origin(self, request: Request) -> None:
        self._origins.check(_header(request, "origin"), _header(request, "host"))

    def _origin_admitted(self, request: Request, origin: str | None) -> bool:
        return origin is None or self._origins.admits(origin, _header(request, "host"))

    def _write(self, request: Request, response: Response) -> None:
        origin = _header(request, "origin")
        request.setResponseCode(response.status, reason_phrase(response.status))
        headers = {**_ALWAYS, **response.headers}
        if self._origin_admitted(request, origin):
            headers.update(self._origins.headers(origin))
        body = response.body
        if response.status != 204:
            headers["Content-Type"] = response.type
            headers["Content-Length"] = str(len(body))
        if response.status == 405:
            headers["Allow"] = METHODS
        for name, value in headers.items():
            request.responseHeaders.setRawHeaders(name, [value])
        writer: Any = request
        writer.write(b"" if request.method == b"HEAD" else body)
        writer.finish()


def _header(request: Request, name: str) -> str | None:
    """A header's value; it may hold any bytes, of which those beyond ASCII mean nothing."""
    value = request.getHeader(name.encode("ascii"))
    return None if value is None else value.decode("latin-1")


def _wanted_again(request: Request) -> bool:
    """Whether the client sends what it sent before on purpose."""
    return _header(request, "resumable-again") is not None


async def _feed(arrival: Arrival, request: Request) -> None:
    """Hand a body on that a site has collected, no faster than the disk takes it."""
    waiting: list[Deferred[None]] = []
    arrival.pause = lambda: waiting.append(Deferred())
    arrival.resume = lambda: waiting.pop().callback(None)
    content = request.content
    assert content is not None
    while not (arrival.over or content.closed) and (data := content.read(_BLOCK)):
        arrival.feed(data)
        if waiting:
            await waiting[0]
    if content.closed:
        arrival.refuse(Refused(400, "the client has gone"))
    else:
        arrival.end()


def _refuse_method() -> NoReturn:
    raise Refused(405, "use GET, HEAD, POST, PUT or DELETE")


async def _never(chunk: Chunk) -> Entry:
    raise Refused(400, "the request was refused")

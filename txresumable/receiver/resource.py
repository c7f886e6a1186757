"""
The receiver as a resource of Twisted's web server.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any
from urllib.parse import parse_qsl

from attrs import asdict
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import Interface, implementer

from .._protocol.dialect import DIALECTS, Dialect, ParameterNames
from .store.entry import Entry
from .store.store import Store
from .web.arrival import Arrival
from .web.form import OctetBody, body_parser
from .web.origin import Origins
from .web.parameters import Parameters, merged, standard_names
from .web.reply import Refused, Reply, complete, refusal, refused_by_disk, stored

__all__ = ["IBodyTaker", "ReceiverResource"]

_MOST_PARAMETERS = 256
_BLOCK = 64 * 1024


class IBodyTaker(Interface):
    """A resource that takes request bodies while they arrive."""

    def take_body(request: Request) -> Arrival | None:  # noqa: N805
        """
        Called when the head of a request is there.

        :returns: what takes its body, or :data:`None` to leave the body to the server.
        """


@implementer(IBodyTaker)
class ReceiverResource(Resource):
    """
    Receives files from clients of the resumable.js protocol.

    Behind a :class:`~txresumable.receiver.ReceiverSite` the bodies are written while they
    arrive.  It also works in any other site, which collects each body first: give that one
    ``parsePOSTFormSubmission=False`` where Twisted has it, or forms are parsed in memory too.

    :param store: where files go.
    :param origins: the origins of web pages that may upload, besides the receiver's own host;
        ``*`` for all.
    :param owner: says whose a request is; uploads of different owners never meet.  By default
        all belong to one.
    :param dialect: which protocol of the family: ``resumable``, ``flow``, ``simple``, or a
        :class:`~txresumable._protocol.dialect.Dialect`.
    :param names: what the parameters are called, if not as the dialect says.
    :param namespace: what stands before every name.
    """

    isLeaf = True
    _log = Logger()

    def __init__(
        self,
        store: Store,
        *,
        origins: Iterable[str] = (),
        owner: Callable[[Request], str] = lambda request: "",
        dialect: str | Dialect = "resumable",
        names: ParameterNames | None = None,
        namespace: str = "",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.store = store
        self._origins = Origins(frozenset(origins))
        self._owner = owner
        self._dialect = DIALECTS[dialect] if isinstance(dialect, str) else dialect
        self._names = _prefixed(names or self._dialect.names, namespace)
        self._known = standard_names(self._names)
        # flow.js gives a file up when a test is answered with 404.
        self._absent = 204 if 404 in self._dialect.test_permanent else 404

    def take_body(self, request: Request) -> Arrival | None:
        """What takes the body of an upload (see :class:`IBodyTaker`)."""
        if request.method not in (b"POST", b"PUT"):
            return None
        owner = ""
        try:
            self._check_origin(request)
            if _header(request, "content-encoding") not in (None, "identity"):
                raise Refused(415, "send a chunk without an encoding")
            owner = self._owner(request)
            url = _url_parameters(request)
            kind = _header(request, "content-type") or ""
            arrival = Arrival(
                body_parser(kind, self._names.file),
                url,
                self._names,
                lambda given: self.store.begin(owner, given),
            )
        except Refused as error:
            arrival = Arrival(OctetBody(), {}, self._names, _never)
            arrival.refuse(error)
        return arrival

    def render(self, request: Request) -> int:
        """Answer a request; see the class."""
        asked: Coroutine[Deferred[Any], Any, Reply]
        if request.method in (b"GET", b"HEAD"):
            asked = self._test(request)
        elif request.method in (b"POST", b"PUT"):
            asked = self._upload(request)
        else:
            asked = self._other(request)
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)
        answered = Deferred.fromCoroutine(self._answer(request, asked))
        answered.addCallback(lambda reply: None if gone else self._write(request, reply))
        answered.addErrback(lambda failure: self._log.failure("cannot answer", failure))
        return NOT_DONE_YET

    async def _answer(self, request: Request, asked: Coroutine[Deferred[Any], Any, Reply]) -> Reply:
        try:
            return await asked
        except Refused as error:
            return self._refusal(request, error)
        except OSError as error:
            self._log.failure("the disk failed")
            return self._refusal(request, refused_by_disk(error))
        except Exception:
            self._log.failure("a request failed")
            return self._refusal(request, Refused(500, "the receiver failed"))

    def _refusal(self, request: Request, error: Refused) -> Reply:
        if error.status == 413 and 413 not in self._dialect.permanent:
            # These clients would send it again and again.
            error = Refused(400, error.reason)
        self._log.info(
            "refused {method} with {status}: {reason}",
            method=request.method.decode("latin-1"),
            status=error.status,
            reason=error.reason,
        )
        return refusal(error)

    async def _test(self, request: Request) -> Reply:
        self._check_origin(request)
        given = Parameters.read(merged(_url_parameters(request), (), self._known), self._names)
        entry = await self.store.find(self._owner(request), given)
        if entry is None:
            return Reply(self._absent, {"status": "absent"})
        if not await entry.holds(given):
            absent = stored(entry.ranges())
            return Reply(self._absent, {"status": "absent"}, absent.headers)
        return await self._result(entry)

    async def _upload(self, request: Request) -> Reply:
        arrival = getattr(request, "arrival", None)
        if arrival is None:
            arrival = self.take_body(request)
            content = request.content
            assert arrival is not None and content is not None
            while not arrival.over and (data := content.read(_BLOCK)):
                arrival.feed(data)
            arrival.end()
        return await self._result(await arrival.done)

    async def _other(self, request: Request) -> Reply:
        if request.method != b"OPTIONS":
            raise Refused(405, "use GET, HEAD, POST or PUT")
        self._check_origin(request)
        wanted = _header(request, "access-control-request-headers")
        return Reply(204, {}, self._origins.preflight(wanted))

    async def _result(self, entry: Entry) -> Reply:
        if entry.full:
            return complete(await entry.conclude(), entry.ranges())
        return stored(entry.ranges())

    def _check_origin(self, request: Request) -> None:
        if not self._origins.admits(_header(request, "origin"), _header(request, "host")):
            raise Refused(403, "pages from this origin may not upload here")

    def _write(self, request: Request, reply: Reply) -> None:
        origin = _header(request, "origin")
        request.setResponseCode(reply.status)
        headers = {"X-Content-Type-Options": "nosniff", **reply.headers}
        if reply.status != 403:
            headers.update(self._origins.headers(origin))
        if reply.status != 204:
            headers["Content-Type"] = "application/json"
            headers["Content-Length"] = str(len(reply.body))
        if reply.status == 405:
            headers["Allow"] = "GET, HEAD, POST, PUT, OPTIONS"
        for name, value in headers.items():
            request.responseHeaders.setRawHeaders(name, [value])
        answer: Any = request
        answer.write(b"" if request.method == b"HEAD" else reply.body)
        answer.finish()


def _prefixed(names: ParameterNames, namespace: str) -> ParameterNames:
    """The names with a namespace before each that is not empty."""
    every = asdict(names).items()
    return ParameterNames(**{key: name and namespace + name for key, name in every})


def _header(request: Request, name: str) -> str | None:
    return request.getHeader(name)


def _url_parameters(request: Request) -> dict[str, str]:
    """The parameters of the URL; of two with one name the last, which is the protocol's own."""
    query = request.uri.partition(b"?")[2].decode("ascii", "replace")
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, errors="replace", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError as error:
        raise Refused(400, "the URL has too many parameters") from error
    return dict(pairs)


async def _never(given: Parameters) -> Entry:
    raise Refused(400, "the request was refused")

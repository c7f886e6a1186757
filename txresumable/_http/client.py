"""
One request out, one response back: the only user of treq.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from http.cookiejar import CookieJar
from typing import Any, NoReturn

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

from ..errors import (
    ChunkTimeout,
    ConnectFailed,
    InsecureCredentials,
    ResumableError,
    StaleConnection,
    TransportError,
)
from ..version import __version__
from .agent import PersistentAgent
from .body import IRequestBody
from .cleartext import CredentialsGuard, strips_tls
from .foreign import ForeignExchange
from .prepared import NoCookies, PreparedHeaders, PreparedURL
from .response import Response
from .tls import tls_error

__all__ = ["RequestClient"]

Then = Callable[[Response], Any]
Otherwise = Callable[[Failure], Any]

_STANDARD = {
    "user-agent": f"User-Agent: txresumable/{__version__}\r\n",
    "accept": "Accept: */*\r\n",
}
_ENCODING = "accept-encoding"


def _unchanged(given: Any) -> Any:
    """A response with which nothing is to be done; a body that is a producer already."""
    return given


def _with_original(wrapped: Any, then: Then) -> Any:
    """What comes of what treq has wrapped: the response, which is whole."""
    return then(wrapped.original)


class _Cookies(CookieJar):
    """A cookie jar that ignores a response whose cookies are not all ASCII."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        with suppress(UnicodeError):
            super().extract_cookies(response, request)


class RequestClient:
    """
    Sends requests with treq, through our own agent or through a client that the user gave.

    :ivar gauge: how fast our own connections are.
    """

    def __init__(
        self,
        reactor: Any,
        clock: Any,
        *,
        client: Any = None,
        agent: PersistentAgent | None = None,
        cookies: bool,
        stall_timeout: float,
        chunk_timeout: float | None,
        insecure_credentials: str,
        check_headers: Callable[[Mapping[str, str]], object],
    ) -> None:
        """
        :param reactor: passed to treq, which would otherwise import one.
        :param clock: an ``IReactorTime`` for the limits.
        :param client: anything with treq's ``HTTPClient.request`` signature.
        :param agent: used if no client is given.
        :param cookies: whether cookies are kept and sent back.
        :param stall_timeout: seconds without a byte in either direction.
        :param chunk_timeout: seconds for a whole request, or :data:`None` for no limit.
        :param check_headers: raises for headers that cannot be sent; called whenever they change.
        :param insecure_credentials: see :class:`~txresumable._http.cleartext.CredentialsGuard`.
        """
        self.reactor = reactor
        self.clock = clock
        self.stall_timeout = stall_timeout
        self.chunk_timeout = chunk_timeout or None
        self._agent = agent
        self.gauge = None if agent is None else agent.gauge
        self._cookies = NoCookies()
        self._prepared_headers = PreparedHeaders()
        self.own = client is None
        self.cookies = cookies and client is None
        self._prepared_url = PreparedURL(self.cookies)
        if client is None:
            assert agent is not None
            jar: Any = _Cookies() if cookies else self._cookies  # treq's own came after 24.9
            client = HTTPClient(agent, jar, _unchanged)
        self.client = client
        self._check_headers = check_headers
        self._lines: dict[tuple[tuple[str, str], ...], tuple[bytes, bool]] = {}
        self._last: tuple[tuple[object, ...], Headers | bytes] = ((), b"")
        self._strips_tls = strips_tls(client)
        proxies = {} if agent is None else {"proxy": agent.proxy_for}
        self._guard = CredentialsGuard(insecure_credentials, self.cookies, **proxies)

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content_type: str | None = None,
        body: IRequestBody | None = None,
        *,
        then: Then = _unchanged,
        otherwise: Otherwise = _unchanged,
        again: bool = True,
        fresh: bool = False,
    ) -> Deferred[Any]:
        """
        Send a request.

        :param method: the HTTP method.
        :param url: where to: printable ASCII without spaces.
        :param headers: the user's.
        :param content_type: of the body; a ``Content-Type`` of the user's wins.
        :param body: what to send.
        :param then: makes of the response what the Deferred fires with.
        :param otherwise: makes of a failure what it fires or fails with.
        :param again: whether to send it once more, immediately, if an idle connection turns out to
            be closed; else this fails with :class:`~txresumable.errors.StaleConnection`.
        :param fresh: whether to open a new connection for it.
        :returns: a Deferred that fires with the :class:`Response`, or with what was made of it.
            It fails with a :class:`~txresumable.errors.TransportError` or
            :class:`~txresumable.errors.TLSRejected` if there is none, and as the source failed if
            that could not be read.  Cancelling it aborts the request and fails it with
            ``CancelledError``.
        :raises InsecureCredentials: if credentials would be sent unencrypted and must not be, or if
            the client would send a request for ``https://`` in the clear.
        """
        if self._strips_tls and url[:6].lower() == "https:":
            raise InsecureCredentials(
                "the client would send a request for https:// in the clear (ProxyAgent)"
            )
        if headers or self.cookies:
            self._guard.check(url, headers)
        if fresh and self._agent is not None:
            self._agent.drop_idle(url.encode("ascii"))
        written = self._written(headers, content_type)
        return self._request(method, url, written, body, then, otherwise, again)

    def _request(
        self,
        method: str,
        url: str,
        headers: Headers | bytes,
        body: IRequestBody | None,
        then: Then,
        otherwise: Otherwise,
        again: bool,
    ) -> Deferred[Any]:
        responding: Deferred[Any]
        if not self.own:
            assert isinstance(headers, Headers)
            exchange = ForeignExchange(self.client, self.clock, self.stall_timeout, body)
            responding = exchange.start(
                method,
                url,
                headers=headers.copy(),
                allow_redirects=False,
                unbuffered=True,
                reactor=self.reactor,
            )
            if self.chunk_timeout is not None:
                responding.addTimeout(self.chunk_timeout, self.clock, _overdue)
            return responding.addCallbacks(
                then, self._failed, errbackArgs=(method, url, headers, body, then, otherwise, again)
            )
        self._prepared_url.text, prepared = url, headers
        if isinstance(headers, bytes):
            prepared, self._prepared_headers.lines = self._prepared_headers, headers
        try:
            responding = self.client.request(
                method,
                self._prepared_url,
                headers=prepared,
                data=body,
                cookies=None if self.cookies else self._cookies,
                allow_redirects=False,
                unbuffered=True,
                reactor=self.reactor,
            )
        except BaseException:  # as a Deferred does
            responding = fail()
        if self.chunk_timeout is not None:
            responding.addTimeout(self.chunk_timeout, self.clock, _overdue)
        return responding.addCallbacks(
            _with_original,
            self._failed,
            callbackArgs=(then,),
            errbackArgs=(method, url, headers, body, then, otherwise, again),
        )

    def _failed(
        self,
        failure: Failure,
        method: str,
        url: str,
        headers: Headers | bytes,
        body: IRequestBody | None,
        then: Then,
        otherwise: Otherwise,
        again: bool,
    ) -> Any:
        if failure.check(CancelledError):
            return otherwise(failure)
        if body is not None and body.failure is not None:
            return otherwise(body.failure)
        if again and failure.check(StaleConnection):
            return self._request(method, url, headers, body, then, otherwise, False)
        return otherwise(Failure(_transport_error(failure)))

    def _written(self, headers: Mapping[str, str], content_type: str | None) -> Headers | bytes:
        """The header fields of a request, and as lines if nothing is added to them."""
        key = tuple(headers.items())
        if self._last[0] != (content_type, key):  # another file's: its boundary is in there
            self._last = (content_type, key), self._write(headers, key, content_type)
        return self._last[1]

    def _write(
        self,
        headers: Mapping[str, str],
        key: tuple[tuple[str, str], ...],
        content_type: str | None,
    ) -> Headers | bytes:
        known = self._lines.get(key)
        if known is None:
            self._check_headers(headers)  # the mapping is the user's, and may have changed
            if len(self._lines) >= 64:
                self._lines.clear()
            known = self._lines[key] = _lines(headers, self.own)
        lines, typed = known
        if content_type is not None and not typed:
            lines += b"Content-Type: %b\r\n" % content_type.encode()
        if self.own and not self.cookies:
            return lines
        plain = Headers()
        for line in lines.split(b"\r\n")[:-1]:
            name, _, value = line.partition(b": ")
            plain.addRawHeader(name, value)
        return plain

    def close(self) -> Deferred[None]:
        """
        Close every connection of our own.

        :returns: a Deferred that fires when all are closed.
        """
        if self._agent is not None:
            return self._agent.close()
        closed: Deferred[None] = Deferred()
        closed.callback(None)
        return closed


def _lines(headers: Mapping[str, str], own: bool) -> tuple[bytes, bool]:
    """
    The header lines that are sent.

    :param own: whether our own agent sends them, which sets ``Accept-Encoding`` by itself.
    :returns: the lines, and whether a Content-Type is among them.
    """
    if own:
        headers = {name: each for name, each in headers.items() if name.lower() != _ENCODING}
    given = {name.lower() for name in headers}
    lines = [line for name, line in _STANDARD.items() if name not in given]
    lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
    return "".join(lines).encode(), "content-type" in given


def _overdue(_: object, limit: float) -> NoReturn:
    raise ChunkTimeout(f"no response within {limit:g} s (chunk_timeout)")


def _transport_error(failure: Failure) -> Exception:
    """Any error of a client's request as one of ours."""
    error = failure.value
    if isinstance(error, ResumableError):
        return error
    reasons = [error]
    for reason in getattr(error, "reasons", None) or []:
        reasons.append(reason.value)
    for cause in reasons:
        rejected = tls_error(cause)
        if rejected is not None:
            return rejected
    if isinstance(error, (ConnectError, DNSLookupError)):
        failed = ConnectFailed(f"no connection: {error}")
        failed.__cause__ = error
        return failed
    cause = reasons[-1]
    return TransportError(f"{type(cause).__name__}: {cause}")

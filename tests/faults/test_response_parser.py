"""Whatever bytes a server sends, in whatever pieces."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.http_rig import Listener
from txresumable._http.batch import WriteBatch
from txresumable._http.connection import HTTPConnection
from txresumable._http.response import LIMIT, Response
from txresumable._http.state import IDLE
from txresumable.errors import ConnectionBroken, MalformedResponse

FIELDS = (
    b"Content-Length: 5",
    b"Content-Length: 0",
    b"content-length:5",
    b"Content-Length: 5, 5",
    b"Content-Length: 6",
    b"Content-Length: 99999999999999999999",
    b"Content-Length:",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip",
    b"Connection: close",
    b"Connection: keep-alive, X",
    b"X: \xe4\xff",
    b"X:" + b" " * 50 + b"y" + b" " * 50,
    b" folded",
    b"no colon",
    b"X: \0",
)

ends = st.sampled_from((b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n", b""))
statuses = st.one_of(
    st.sampled_from((b"200", b"201", b"204", b"304", b"404", b"100", b"103", b"101", b"+200")),
    st.integers(0, 1000).map(lambda code: b"%d" % code),
)
heads = st.builds(
    lambda version, code, end, lines: (
        b"HTTP/%b %b OK" % (version, code)
        + end
        + b"".join(line + after for line, after in lines)
        + end
    ),
    st.sampled_from((b"1.1", b"1.1", b"1.1", b"1.0", b"2")),
    statuses,
    ends,
    st.lists(st.tuples(st.sampled_from(FIELDS), ends), max_size=4),
)
chunks = st.builds(
    lambda size, extension, data, end: size + extension + b"\r\n" + data + end,
    st.sampled_from((b"5", b"0", b"05", b"5 ", b"1", b"ffffff", b"-5", b"")),
    st.sampled_from((b"", b"", b";x=y", b";")),
    st.sampled_from((b"12345", b"12345", b"", b"1")),
    st.sampled_from((b"\r\n", b"\r\n", b"\n", b"")),
)
long = st.builds(
    lambda byte, size: byte * size,
    st.sampled_from((b"x", b"\r", b"\n", b"0\r\n")),
    st.sampled_from((100, LIMIT - 10, LIMIT + 10)),
)
replies = st.lists(
    st.one_of(heads, heads, chunks, chunks, st.binary(max_size=20), long), max_size=8
).map(b"".join)


class Wire(StringTransport):
    """A transport that can be aborted, after which nothing comes."""

    gone = False

    def abortConnection(self) -> None:
        self.gone = True


def outcome(data: bytes, cuts: list[int], end: type[Exception], bodiless: bool) -> Any:
    """
    What becomes of a request.

    :returns: something that can be compared, without what only time tells.
    """
    connection = HTTPConnection(
        seconds=lambda: 0.0, batch=WriteBatch(None, ()), listener=Listener()
    )
    wire = Wire()
    connection.makeConnection(wire)
    results: list[Any] = []
    connection.send(b"GET / HTTP/1.1\r\n\r\n", None, bodiless=bodiless).addBoth(results.append)
    for start, stop in pairwise([0, *sorted(cuts), len(data)]):
        if not wire.gone and stop > start:
            connection.dataReceived(data[start:stop])
            assert wire.gone or len(connection._parser.buffer) <= LIMIT
    kept = connection.state is IDLE
    connection.connectionLost(Failure(end()))
    (result,) = results
    if isinstance(result, Response):
        assert len(result.body) <= LIMIT
        fields = list(result.headers.getAllRawHeaders())
        return kept, result.code, result.phrase, fields, result.body, result.truncated
    assert isinstance(result, Failure)
    error = result.value
    assert type(error) in (MalformedResponse, ConnectionBroken), result.getTraceback()
    assert not kept
    return type(error), str(error)


class ParserTests(SynchronousTestCase):
    """The parser against anything."""

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        replies,
        st.lists(st.integers(0, 3 * LIMIT), max_size=12),
        st.sampled_from((ConnectionDone, ConnectionLost)),
        st.booleans(),
    )
    def test_any_bytes_in_any_pieces(
        self, data: bytes, cuts: list[int], end: type[Exception], bodiless: bool
    ) -> None:
        """
        Whatever comes, a reply or a documented error comes out, and how it is cut is no matter.
        """
        whole = outcome(data, [], end, bodiless)
        places = [cut % (len(data) + 1) for cut in cuts]
        self.assertEqual(_without_kept(outcome(data, places, end, bodiless)), _without_kept(whole))
        if len(data) < 300:
            pieces = outcome(data, list(range(len(data))), end, bodiless)
            self.assertEqual(_without_kept(pieces), _without_kept(whole))


def _without_kept(result: Any) -> Any:
    """
    Whether a connection is kept depends on whether more is there already; if it is kept and more
    comes, that ends it.
    """
    return result[1:] if isinstance(result[0], bool) else result

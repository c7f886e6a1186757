"""
h11 reads the same bytes as we do: what we take for a response, it takes for the same one.
"""

from __future__ import annotations

from typing import NamedTuple

import h11
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.faults.test_response_parser import chunks, heads, replies
from txresumable._http.response import LIMIT, ResponseParser
from txresumable.errors import MalformedResponse

STRICTER = {
    "its first line is": "HTTP/2.0, statuses above 599 and control characters in the phrase are no"
    " HTTP/1.1 response (RFC 9112, section 4)",
    "its head has more than": "heads are bounded in bytes, and in fields",
    "a line of its head is": "folded lines are obsolete (RFC 9112, section 5.2)",
    "its body is framed in more ways than one": "Content-Length beside Transfer-Encoding is how"
    " responses are smuggled (RFC 9112, section 6.3)",
    "its Content-Length is no single number": "one of more than 18 digits is no length",
    "its body is encoded as": "no coding was accepted",
    "a chunk of its body has the size": "spaces may follow a size, and 15 digits are enough",
    "a line of its body's framing ends without CR": "h11 lets trailers end with a bare LF",
    "the framing of its body does not end": "what is not content is bounded",
}
"""What h11 accepts and we refuse, by the beginning of what we say, with the reason."""

LAXER = ("multiple Transfer-Encoding headers", "Only Transfer-Encoding: chunked is supported")
"""
What h11 refuses and we accept, of responses that have no body: their framing fields say nothing
about the message (RFC 9112, section 6.3).
"""


class Read(NamedTuple):
    """
    What was read.

    :ivar refused: why it is no response, or nothing.
    :ivar code: the status of a whole response; 0 if there is none.
    :ivar body: its content.
    :ivar keep: whether the connection may be used again.
    """

    refused: str = ""
    code: int = 0
    body: bytes = b""
    keep: bool = False


def read_by_us(data: bytes, bodiless: bool) -> Read:
    """What our reader makes of bytes after which the connection ends."""
    reader = ResponseParser()
    reader.begin(bodiless)
    try:
        reader.feed(data)
    except MalformedResponse as error:
        return Read(refused=str(error))
    if not reader.over and reader.ends_with_connection:
        reader.finish()
    if not reader.over or reader.response is None:
        return Read()
    return Read(
        code=reader.response.code, body=reader.response.body, keep=reader.keep and not reader.buffer
    )


def read_by_h11(data: bytes, bodiless: bool) -> Read:
    """What h11 makes of them."""
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=LIMIT * 4)
    method = "HEAD" if bodiless else "GET"
    client.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
    client.send(h11.EndOfMessage())
    code, body, ended = 0, b"", False
    try:
        client.receive_data(data)
        while True:
            event = client.next_event()
            if isinstance(event, h11.Response):
                code = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                keep = client.their_state is h11.DONE and not client.trailing_data[0]
                return Read(code=code, body=body, keep=keep)
            elif event is h11.NEED_DATA and not ended:
                client.receive_data(b"")
                ended = True
            elif not isinstance(event, h11.InformationalResponse):
                return Read()
    except h11.RemoteProtocolError as error:
        return Read() if ended else Read(refused=str(error))


near = st.builds(
    lambda code, lines, body: b"HTTP/1.1 %d OK\r\n" % code + b"".join(lines) + b"\r\n" + body,
    st.sampled_from((200, 201, 204, 304, 404, 503)),
    st.lists(
        st.sampled_from(
            (
                b"Content-Length: 5\r\n",
                b"Content-Length: 0\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Transfer-Encoding: CHUNKED\r\n",
                b"Connection: close\r\n",
                b"Connection: keep-alive\r\n",
                b"Content-Encoding: identity\r\n",
                b"Content-Type: text/plain\r\n",
                b"X:\ty \n",
            )
        ),
        max_size=3,
    ),
    st.sampled_from(
        (
            b"",
            b"hello",
            b"hell",
            b"hello, and more",
            b"2\r\nok\r\n0\r\n\r\n",
            b"2;x=y\r\nok\r\n0\r\nT: t\r\n\r\n",
            b"2\r\nok\r\n0\r\n\r\nmore",
            b"2\nok\r\n0\r\n\r\n",
            b"2\r\nok\n0\r\n\r\n",
            b"2\r\nok\r\n0\n\n",
            b"2\nok\n0\n\n",
            b"2\r\nok!\r\n0\r\n\r\n",
            b"2 \r\nok\r\n0\r\n\r\n",
            b"0x2\r\nok\r\n0\r\n\r\n",
        )
    ),
)
informed = st.builds(
    lambda before, rest: before + rest,
    st.sampled_from((b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
    near,
)
anything = st.one_of(
    informed, informed, replies, st.builds(lambda head, body: head + body, heads, chunks)
)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class OracleTests(SynchronousTestCase):
    """Our reader and h11's, side by side."""

    @settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
    @given(anything, st.booleans())
    @example(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\r\n\r\nhello", False)
    @example(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length:\r\n\r\nhello", False)
    @example(CHUNKED + b"2\nok\r\n0\r\n\r\n", False)
    @example(CHUNKED + b"2\r\nok\n0\r\n\r\n", False)
    @example(CHUNKED + b"2\r\nok\r\n0\n\n", False)
    @example(CHUNKED + b"2\r\nok\r\n0\r\nT: t\n\r\n", False)
    @example(CHUNKED + b"2\r\nok\r\n0\r\nT: t\r\n\n", False)
    def test_same_response(self, data: bytes, bodiless: bool) -> None:
        """
        A response that we read whole is the one that h11 reads, and its connection is kept only
        if h11 would keep it; one that h11 reads and we refuse is refused for a reason of the table.
        """
        ours, theirs = read_by_us(data, bodiless), read_by_h11(data, bodiless)
        if ours.code and theirs.refused in LAXER:
            self.assertTrue(bodiless or ours.code in (204, 304), (ours, theirs))
        elif ours.code:
            whole = (theirs.code, theirs.body[:LIMIT])
            self.assertEqual((ours.code, ours.body), whole, (data, theirs))
            self.assertLessEqual(ours.keep, theirs.keep)
        elif theirs.code:
            reasons = [reason for said, reason in STRICTER.items() if ours.refused.startswith(said)]
            self.assertEqual(len(reasons), 1, (ours, theirs))

"""Tests for forms that are there as a whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver import Refused
from txresumable.receiver.web.form import Event, Mark, MultipartBody
from txresumable.receiver.web.whole_form import plain_form

_HEADS = (
    'Content-Disposition: form-data; name="a"',
    'Content-Disposition: form-data; name="file"',
    'Content-Disposition: form-data; name="file"; filename="a"',
    'Content-Disposition: form-data; name="file"; filename="\u00e9"\r\nContent-Type: image/png',
    'Content-Disposition: form-data; name="file"; filename=""\r\nContent-Type: odd; charset=x',
    'content-disposition: form-data; name="b"',
    'Content-Disposition: form-data; name="a%22b"',
    'Content-Disposition: form-data; name="a"; filename="b"',
    'Content-Disposition: attachment; name="a"',
    'Content-Type: text/plain\r\nContent-Disposition: form-data; name="c"',
    'Content-Disposition: form-data; name="a"\r\nContent-Length: 2',
    "",
)
_CONTENTS = (
    b"",
    b"1",
    b"\xff\xc3",
    b"\r\n",
    b"\r\n--",
    b"\r\n--B",
    b"--B--",
    b"\r\n\r\n",
    b"x" * 99,
)
_ENDS = (
    b"\r\n--B--\r\n",
    b"\r\n--B--",
    b"\r\n--B--x",
    b"\r\n--B",
    b"--B--\r\n",
    b"\r\n--B--\r\nmore",
)
_parts = st.lists(st.tuples(st.sampled_from(_HEADS), st.sampled_from(_CONTENTS)), max_size=5)
_usual = st.sampled_from(_HEADS[:4])
_usual_parts = st.lists(st.tuples(_usual, st.sampled_from(_CONTENTS)), max_size=4)


def form(parts: list[tuple[str, bytes]], end: bytes) -> bytes:
    """A form."""
    pieces = [b"\r\n--B\r\n%b\r\n\r\n%b" % (head.encode(), content) for head, content in parts]
    return b"".join(pieces)[2:] + end


def taken(*pieces: bytes) -> tuple[list[Event], bytes] | str:
    """What a parser makes of a form: what is no bytes, and the chunk; or why it refuses it."""
    parser, events = MultipartBody("B", "file"), list[Event]()
    try:
        for piece in pieces:
            events += parser.parse(piece)
        events += parser.end()
    except Refused as error:
        return error.reason
    chunk = b"".join(event for event in events if isinstance(event, bytes))
    return [event for event in events if not isinstance(event, bytes)], chunk


class PlainFormTests(SynchronousTestCase):
    """A plain form is taken apart at once, and any other as it always is."""

    @given(st.one_of(_parts, _usual_parts), st.sampled_from(_ENDS), st.booleans())
    def test_as_in_pieces(self, parts: list[tuple[str, bytes]], end: bytes, has_more: bool) -> None:
        """What comes of a form is the same, whether it comes whole or its first byte alone."""
        body = form(parts, end)
        more = [b"more"] if has_more else []
        self.assertEqual(taken(body, *more), taken(body[:1], body[1:], *more))

    @given(st.binary(max_size=60), st.integers(0, 200), st.integers(0, 9))
    def test_any_bytes(self, noise: bytes, at: int, length: int) -> None:
        """So it is if any of its bytes are others."""
        body = form([(_HEADS[0], b"1"), (_HEADS[3], b"chunk")], _ENDS[0])
        body = body[:at] + noise + body[at + length :]
        self.assertEqual(taken(body), taken(body[:1], body[1:]))

    def test_plain(self) -> None:
        """The forms of browsers and of our client are plain."""
        body = form([(_HEADS[0], b"1"), (_HEADS[3], b"chunk")], _ENDS[0])
        self.assertEqual(plain_form(body, b"B"), [("a", False, b"1"), ("file", True, b"chunk")])
        self.assertEqual(taken(body), taken(body[:1], body[1:]))
        found = taken(body)
        self.assertEqual((found[0][-2:], found[1]), ([Mark.BEGIN, Mark.END], b"chunk"))

    def test_not_plain(self) -> None:
        """What is not all there, is long, or has something unusual in it is not."""
        for head in (*_HEADS[4:7], *_HEADS[8:]):
            self.assertIsNone(plain_form(form([(head, b"1")], _ENDS[0]), b"B"), head)
        for end in _ENDS[2:]:
            self.assertIsNone(plain_form(form([(_HEADS[0], b"1")], end), b"B"), end)
        self.assertIsNone(plain_form(form([(_HEADS[0], b"1" * 600000)], _ENDS[0]), b"B"))
        not_text = form([(_HEADS[2], b"1")], _ENDS[0]).replace(b'"a"', b'"\xff"')
        self.assertIsNone(plain_form(not_text, b"B"))

    def test_limits(self) -> None:
        """There may be as many parts, and fields as long, as otherwise."""
        many = [(_HEADS[0], b"1")] * 64
        long = [(_HEADS[0], b"1" * 70000), (_HEADS[2], b"chunk")]
        for parts in (many, [*many, (_HEADS[2], b"chunk")], long, [*many[1:], (_HEADS[2], b"")]):
            body = form(parts, _ENDS[0])
            self.assertEqual(taken(body), taken(body[:1], body[1:]))

"""
What a refusal is about, and how long it asks to wait.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from txresumable._engine.refusal import Concern, concern, is_busy, requested_delay
from txresumable._http.response import Response

NOON = "Thu, 01 Jan 2026 12:00:00 GMT"
LATER = "Thu, 01 Jan 2026 12:00:05 GMT"


def response(code: int, **fields: str) -> Response:
    headers = Headers({name.replace("_", "-"): [value] for name, value in fields.items()})
    return Response(b"HTTP/1.1", code, b"", headers, b"")


class ConcernTests(SynchronousTestCase):
    """
    The chunk, its file, or the server.
    """

    def test_statuses(self) -> None:
        """429 and Retry-After are about the server, and a mark of the receiver goes before both."""
        for answer, expected in (
            (response(429), Concern.SERVER),
            (response(503, Retry_After="1"), Concern.SERVER),
            (response(507, Retry_After="1"), Concern.SERVER),
            (response(408, Retry_After="1"), Concern.SERVER),
            (response(502), Concern.UNKNOWN),
            (response(503), Concern.UNKNOWN),
            (response(504), Concern.UNKNOWN),
            (response(507), Concern.UNKNOWN),
            (response(408), Concern.CHUNK),
            (response(520), Concern.CHUNK),
            (response(503, Retry_After="1", Resumable_Refused="chunk"), Concern.CHUNK),
            (response(507, Retry_After="1", Resumable_Refused="upload"), Concern.UPLOAD),
            (response(503, Retry_After="1", Resumable_Refused="moon"), Concern.SERVER),
        ):
            self.assertIs(concern(answer), expected, answer)

    def test_tests(self) -> None:
        """A test is refused for a time only with a status that says so, and not for its chunk."""
        self.assertTrue(is_busy(response(429)))
        self.assertTrue(is_busy(response(503, Retry_After="1")))
        self.assertTrue(is_busy(response(507, Retry_After="1", Resumable_Refused="upload")))
        self.assertFalse(is_busy(response(503)))
        self.assertFalse(is_busy(response(404, Retry_After="1")))
        self.assertFalse(is_busy(response(503, Retry_After="1", Resumable_Refused="chunk")))


class RequestedDelayTests(SynchronousTestCase):
    """
    Retry-After, and whose clock it goes by.
    """

    def test_seconds(self) -> None:
        """Seconds are seconds, and nothing is nothing."""
        self.assertEqual(requested_delay(response(503, Retry_After="7", Date=NOON)), 7.0)
        self.assertIsNone(requested_delay(response(503, Date=NOON)))

    def test_date(self) -> None:
        """A date goes by the Date of the same response, whatever time it is here."""
        self.assertEqual(requested_delay(response(503, Retry_After=LATER, Date=NOON)), 5.0)
        self.assertEqual(requested_delay(response(503, Retry_After=NOON, Date=LATER)), 0.0)

    def test_no_clock(self) -> None:
        """Without a Date that can be read, this machine's clock has to do."""
        future = "Fri, 01 Jan 2100 00:00:00 GMT"
        for fields in ({}, {"Date": "yesterday"}):
            delay = requested_delay(response(503, Retry_After=future, **fields))
            assert delay is not None
            self.assertTrue(0 < delay < 80 * 365 * 86400, delay)

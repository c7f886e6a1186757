"""
The fakes that users' tests may use.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IConsumer, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txresumable import Resumable, RetriesExhausted
from txresumable.testing import (
    FakeClient,
    FakeResponse,
    Part,
    Response,
    ScriptedReceiver,
    SentRequest,
)
from txresumable.testing.form import parse_form
from txresumable.testing.process import ProcessClock

URL = "http://example.com/"


class Collector(Protocol):
    """Collects what a response delivers."""

    def __init__(self) -> None:
        self.data = b""
        self.reason: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Any = None) -> None:
        self.reason = reason


@implementer(IBodyProducer)
class Body:
    """A body in two pieces, the second one when it is asked for."""

    length = 6

    def startProducing(self, consumer: Any) -> Deferred[None]:
        self.consumer, self.done = consumer, Deferred[None]()
        self.stopped = False
        consumer.write(b"abc")
        return self.done

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.consumer.write(b"def")
        self.done.callback(None)

    def stopProducing(self) -> None:
        self.stopped = True


class FakeClientTests(SynchronousTestCase):
    """
    A client that is answered by hand.
    """

    def setUp(self) -> None:
        self.client = FakeClient()

    def test_example(self) -> None:
        """The documentation's example."""
        client, clock = self.client, Clock()
        uploader = Resumable(URL, client=client, reactor=clock)
        upload = uploader.add_file(b"content", file_name="a.txt")
        client.respond(404)
        client.respond(200)
        self.assertEqual(self.successResultOf(upload).file_name, "a.txt")

    def test_answers_in_order(self) -> None:
        """The oldest request is answered first, and what was answered is kept."""
        results = [self.client.request("GET", URL), self.client.request("POST", URL, data=b"x")]
        self.assertEqual(len(self.client.waiting), 2)
        self.client.respond(200, b"body", {"X-A": "b"})
        response = self.successResultOf(results[0])
        self.assertEqual((response.code, response.headers.getRawHeaders("x-a")), (200, ["b"]))
        self.assertNoResult(results[1])
        self.client.fail(ConnectionLost())
        self.failureResultOf(results[1], ConnectionLost)
        self.assertEqual([each.method for each in self.client.tests], ["GET"])
        self.assertEqual([each.body for each in self.client.uploads], [b"x"])

    def test_nothing_to_answer(self) -> None:
        """To answer what nobody asked is an error of the test's."""
        self.assertRaises(AssertionError, self.client.respond, 200)
        self.assertRaises(AssertionError, self.client.fail, ConnectionLost())

    def test_given_up(self) -> None:
        """A request that was cancelled stops its body and waits no more."""
        body = Body()
        result = self.client.request("POST", URL, data=body)
        [request] = self.client.sent
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.assertEqual((request.given_up, body.stopped, self.client.waiting), (True, True, []))
        request.resume()
        request.respond(FakeResponse(200))
        request.fail(ConnectionLost())

    def test_body(self) -> None:
        """A body is taken as it is produced, and can be held up."""
        body = Body()
        result = self.client.request("POST", URL, data=body)
        [request] = self.client.sent
        verifyObject(IConsumer, request)
        self.assertEqual((request.body, request.is_whole, request.parts), (b"abc", False, []))
        request.pause()
        self.assertTrue(body.paused)
        request.resume()
        self.assertEqual((request.body, request.is_whole), (b"abcdef", True))
        self.successResultOf(request.produced)
        request.pause()
        self.assertNoResult(result)

    def test_body_that_fails(self) -> None:
        """A body that cannot be produced fails the request, as treq does."""
        body = Body()
        result = self.client.request("POST", URL, data=body)
        body.done.errback(Failure(OSError("disk")))
        self.failureResultOf(result, OSError)

    def test_early_answer(self) -> None:
        """An answer to a body that is not whole stops it."""
        body = Body()
        result = self.client.request("POST", URL, data=body)
        self.client.respond(413)
        self.assertEqual(self.successResultOf(result).code, 413)
        self.assertTrue(body.stopped)

    def test_what_it_says(self) -> None:
        """A request shows its parameters, parts and headers."""
        form = (
            b'--B\r\nContent-Disposition: form-data; name="q"\r\n\r\n2\r\n'
            b'--B\r\nContent-Disposition: form-data; name="file"; filename="a%22b"\r\n'
            b"Content-Type: text/plain\r\n\r\n\r\n--not\r\n\r\n--B--\r\n"
        )
        headers = Headers({"Content-Type": ["multipart/form-data; boundary=B"]})
        self.client.request("POST", URL + "?p=1&e=", headers=headers, data=form)
        [request] = self.client.sent
        self.assertEqual(request.query, [("p", "1"), ("e", "")])
        self.assertEqual(request.fields, {"q": "2"})
        self.assertEqual(request.parameters, {"p": "1", "e": "", "q": "2"})
        self.assertEqual(request.content, b"\r\n--not\r\n")
        self.assertEqual(
            request.parts[1], Part("file", b"\r\n--not\r\n", 'a"b', content_type="text/plain")
        )
        self.assertIsNone(request.header("X-None"))
        self.assertNotIn("p=1", repr(request))

    def test_malformed_forms(self) -> None:
        """What is no form, or not all of one, is refused."""
        kind = "multipart/form-data; boundary=B"
        named = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--B--\r\n'
        self.assertEqual(parse_form(kind, named), [Part("a", b"x")])
        for content_type, body in (
            ("text/plain", named),
            (kind, named[:-4]),
            (kind, b"x" + named),
            (kind, named.replace(b"name=", b"nome=")),
            (kind, named.replace(b"\r\n\r\n", b"\r\n")),
        ):
            self.assertRaises(ValueError, parse_form, content_type, body)


class FakeResponseTests(SynchronousTestCase):
    """
    Answers as treq hands them out.
    """

    def test_body(self) -> None:
        """The body is delivered, once."""
        response, collector = FakeResponse(200, b"abc"), Collector()
        response.deliverBody(collector)
        self.assertEqual(collector.data, b"abc")
        assert collector.reason is not None
        collector.reason.trap(ResponseDone)
        self.assertRaises(AssertionError, response.deliverBody, collector)

    def test_held(self) -> None:
        """A body can be delivered piece by piece, and break off."""
        response, collector = FakeResponse(200, b"abc"), Collector()
        response.hold()
        response.deliverBody(collector)
        response.give(b"a")
        self.assertEqual((collector.data, collector.reason), (b"a", None))
        response.end(ConnectionLost())
        assert collector.reason is not None
        collector.reason.trap(ConnectionLost)


class ScriptedReceiverTests(SynchronousTestCase):
    """
    A receiver in memory.
    """

    def setUp(self) -> None:
        self.receiver = ScriptedReceiver()

    def upload(self, content: bytes = b"x" * 25, **options: Any) -> Any:
        uploader = Resumable(
            URL, client=self.receiver, reactor=Clock(), **{"chunk_size": 10, **options}
        )
        return uploader.add_file(content, file_name="a")

    def test_stores(self) -> None:
        """What was uploaded is there, whichever way it was written."""
        for options in ({}, {"method": "octet"}, {"chunk_format": "base64"}, {"dialect": "flow"}):
            receiver = self.receiver = ScriptedReceiver()
            if "dialect" in options:
                uploader = Resumable(URL, reactor=Clock(), client=receiver, **options)
                receiver.names, receiver.absent = uploader.options.names, 204
            content = b"data:,not;base64," + bytes(range(20))
            self.successResultOf(self.upload(content, **options))
            stored = receiver.stored("a")
            self.assertEqual((stored.content, stored.is_complete), (content, True))
            self.assertEqual(set(stored.arrivals.values()), {1})
        self.assertRaises(KeyError, receiver.stored, "b")

    def test_tells(self) -> None:
        """Tests are answered by what is there, with all of it."""
        self.successResultOf(self.upload(b"x" * 60))
        stored = self.receiver.stored("a")
        for number in (3, 5):
            del stored.chunks[number]
        self.assertEqual((stored.ranges, stored.is_complete), ("1-2,4,6", False))
        sent = len(self.receiver.uploads)
        self.successResultOf(self.upload(b"x" * 60))
        self.assertEqual(len(self.receiver.uploads), sent + 2)
        self.assertEqual(len(self.receiver.tests), 12)
        self.successResultOf(self.upload(b"x" * 60, test_chunks="adaptive"))
        self.assertEqual(len(self.receiver.tests), 12 + 1)

    def test_script_and_rule(self) -> None:
        """Answers come from the script, then from the rule, then from what is there."""
        self.receiver.script.extend([404, Response(403, b"no")])
        self.failureResultOf(self.upload())
        self.receiver.rule = lambda request: 404 if request.is_upload else None
        self.failureResultOf(self.upload())
        self.assertEqual(self.receiver.files, {})
        self.receiver.rule = lambda request: None
        self.successResultOf(self.upload())

    def test_broken_rule(self) -> None:
        """A rule that raises, or gives no answer, is logged, and leaves no request without one."""
        for reply in (Deferred(), "503", (503, b""), ConnectionLost()):
            given: Any = reply
            self.receiver.rule = lambda request, given=given: given
            self.failureResultOf(self.upload(max_chunk_retries=0), RetriesExhausted)
            logged = self.flushLoggedErrors(TypeError)
            self.assertIn(repr(reply), str(logged[0].value))
        self.receiver.rule = lambda request: 1 // 0
        error = self.failureResultOf(self.upload(max_chunk_retries=0), RetriesExhausted).value
        self.assertIn("ZeroDivisionError", str(error))
        self.assertTrue(self.flushLoggedErrors(ZeroDivisionError))
        self.assertEqual(self.receiver.waiting, [])

    def test_no_answer(self) -> None:
        """An answer whose status is no number, or whose body is text, is refused."""
        for status, body in (("200", b""), (None, b""), (200, "text"), (200, None)):
            given: Any = (status, body)
            client = FakeClient()
            client.request("GET", "https://example.com/")
            self.assertRaises(TypeError, client.respond, *given)
            self.assertEqual(len(client.waiting), 1)

    def test_strict(self) -> None:
        """What does not fit is refused, and other bytes for the same chunk are too."""
        self.successResultOf(self.upload(test_chunks=False))
        good = self.receiver.uploads[0]
        for old, new, status in (
            (b"", b"", 200),
            (b"x" * 10, b"y" * 10, 409),
            (b"x" * 10, b"x" * 9, 400),
            (b'"resumableTotalSize"\r\n\r\n25', b'"resumableTotalSize"\r\n\r\n26', 400),
        ):
            self.assertEqual(self.send(good.url, good, old, new).status, status, new)
        for old, new in (
            ("TotalSize=25", "TotalSize=26"),
            ("TotalChunks=2", "TotalChunks=3"),
            ("ChunkNumber=1", "ChunkNumber=3"),
            ("ChunkNumber=1", "ChunkNumber=one"),
        ):
            url = good.url.replace(old, new)
            name, _, value = new.partition("=")
            before = f'"resumable{name}"\r\n\r\n{old.partition("=")[2]}'.encode()
            after = f'"resumable{name}"\r\n\r\n{value}'.encode()
            self.assertEqual(self.send(url, good, before, after).status, 400, new)
        url = good.url.replace("resumableIdentifier", "other")
        self.assertEqual(self.send(url, good, b'"resumableIdentifier"', b'"other"').status, 400)

    def send(self, url: str, like: SentRequest, old: bytes, new: bytes) -> Response:
        """
        Send a request like another one, but for some bytes of its body.
        """
        request = SentRequest("POST", url, like.headers, like.body.replace(old, new, 1))
        request.start()
        return self.receiver.receive(request)


class ProcessClockTests(SynchronousTestCase):
    """
    Time for one simulated process.
    """

    def test_stops(self) -> None:
        """When a process is gone, its calls do not come; those of others do."""
        world, heard = Clock(), []
        clock = ProcessClock(world)
        verifyObject(IReactorTime, clock)
        for delay in range(100):
            clock.callLater(delay, heard.append, delay)
        world.callLater(50, heard.append, "other")
        world.advance(9.5)
        self.assertEqual((heard, clock.seconds()), (list(range(10)), 9.5))
        self.assertEqual(len(clock.getDelayedCalls()), 90)
        clock.stop()
        world.advance(100)
        self.assertEqual(heard[10:], ["other"])

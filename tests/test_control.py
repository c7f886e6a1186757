"""
A server that says yes to everything.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from txresumable import NotAReceiver, Resumable
from txresumable._engine.lending import PATIENCE
from txresumable._protocol.control import impossible_name, is_impossible
from txresumable.testing import FakeResponse, ScriptedReceiver

from .uploader_rig import UploaderTestCase

reactor: Any = installed


class NameTests(SynchronousTestCase):
    """The name of a file that cannot exist."""

    def test_names(self) -> None:
        """It is always the same for one file, another one for another, and known as one."""
        names = [impossible_name(name) for name in ("a", "b", "\udc80", "a")]
        self.assertEqual((len(set(names)), names[0]), (3, names[3]))
        self.assertEqual({*map(is_impossible, names)}, {True})
        self.assertFalse(is_impossible("a"))


class ControlTests(UploaderTestCase):
    """Before a server is believed to have a chunk, it is asked for one that cannot be there."""

    def setUp(self) -> None:
        super().setUp()
        self.client.is_receiver = False

    def names(self) -> list[str]:
        """Of what was asked for: its name, or a mark for one that cannot exist."""
        found = []
        for request in self.client.sent:
            said = request.parameters
            names = {said[f"resumable{what}"] for what in ("Filename", "RelativePath")}
            control = {request.is_control, is_impossible(said["resumableIdentifier"])}
            self.assertEqual((len(names), len(control)), (1, 1))
            found.append("?" if request.is_control else names.pop())
        return found

    def test_believed(self) -> None:
        """One that has not everything is believed, and is asked once."""
        for mode in (True, "adaptive"):
            self.client.sent.clear()
            uploader = self.uploader(test_chunks=mode, simultaneous_uploads=1, simultaneous_tests=1)
            uploads = [uploader.add_file(b"x" * 20, file_name=name) for name in "ab"]
            for status in (200, 404, 200, 200, 200):
                self.client.respond(status)
            for upload in uploads:
                self.assertEqual(self.successResultOf(upload).chunks_found, 2)
            self.assertEqual(self.names(), ["a", "?", "a", "b", "b"])

    def test_not_believed(self) -> None:
        """One that has what cannot exist is no receiver: the file fails, and says why."""
        upload = self.uploader(target="https://a.example/u?key=SECRET").add_file(
            b"x" * 30, file_name="a"
        )
        self.answer_all()
        error = self.failureResultOf(upload, NotAReceiver).value
        self.assertEqual(
            (error.url, error.dialect, error.status, error.file_name),
            ("https://a.example/u", "resumable", 200, "a"),
        )
        for part in ("https://a.example/u ", "200", "'resumable'", "--test-chunks no"):
            self.assertIn(part, str(error))
        self.assertNotIn("SECRET", str(error))
        self.assertEqual(self.client.uploads, [])

    def test_nothing_there(self) -> None:
        """An upload of which nothing is there costs no more requests."""
        upload = self.uploader().add_file(b"x" * 30, file_name="a")
        while self.client.waiting:
            self.client.respond(200 if self.client.waiting[0].is_upload else 404)
        self.successResultOf(upload)
        self.assertEqual(self.names(), ["a"] * 6)

    def test_asked_once_by_many(self) -> None:
        """Chunks that are found at the same time wait for the same response."""
        upload, found = self.uploader(last_chunk_alone=False).add_file(b"x" * 30, file_name="a"), []
        upload.chunk_completed.register(lambda _: found.append(upload.file.chunks_found))
        for _ in range(3):
            self.client.respond(200)
        self.assertEqual(self.names(), ["a", "a", "a", "?"])
        self.client.respond(404)
        self.assertEqual(found, [1, 2, 3])
        self.assertEqual(self.successResultOf(upload).chunks_found, 3)
        self.assertEqual(len(self.client.sent), 4)

    def test_asked_by_another(self) -> None:
        """Where the one that asks is cancelled, the next asks in its place."""
        uploader = self.uploader(simultaneous_uploads=2)
        first, second = (uploader.add_file(b"x" * 10, file_name=name) for name in "ab")
        self.client.respond(200)
        self.client.respond(200)
        self.assertEqual(self.names(), ["a", "b", "?"])
        first.cancel()
        self.assert_cancelled(first)
        self.assertEqual(self.names(), ["a", "b", "?", "?"])
        self.client.respond(404)
        self.successResultOf(second)

    def test_asked_in_place_of_one_that_waits(self) -> None:
        """
        Where the one that asks waits for a hook for long, the next one asks as well, and the others
        wait for that; the first one asks when its hook is through.
        """
        for is_late in (True, False):
            self.client.sent.clear()
            hooks: list[Any] = []

            def headers(file: Any, chunk: Any, hooks: list[Any] = hooks) -> Any:
                hooks.append(Deferred() if file.file_name == "a" and hooks else {})
                return hooks[-1]

            uploader = self.uploader(simultaneous_uploads=3, headers=headers)
            slow, *others = (uploader.add_file(b"x" * 10, file_name=name) for name in "abc")
            for _ in range(3):
                self.client.respond(200)
            (hook,) = filter(None, hooks)
            self.assertEqual(self.names(), ["a", "b", "c"])
            self.clock.advance(PATIENCE)
            self.assertEqual(self.names(), ["a", "b", "c", "?"])
            if is_late:
                self.client.respond(404)
                hook.callback({})
            else:
                hook.callback({})
                self.client.respond(404)
            self.assertEqual(self.names(), ["a", "b", "c", "?", "?"])
            for upload in others:
                self.successResultOf(upload)
            self.assertNoResult(slow)
            self.client.respond(404)
            self.successResultOf(slow)

    def test_asked_later(self) -> None:
        """What says nothing about a file is no proof: it is asked again."""
        for fault in (503, 502, 504, 429, ConnectionLost()):
            self.client.sent.clear()
            upload = self.uploader(simultaneous_uploads=1).add_file(b"x" * 10, file_name="a")
            self.client.respond(200)
            if isinstance(fault, int):
                self.client.respond(fault)
            else:
                self.client.fail(fault)
            self.assertNoResult(upload)
            self.clock.advance(1)
            self.client.respond(200)
            self.client.respond(404)
            self.assertEqual(self.successResultOf(upload).chunks_found, 1)
            self.assertEqual(self.names(), ["a", "?", "a", "?"])

    def test_fails_anew(self) -> None:
        """A portal that has gone is asked again when the file is retried."""
        upload = self.uploader().add_file(b"x" * 10, file_name="a")
        self.answer_all()
        self.failureResultOf(upload, NotAReceiver)
        upload.file.retry()
        retried = upload.file.when_completed()
        self.client.respond(404)
        self.client.respond(200)
        self.successResultOf(retried)

    def test_dialects(self) -> None:
        """Whatever a dialect calls its parameters and statuses, it holds."""
        for dialect, said, failed in (("flow", 202, True), ("flow", 204, False)):
            upload = self.uploader(dialect=dialect).add_file(b"x" * 10, file_name="a")
            self.client.respond(202)
            self.client.respond(said)
            if failed:
                error = self.failureResultOf(upload, NotAReceiver).value
                self.assertEqual((error.dialect, error.status), ("flow", 202))
            else:
                self.successResultOf(upload)

    def test_functions(self) -> None:
        """Each server that a function leads to is asked; none whose URL says no name."""

        def target(pairs: list[str]) -> str:
            said = "&".join(pairs)
            number = said.partition("resumableTotalSize=")[2][:2]
            return f"http://{number}.example/?{said}"

        uploader = self.uploader(target=target, simultaneous_uploads=1)
        uploads = [uploader.add_file(b"x" * size, file_name="f") for size in (10, 11)]
        uploads.append(uploader.add_file(b"y" * 10, file_name="g"))
        for status in (200, 404, 200, 404, 200):
            self.client.respond(status)
        for upload in uploads:
            self.successResultOf(upload)
        self.assertEqual(self.names(), ["f", "?", "f", "?", "g"])
        fixed = self.uploader(target=lambda _: "http://a.example/fixed").add_file(
            b"z" * 10, file_name="h"
        )
        self.client.respond(200)
        self.successResultOf(fixed)

    def test_function_that_knows_its_files(self) -> None:
        """A function that fails for a name that no file has is not asked again, nor its server."""
        urls = {"f": "http://a.example/f?"}

        def target(pairs: list[str]) -> str:
            name = dict(pair.split("=") for pair in pairs)["resumableFilename"]
            return urls[name] + "&".join(pairs)

        upload = self.uploader(target=target).add_file(b"x" * 10, file_name="f")
        self.client.respond(200)
        self.assertEqual(self.successResultOf(upload).chunks_found, 1)

    def test_function_that_fails_once(self) -> None:
        """
        A function that fails for a name that no file has proves nothing to other files; and where
        the query cannot be had, the file fails as always.
        """
        faults = [ValueError(), None]

        def target(pairs: list[str]) -> str:
            said = "&".join(pairs)
            if is_impossible(said.partition("resumableFilename=")[2]):
                fault = faults.pop(0)
                if fault is not None:
                    raise fault
            return f"http://a.example/?{said}"

        uploader = self.uploader(target=target, simultaneous_uploads=1)
        first, second = (uploader.add_file(b"x" * 20, file_name=name) for name in "ab")
        self.answer_all()
        self.assertEqual(self.successResultOf(first).chunks_found, 2)
        self.failureResultOf(second, NotAReceiver)
        self.assertEqual((self.names(), faults), (["a", "a", "b", "?"], []))

        asked: list[Any] = []

        def query(*_: Any) -> dict[str, str]:
            asked.append(1)
            if len(asked) == 2:
                raise ValueError("no token")
            return {"token": "t"}

        upload = self.uploader(query=query).add_file(b"x" * 10, file_name="a")
        self.answer_all()
        self.failureResultOf(upload, ValueError)

    def test_other_paths(self) -> None:
        """
        A receiver does not vouch for what else its host has, nor another host for it; numbers and
        names make no other place.
        """
        places = {
            "a": "http://a.example/good",
            "b": "http://a.example/bad",
            "c": "http://a.example/1/{}",
            "d": "http://a.example/2/{}",
            "e": "http://a.example/x/{}",
            "f": "http://{}.example/x",
            "g": "http://g.example/",
            "h": "http://g.example/h",
            "i": "http://i.example",
            "j": "http://i.example/{}",
            "k": "http://i.example/x/y",
        }
        now = "a"

        def target(pairs: list[str]) -> str:
            said = "&".join(pairs)
            name = said.partition("resumableFilename=")[2].partition("&")[0]
            return f"{places[now].format(name)}?{said}"

        uploader = self.uploader(target=target, simultaneous_uploads=1)
        for now, statuses in (
            ("a", (200, 404)),
            ("a", (200,)),
            ("b", (200, 200)),
            ("c", (200, 404)),
            ("d", (200,)),
            ("e", (200, 404)),
            ("e", (200,)),
            ("f", (200, 404)),
            ("f", (200, 404)),
            ("g", (200, 404)),
            ("h", (200, 404)),
            ("i", (200, 404)),
            ("j", (200, 404)),
            ("k", (200,)),
        ):
            upload = uploader.add_file(b"x" * 10, file_name=now)
            for status in statuses:
                self.client.respond(status)
            if now == "b":
                self.failureResultOf(upload, NotAReceiver)
            else:
                self.successResultOf(upload)
        self.assertEqual("".join(self.names()), "a?ab?c?de?ef?f?g?h?i?j?k")

    def test_simulated_receiver(self) -> None:
        """A client that stands in for a receiver responds as one, and counts no such request."""
        receiver = ScriptedReceiver()
        for _ in range(2):
            upload = self.uploader(receiver).add_file(b"x" * 10, file_name="a")
            self.successResultOf(upload)
        self.assertEqual([each.method for each in receiver.sent], ["GET", "POST", "GET"])
        receiver.is_receiver = False
        self.successResultOf(self.uploader(receiver).add_file(b"x" * 10, file_name="a"))
        self.assertTrue(receiver.sent[-1].is_control)

    def test_late_response(self) -> None:
        """A response that comes when the file is cancelled concerns nobody."""
        upload = self.uploader().add_file(b"x" * 10, file_name="a")
        self.client.respond(200)
        [asked] = self.client.waiting
        upload.cancel()
        asked.respond(FakeResponse(200))
        self.assert_cancelled(upload)


class Portal(Resource):
    """A captive portal: whatever is asked for, the response is its page."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        return b"<!doctype html><title>Welcome</title>"


class PortalTests(TestCase):
    """Over a real socket."""

    async def test_portal(self) -> None:
        """A page for every GET is no upload, however the chunks are tested."""
        port = reactor.listenTCP(0, Site(Portal()), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        for mode in (True, "adaptive"):
            uploader = Resumable(
                f"http://127.0.0.1:{port.getHost().port}/", reactor=reactor, test_chunks=mode
            )
            error = await self.assertFailure(
                uploader.add_file(b"x" * 5000, file_name="a"), NotAReceiver
            )
            self.assertIn(f":{port.getHost().port}/ responds with 200", str(error))
            await uploader.close()

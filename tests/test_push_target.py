"""
Tests for targets that take files, or do not.
"""

from __future__ import annotations

import os
from typing import Any

import attrs
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.ssl import PrivateCertificate, platformTrust

from tests.authority import Authority
from tests.push_rig import PushTestCase
from tests.queue_rig import CutReceiver
from txresumable import InvalidOption, TLSRejected
from txresumable.options import Options
from txresumable.push.delivery.target import Target
from txresumable.push.settings import NOT_OF_TARGETS, TargetSettings
from txresumable.testing import FakeClient, Response

_OTHERS: dict[str, Any] = {
    "test_target": "https://example.com/test",
    "target": "https://example.com/other",
    "headers": {"A": "b"},
    "query": {"a": "b"},
    "server": "flow-php-server",
    "insecure_credentials": "allow",
    "dialect": "flow",
    "method": "octet",
    "chunk_format": "base64",
    "set_chunk_type_from_file": True,
    "checksum": "sha256",
    "simultaneous_uploads": 2,
    "simultaneous_tests": 2,
    "lend_slots": True,
    "in_order": True,
    "last_chunk_alone": True,
    "test_chunks": False,
    "expect_response": "yes",
    "source_check": "size",
    "max_file_size": 10**9,
    "file_type": (".x",),
    "success_statuses": frozenset({299}),
    "permanent_errors": frozenset({499}),
    "chunk_retry_interval": 2.0,
    "chunk_timeout": 2.0,
    "max_rate": 1000.0,
    "trust_root": platformTrust(),
    "client_certificate": PrivateCertificate.loadPEM(Authority("localhost").issue("client")),
    "proxy": "http://127.0.0.1:9",
    **dict.fromkeys(
        (
            "preprocess",
            "preprocess_file",
            "verify",
            "retry_policy",
            "min_file_size_error_callback",
            "max_file_size_error_callback",
            "file_type_error_callback",
        ),
        print,
    ),
}
"""Values of options for which no other is found by itself."""
ONCE = {"max_chunk_retries": 0, "test_chunks": False}


class TargetTests(PushTestCase):
    """What is no fault of a file is not counted against it."""

    def target(self, service: Any) -> Any:
        """The one target."""
        return service.delivery.targets["lab"]

    def test_how_many_at_once(self) -> None:
        """As many as fill the line, unless the server needs, or somebody wants, another number."""
        url = "https://example.com/upload"
        for options, number in (
            ({}, "auto"),
            ({"server": "laravel-chunk-upload"}, 1),
            ({"simultaneous_uploads": 7}, 7),
        ):
            settings = TargetSettings(name="lab", options={"target": url, **options})
            target = Target(settings, {}, self.clock)
            made = target.uploader.options
            self.assertEqual((made.simultaneous_uploads, made.min_file_size), (number, 0))

    def test_all_options(self) -> None:
        """Each option of the client is as it was given, or is refused."""
        for option in attrs.fields(Options):
            name, value = option.name, _OTHERS.get(option.name)
            if value is None and option.name in NOT_OF_TARGETS:
                continue
            if value is None:
                default: Any = option.default
                value = not default if isinstance(default, bool) else "x"
                value = default + 2 if type(default) in (int, float) else value
            given = {"target": "https://example.com/upload", name: value}
            target = Target(TargetSettings(name="lab", options=given), {}, self.clock)
            made = getattr(target.uploader.options, name)
            if name == "max_rate":
                made = target.limiter.rate
            self.assertEqual(made, getattr(Options(**given), name), name)
            self.assertNotEqual(made, getattr(Options(target="https://x"), name), name)

    def test_unreachable(self) -> None:
        """While it cannot be reached nothing fails; it is tried with one file, then with all."""
        for name in "abc":
            self.file(name)
        client = FakeClient()
        service = self.started({**ONCE, "simultaneous_uploads": 1}, client, attempts=1)
        for delay in 5, 10, 20:
            while client.waiting:
                client.fail(ConnectionRefusedError())
            self.assertEqual(set(self.states(service).values()), {"queued"})
            self.assertAlmostEqual(self.target(service).until, self.now() + delay)
            self.assertIn("failed 1 times", self.target(service).why)
            self.clock.advance(delay - 1)
            self.assertEqual(client.waiting, [])
            self.clock.advance(1)
            self.assertEqual(list(self.states(service).values()).count("uploading"), 1)
        while client.waiting:
            client.respond(200)
        self.assertEqual(set(self.states(service).values()), {"done"})
        self.assertEqual({entry.attempts for entry in self.entries(service)}, {0})
        self.assertEqual((self.target(service).why, self.target(service).is_reached), ("", True))

    def test_a_day(self) -> None:
        """It may be away for a day."""
        for number in range(10):
            self.file(str(number))
        client = FakeClient()
        service = self.started(ONCE, client, attempts=1, again=60.0)
        while self.clock.seconds() < 86400:
            while client.waiting:
                client.fail(ConnectionRefusedError())
            self.clock.advance(60)
        for _ in range(100):
            while client.waiting:
                client.respond(200)
            self.clock.advance(10)
        self.assertEqual(set(self.states(service).values()), {"done"})

    def test_refuses_everybody(self) -> None:
        """A login that is refused is no fault of a file, and nothing is put aside."""
        for name in "abc":
            self.file(name)
        self.receiver.rule = lambda _: Response(401, b"who are you?")
        service = self.started(attempts=1, failed="BASE/failed")
        self.assertIn("who are you?", self.target(service).why)
        self.clock.pump([60] * 30)
        self.assertLessEqual(set(self.states(service).values()), {"queued", "waiting"})
        self.assertEqual({entry.attempts for entry in self.entries(service)}, {0})
        self.assertLess(len(self.receiver.sent), 40)
        self.receiver.rule = None
        self.clock.pump([60] * 12)
        self.assertEqual(set(self.states(service).values()), {"done"})

    def test_refuses_one(self) -> None:
        """A file that is refused while others are stored is to blame, and holds up nobody."""
        for name in "abcd":
            self.file(name)

        def refuse(request: Any) -> Response | None:
            is_a = request.parameters["resumableFilename"] == "a"
            return Response(403, b"not this") if is_a else None

        self.receiver.rule = refuse
        service = self.started(attempts=2, again=100.0, order="name")
        self.clock.pump([10] * 100)
        states = self.states(service)
        self.assertEqual(states.pop("a"), "failed")
        self.assertEqual(set(states.values()), {"done"})
        self.assertEqual(self.entry(service).attempts, 2)
        self.assertEqual(self.target(service).why, "")

    def test_new_files(self) -> None:
        """Many that are new take hardly more than a request each, unless that is not wanted."""
        for number, (options, most) in enumerate((({}, 20), ({"test_chunks": True}, 100))):
            for name in range(100):
                self.file(f"{number}-{name}")
            self.receiver.sent.clear()
            service = self.started(options)
            self.clock.pump([1.0] * 60)
            self.assertEqual(set(self.states(service).values()), {"done"})
            tests = sum(request.method == "GET" for request in self.receiver.sent)
            self.assertEqual(len(self.receiver.sent) - tests, 100)
            self.assertEqual(tests == 100, most == 100)
            self.assertLessEqual(tests, most)
            self.stop(service)

    def test_rest_of_large_one(self) -> None:
        """What the server has of a file is not sent again after a crash."""
        for size, name in ((60, "short"), (400, "long")):
            self.file(name, "x" * size)
            service = self.started(client=CutReceiver(self.receiver, left=4))
            self.stop(service)
            stored = sum(len(file.chunks) for file in self.receiver.files.values())
            self.assertGreater(stored, 0)
            self.receiver.sent.clear()
            self.started()
            self.clock.pump([1.0] * 60)
            posts = [each for each in self.receiver.sent if each.method == "POST"]
            self.assertEqual(len(posts), size // 10 - stored)
            self.stop(self.services[-1])
            self.receiver.files.clear()

    def test_not_verified(self) -> None:
        """A certificate that cannot be verified is the target's, for however many files."""
        self.file("a")
        client = FakeClient()
        service = self.started({"test_chunks": False}, client, attempts=1)
        client.fail(TLSRejected("of somebody else"))
        self.assertEqual(self.states(service), {"a": "queued"})
        self.assertIn("of somebody else", self.target(service).why)

    def test_operator(self) -> None:
        """An operator has it tried at once."""
        self.file("a")
        client = FakeClient()
        service = self.started({"test_chunks": False}, client)
        client.fail(TLSRejected("of somebody else"))
        service.resume()
        client.respond(200)
        self.assertEqual(self.states(service), {"a": "done"})

    def test_probed_by_one_without_files(self) -> None:
        """A file that turns out to be gone is no probe: the next one is tried."""
        path = self.file("a")
        self.file("b")
        client = FakeClient()
        options = {**ONCE, "simultaneous_uploads": 1}
        service = self.started(options, client, order="name")
        client.fail(TLSRejected("of somebody else"))
        client.fail(TLSRejected("of somebody else"))
        os.unlink(path)
        self.clock.advance(5)
        self.assertEqual(self.states(service), {"a": "gone", "b": "uploading"})
        client.respond(200)
        self.assertEqual(self.states(service), {"a": "gone", "b": "done"})


class PaceTests(PushTestCase):
    """How fast, and how many at once."""

    def test_paused(self) -> None:
        """Nothing is sent while it is paused; what was begun goes on then."""
        self.file("a", "x" * 30)
        client = FakeClient()
        service = self.started({"test_chunks": False, "simultaneous_uploads": 1}, client)
        client.respond(200)
        service.pause()
        self.file("b")
        self.rescan(service)
        self.assertEqual(client.waiting, [])
        self.assertEqual(self.states(service), {"a": "uploading", "b": "queued"})
        service.resume()
        while client.waiting:
            client.respond(200)
        self.assertEqual(self.states(service), {"a": "done", "b": "done"})

    def test_rate(self) -> None:
        """A rate of 0 pauses; another one holds for the target, unless its own is less."""
        service = self.started({"max_rate": 500.0})
        assert service.delivery is not None
        target = service.delivery.targets["lab"]
        service.set_rate(0)
        self.file("a")
        self.rescan(service)
        self.assertEqual(self.states(service), {"a": "queued"})
        service.pause()
        service.set_rate(1000)
        self.assertEqual(self.states(service), {"a": "queued"})
        service.resume()
        self.assertEqual(target.limiter.rate, 500)
        service.set_rate(200)
        self.assertEqual(target.limiter.rate, 200)
        service.set_rate()
        self.assertEqual(target.limiter.rate, 500)

    def test_concurrency(self) -> None:
        """It holds for files that are begun from then on, and over a restart."""
        self.file("a", "x" * 30)
        client = FakeClient()
        service = self.started({"test_chunks": False}, client)
        self.assertEqual(len(client.waiting), 2)  # the last chunk goes alone
        service.set_concurrency(1)
        self.file("b", "y" * 50)
        self.rescan(service)
        self.assertEqual(len(client.waiting), 3)
        self.assertRaises(InvalidOption, service.set_concurrency, 0)
        while client.waiting:
            client.respond(200)
        self.assertEqual(self.states(service), {"a": "done", "b": "done"})
        self.restarted(service)
        self.file("c", "z" * 50)
        self.rescan(service)
        self.assertEqual(len(client.waiting), 1)

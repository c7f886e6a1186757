"""Tests for small files, of which nothing is written before they are there."""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable
from hashlib import sha256
from typing import Any, TypeVar

from attrs import evolve
from twisted.internet.defer import ensureDeferred

from tests.receiver_rig import ClientFile, Connection, FaultyDisk, ReceiverTestCase, Thread
from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import Refused
from txresumable.receiver.store.chunk import Chunk
from txresumable.receiver.store.small import SMALL

_T = TypeVar("_T")


class SmallTests(ReceiverTestCase):
    """A file that comes in one request is kept in memory until it is there."""

    def setUp(self) -> None:
        super().setUp()
        self.thread = Thread()
        self.file = ClientFile(b"content", "a", "a", chunk_size=100)

    def begin(self, **options: Any) -> None:
        """Start a receiver with threads that wait."""
        options.setdefault("on_complete", None)
        self.start(run=self.thread.run, **options)

    def settle(self) -> None:
        """Let all happen that needs no time."""
        for _ in range(20):
            self.clock.advance(0)
            self.thread.work()

    def arrive(self, file: ClientFile, left: int = 0) -> tuple[Connection, bytes]:
        """A request arrives but for so many bytes."""
        data = file.upload(1)
        return self.connect().send(data[: len(data) - left]), data[len(data) - left :]

    def status(self, wire: Connection) -> int:
        """The status of the response, once all has happened."""
        self.settle()
        return wire.response().status

    def delete(self, file: ClientFile) -> int:
        """Abandon an upload."""
        wire = self.connect().send(file.test(1, method="DELETE"))
        return self.status(wire)

    def test_nothing_before(self) -> None:
        """Before it is there no thread has worked for it, and nothing of it is on the disk."""
        self.begin()
        wire, rest = self.arrive(self.file, 30)
        self.assertEqual((self.thread.waiting, self.private()), ([], []))
        self.assertEqual(self.store.unfinished, 1)
        self.assertEqual(self.status(wire.send(rest)), 200)
        self.assertEqual((self.finished(), self.store.unfinished), ({"a": b"content"}, 0))

    def test_one_job(self) -> None:
        """One thread's work stores a file, and any number of others."""
        self.begin()
        wires = [self.arrive(ClientFile(b"x", f"{n}", f"{n}"))[0] for n in range(9)]
        for _ in range(10):
            self.clock.advance(0)
        self.assertEqual(len(self.thread.waiting), 1)
        self.thread.work(1)
        self.assertEqual([wire.response().status for wire in wires], [200] * 9)
        self.assertEqual((self.thread.waiting, len(self.finished())), ([], 9))

    def test_not_all_of_it(self) -> None:
        """If the connection breaks, nothing was begun, and nothing counts."""
        self.begin(max_unfinished=1)
        wire, _ = self.arrive(self.file, 30)
        other, _ = self.arrive(ClientFile(b"b", "b", "b"))
        self.assertEqual(self.status(other), 507)
        self.connections.remove(wire)
        wire.lose()
        self.assertEqual((self.store.unfinished, self.private()), (0, []))
        self.assertEqual(self.status(self.arrive(ClientFile(b"b", "b", "b"))[0]), 200)

    def test_tested_meanwhile(self) -> None:
        """Until it is there a test finds nothing, and it counts all the same."""
        self.begin(max_unfinished=1)
        wire, rest = self.arrive(self.file, 30)
        self.assertIn(self.status(self.connect().send(self.file.test(1))), (204, 404))
        self.successResultOf(self.swept())
        self.assertEqual(self.store.unfinished, 1)
        self.assertEqual(self.status(self.arrive(ClientFile(b"b", "b", "b"))[0]), 507)
        self.assertEqual(self.status(wire.send(rest)), 200)

    def swept(self) -> Any:
        """A sweep."""
        sweeping = self.store.sweep()
        self.settle()
        return sweeping

    def test_two_at_once(self) -> None:
        """Of two requests with one file both are responded to, and the file is there once."""
        self.begin()
        for late in (0, 1):
            file = ClientFile(b"content", f"{late}", f"{late}", chunk_size=100)
            wires = [self.arrive(file, 30) for _ in range(2)]
            self.settle()
            first, second = wires[late], wires[1 - late]
            first[0].send(first[1])
            self.settle()
            second[0].send(second[1])
            self.settle()
            for _ in range(3):
                self.clock.advance(1)
                self.settle()
            statuses = {wire.response().status for wire, _ in wires}
            self.assertLessEqual({200}, statuses)
            self.assertLessEqual(statuses, {200, 503})
        self.assertEqual(self.finished(), {"0": b"content", "1": b"content"})
        self.assertEqual(self.private(), ["done", "done"])

    def test_two_that_differ(self) -> None:
        """Of two requests with other bytes for one file one is refused."""
        self.begin()
        other = ClientFile(b"CONTENT", "a", "a", chunk_size=100)
        wires = [self.arrive(file, 30) for file in (self.file, other)]
        self.settle()
        for wire, rest in reversed(wires):
            wire.send(rest)
        self.settle()
        self.assertEqual(sorted(wire.response().status for wire, _ in wires), [200, 409])
        self.assertEqual(len(self.finished()), 1)

    def test_abandoned(self) -> None:
        """What its client abandons while it arrives is refused."""
        self.begin()
        wire, rest = self.arrive(self.file, 30)
        self.assertEqual(self.delete(self.file), 204)
        self.assertEqual(self.store.unfinished, 0)
        self.assertEqual(self.status(wire.send(rest)), 500)
        self.assertEqual(self.finished(), {})
        self.assertEqual(self.status(self.arrive(self.file)[0]), 200)

    def test_two_abandoned(self) -> None:
        """What its client abandons is refused in each of the requests that it still arrives in."""
        self.begin()
        wires = [self.arrive(self.file, 30) for _ in range(2)]
        self.settle()
        self.assertEqual(self.delete(self.file), 204)
        statuses = [self.status(wire.send(rest)) for wire, rest in wires]
        self.assertEqual((statuses, self.finished()), ([500, 500], {}))

    def test_limits_of_two_at_once(self) -> None:
        """What is sent again, since its connection is dead, does not count twice."""
        options: list[dict[str, Any]] = [
            {"max_unfinished": 1},
            {"max_unfinished_size": 10},
            {"quota": 10},
            {"disk": FaultyDisk()},
        ]
        options[-1]["disk"].free = lambda fd: 10
        for each in options:
            self.root = self.mktemp()
            self.begin(**each)
            wire, rest = self.arrive(self.file, 30)
            again, _ = self.arrive(self.file)
            self.assertEqual(self.status(again), 200, each)
            self.assertEqual(self.status(wire.send(rest)), 200, each)
            self.assertEqual((self.finished(), self.store.unfinished), ({"a": b"content"}, 0))
            self.hang_up()

    def test_abandoned_in_a_group(self) -> None:
        """What is abandoned on its way to the disk is there, or is not, as its client is told."""
        for fails, statuses, finished in ((False, (200, 409), ["a"]), (True, (500, 204), [])):
            self.root, disk = self.mktemp(), FaultyDisk()
            if fails:
                disk.sync_all = _fail  # type: ignore[method-assign]
            self.begin(disk=disk)
            wire, _ = self.arrive(self.file)
            for _ in range(10):
                self.clock.advance(0)
            deleted = self.connect().send(self.file.test(1, method="DELETE"))
            self.assertEqual(len(self.thread.waiting), 1)
            self.assertEqual((self.status(wire), self.status(deleted)), statuses)
            self.assertEqual((list(self.finished()), self.store.unfinished), (finished, 0))
            self.assertEqual(self.private(), ["done"] * len(finished))
            self.hang_up()

    def test_on_complete_after_all(self) -> None:
        """If the application wants to look at files meanwhile, it does."""
        self.begin()
        wire, rest = self.arrive(self.file, 30)
        self.store.on_complete = self.received.append
        self.assertEqual(self.status(wire.send(rest)), 200)
        self.assertEqual([file.file_name for file in self.received], ["a"])

    def test_closed(self) -> None:
        """A store that closes refuses what has not arrived, and ends what has."""
        self.begin()
        wire, rest = self.arrive(self.file, 30)
        other, _ = self.arrive(ClientFile(b"b", "b", "b"))
        for _ in range(10):
            self.clock.advance(0)
        closed = self.store.close()
        self.assertEqual(self.status(other), 200)
        self.successResultOf(closed)
        self.assertEqual(self.status(wire.send(rest)), 503)
        self.assertEqual(self.finished(), {"b": b"b"})

    def test_big(self) -> None:
        """A file that is too big for memory, or has more chunks, is begun on the disk."""
        self.begin()
        big = ClientFile(bytes(SMALL + 1), "big", "big", chunk_size=2 * SMALL)
        two = ClientFile(b"content", "two", "two", chunk_size=3)
        for file in (big, two):
            self.arrive(file, 52)
        self.settle()
        self.assertEqual(self.private().count("chunks"), 2)

    def test_how_small(self) -> None:
        """256 KiB are small, and a byte more is not."""
        self.begin()
        for size, found in ((262144, []), (262145, ["chunks", "data"])):
            file = ClientFile(bytes(size), "a", f"{size}", chunk_size=2 * size)
            self.arrive(file, 52)
            self.settle()
            self.assertEqual(sorted(self.private()), found, size)

    def done(self, work: Awaitable[_T]) -> _T:
        """What comes of something, once all has happened."""
        doing = ensureDeferred(work)
        self.settle()
        return self.successResultOf(doing)

    def test_as_the_store_has_it(self) -> None:
        """It is an upload like any other for whoever has it, before and after it is there."""
        self.begin()
        chunk = Chunk(identifier="a", offset=0, layout=ChunkLayout(7, 100), file_name="a")
        known = evolve(chunk, checksum=sha256(b"content").hexdigest())
        with self.done(self.store.begin("", chunk)) as entry:
            self.assertEqual((entry.full, entry.ranges()), (False, ""))
            self.assertIs(self.done(entry.holds(chunk)), False)
            self.put(entry, chunk, b"content")
            self.assertEqual((entry.full, entry.ranges()), (True, "1"))
            self.assertIs(self.done(entry.holds(known)), True)
            self.assertIs(self.done(entry.holds(evolve(chunk, checksum="0" * 64))), False)
            self.put(entry, chunk, b"content")
            sink = self.done(entry.claim(chunk))
            sink.write(b"CONTENT")
            comparing = ensureDeferred(sink.commit())
            self.settle()
            self.assertEqual(self.failureResultOf(comparing, Refused).value.status, 409)
            file = entry.finish()
            self.settle()
            self.assertEqual(self.successResultOf(file).sha256, known.checksum)

    def put(self, entry: Any, chunk: Chunk, content: bytes) -> None:
        """Send a chunk."""
        sink = self.done(entry.claim(chunk))
        self.assertIsNone(sink.write(content))
        self.done(sink.commit())

    def test_whether_it_was_abandoned(self) -> None:
        """There was something to abandon while it arrived, and there is nothing before or after."""
        self.begin()
        chunk = Chunk(identifier="a", offset=0, layout=ChunkLayout(7, 100), file_name="a")
        self.assertIs(self.done(self.store.abandon("", chunk)), False)
        with self.done(self.store.begin("", chunk)):
            self.assertIs(self.done(self.store.abandon("", chunk)), True)
        self.assertIs(self.done(self.store.abandon("", chunk)), False)

    def test_counts_for_its_owner(self) -> None:
        """What is there counts for the quota of its owner."""
        self.begin(quota=10)
        self.assertEqual(self.status(self.arrive(self.file)[0]), 200)
        other, _ = self.arrive(ClientFile(b"content", "b", "b", chunk_size=100))
        self.assertEqual((self.status(other), list(self.finished())), (507, ["a"]))

    def test_late_checksum(self) -> None:
        """A checksum that follows the bytes is as good as one before them."""
        self.begin()
        for sent, status in ((b"content", 200), (b"another", 422)):
            checksum = "sha256:" + sha256(sent).hexdigest()
            self.file = ClientFile(b"content", f"{status}", f"{status}", chunk_size=100)
            data = self.file.upload(1, late={"resumableChunkChecksum": checksum})
            self.assertEqual(self.status(self.connect().send(data)), status)
        self.assertEqual(list(self.finished()), ["200"])

    def test_let_go_of(self) -> None:
        """One that came the ordinary way, and could not be stored either, is not held on to."""
        disk = FaultyDisk()
        self.begin(disk=disk)
        disk.sync_all = disk.write_pieces = _fail  # type: ignore[method-assign]
        chunk = Chunk(identifier="a", offset=0, layout=ChunkLayout(7, 100), file_name="a")
        entry = self.done(self.store.begin("", chunk))
        sink = self.done(entry.claim(chunk))
        sink.write(b"content")
        committing = ensureDeferred(sink.commit())
        self.settle()
        self.failureResultOf(committing, OSError)
        self.assertEqual(self.store.unfinished, 1)
        entry.release()
        self.settle()
        self.assertEqual((self.store.unfinished, self.finished()), (0, {}))

    def test_asked(self) -> None:
        """If the application decides about new files, they come the ordinary way."""
        options: list[dict[str, Any]] = [
            {"on_started": lambda file: None},
            {"choose_name": lambda file: "name"},
        ]
        for each in options:
            self.root = self.mktemp()
            self.begin(**each)
            self.arrive(self.file, 52)
            self.settle()
            self.assertIn("chunks", self.private())
            self.hang_up()

    def test_too_long(self) -> None:
        """Bytes that were not announced are refused, and nothing is stored."""
        self.begin()
        for data in (b"content!", b"conten"):
            wire = self.connect().send(self.file.upload(1, data))
            self.assertEqual((self.status(wire), self.private()), (400, []))
        self.assertEqual(self.store.unfinished, 0)

    def test_response(self) -> None:
        """It is that of any file that is complete."""
        bodies = []
        for observer in (None, lambda file: None):
            self.root = self.mktemp()
            self.begin(on_complete=observer)
            wire, _ = self.arrive(self.file)
            self.settle()
            bodies.append(wire.response())
            self.hang_up()
        self.assertEqual(bodies[0], bodies[1])

    def test_received_once(self) -> None:
        """What was received and taken away is refused, unless it comes again on purpose."""
        self.begin(received_once=True)
        self.assertEqual(self.status(self.arrive(self.file)[0]), 200)
        os.remove(os.path.join(self.root, "a"))
        self.assertEqual(self.status(self.arrive(self.file)[0]), 410)
        wire = self.connect().send(self.file.upload(1, resumable_again="1"))
        self.assertEqual((self.status(wire), self.finished()), (200, {"a": b"content"}))


def _fail(*_: object) -> None:
    raise OSError(errno.EIO, "the disk fails")

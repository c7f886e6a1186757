"""Tests for an upload while it is received, and for its one end."""

from __future__ import annotations

import errno
import gc
import os
from collections.abc import Callable
from hashlib import sha256

from twisted.internet.defer import Deferred
from twisted.logger import LogLevel

from tests.receiver_rig import (
    ClientFile,
    Connection,
    FaultyDisk,
    ReceiverTestCase,
    Thread,
    fail_once,
)
from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import ChunkSink, ReceivedFile, Refused
from txresumable.receiver.store import digest
from txresumable.receiver.store.chunk import Chunk
from txresumable.receiver.store.entry import Entry

CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15
BROKEN = OSError(errno.EIO, "broken")
FULL = OSError(errno.ENOSPC, "full")


class ConclusionTests(ReceiverTestCase):
    """The end of an upload comes once, and everybody hears of it."""

    def setUp(self) -> None:
        super().setUp()
        self.disk = FaultyDisk()
        self.file = ClientFile(CONTENT)

    def half(self, number: int) -> Callable[[], Connection]:
        """Send a chunk but for its end, which comes when the result is called."""
        data = self.file.upload(number)
        wire = self.connect().send(data[:-60])
        return lambda: wire.send(data[-60:])

    def test_chunk_again_across_the_end(self) -> None:
        """
        A chunk that is sent again, slowly, while the last one completes the file, is compared, and
        its sender hears of the one end; descriptors are closed once.
        """
        self.start(disk=self.disk)
        for number in (1, 2):
            self.ask(self.file.upload(number))
        again = self.half(1)
        self.assertEqual(self.ask(self.file.upload(3)).content["status"], "complete")
        self.assertEqual(again().response().content["status"], "complete")
        self.assertEqual(len(self.received), 1)
        self.assertEqual(len(self.disk.descriptors), 2)

    def test_other_bytes_across_the_end(self) -> None:
        """Other bytes for a chunk that is there are refused, across the end as well."""
        self.start(disk=self.disk)
        for number in (1, 2):
            self.ask(self.file.upload(number))
        wire = self.connect()
        data = self.file.upload(1, b"x" * 10)
        wire.send(data[:-60])
        self.ask(self.file.upload(3))
        self.assertEqual(wire.send(data[-60:]).response().status, 409)
        self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_chunk_again_while_it_ends(self) -> None:
        """One whose bytes end while on_complete is at work waits for the same end."""
        done: Deferred[None] = Deferred()
        told: list[ReceivedFile] = []
        self.start(disk=self.disk, on_complete=lambda file: told.append(file) or done)
        for number in (1, 2):
            self.ask(self.file.upload(number))
        again = self.half(3)
        first = self.half(2)
        self.ask_nothing(self.file.upload(1))
        again()
        late = first()
        self.assertEqual(late.responses(), [])
        done.callback(None)
        self.assertEqual(late.response().content["status"], "complete")
        self.assertEqual((len(told), len(self.disk.descriptors)), (1, 2))

    def ask_nothing(self, data: bytes) -> None:
        """Send a request and go away."""
        Connection(self.site).send(data).lose()

    def test_neighbours_keep_their_descriptors(self) -> None:
        """Uploads that begin while another one ends get what nobody else will close or write."""
        self.start(disk=self.disk)
        for number in (1, 2):
            self.ask(self.file.upload(number))
        again = self.half(1)
        others = [ClientFile(bytes([n]) * 35, f"{n}", f"{n}") for n in range(97, 103)]
        self.ask(self.file.upload(3))
        for other in others:
            self.assertEqual(self.ask(other.upload(1)).status, 200)
        self.assertEqual(again().response().status, 200)
        for number in (2, 3):
            for other in others:
                self.assertEqual(self.ask(other.upload(number)).status, 200)
        self.assertEqual(
            self.finished(),
            {"file.dat": CONTENT} | {str(other.content[0]): other.content for other in others},
        )

    def test_test_with_a_digest_across_the_end(self) -> None:
        """A test that waits for a digest while the upload ends and goes away gets a response."""
        thread = Thread()
        self.start(disk=self.disk, run=thread.run)
        wires = [self.connect().send(self.file.upload(number)) for number in (1, 2, 3)]
        thread.work(2)
        asking = self.connect().send(self.file.test(1, "ab" * 32))
        thread.work()
        self.assertEqual(asking.response().status, 404)
        self.assertEqual([wire.response().status for wire in wires], [200] * 3)
        self.assertEqual(len(self.disk.descriptors), 2)

    def test_whatever_fails(self) -> None:
        """Whatever ends an end, all who wait for it hear of it, and it may be tried again."""

        class Odd(BaseException):
            """No Exception."""

        thread = Thread()
        self.start(disk=self.disk, run=thread.run)
        wires = [self.connect().send(self.file.upload(number)) for number in (1, 2, 3)]
        wires += [self.connect().send(self.file.upload(number)) for number in (1, 2)]
        self.disk.link = fail_once(self.disk.link, Odd())  # type: ignore[method-assign,arg-type]
        thread.work()
        statuses = [wire.response().status for wire in wires]
        self.assertIn(500, statuses)
        self.assertEqual(self.flushLoggedErrors(Odd) != [], True)
        again = self.connect().send(self.file.test(1))
        thread.work()
        self.assertEqual(again.response().content["status"], "complete")
        self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def fail_the_end(self) -> None:
        """Let the disk be full when an end is written down, once."""
        replace, failing = self.disk.replace, fail_once(self.disk.replace, FULL)

        def once(name: str, new_name: str, folder: int) -> None:
            (failing if new_name.endswith(".done") else replace)(name, new_name, folder)

        self.disk.replace = once  # type: ignore[method-assign]

    def place_without_end(self) -> str:
        """Send a file that gets its place, and no more; its path."""
        self.start(disk=self.disk, on_complete=None)
        self.fail_the_end()
        statuses = [self.ask(self.file.upload(number)).status for number in (1, 2, 3)]
        self.assertEqual(statuses, [200, 200, 507])
        return os.path.join(self.root, "file.dat")

    def edit(self, path: str) -> None:
        """Write into a file in its place."""
        with open(path, "r+b") as file:
            file.write(b"edited")
        os.utime(path, (1, 1))

    def check_received_anew(self) -> None:
        """The file counts for nothing, and is received once more; what was edited stays."""
        statuses = [self.ask(self.file.upload(number)).status for number in (1, 2, 3)]
        self.assertEqual(statuses, [200, 200, 200])
        found = self.finished()
        self.assertEqual(found.pop("file.dat")[:6], b"edited")
        self.assertEqual(list(found.values()), [CONTENT])
        self.assertEqual(self.private(), ["done"])

    def test_edited_before_its_end(self) -> None:
        """A file that was changed before its end could be written down is not complete."""
        self.edit(self.place_without_end())
        self.assertEqual(self.ask(self.file.test(3)).status, 404)
        self.check_received_anew()

    def test_edited_before_its_end_and_sent_again(self) -> None:
        """What is right is accepted, also if nobody has asked before it is sent."""
        for edit in (self.edit, lambda path: os.truncate(path, 0)):
            self.root, self.disk = self.mktemp(), FaultyDisk()
            edit(self.place_without_end())
            statuses = [self.ask(self.file.upload(number)).status for number in (3, 1, 2)]
            self.assertEqual(statuses, [200] * 3)
            self.assertIn(CONTENT, self.finished().values())
            self.assertEqual((len(self.finished()), self.private()), (2, ["done"]))

    def test_edited_before_its_end_while_a_chunk_arrives(self) -> None:
        """A chunk that cannot be compared any more is to be sent again, and then accepted."""
        for edit in (self.edit, lambda path: os.truncate(path, 0)):
            self.root, self.disk = self.mktemp(), FaultyDisk()
            path, data = self.place_without_end(), self.file.upload(3)
            wire = self.connect().send(data[:-20])
            edit(path)
            response = wire.send(data[-20:]).response()
            self.assertEqual(response.status, 503)
            self.assertEqual(response.headers["resumable-refused"], "upload")
            self.assertEqual(self.ask(data).status, 200)
            self.hang_up()

    def test_edited_before_its_end_while_stopped(self) -> None:
        """Nor is it if that happened while nothing ran."""
        path = self.place_without_end()
        self.successResultOf(self.store.close())
        self.edit(path)
        self.start(disk=self.disk, on_complete=None)
        self.successResultOf(self.store.recover())
        self.assertEqual(self.ask(self.file.test(3)).status, 404)
        self.check_received_anew()

    def test_emptied_before_its_end_while_stopped(self) -> None:
        """Nor is anything of it set aside, which would keep what is the operator's."""
        path = self.place_without_end()
        self.successResultOf(self.store.close())
        os.truncate(path, 0)
        self.start(disk=self.disk, on_complete=None)
        self.assertEqual((self.private(), os.stat(path).st_nlink), ([], 1))

    def test_removed_before_its_end(self) -> None:
        """A file that was removed before its end could be written down gets its place again."""
        os.unlink(self.place_without_end())
        self.assertEqual(self.ask(self.file.test(3)).content["status"], "complete")
        self.assertEqual((self.finished(), self.private()), ({"file.dat": CONTENT}, ["done"]))

    def test_files_removed_before_its_end(self) -> None:
        """Of an upload whose own files were removed before its end a new one begins."""
        path = self.place_without_end()
        os.rename(path, path + ".moved")
        for name in os.listdir(os.path.join(self.root, ".resumable")):
            os.unlink(os.path.join(self.root, ".resumable", name))
        self.assertEqual(self.ask(self.file.test(3)).status, 500)
        self.assertEqual(self.ask(self.file.test(3)).status, 404)

    def test_files_removed_while_the_digest_follows(self) -> None:
        """That the files of an upload are gone is no failure of those who still read them."""
        self.patch(digest, "_STRETCH", 10)
        thread, file = Thread(), ClientFile(CONTENT)
        self.start(disk=self.disk, run=thread.run)
        wires = [self.connect().send(file.upload(1))]
        while not wires[0].transport.value():
            thread.work(1)
        for name in os.listdir(os.path.join(self.root, ".resumable")):
            os.unlink(os.path.join(self.root, ".resumable", name))
        # The next chunk is found out before the first is read back for the digest.
        wires.append(self.connect().send(file.upload(2)))
        self.assertEqual(len(thread.waiting), 2)
        thread.waiting.reverse()
        thread.work()
        self.assertEqual([wire.response().status for wire in wires], [200, 500])
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(len(self.disk.descriptors), 2)

    def test_digest_follows(self) -> None:
        """What is durable is read back once it is worth a thread's while, and only then."""
        self.patch(digest, "_STRETCH", 20)
        thread, file = Thread(), ClientFile(CONTENT)
        self.start(disk=self.disk, run=thread.run)
        for number, waiting in ((1, 0), (2, 1)):
            wire = self.connect().send(file.upload(number))
            while not wire.transport.value():
                thread.work(1)
            self.assertEqual(len(thread.waiting), waiting)
        thread.work()
        self.disk.calls.clear()
        wire = self.connect().send(file.upload(3))
        thread.work()
        found = wire.responses()[-1].content
        self.assertEqual(found["sha256"], sha256(CONTENT).hexdigest())
        self.assertEqual(self.disk.calls.count("read"), 1)

    def test_changed_by_on_complete_before_its_end(self) -> None:
        """What on_complete changes, when that cannot be written down at once, is complete."""
        self.start(disk=self.disk, on_complete=lambda file: self.edit(file.path))
        self.fail_the_end()
        statuses = [self.ask(self.file.upload(number)).status for number in (1, 2, 3)]
        self.assertEqual(statuses, [200, 200, 507])
        self.assertEqual(self.ask(self.file.test(3)).content["status"], "complete")

    def test_changed_by_on_complete_of_another_start(self) -> None:
        """Nor does it matter that there was no on_complete when the file got its place."""
        self.place_without_end()
        self.successResultOf(self.store.close())
        self.start(disk=self.disk, on_complete=lambda file: self.edit(file.path))
        self.assertEqual(self.ask(self.file.test(3)).content["status"], "complete")
        self.assertEqual(self.ask(self.file.test(3)).content["status"], "complete")

    def test_edited_after_on_complete(self) -> None:
        """A file that was changed once on_complete was done with it is received again."""
        self.start(disk=self.disk)
        self.fail_the_end()
        for number in (1, 2, 3):
            self.ask(self.file.upload(number))
        self.edit(os.path.join(self.root, "file.dat"))
        self.assertEqual(self.ask(self.file.upload(3)).content["status"], "stored")
        self.assertEqual((len(self.received), self.private()), (1, ["chunks", "data"]))

    def test_moved_and_then_not_written_down(self) -> None:
        """An end that cannot be written down after on_complete moved the file is not repeated."""

        def move(file: ReceivedFile) -> None:
            self.received.append(file)
            os.rename(file.path, file.path + ".moved")

        self.start(disk=self.disk, on_complete=move)
        for number in (1, 2):
            self.ask(self.file.upload(number))
        self.fail_the_end()
        self.assertEqual(self.ask(self.file.upload(3)).status, 507)
        self.assertEqual(self.ask(self.file.upload(3)).content["status"], "complete")
        self.assertEqual(self.finished(), {"file.dat.moved": CONTENT})
        self.assertEqual((len(self.received), self.private()), (1, ["done"]))

    def test_place_not_durable(self) -> None:
        """A name that could not be made durable is taken back, and made anew."""
        self.start(disk=self.disk)
        for number in (1, 2):
            self.ask(self.file.upload(number))
        sync, root = self.disk.sync, self.root
        failing = fail_once(sync, BROKEN)

        def once(fd: int) -> None:
            at_root = os.path.samestat(os.fstat(fd), os.stat(root))
            (failing if at_root else sync)(fd)

        self.disk.sync = once  # type: ignore[method-assign]
        self.assertEqual(self.ask(self.file.upload(3)).status, 500)
        self.assertEqual((self.finished(), self.received), ({}, []))
        self.disk.calls.clear()
        self.assertEqual(self.ask(self.file.upload(3)).content["status"], "complete")
        self.assertEqual(self.disk.calls.count("link"), 1)


class RecordTests(ReceiverTestCase):
    """What the record says is true, after a failure too."""

    def setUp(self) -> None:
        super().setUp()
        self.disk = FaultyDisk()
        self.start(disk=self.disk)
        self.file = ClientFile(CONTENT)
        self.ask(self.file.upload(1))

    def record(self) -> bytes:
        """The bytes of the chunks in the record on the disk."""
        private = os.path.join(self.root, ".resumable")
        (name,) = (name for name in os.listdir(private) if name.endswith(".chunks"))
        with open(os.path.join(private, name), "rb") as file:
            return file.read()[-3:]

    def fail_syncs(self, first: int, last: int) -> None:
        """Let some of the next syncs of data fail, counted from 1."""
        sync, count = self.disk.sync_data, 0

        def failing(fd: int) -> None:
            nonlocal count
            count += 1
            if first <= count <= last:
                raise BROKEN
            sync(fd)

        self.disk.sync_data = failing  # type: ignore[method-assign]

    def restart(self) -> None:
        """Start again, as after a crash."""
        self.successResultOf(self.store.close())
        self.disk = FaultyDisk()
        self.start(disk=self.disk)

    def test_taken_back(self) -> None:
        """If the record of a chunk cannot be made durable, it says again that there is none."""
        self.fail_syncs(2, 2)
        self.assertEqual(self.ask(self.file.upload(2)).status, 500)
        self.assertEqual(self.record(), b"\1\0\0")
        # Bytes of a try that is refused later count for nothing.
        strict = ClientFile(CONTENT, checksum=True)
        wrong = strict.upload(2, b"x" * 10, checksum="ab" * 32)
        self.assertEqual(self.ask(wrong).status, 422)
        self.restart()
        self.assertEqual(self.ask(self.file.test(2)).status, 404)

    def test_cannot_be_taken_back(self) -> None:
        """If that fails too, nothing is taken until the record is known to be right."""
        self.fail_syncs(2, 5)
        self.assertEqual(self.ask(self.file.upload(2)).status, 500)
        data = self.disk.calls.count("write")
        for request in (self.file.upload(2, b"x" * 10), self.file.test(1)):
            self.assertEqual(self.ask(request).status, 500)
        self.assertEqual(self.disk.calls.count("write"), data + 2)
        self.assertEqual(self.ask(self.file.upload(2)).status, 200)
        self.assertEqual(self.ask(self.file.upload(3)).content["status"], "complete")
        self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_those_who_send_meanwhile(self) -> None:
        """Chunks that arrive while the record is not right are refused for now."""
        data = self.file.upload(3)
        wire = self.connect().send(data[:-60])
        self.fail_syncs(2, 3)
        self.assertEqual(self.ask(self.file.upload(2)).status, 500)
        self.assertEqual(wire.send(data[-60:]).response().status, 503)
        for number in (2, 3):
            self.assertEqual(self.ask(self.file.upload(number)).status, 200)
        self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_files_removed(self) -> None:
        """An upload whose files somebody removed fails for good, and begins anew after that."""
        private = os.path.join(self.root, ".resumable")
        for name in os.listdir(private):
            os.remove(os.path.join(private, name))
        response = self.ask(self.file.upload(2))
        self.assertEqual((response.status, self.finished()), (500, {}))
        self.assertIn("removed", response.content["error"])
        for number in (1, 2, 3):
            self.assertEqual(self.ask(self.file.upload(number)).status, 200)
        self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_files_removed_before_a_question(self) -> None:
        """So does one of which a client asks for a chunk that was there."""
        logged, private = self.log(), os.path.join(self.root, ".resumable")
        for again in (self.file.test(1), self.file.upload(1)):
            for name in os.listdir(private):
                os.remove(os.path.join(private, name))
            self.assertEqual(self.ask(again).status, 500)
            self.assertEqual(len(self.disk.descriptors), 2)
            self.assertEqual(self.ask(self.file.test(1)).status, 404)
            self.assertEqual(self.ask(self.file.upload(1)).status, 200)
        wrong = [text for level, text in logged() if level is LogLevel.error]
        self.assertEqual(len(wrong), 2)
        self.assertIn("were removed", wrong[0])

    def test_folder_removed(self) -> None:
        """A folder that is not where it was is no place to receive into."""
        for moved in (self.root, os.path.join(self.root, ".resumable")):
            os.rename(moved, moved + ".moved")
            self.assertEqual(self.ask(ClientFile(CONTENT, "b", "b").upload(1)).status, 503)
            for number in (2, 3):
                status = self.ask(self.file.upload(number)).status
            self.assertEqual(status, 503)
            os.rename(moved + ".moved", moved)
            self.assertEqual(self.ask(self.file.test(1)).content["status"], "complete")
            os.remove(os.path.join(self.root, "file.dat"))
            self.ask(self.file.upload(1))


class SecondRequestTests(ReceiverTestCase):
    """A chunk that a second request sends while a first one does."""

    SIZE = 2 * 1024 * 1024

    def setUp(self) -> None:
        super().setUp()
        self.thread = Thread()
        self.disk = FaultyDisk()
        self.start(run=self.thread.run, disk=self.disk)
        self.file = ClientFile(b"a" * self.SIZE, chunk_size=self.SIZE)

    def begin(self, letter: bytes = b"x", size: int = 1000) -> Connection:
        """Begin to send the chunk, or as much of another one."""
        self.data = self.file.upload(1, letter * self.SIZE)
        start = self.data.index(letter * 100)
        self.sent = start + size
        wire = self.connect().send(self.data[: self.sent])
        self.thread.work()
        return wire

    def go_on(self, wire: Connection, size: int) -> None:
        """Send more of it."""
        wire.send(self.data[self.sent : self.sent + size])
        self.sent += size
        self.thread.work()

    def send(self, letter: bytes = b"a") -> Connection:
        """Send the whole chunk."""
        wire = self.connect().send(self.file.upload(1, letter * self.SIZE))
        self.thread.work()
        return wire

    def test_first_has_stalled(self) -> None:
        """
        The second one is stored, and the first one is cut off: nothing of it is in the file,
        whatever else it sends.
        """
        first = self.begin(size=1_000_000)
        self.clock.advance(0.5)
        second = self.send()
        self.clock.advance(0.25)
        self.thread.work()
        self.assertEqual((first.responses(), second.responses()), ([], []))
        self.clock.advance(0.25)
        self.thread.work()
        self.assertEqual(second.response().content["status"], "complete")
        response = first.response()
        self.assertEqual((response.status, response.headers["retry-after"]), (503, "1"))
        self.assertEqual(response.headers["resumable-refused"], "chunk")
        self.assertEqual(response.headers["connection"], "close")
        self.go_on(first, self.SIZE)
        self.assertEqual(first.responses(), [])
        self.assertTrue(first.closed)
        self.assertEqual(self.finished(), {"file.dat": self.file.content})

    def test_first_has_stalled_long_ago(self) -> None:
        """A second one does not wait for what stopped before it came."""
        self.begin()
        self.clock.advance(1)
        self.assertEqual(self.send().response().status, 200)

    def test_first_goes_on(self) -> None:
        """The second one waits for a first one that goes on, and is compared with it."""
        for letter, status in ((b"a", 200), (b"b", 409)):
            content, name = b"a" * self.SIZE, f"{status}"
            self.file = ClientFile(content, name, name, chunk_size=self.SIZE)
            first = self.begin(b"a")
            second = self.send(letter)
            for _ in range(5):
                self.clock.advance(0.9)
                self.go_on(first, 1000)
            self.assertEqual((first.responses(), second.responses()), ([], []))
            self.go_on(first, self.SIZE)
            self.assertEqual(first.response().status, 200)
            self.assertEqual(second.response().status, status)

    def test_first_is_lost(self) -> None:
        """The second one is stored as soon as the first one has lost its connection."""
        first = self.begin()
        second = self.send()
        self.assertEqual(second.responses(), [])
        self.connections.remove(first)
        first.lose()
        self.thread.work()
        self.assertEqual(second.response().status, 200)

    def test_several(self) -> None:
        """Of several that wait the newest is stored, and the others are compared with it."""
        self.begin()
        older, newest = self.send(b"y"), self.send()
        self.clock.advance(1)
        self.thread.work()
        self.assertEqual(newest.response().status, 200)
        self.assertEqual(older.response().status, 409)

    def test_first_is_written(self) -> None:
        """What the disk was given of the first one is written before the second one begins."""
        for error in (None, BROKEN):
            self.file = ClientFile(b"a" * self.SIZE, f"{error}", f"{error}", chunk_size=self.SIZE)
            first = self.begin()
            if error is not None:
                self.disk.write = fail_once(self.disk.write, error)  # type: ignore[method-assign]
            first.send(self.data[self.sent : self.sent + 600_000])
            second = self.connect().send(self.file.upload(1))
            self.clock.advance(1)  # the first one has stalled, and its bytes are still on their way
            self.assertEqual(len(self.thread.waiting), 1)
            self.thread.work()
            self.assertEqual(first.response().status, 503)
            self.assertEqual(second.response().content["status"], "complete")
        self.assertEqual(set(self.finished().values()), {self.file.content})

    def test_first_waits_for_the_disk(self) -> None:
        """One that could send more if the disk took it is not cut off."""
        first = self.begin()
        first.send(self.data[self.sent : self.sent + 1_800_000])
        second = self.connect().send(self.file.upload(1, b"x" * self.SIZE))
        self.clock.pump([1] * 5)
        self.assertEqual((first.responses(), second.responses()), ([], []))
        first.send(self.data[self.sent + 1_800_000 :])
        self.clock.pump([1] * 5)
        self.thread.work()
        self.assertEqual(first.response().status, 200)
        self.assertEqual(second.response().status, 200)

    def test_closed(self) -> None:
        """A store that closes does not wait for those who wait."""
        first, second = self.begin(), self.send()
        self.successResultOf(self.store.close())
        self.connections.remove(first)
        first.lose()
        self.assertEqual(second.response().status, 503)


class DigestOfAChunkTests(ReceiverTestCase):
    """A test with a digest reads the chunk."""

    SIZE = 20 * 1024 * 1024

    def setUp(self) -> None:
        super().setUp()
        self.thread = Thread()
        self.start(run=self.thread.run)
        # Of two chunks one is there, so that the upload is not finished.
        content = bytes(2 * self.SIZE)
        self.file = ClientFile(content, chunk_size=self.SIZE)
        self.asking = ClientFile(content, chunk_size=self.SIZE, checksum=True)
        self.wire = self.connect().send(self.file.upload(1))
        self.thread.work()
        self.assertEqual(self.wire.response().status, 200)
        self.right = sha256(bytes(self.SIZE)).hexdigest()

    def ask_for(self, digest: str) -> Connection:
        """Ask whether the chunk has a digest."""
        return self.connect().send(self.asking.test(1, digest))

    def work(self) -> int:
        """Let the disk do all that waits; how many things that was."""
        steps = 0
        while self.thread.waiting:
            self.thread.work(1)
            steps += 1
        return steps

    def test_others_come_in_between(self) -> None:
        """It is read in stretches of 4 MiB, so that others get their turn."""
        right, wrong = self.ask_for(self.right), self.ask_for("ab" * 32)
        self.assertEqual(self.work(), 10)
        self.assertEqual([right.response().status, wrong.response().status], [200, 404])
        self.ask_for(self.right)
        small = self.connect().send(ClientFile(CONTENT, "small", "small").upload(1))
        for _ in range(6):
            self.thread.work(1)
        self.assertEqual(small.response().status, 200)
        self.assertGreater(self.work(), 0)

    def test_client_gone(self) -> None:
        """It is read no further for a client that has gone."""
        wires = [self.ask_for(self.right) for _ in range(10)]
        for wire in wires:
            self.connections.remove(wire)
            wire.lose()
        self.assertEqual(self.work(), 10)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_client_gone_after_the_end(self) -> None:
        """Nor of a file that is complete."""
        self.connect().send(self.file.upload(2))
        self.work()
        for steps in range(4):
            wire = self.ask_for(self.right)
            self.thread.work(steps)
            self.connections.remove(wire)
            wire.lose()
            self.assertLessEqual(self.work(), 3)
        wire = self.ask_for(self.right)
        self.assertEqual(self.work(), 9)
        self.assertEqual(wire.response().content["status"], "complete")

    def test_closed_meanwhile(self) -> None:
        """A store that closes waits for one stretch, and says that it closes."""
        wire = self.ask_for(self.right)
        closed = self.store.close()
        self.assertNoResult(closed)
        self.work()
        self.successResultOf(closed)
        self.assertEqual(wire.response().status, 503)


class UseTests(ReceiverTestCase):
    """Who uses an upload may do so until that is released."""

    def use(self, number: int = 1) -> Entry:
        """Begin to use an upload."""
        given = Chunk(identifier="i", offset=number - 1, layout=ChunkLayout(35, 10), file_name="f")
        self.given = given
        return self.successResultOf(Deferred.fromCoroutine(self.store.begin("", given)))

    def claim(self, entry: Entry) -> ChunkSink:
        """Begin to write the chunk."""
        return self.successResultOf(Deferred.fromCoroutine(entry.claim(self.given)))

    def test_idle_after_a_burst(self) -> None:
        """Of many that were used at once, few stay open when nobody uses them any more."""
        disk, thread = FaultyDisk(), Thread()
        self.start(disk=disk, max_open=2, run=thread.run)
        files = [ClientFile(CONTENT, name, name) for name in "abcdefgh"]
        wires = [self.connect().send(file.upload(1)[:-60]) for file in files]
        thread.work()
        self.assertEqual(len(disk.descriptors), 2 + 2 * len(files))
        for wire, file in zip(wires, files, strict=True):
            wire.send(file.upload(1)[-60:])
        thread.work()
        self.assertEqual({wire.response().status for wire in wires}, {200})
        self.assertEqual(len(disk.descriptors), 2 + 2 * 2)
        for file in files:
            wire = self.connect().send(file.test(1))
            thread.work()
            self.assertEqual(wire.response().status, 200)
        self.assertEqual(len(disk.descriptors), 2 + 2 * 2)
        self.hang_up()
        closing = self.store.close()
        thread.work()
        self.successResultOf(closing)

    def test_idle_ones_only(self) -> None:
        """An upload that is used is not closed to make room; released, it is."""
        disk = FaultyDisk()
        self.start(disk=disk, max_open=1)
        entry = self.use()
        for name in "abc":
            self.ask(ClientFile(CONTENT, name, name).upload(1))
        sink = self.claim(entry)
        sink.write(CONTENT[:10])
        self.successResultOf(Deferred.fromCoroutine(sink.commit()))
        entry.release()
        entry.release()
        self.ask(ClientFile(CONTENT, "d", "d").upload(1))
        self.assertEqual(len(disk.descriptors), 4)
        self.failureResultOf(Deferred.fromCoroutine(entry.claim(self.given)), Refused)

    def test_forgotten(self) -> None:
        """A use that was forgotten does not keep an upload open."""
        disk = FaultyDisk()
        self.start(disk=disk, max_open=1)
        self.use()
        self.ask(ClientFile(CONTENT, "d", "d").upload(1))
        self.assertEqual(len(disk.descriptors), 4)

    def test_released_before_the_end(self) -> None:
        """One that ends when nobody uses it any more is closed all the same."""
        disk, done = FaultyDisk(), Deferred[None]()
        self.start(disk=disk, on_complete=lambda file: done)
        for number in (1, 2):
            self.ask(ClientFile(CONTENT, "f", "i").upload(number))
        entry = self.use(3)
        sink = self.claim(entry)
        sink.write(CONTENT[20:])
        self.successResultOf(Deferred.fromCoroutine(sink.commit()))
        finishing = entry.finish()
        entry.release()
        self.assertEqual(len(disk.descriptors), 4)
        done.callback(None)
        self.successResultOf(finishing)
        self.assertEqual(len(disk.descriptors), 2)

    def test_closed_while_it_is_read(self) -> None:
        """A store that closes while a big file is read for its digest says that it closes."""
        file, statuses = ClientFile(bytes(5 << 20), chunk_size=8 << 20), set()
        for steps in range(2, 40, 2):
            self.root, thread = self.mktemp(), Thread()
            self.start(run=thread.run)
            wire = self.connect().send(file.upload(1))
            thread.work(steps)
            closed = self.store.close()
            thread.work()
            self.successResultOf(closed)
            statuses.add(wire.response().status)
            self.hang_up()
        self.assertEqual(statuses, {200, 503})

    def test_abandoned_last(self) -> None:
        """A chunk that is being sent uses the upload, whoever else has released it."""
        disk = FaultyDisk()
        self.start(disk=disk, max_open=1)
        entry = self.use()
        sink = self.claim(entry)
        entry.release()
        for abandoned in (False, True):
            if abandoned:
                sink.abandon()
            for name in "ab":
                self.ask(ClientFile(CONTENT, name, name).upload(1))
            self.assertEqual(len(disk.descriptors), 4 if abandoned else 6)

    def test_full_disk_while_two_begin(self) -> None:
        """An upload that one chunk could not be written to is not removed under another chunk."""
        thread, disk = Thread(), FaultyDisk()
        self.start(disk=disk, run=thread.run)
        file = ClientFile(CONTENT)
        write = disk.write
        failing = fail_once(write, FULL)
        disk.write = lambda fd, data, at: (  # type: ignore[method-assign]
            failing if bytes(data) == file.chunk(1) else write
        )(fd, data, at)
        wires = [self.connect().send(file.upload(number)) for number in (1, 2)]
        thread.work()
        self.assertEqual([wire.response().status for wire in wires], [507, 200])
        for number in (1, 3):
            wire = self.connect().send(file.upload(number))
            thread.work()
            self.assertEqual(wire.response().status, 200)
        self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_removal_is_waited_for(self) -> None:
        """Who comes back while an upload with nothing in it is removed, waits and begins anew."""
        thread, disk = Thread(), FaultyDisk()
        self.start(disk=disk, run=thread.run)
        file = ClientFile(CONTENT)
        write = disk.write
        failing = fail_once(write, FULL)
        disk.write = lambda fd, data, at: (  # type: ignore[method-assign]
            failing if bytes(data) == file.chunk(1) else write
        )(fd, data, at)
        first = self.connect().send(file.upload(1))
        thread.work(3)
        self.assertEqual(first.response().status, 507)
        second = self.connect().send(file.upload(1))
        self.assertEqual(len(thread.waiting), 1)
        thread.work()
        self.assertEqual(second.response().status, 200)
        self.assertEqual(self.private(), ["chunks", "data"])

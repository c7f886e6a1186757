"""Tests for which uploads are open."""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable
from gc import collect
from typing import Any
from weakref import ref

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel

from tests.receiver_rig import ClientFile, FaultyDisk, ReceiverTestCase, Thread, fail_once
from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver.store import uploads
from txresumable.receiver.store.chunk import Chunk
from txresumable.receiver.store.entry import Entry
from txresumable.receiver.store.names import key_of

CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15
BROKEN = OSError(errno.EIO, "broken")


class UploadsTestCase(ReceiverTestCase):
    """Tests with a disk that counts."""

    def setUp(self) -> None:
        super().setUp()
        self.disk = FaultyDisk()

    def file(self, name: str) -> ClientFile:
        """A file of three chunks."""
        return ClientFile(CONTENT, name, name)

    def use(self, name: str) -> Entry:
        """Use an upload."""
        chunk = Chunk(identifier=name, offset=0, layout=ChunkLayout(35, 10), file_name=name)
        return self.successResultOf(Deferred.fromCoroutine(self.store.begin("", chunk)))

    def opens(self, name: str) -> bool:
        """Whether an upload has to be opened to be used."""
        self.disk.calls.clear()
        self.use(name).release()
        return "open" in self.disk.calls

    def count(self) -> int:
        """How many are open."""
        return (len(self.disk.descriptors) - 2) // 2


class OpenTests(UploadsTestCase):
    """Few are open that nobody uses: those that were used last."""

    def test_used_last(self) -> None:
        """The one that was not used for the longest time makes room for another."""
        self.start(disk=self.disk, max_open=2)
        for name in "abac":
            self.use(name).release()
            self.assertLessEqual(self.count(), 2)
        self.assertEqual([self.opens(name) for name in "acb"], [False, False, True])

    def test_released_last(self) -> None:
        """Of those that were used at once, the ones that were released last stay open."""
        self.start(disk=self.disk, max_open=1)
        uses = [self.use(name) for name in "abc"]
        self.assertEqual(self.count(), 3)
        for use in (uses[1], uses[2], uses[0]):
            use.release()
        self.assertEqual(self.count(), 1)
        self.assertFalse(self.opens("a"))

    def test_used_again(self) -> None:
        """One that is used again counts no more as one that nobody uses."""
        self.start(disk=self.disk, max_open=2)
        uses = {name: self.use(name) for name in "cab"}
        for name in "ca":
            uses[name].release()
        again = self.use("a")
        uses["b"].release()
        self.assertEqual(self.count(), 3)
        again.release()
        self.assertEqual(self.count(), 2)
        self.assertEqual([self.opens(name) for name in "bac"], [False, False, True])

    def test_made_durable(self) -> None:
        """One that is made durable is in use, though its client has gone."""
        thread = Thread()
        self.start(disk=self.disk, max_open=1, run=thread.run)
        self.connect().send(self.file("a").upload(1))
        thread.work(1)  # begun
        self.hang_up()
        durable = thread.waiting.pop()
        wire = self.connect().send(self.file("b").upload(1))
        thread.work()
        self.assertEqual((wire.response().status, self.count()), (200, 2))
        thread.waiting.append(durable)
        thread.work()
        self.assertEqual(self.count(), 1)
        self.disk.calls.clear()
        wire = self.connect().send(self.file("a").test(1))
        thread.work()
        self.assertEqual((wire.response().status, "open" in self.disk.calls), (200, False))
        self.hang_up()
        closed = self.store.close()
        thread.work()
        self.successResultOf(closed)

    def test_removed_while_idle(self) -> None:
        """One that was removed makes no other be closed."""
        self.start(disk=self.disk, max_open=2, expire=100)
        for name in "ab":
            self.use(name).release()
        for ending in (".chunks", ".data"):
            os.remove(
                os.path.join(self.root, ".resumable", key_of("", "b", ChunkLayout(35, 10)) + ending)
            )
        self.successResultOf(self.store.sweep())
        self.assertEqual(self.count(), 1)
        self.use("c").release()
        self.assertEqual([self.opens(name) for name in "ac"], [False, False])

    def test_finished_is_not_kept(self) -> None:
        """Nothing is kept of one that is finished and that nobody asks for any more."""
        self.start(disk=self.disk)
        for number in (1, 2, 3):
            self.ask(self.file("a").upload(number))
        found = self.use("a")
        kept = ref(found)
        self.assertTrue(found.full)
        found.release()
        del found
        collect()
        self.assertIsNone(kept())

    def test_default(self) -> None:
        """By default 64 are."""
        self.start(disk=self.disk)
        for number in range(66):
            self.use(str(number)).release()
        self.assertEqual(self.count(), 64)

    def test_closed(self) -> None:
        """A store that is closed says so, also of an upload that was open."""
        self.start(disk=self.disk)
        self.assertEqual(self.ask(self.file("a").upload(1)).status, 200)
        self.successResultOf(self.store.close())
        for name in "ab":
            response = self.ask(self.file(name).upload(2))
            self.assertEqual((response.status, response.headers["retry-after"]), (503, "5"))

    def test_memory(self) -> None:
        """Of those with many gaps few are open; what is not used makes room for another."""
        self.patch(uploads, "MOST_MEMORY", 79)
        for _ in range(2):
            self.start(disk=self.disk)
            for name in "abc":
                for number in (1, 3):
                    self.ask(self.file(name).upload(number))
            self.hang_up()
            self.successResultOf(self.store.close())
        self.start(disk=self.disk)
        entries = [self.use(name) for name in "ab"]
        refused = self.ask(self.file("c").upload(2))
        self.assertEqual((refused.status, refused.headers["retry-after"]), (503, "5"))
        self.assertEqual(refused.headers["resumable-refused"], "upload")
        entries.pop().release()
        self.assertEqual(self.ask(self.file("c").upload(2)).status, 503)
        self.assertEqual(self.count(), 1)
        self.assertEqual(self.ask(self.file("c").upload(2)).content["status"], "complete")
        entries.pop().release()


class AbandonTests(UploadsTestCase):
    """An unfinished upload is forgotten when its client asks for that."""

    def start_with(self, *numbers: int, **options: Any) -> ClientFile:
        """A receiver that has some chunks of a file."""
        self.start(disk=self.disk, **options)
        file = self.file("a")
        for number in numbers:
            self.ask(file.upload(number))
        return file

    def abandon(self, file: ClientFile, status: int = 204) -> None:
        """Ask for it."""
        self.assertEqual(self.ask(file.test(1, method="DELETE")).status, status)

    def test_unfinished(self) -> None:
        """Nothing of it is left, and it counts for nothing; it can begin anew."""
        for is_open in (True, False):
            self.root, self.disk = self.mktemp(), FaultyDisk()
            file = self.start_with(1, 3, max_unfinished=1)
            if not is_open:
                self.successResultOf(self.store.close())
                self.disk = FaultyDisk()
                self.start(disk=self.disk, max_unfinished=1)
            self.abandon(file)
            self.assertEqual((self.private(), self.count()), ([], 0))
            self.assertEqual(self.ask(file.test(1)).status, 404)
            self.assertEqual(self.ask(self.file("b").upload(1)).status, 200)
            self.abandon(self.file("b"))
            self.assertEqual(self.ask(file.upload(1)).headers["resumable-stored"], "1")
            self.hang_up()

    def test_absent(self) -> None:
        """What is not there may be abandoned as well."""
        self.abandon(self.start_with())
        self.assertEqual(self.private(), [])

    def test_others(self) -> None:
        """Nobody abandons what is another's."""
        file = self.start_with(1)
        chunk = Chunk(identifier="a", offset=0, layout=file.layout)
        for owner, other in (("b", chunk), ("", evolve(chunk, identifier="A"))):
            abandoning = Deferred.fromCoroutine(_awaited(self.store.abandon(owner, other)))
            self.assertIs(self.successResultOf(abandoning), False)
        self.assertEqual(self.ask(file.test(1)).status, 200)
        abandoning = Deferred.fromCoroutine(_awaited(self.store.abandon("", chunk)))
        self.assertIs(self.successResultOf(abandoning), True)

    def test_complete(self) -> None:
        """A file that has arrived stays, and so does one of which only the end has failed."""
        file = self.start_with(1, 2, 3)
        self.abandon(file, 409)
        self.assertEqual(self.finished(), {"a": CONTENT})
        for is_open in (True, False):
            self.root, self.disk = self.mktemp(), FaultyDisk()
            file = self.start_with(1, 2)
            self.disk.link = fail_once(self.disk.link, BROKEN)  # type: ignore[method-assign]
            self.assertEqual(self.ask(file.upload(3)).status, 500)
            if not is_open:
                self.successResultOf(self.store.close())
                self.start()
            self.abandon(file, 409)
            self.assertEqual(self.ask(file.test(1)).content["status"], "complete")
            self.assertEqual(self.finished(), {"a": CONTENT})

    def test_while_it_arrives(self) -> None:
        """What is still sent for it is refused, and it begins anew with what comes after."""
        thread = Thread()
        self.start(disk=self.disk, run=thread.run)
        file, data = self.file("a"), self.file("a").upload(1)
        wire = self.connect().send(data[:-60])
        thread.work()
        written = self.connect().send(file.upload(2))
        abandoned = self.connect().send(file.test(1, method="DELETE"))
        later = self.connect().send(file.upload(3))
        thread.work()
        self.assertEqual(written.response().status, 200)
        self.assertEqual(abandoned.response().status, 204)
        self.assertEqual(later.response().headers["resumable-stored"], "3")
        wire.send(data[-60:])
        thread.work()
        self.assertEqual(wire.response().status, 500)
        self.assertEqual(self.count(), 1)
        again = self.connect().send(file.test(1))
        thread.work()
        self.assertEqual(again.response().headers["resumable-stored"], "3")
        closed = self.store.close()
        thread.work()
        self.successResultOf(closed)

    def test_while_the_store_closes(self) -> None:
        """None is abandoned while the store closes."""
        thread = Thread()
        file = self.file("a")
        self.start(run=thread.run)
        wires = [self.connect().send(file.upload(1))]
        thread.work()
        wires.append(self.connect().send(file.upload(2)))
        closing = self.store.close()
        self.abandon(file, 503)
        thread.work()
        self.successResultOf(closing)
        self.assertEqual(self.private(), ["chunks", "data"])

    def test_after_a_failure(self) -> None:
        """One whose record cannot be corrected is abandoned once it can be."""
        file = self.start_with(2)
        write, sync = self.disk.write, self.disk.sync_data

        def fail(*_: object) -> None:
            self.disk.write = fail_always  # type: ignore[method-assign]
            raise BROKEN

        def fail_always(*_: object) -> None:
            raise BROKEN

        calls = iter((sync, fail))
        self.disk.sync_data = lambda fd: next(calls, fail_always)(fd)  # type: ignore[method-assign]
        self.assertEqual(self.ask(file.upload(1)).status, 500)
        self.abandon(file, 500)
        self.disk.write, self.disk.sync_data = write, sync  # type: ignore[method-assign]
        self.abandon(file)
        self.assertEqual(self.private(), [])

    def test_closing(self) -> None:
        """A store that closes abandons nothing."""
        file = self.start_with(1)
        self.successResultOf(self.store.close())
        self.abandon(file, 503)
        self.assertEqual(self.private(), ["chunks", "data"])


class CountTests(UploadsTestCase):
    """Unfinished uploads count against limits, and no others."""

    def test_removed_while_closed(self) -> None:
        """One whose files are found to be gone counts no more."""
        self.start(max_unfinished=1)
        self.assertEqual(self.ask(self.file("a").upload(1)).status, 200)
        self.successResultOf(self.store.close())
        self.start(max_unfinished=1)
        private = os.path.join(self.root, ".resumable")
        for name in os.listdir(private):
            os.remove(os.path.join(private, name))
        response = self.ask(self.file("b").upload(1))
        self.assertEqual(response.status, 507)
        self.assertEqual(response.headers["resumable-refused"], "upload")
        self.assertEqual(self.ask(self.file("a").test(1)).status, 404)
        self.assertEqual(self.ask(self.file("b").upload(1)).status, 200)

    def test_removed_while_open(self) -> None:
        """So does one of which that is found out while it is open."""
        self.start(max_unfinished=1)
        self.assertEqual(self.ask(self.file("a").upload(1)).status, 200)
        private = os.path.join(self.root, ".resumable")
        for name in os.listdir(private):
            os.remove(os.path.join(private, name))
        self.assertEqual(self.ask(self.file("a").upload(2)).status, 500)
        self.assertEqual(self.ask(self.file("b").upload(1)).status, 200)

    def test_read_later(self) -> None:
        """One that could not be read at the start counts once it could."""
        self.start()
        self.assertEqual(self.ask(self.file("a").upload(1)).status, 200)
        self.successResultOf(self.store.close())
        error = OSError(errno.EIO, "broken")
        self.disk.read = fail_once(self.disk.read, error)  # type: ignore[method-assign]
        self.start(disk=self.disk, max_unfinished=1)
        self.flushLoggedErrors(OSError)
        self.assertEqual(self.ask(self.file("a").test(1)).status, 200)
        self.assertEqual(self.ask(self.file("b").upload(1)).status, 507)

    def test_nothing_stored(self) -> None:
        """One of which nothing could be stored is removed, and counts no more."""
        self.start(disk=self.disk, max_unfinished=1)
        write, content = self.disk.write, self.file("a").chunk(1)

        def full(fd: int, data: Any, at: int) -> None:
            if bytes(data) == content:
                raise OSError(errno.ENOSPC, "full")
            write(fd, data, at)

        self.disk.write = full  # type: ignore[method-assign]
        self.assertEqual(self.ask(self.file("a").upload(1)).status, 507)
        self.assertEqual((self.private(), self.count()), ([], 0))
        del self.disk.write
        self.assertEqual(self.ask(self.file("b").upload(1)).status, 200)

    def test_finished(self) -> None:
        """One that was finished counts no more, is closed, and is logged."""
        self.start(disk=self.disk, max_unfinished=1)
        logged = self.log()
        for number in (1, 2, 3):
            self.ask(self.file("a").upload(number))
        self.assertIn((LogLevel.info, "received a (35 bytes)"), logged())
        self.assertEqual(self.count(), 0)
        self.assertEqual(self.ask(self.file("b").upload(1)).status, 200)


async def _awaited(waiting: Awaitable[bool]) -> bool:
    return await waiting

"""Tests for files that the application rejects."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import LogLevel
from twisted.trial.unittest import SynchronousTestCase

from tests.receiver_rig import (
    ClientFile,
    Connection,
    FaultyDisk,
    Killed,
    LinklessDisk,
    ReceiverTestCase,
)
from txresumable.receiver import ReceivedFile, ReceiverSite, Refused
from txresumable.receiver.store.rejection import Rejected, Rejection

CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15


class RecordTests(SynchronousTestCase):
    """What is written down."""

    def test_read_back(self) -> None:
        """It is read back as it was, and refuses."""
        rejection = Rejection(422, "a virus: \u00e9")
        self.assertEqual(Rejection.decode(rejection.encode()), rejection)
        refusal = rejection.refusal()
        self.assertIsInstance(refusal, Rejected)
        self.assertEqual((refusal.status, str(refusal)), (422, "a virus: \u00e9"))

    def test_none(self) -> None:
        """What is none is a ValueError."""
        for status, reason in ((399, ""), (500, ""), ("422", ""), (422, None)):
            written = json.dumps({"status": status, "reason": reason}).encode()
            self.assertRaises(ValueError, Rejection.decode, written)
        for written in (b"", b"{}", b"[]", b"1", b'{"status": 422}', b"[" * 10**5, b"\xff"):
            self.assertRaises(ValueError, Rejection.decode, written)


class RejectedTests(ReceiverTestCase):
    """on_complete rejects a file."""

    make_disk: type[FaultyDisk] = FaultyDisk

    def setUp(self) -> None:
        super().setUp()
        self.file = ClientFile(CONTENT, "f.txt", "i", relative_path="a/f.txt")
        self.error: Exception | None = Refused(422, "a virus")

    def judge(self, file: ReceivedFile) -> Deferred[None] | None:
        """Reject a file, or not."""
        self.received.append(file)
        return None if self.error is None else fail(self.error)

    def send(self) -> list[int]:
        """Send the file."""
        return [self.ask(self.file.upload(number)).status for number in (1, 2, 3)]

    def aside(self) -> list[bytes]:
        """What has been set aside."""
        folder = os.path.join(self.root, ".resumable")
        found = []
        for name in sorted(os.listdir(folder)):
            if name.endswith(".data") and ".aside" in name:
                with open(os.path.join(folder, name), "rb") as file:
                    found.append(file.read())
        return found

    def test_set_aside(self) -> None:
        """The client hears why, and the file is not in its place but set aside."""
        self.start(on_complete=self.judge, max_unfinished=1)
        self.assertEqual(self.send(), [200, 200, 422])
        self.assertEqual(self.finished(), {})
        self.assertEqual(self.aside(), [CONTENT])
        self.assertEqual(self.private(), ["aside-1.chunks", "aside-1.data", "rejected"])
        response = self.ask(self.file.upload(3))
        self.assertEqual(response.content["error"], "a virus")
        other = ClientFile(CONTENT, identifier="other")
        self.assertEqual(self.ask(other.upload(1)).status, 200)

    def test_remembered(self) -> None:
        """Each request for it is refused, by a new life too, and nobody is notified again."""
        for _ in range(2):
            self.start(on_complete=self.judge)
            self.send()
            self.assertEqual(self.send(), [422] * 3)
            self.assertEqual(self.ask(self.file.test(1)).status, 422)
            self.successResultOf(self.store.recover())
            self.assertEqual(len(self.received), 1)
            self.successResultOf(self.store.close())

    def test_later(self) -> None:
        """It may be rejected, or put off, after a while."""
        pending: list[Deferred[None]] = []

        def judge(file: ReceivedFile) -> Deferred[None]:
            pending.append(Deferred())
            return pending[-1]

        self.start(on_complete=judge)
        for error, status in ((Refused(503, "the scanner is busy"), 503), (self.error, 422)):
            wires = [self.connect().send(self.file.upload(number)) for number in (1, 2, 3)]
            self.clock.advance(30)
            pending.pop().errback(error)
            self.assertEqual(wires[2].response().status, status)
        self.assertEqual((self.finished(), self.aside()), ({}, [CONTENT]))
        self.assertEqual(self.ask(self.file.upload(1)).status, 422)

    def test_again(self) -> None:
        """It is received anew if the client wants that, and may be accepted then."""
        self.start(on_complete=self.judge)
        self.send()
        self.error = None
        statuses = [
            self.ask(self.file.upload(number, resumable_again="1")).status for number in (1, 2, 3)
        ]
        self.assertEqual(statuses, [200] * 3)
        self.assertEqual(self.finished(), {"a/f.txt": CONTENT})
        self.assertEqual(self.private(), ["aside-1.chunks", "aside-1.data", "done"])

    def test_expires(self) -> None:
        """That it was rejected is forgotten when it has expired; what is set aside stays."""
        self.start(on_complete=self.judge, expire=100)
        self.send()
        for name in os.listdir(os.path.join(self.root, ".resumable")):
            os.utime(os.path.join(self.root, ".resumable", name), (0, 0))
        self.clock.advance(200)
        self.assertEqual(self.successResultOf(self.store.sweep()), 1)
        self.assertEqual(self.private(), ["aside-1.chunks", "aside-1.data"])
        self.assertEqual(self.send(), [200, 200, 422])

    def test_moved_away(self) -> None:
        """What has the name of a file that was moved away is not touched."""

        def swap(file: ReceivedFile) -> None:
            os.rename(file.path, f"{self.root}/moved")
            with open(file.path, "w") as other:
                other.write("precious")
            raise Refused(400, "no")

        self.start(on_complete=swap)
        self.assertEqual(self.send(), [200, 200, 400])
        self.assertEqual(self.finished(), {"moved": CONTENT, "a/f.txt": b"precious"})

    def test_folder_removed(self) -> None:
        """Nor does it matter if its folder is gone."""

        def remove(file: ReceivedFile) -> None:
            os.remove(file.path)
            os.rmdir(os.path.dirname(file.path))
            raise Refused(400, "no")

        self.start(on_complete=remove)
        self.assertEqual(self.send(), [200, 200, 400])
        self.assertEqual(self.aside(), [CONTENT])

    def test_damaged(self) -> None:
        """A record that cannot be read back is set aside, and counts no more."""
        self.start(on_complete=self.judge)
        self.send()
        (name,) = (
            name for name in os.listdir(f"{self.root}/.resumable") if name.endswith(".rejected")
        )
        with open(f"{self.root}/.resumable/{name}", "w") as file:
            file.write("{}")
        self.error = None
        self.assertEqual(self.send(), [200] * 3)
        self.assertIn("aside-1.rejected", self.private())

    def test_killed_at_each_step(self) -> None:
        """Whatever step a crash comes at, it is rejected in the end, and its bytes are kept."""
        self.addCleanup(self.forget_killed, Killed)
        step, killed = 0, True
        while killed:
            step += 1
            self.root, self.received = self.mktemp(), []
            disk = self.make_disk()
            disk.fail_at, disk.error = step, Killed()
            with contextlib.suppress(Killed):
                store = self.make_store(disk=disk, on_complete=self.judge)
                self.site = self.site_over(store)
                for number in (1, 2, 3):
                    wire = Connection(self.site)
                    wire.send(self.file.upload(number)).responses()
                    wire.lose()
                if not disk.dead:
                    self.successResultOf(store.close())
            killed = disk.dead
            self.start(on_complete=self.judge)
            self.successResultOf(self.store.recover())
            self.assertEqual(set(self.send()) - {200}, {422}, step)
            self.assertEqual(self.finished(), {}, step)
            self.assertEqual(self.aside()[:1], [CONTENT], step)
            self.assertEqual(self.send(), [422] * 3, step)
            self.successResultOf(self.store.close())
        self.assertGreater(step, 50)

    def test_disk_fails(self) -> None:
        """If that cannot be written down now, it is asked about again."""
        disk = self.make_disk()
        self.start(disk=disk, on_complete=self.judge)
        for number in (1, 2):
            self.ask(self.file.upload(number))
        write_new, errors = self.store._folder._private.write_new, [OSError("broken")]

        def fail_once(*arguments: object) -> object:
            if errors and arguments[-1] == ".rejected":
                raise errors.pop()
            return write_new(*arguments)  # type: ignore[arg-type]

        self.store._folder._private.write_new = fail_once  # type: ignore[assignment]
        self.assertEqual(self.ask(self.file.upload(3)).status, 500)
        self.assertEqual(self.ask(self.file.upload(3)).status, 422)
        self.assertEqual(len(self.received), 2)
        self.assertEqual(self.aside(), [CONTENT])


class LinklessTests(RejectedTests):
    """The same on a file system without hard links."""

    make_disk = LinklessDisk

    def start(self, **options: Any) -> ReceiverSite:
        """A receiver with such a disk."""
        return super().start(**{"disk": LinklessDisk(), **options})

    def test_folder_removed(self) -> None:
        """If on_complete removes the folder that the file is in, nothing can be set aside."""

        def judge(file: ReceivedFile) -> None:
            os.unlink(file.path)
            os.rmdir(os.path.dirname(file.path))
            raise Refused(422, "a virus")

        self.start(on_complete=judge)
        self.assertEqual(self.send(), [200, 200, 422])
        self.assertEqual((self.finished(), self.aside()), ({}, []))
        self.assertEqual(self.private(), ["aside-1.chunks", "rejected"])


class NotNowTests(ReceiverTestCase):
    """on_complete cannot say yet."""

    def setUp(self) -> None:
        super().setUp()
        self.file = ClientFile(CONTENT, chunk_size=50)
        self.busy = 1

    def judge(self, file: ReceivedFile) -> None:
        """Be busy, and then accept."""
        self.received.append(file)
        if self.busy:
            self.busy -= 1
            raise Refused(503, "the scanner is busy", retry_after=7)

    def test_asked_again(self) -> None:
        """The client hears when to come again, and it is asked once more then."""
        self.start(on_complete=self.judge)
        response = self.ask(self.file.upload(1))
        self.assertEqual((response.status, response.headers["retry-after"]), (503, "7"))
        self.assertEqual(self.ask(self.file.upload(1)).content["status"], "complete")
        self.assertEqual(len(self.received), 2)
        self.assertEqual(len({file.path for file in self.received}), 1)

    def test_client_does_not_come(self) -> None:
        """If the client does not come again, a sweep asks, whether anything expires or not."""
        for expire in (None, 10**6):
            self.root, self.received, self.busy = self.mktemp(), [], 2
            self.start(on_complete=self.judge, expire=expire)
            logged = self.log()
            self.assertEqual(self.ask(self.file.upload(1)).status, 503)
            for count in (2, 3, 3):
                self.assertEqual(self.successResultOf(self.store.sweep()), 0)
                self.assertEqual(len(self.received), count)
            warned = [text for level, text in logged() if level is LogLevel.warn]
            self.assertEqual(len(warned), 1)
            self.assertIn("cannot be finished now: the scanner is busy", warned[0])
            self.assertEqual(self.private(), ["done"])

    def test_too_late(self) -> None:
        """A refusal that comes after the time is up is logged, and the file is received."""
        pending: list[Deferred[None]] = [Deferred()]
        self.start(on_complete=lambda file: pending[0], on_complete_timeout=30)
        wire = self.connect().send(self.file.upload(1))
        self.clock.advance(30)
        self.assertEqual(wire.response().content["status"], "complete")
        pending[0].errback(Refused(422, "a virus"))
        self.assertEqual(len(self.flushLoggedErrors(Refused)), 1)
        self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_logged(self) -> None:
        """A rejection is in the log as other refusals are, and is no error."""
        self.start(on_complete=lambda file: fail(Refused(422, "a virus")))
        logged = self.log()
        self.ask(self.file.upload(1))
        levels = [level for level, text in logged() if "a virus" in text]
        self.assertEqual(levels, [LogLevel.info])

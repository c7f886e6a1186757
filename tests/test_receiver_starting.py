"""Tests for those who want to hear of files that begin."""

from __future__ import annotations

import asyncio
from typing import Any

from twisted.internet.defer import Deferred, fail

from tests.receiver_rig import ClientFile, ReceiverTestCase
from txresumable.receiver import AnnouncedFile, Refused

CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15


class StartingTests(ReceiverTestCase):
    """on_started."""

    def setUp(self) -> None:
        super().setUp()
        self.file = ClientFile(CONTENT)
        self.begun: list[AnnouncedFile] = []
        self.pending: list[Deferred[None]] = []

    def later(self, file: AnnouncedFile) -> Deferred[None]:
        """Take some time."""
        self.begun.append(file)
        self.pending.append(Deferred())
        return self.pending[-1]

    def test_notified(self) -> None:
        """It is notified once of each upload, with what its first request says."""
        self.start(on_started=self.begun.append, site={"owner": lambda request: "ada"})
        for number in (1, 2, 3, 1):
            self.ask(self.file.upload(number))
        self.ask(self.file.test(1))
        self.assertEqual(
            self.begun,
            [
                AnnouncedFile(
                    identifier="an-identifier",
                    file_name="file.dat",
                    size=35,
                    relative_path="file.dat",
                    owner="ada",
                )
            ],
        )

    def test_waits(self) -> None:
        """All chunks wait for it."""
        self.start(on_started=self.later)
        wires = [self.connect().send(self.file.upload(number)) for number in (1, 2, 3)]
        self.assertEqual([wire.responses() for wire in wires], [[]] * 3)
        self.assertEqual(self.private(), [])
        self.pending[0].callback(None)
        self.assertEqual([wire.response().status for wire in wires], [200] * 3)
        self.assertEqual(len(self.begun), 1)

    def test_refuses(self) -> None:
        """Its refusal is a response, nothing is made, and the next request asks again."""
        self.start(on_started=self.later, max_unfinished=1)
        for _ in range(2):
            wire = self.connect().send(self.file.upload(1))
            self.pending.pop().errback(Refused(415, "no .dat"))
            self.assertEqual(wire.response().status, 415)
            self.assertEqual(self.private(), [])
        wire = self.connect().send(self.file.upload(1))
        self.pending.pop().callback(None)
        self.assertEqual(wire.response().status, 200)

    def test_over_quota(self) -> None:
        """It is not asked of what is over quota."""
        self.start(on_started=self.begun.append, max_file_size=30)
        self.assertEqual(self.ask(self.file.upload(1)).status, 400)
        self.assertEqual(self.begun, [])

    def test_whatever_it_raises(self) -> None:
        """Whatever else it raises, now or later, is logged, and the response is 500."""
        for error in (ValueError(), asyncio.CancelledError(), KeyboardInterrupt()):
            for late in (False, True):

                def observe(
                    file: AnnouncedFile, error: BaseException = error, late: bool = late
                ) -> Any:
                    if late:
                        return fail(error)
                    raise error

                self.root = self.mktemp()
                self.start(on_started=observe)
                self.assertEqual(self.ask(self.file.upload(1)).status, 500)
                self.assertEqual(len(self.flushLoggedErrors(type(error))), 1)
                self.assertEqual(self.private(), [])

    def test_cancelled(self) -> None:
        """It is cancelled if the store closes, which is not held up."""
        self.start(on_started=self.later)
        wire = self.connect().send(self.file.upload(1))
        self.successResultOf(self.store.close())
        response = wire.response()
        self.assertEqual((response.status, response.headers["retry-after"]), (503, "5"))

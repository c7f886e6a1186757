"""Tests for what an upload is at."""

from __future__ import annotations

import errno
import os
from itertools import pairwise

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.receiver_rig import ClientFile, Connection, FaultyDisk, ReceiverTestCase, fail_once
from txresumable.receiver import Refused
from txresumable.receiver.store import unfinished
from txresumable.receiver.store.state import TRANSITIONS, State, advance, check

FILE = ClientFile(bytes(range(65, 100)))
BROKEN = OSError(errno.EIO, "broken")
ALLOWED = {(state, following) for state in State for following in TRANSITIONS[state]}


class TableTests(SynchronousTestCase):
    """The table is kept to."""

    def test_walk(self) -> None:
        """A state that can follow does, and any other raises."""
        for state in State:
            for following in State:
                if (state, following) in ALLOWED:
                    self.assertIs(advance(state, following), following)
                else:
                    self.assertRaises(RuntimeError, advance, state, following)

    def test_check(self) -> None:
        """Requests may use an upload unless it is unsure, or over without a file."""
        for state in (State.RECEIVING, State.FINISHING, State.FINISHED):
            check(state)
        for state in (State.UNSURE, State.DISCARDED, State.CLOSED):
            self.assertRaises(Refused, check, state)


class UploadTests(ReceiverTestCase):
    """Uploads pass through what the table says, and through all of it."""

    def setUp(self) -> None:
        super().setUp()
        self.seen: list[tuple[State, State]] = []

        def recording(state: State, following: State) -> State:
            self.seen.append((state, following))
            return advance(state, following)

        self.patch(unfinished, "advance", recording)
        self.addCleanup(self.flushLoggedErrors)
        self.disk = FaultyDisk()
        self.start(disk=self.disk, on_complete=lambda file: self.completing)
        self.completing: Deferred[None] | None = None

    def send(self, *numbers: int) -> None:
        """Send chunks."""
        for number in numbers:
            self.connect().send(FILE.upload(number))

    def use(self) -> Connection:
        """Keep using the upload, of which there is one chunk, until the connection ends."""
        return self.connect().send(FILE.upload(1)[:-60])

    def check_path(self, *states: State) -> None:
        """When the store has closed, the upload has gone this way."""
        self.successResultOf(self.store.close())
        self.hang_up()
        path = [State.RECEIVING, *states]
        self.assertEqual(self.seen, list(pairwise(path)))

    def fail_syncs(self) -> None:
        """Let the next two syncs of records fail."""
        sync, count = self.disk.sync_data, 0

        def failing(fd: int) -> None:
            nonlocal count
            count += 1
            if count in (2, 3):
                raise BROKEN
            sync(fd)

        self.disk.sync_data = failing  # type: ignore[method-assign]

    def test_received(self) -> None:
        """One that is full is finished, and closed when its last use has ended."""
        self.send(1, 2)
        using = self.use()
        self.send(3)
        self.assertEqual(self.seen[-1], (State.FINISHING, State.FINISHED))
        self.check_path(State.FINISHING, State.FINISHED, State.CLOSED)
        using.lose()

    def test_closed(self) -> None:
        """One that is half there is closed with the store, however often."""
        self.send(1)
        self.use()
        self.successResultOf(self.store.close())
        self.check_path(State.CLOSED, State.CLOSED)

    def test_end_fails(self) -> None:
        """An end that fails may be tried again."""
        self.send(1, 2)
        self.disk.link = fail_once(self.disk.link, BROKEN)  # type: ignore[method-assign]
        self.send(3)
        self.assertEqual(self.seen[-1], (State.FINISHING, State.RECEIVING))
        self.send(3)
        self.assertEqual(self.seen[2:], [*self.seen[:1], (State.FINISHING, State.FINISHED)])

    def test_closed_while_it_ends(self) -> None:
        """One whose file is being completed is closed with the store."""
        self.completing = Deferred(lambda _: None)
        self.send(1, 2, 3)
        self.check_path(State.FINISHING, State.CLOSED)

    def test_removed(self) -> None:
        """One whose files were removed is discarded."""
        self.send(1)
        using = self.use()
        private = os.path.join(self.root, ".resumable")
        for name in os.listdir(private):
            os.remove(os.path.join(private, name))
        self.send(2)
        self.check_path(State.DISCARDED, State.CLOSED)
        using.lose()

    def test_unsure(self) -> None:
        """One of which the disk says too much is put right before the next request."""
        self.send(1)
        using = self.use()
        self.fail_syncs()
        self.send(2)
        self.send(2)
        self.check_path(State.UNSURE, State.RECEIVING, State.CLOSED)
        using.lose()

    def test_unsure_at_the_end(self) -> None:
        """It is closed with the store, too."""
        self.send(1)
        using = self.use()
        self.fail_syncs()
        self.send(2)
        self.check_path(State.UNSURE, State.CLOSED)
        using.lose()

"""
The tables of states: what they allow happens, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txresumable._engine.ledger import ChunkLedger
from txresumable._engine.transfer import Transfer
from txresumable._protocol.layout import ChunkLayout
from txresumable.states import (
    BEGINNINGS,
    ENDS,
    NEXT_CHUNK_STATES,
    NEXT_FILE_STATES,
    ChunkState,
    FileState,
)

#: How a chunk comes to each state.
REACH: dict[ChunkState, tuple[Callable[[ChunkLedger], object], ...]] = {
    ChunkState.PENDING: (),
    ChunkState.UPLOADING: (lambda ledger: ledger.begin(0),),
    ChunkState.WAITING: (lambda ledger: ledger.begin(0), lambda ledger: ledger.wait(0)),
    ChunkState.STORED: (lambda ledger: ledger.begin(0), lambda ledger: ledger.count_stored(0)),
}

#: What may happen to a chunk that is at each state.
STEPS: dict[ChunkState, tuple[Callable[[ChunkLedger], object], ...]] = {
    ChunkState.PENDING: (
        lambda ledger: ledger.begin(0),
        lambda ledger: ledger.count_stored(0),
        lambda ledger: ledger.put_back(0),
    ),
    ChunkState.UPLOADING: (
        lambda ledger: ledger.put_back(0),
        lambda ledger: ledger.wait(0),
        lambda ledger: ledger.count_stored(0),
        lambda ledger: ledger.record_progress(0, 1),
    ),
    ChunkState.WAITING: (
        lambda ledger: ledger.put_back(0),
        lambda ledger: ledger.count_stored(0),
    ),
    ChunkState.STORED: (
        lambda ledger: ledger.put_back_stored([range(1)]),
        lambda ledger: ledger.put_back(0),
        lambda ledger: ledger.count_stored(0),
    ),
}


class Listener:
    """Takes part in nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args: None


class FileStateTests(SynchronousTestCase):
    """What may become of a file."""

    def transfer(self, state: FileState) -> Transfer:
        source: Any = Listener()
        transfer = Transfer(Listener(), source, "a", "a", "", 1, 1)
        transfer.state = state
        return transfer

    def test_table(self) -> None:
        """A file becomes what the table allows; anything else is a fault, and changes nothing."""
        for state in FileState:
            for following in FileState:
                transfer = self.transfer(state)
                if following in NEXT_FILE_STATES[state]:
                    transfer.become(following)
                    self.assertIs(transfer.state, following)
                else:
                    self.assertRaises(AssertionError, transfer.become, following)
                    self.assertIs(transfer.state, state)

    def test_every_state(self) -> None:
        """Each state is in the table, is a beginning or an end, and can be reached from ADDED."""
        self.assertEqual(set(NEXT_FILE_STATES), set(FileState))
        self.assertEqual((BEGINNINGS | ENDS, BEGINNINGS & ENDS), (set(FileState), set()))
        reached = {FileState.ADDED}
        for _ in FileState:
            reached |= {each for state in reached for each in NEXT_FILE_STATES[state]}
        self.assertEqual(reached, set(FileState))

    def test_an_end_is_one(self) -> None:
        """end() leads to each end once; a file at its end stays there."""
        for state in FileState:
            for end in ENDS:
                transfer = self.transfer(state)
                transfer.end(end, None)
                self.assertIs(transfer.state, end if state in BEGINNINGS else state)


class ChunkStateTests(SynchronousTestCase):
    """What may become of a chunk."""

    def test_table(self) -> None:
        """The ledger's methods lead a chunk just where the table says."""
        self.assertEqual(set(NEXT_CHUNK_STATES), set(ChunkState))
        for state in ChunkState:
            followed = set()
            for step in STEPS[state]:
                ledger = ChunkLedger(ChunkLayout(10, 5))
                for reach in REACH[state]:
                    reach(ledger)
                self.assertIs(ChunkState(ledger.states[0]), state)
                step(ledger)
                self.assertEqual(ChunkState(ledger.states[1]), ChunkState.PENDING)
                followed.add(ChunkState(ledger.states[0]))
            self.assertEqual(followed - {state}, NEXT_CHUNK_STATES[state])

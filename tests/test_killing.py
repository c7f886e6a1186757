"""
SIGKILL at random moments of real uploads: of the client, of client and receiver together, and of
eight clients or their receiver.

``TXRESUMABLE_KILLS`` says how many of the client; of both together there are half as many, and
among eight clients twice as many.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from attrs import frozen
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from .figures import note
from .killed import CHUNK_SIZE, SLOTS
from .soak.plan import Plan
from .soak.round import Round

KILLS = int(os.environ.get("TXRESUMABLE_KILLS", "10"))
CHUNKS = 60
ROOT = Path(__file__).resolve().parent.parent

reactor: Any = installed


class Child(ProcessProtocol):
    """
    A process of :mod:`tests.killed`.

    :ivar lines: what it has said so far.
    :ivar ended: fires when it is gone.
    """

    def __init__(self, *arguments: str) -> None:
        self.lines: list[str] = []
        self.errors = b""
        self.ended: Deferred[None] = Deferred()
        self._rest = b""
        self._awaited: list[tuple[Any, Deferred[None]]] = []
        command = [sys.executable, "-m", "tests.killed", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        reactor.spawnProcess(self, command[0], command, env=environment, path=str(ROOT))

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.lines += [line.decode() for line in lines]
        self._look()

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def processEnded(self, reason: Failure) -> None:
        self.lines.append("ended")
        self._look()
        self.ended.callback(None)

    def _look(self) -> None:
        for waiting in list(self._awaited):
            if waiting[0](self.lines):
                self._awaited.remove(waiting)
                waiting[1].callback(None)

    def until(self, happened: Any) -> Deferred[None]:
        """:returns: fires when the lines are as they are waited for, or it has ended."""
        waiting: Deferred[None] = Deferred()
        self._awaited.append((lambda lines: happened(lines) or "ended" in lines, waiting))
        self._look()
        return waiting

    def kill(self) -> Deferred[None]:
        """SIGKILL. :returns: fires when it is gone."""
        if "ended" not in self.lines:
            assert self.transport is not None
            self.transport.signalProcess("KILL")
        return self.ended

    def chunks(self, what: str) -> list[str]:
        """The numbers of the chunks that it ``gets``, or has ``stored``."""
        return [line.split()[1] for line in self.lines if line.startswith(f"{what} ")]


@frozen
class Life:
    """
    A client from its start to its end.

    :ivar killed: whether it was killed before it was done.
    :ivar got: the chunks that the receiver began to get from it.
    :ivar stored: the chunks that were confirmed to it.
    """

    killed: bool
    got: list[str]
    stored: list[str]


class KillingTests(TestCase):
    """
    Equal at the end, and hardly anything sent twice.
    """

    timeout = 120 + 20 * KILLS

    def setUp(self) -> None:
        self.random = Random(5)
        self.folder = os.path.abspath(self.mktemp())
        self.receiver: Child | None = None

    async def receive(self) -> str:
        """Start the receiver. :returns: where it listens."""
        self.receiver = Child("receive", self.folder)
        await self.receiver.until(lambda lines: lines)
        self.assertTrue(self.receiver.lines[0].startswith("listens"), self.receiver.errors)
        return f"http://127.0.0.1:{self.receiver.lines[0].split()[1]}/"

    async def go_on(self, target: str, path: str, *, kill_receiver: bool) -> Life:
        """
        Upload, and kill after a few chunks.

        :returns: what came of it.
        """
        receiver = self.receiver
        assert receiver is not None
        got, stored = len(receiver.chunks("gets")), len(receiver.chunks("stored"))
        client = Child("upload", target, path)
        await client.until(lambda lines: lines)
        few = self.random.randrange(12)
        enough = receiver.until(lambda _: len(receiver.chunks("stored")) >= stored + few)
        done = client.until(lambda lines: "done" in lines[-1])
        either: Deferred[None] = Deferred()
        for each in (enough, done):
            each.addCallback(lambda _: None if either.called else either.callback(None))
        await either
        if "ended" in client.lines:
            self.assertIn("done", " ".join(client.lines), client.errors.decode())
        await deferLater(reactor, self.random.random() * 0.01, lambda: None)
        dying = [client.kill()] + ([receiver.kill()] if kill_receiver else [])
        for each in dying:
            await each
        # What the receiver has still to say of it.
        await receiver.until(lambda lines: lines[-1].startswith(("alone", "listens")))
        killed = not any(line.startswith("done") for line in client.lines)
        if not killed:
            self.assertEqual(client.errors, b"")
        return Life(killed, receiver.chunks("gets")[got:], receiver.chunks("stored")[stored:])

    async def kill_again_and_again(self, *, kill_receiver: bool) -> None:
        kills = number = 0
        sent_again: list[int] = []
        target = await self.receive()
        wanted = KILLS // 2 if kill_receiver else KILLS
        while kills < wanted:
            content = self.random.randbytes(CHUNKS * CHUNK_SIZE + 100)
            path = Path(self.mktemp()).resolve()
            path.write_bytes(content)
            got: Counter[str] = Counter()
            confirmed: set[str] = set()
            killed = True
            of_this_file = []
            while killed:
                life = await self.go_on(target, str(path), kill_receiver=kill_receiver)
                killed = life.killed
                kills += killed
                self.assertEqual(confirmed.intersection(life.got), set(), "confirmed, sent again")
                of_this_file.append(sum(number in got for number in life.got))
                got.update(life.got)
                confirmed.update(life.stored)
                if kill_receiver:
                    target = await self.receive()
            number += 1
            received = Path(self.folder, path.name)
            self.assertEqual(received.read_bytes(), content)
            received.unlink()
            # A chunk of which something arrived twice was in flight at a kill.
            self.assertLessEqual(sum(of_this_file), SLOTS * (len(of_this_file) - 1))
            sent_again += of_this_file
        self.assertLess(number, wanted + 2, "the uploads are too short to be killed")
        assert self.receiver is not None
        await self.receiver.kill()
        self.assertEqual(os.listdir(self.folder)[1:], [])
        note(
            "kills of both" if kill_receiver else "kills of the client",
            kills=kills,
            uploads=number,
            files_equal=number,
            chunks_sent_again=sum(sent_again),
            confirmed_chunks_sent_again=0,
            most_sent_again_by_one_life=max(sent_again),
            most_in_flight=SLOTS,
        )

    def test_client(self) -> Deferred[None]:
        """C27: The client is killed and started again until its files have arrived."""
        return Deferred.fromCoroutine(self.kill_again_and_again(kill_receiver=False))

    def test_client_and_receiver(self) -> Deferred[None]:
        """C27: Both are killed at once and started again until the files have arrived."""
        return Deferred.fromCoroutine(self.kill_again_and_again(kill_receiver=True))

    def tearDown(self) -> Any:
        if self.receiver is not None:
            return self.receiver.kill().addBoth(lambda _: None)
        return None


class ManyClientsTests(TestCase):
    """
    Eight clients of one receiver, on a line whose segments and buffers are small.
    """

    timeout = 120 + 20 * KILLS

    def test_equal(self) -> Deferred[None]:
        """C27, R7: Whoever is killed, all files arrive as they were, and nothing else does."""
        return Deferred.fromCoroutine(self.kill_some())

    async def kill_some(self) -> None:
        """Rounds, until there were enough kills."""
        seed, total = 0, Counter[str]()
        while (missing := 2 * KILLS - total["kills"] - total["restarts"]) > 0:
            seed += 1
            plan = Plan.of_kills(seed, min(missing, 50))
            made = Round(reactor, plan, Path(self.mktemp()).resolve())
            await made.run()
            self.assertEqual(made.faults, [])
            self.assertEqual(made.counts["failed"], 0)
            total.update(made.counts)
        note(
            "kills among eight clients",
            kills_of_clients=total["kills"],
            kills_of_the_receiver=total["restarts"],
            files_equal=total["completed"],
        )

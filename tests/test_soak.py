"""
Tests for what soaks: that it notices what is wrong, and that its rounds can be run.

The soak itself is ``make soak``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.soak.content import content, sha256_of
from tests.soak.plan import Plan, UploadPlan
from tests.soak.round import Round
from tests.soak.tricks import Messages
from tests.soak.verdict import Evidence, faults
from txresumable.options import Options
from txresumable.receiver.tap import Options as ReceiverOptions


def one_upload(seed: int) -> Plan:
    """A plan that is calm: one client with one file."""
    upload = UploadPlan(1, 100_000, "a", "path", shares=False, at=0.0, acts=())
    plan = Plan.of(seed)
    client = evolve(plan.clients[0], manner="one", given=False, uploads=(upload,))
    line = evolve(plan.line, trouble=0.0)
    receiver = evolve(plan.receiver, tls=False, arguments=plan.receiver.arguments[:2])
    return evolve(
        plan, seconds=0.0, clients=(client,), line=line, receiver=receiver, strikes=(), takes=0.0
    )


class PlanTests(SynchronousTestCase):
    """
    Rounds from seeds.
    """

    def test_repeats(self) -> None:
        """A seed is the same round each time, and not that of another seed."""
        self.assertEqual(Plan.of(3), Plan.of(3))
        self.assertNotEqual(evolve(Plan.of(3), seed=4), Plan.of(4))

    def test_can_be_run(self) -> None:
        """Whatever the seed, the options of clients and receiver are such as they take."""
        for seed in range(200):
            plan = Plan.of(seed)
            ReceiverOptions().parseOptions(list(plan.receiver.arguments))
            for client in plan.clients:
                Options(target="http://localhost/", **client.options)


class VerdictTests(SynchronousTestCase):
    """
    What was wrong with a round.
    """

    def setUp(self) -> None:
        self.plan = one_upload(1)
        self.digest = sha256_of(self.plan.clients[0].uploads[0])

    def judge(
        self, *lines: tuple[float, str], finished: Any = (), taken: Any = (), **more: Any
    ) -> list[str]:
        """The verdict on a client that wrote these lines, each a time and what."""
        journal = [{"at": at, "what": what, "upload": 0, **more} for at, what in lines]
        return faults(self.plan, Evidence([journal], dict(finished), list(taken)))

    def test_digest(self) -> None:
        """A file's digest is that of its content."""
        upload = self.plan.clients[0].uploads[0]
        self.assertEqual(self.digest, hashlib.sha256(content(upload)).hexdigest())

    def test_right(self) -> None:
        """What is complete and there, failed, cancelled, or cut off by a signal is right."""
        there = {"finished": {"a": self.digest}}
        self.assertEqual(self.judge((1, "began"), (2, "completed"), **there), [])
        self.assertEqual(self.judge((1, "began"), (2, "failed")), [])
        self.assertEqual(self.judge((1, "began"), (2, "cancelled"), **there), [])
        lives = ((0, "life"), (1, "began"), (2, "life"), (3, "began"), (4, "failed"))
        self.assertEqual(self.judge(*lives), [])

    def test_missing(self) -> None:
        """What is said to be complete and is not there is missing."""
        (wrong,) = self.judge((1, "began"), (2, "completed"))
        self.assertIn("MISSING", wrong)

    def test_taken(self) -> None:
        """It may have been taken away since it began, but not before."""
        lines = ((2, "began"), (3, "completed"))
        self.assertEqual(self.judge(*lines, taken=[(2.5, self.digest)]), [])
        (wrong,) = self.judge(*lines, taken=[(1.5, self.digest)])
        self.assertIn("MISSING", wrong)

    def test_differs(self) -> None:
        """A finished file that nobody sent is wrong, whatever was said of it."""
        for seen in ({"finished": {"a": "0" * 64}}, {"taken": [(1.0, "0" * 64)]}):
            (wrong,) = self.judge(**seen)
            self.assertIn("DIFFERS", wrong)

    def test_no_end(self) -> None:
        """An upload that no signal cut off has to end."""
        (wrong,) = self.judge((0, "life"), (1, "began"))
        self.assertIn("no end", wrong)

    def test_told(self) -> None:
        """What a client leaves behind, logs or needs too much of is wrong."""
        (wrong,) = self.judge((1, "traceback"), why="ZeroDivisionError")
        self.assertIn("ZeroDivisionError", wrong)
        (wrong,) = self.judge((1, "end"), memory=2**30)
        self.assertIn("1024 MiB", wrong)


class MessagesTests(SynchronousTestCase):
    """
    Where messages end.
    """

    def test_ends(self) -> None:
        """In whatever pieces a stream comes, its messages end where they end."""
        stream = (
            b"A\r\nContent-Length: 3\r\n\r\nabc" + b"B\r\n\r\n" + b"C\r\ncontent-length:0\r\n\r\n"
        )
        for size in range(1, len(stream)):
            messages, ends, passed = Messages(), [], b""
            for start in range(0, len(stream), size):
                for piece, end in messages.feed(stream[start : start + size]):
                    passed += piece
                    if end:
                        ends.append(len(passed))
            self.assertEqual(passed, stream)
            self.assertEqual(ends, [27, 32, len(stream)])


class RoundTests(TestCase):
    """
    A round with real processes.
    """

    timeout = 120

    def test_right(self) -> Deferred[None]:
        """A file arrives over a calm line, and nothing is wrong."""
        return Deferred.fromCoroutine(self.run_one())

    async def run_one(self) -> None:
        folder = Path(self.mktemp()).absolute()
        made = Round(reactor, one_upload(1), folder)
        await made.run()
        self.assertEqual(made.faults, [])
        self.assertEqual(made.counts["completed"], 1)

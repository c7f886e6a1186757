"""Tests for the demo, with a small file."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import ProcessTestCase

DEMO = Path(__file__).resolve().parent.parent / "demo" / "demo.py"


class DemoTests(ProcessTestCase):
    """The whole of it."""

    async def test_demo(self) -> None:
        """It kills an upload half-way, which goes on, and both sums are equal."""
        ended = await self.python(str(DEMO), "--size", "16", "--rate", "16").ended
        self.assertEqual(ended.status, 0, ended.output + ended.errors)
        self.assertRegex(ended.output, r"SIGKILL at (5|6|7)\d%: \d+ of 16 chunks")
        self.assertRegex(ended.output, r"Sent now +[4-8] ")
        self.assertRegex(ended.output, r"Sent twice +[0-3] ")
        self.assertIn("They are equal.", ended.output)


class CheckTests(SynchronousTestCase):
    """It does not say what is not so."""

    def setUp(self) -> None:
        spec = spec_from_file_location("demo", DEMO)
        assert spec is not None and spec.loader is not None
        self.demo: Any = module_from_spec(spec)
        spec.loader.exec_module(self.demo)
        self.patch(self.demo, "say", lambda _: None)
        self.patch(self.demo, "title", lambda _: None)

    def test_sums(self) -> None:
        """Files that differ fail it."""
        ours, theirs = Path(self.mktemp()), Path(self.mktemp())
        ours.write_bytes(b"a")
        theirs.write_bytes(b"b")
        self.demo.compare(ours, ours)
        self.assertRaises(self.demo.DemoFailed, self.demo.compare, ours, theirs)

    def test_chunks(self) -> None:
        """A chunk that is lost, missing, or sent without need fails it."""
        before = self.demo.Run("", Path(), 1)
        for number in range(1, 7):
            before._note("sending", number)
        before._note("stored", 1)
        before._note("stored", 2)
        for sent, found, good in (
            ((4, 5, 6, 7), (1, 2, 3), True),
            ((5, 6, 7), (1, 2, 3, 4), True),
            ((2, 4, 5, 6, 7), (1, 3), False),
            ((3, 4, 5, 6, 7), (1, 2), False),
            ((4, 5, 6), (1, 2, 3), False),
            ((3, 4, 5, 6, 7), (1, 2, 3), False),
            ((4, 4, 5, 6, 7), (1, 2, 3), False),
        ):
            run = self.demo.Run("", Path(), 1)
            for number in sent:
                run._note("sending", number)
            for number in found:
                run._note("found", number)
            self.patch(run, "go", lambda: 0)
            if good:
                self.demo.continued(before, run, 7)
            else:
                self.assertRaises(self.demo.DemoFailed, self.demo.continued, before, run, 7)

    def test_not_killed(self) -> None:
        """An upload that was done before it was killed fails it."""
        run = self.demo.Run("", Path(), 1)
        self.patch(run, "go", lambda **_: 0)
        self.assertRaises(self.demo.DemoFailed, self.demo.interrupted, run, 7, 1.0)

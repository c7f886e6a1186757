"""Tests for the view of what is under way."""

from __future__ import annotations

import os
import re
from io import StringIO
from typing import Any
from unittest.mock import patch

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable._cli.progress import PERIOD, Line, Picture, View

TOTAL = Line("2 files", 50, 200)


class Terminal(StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 77


class ViewTests(SynchronousTestCase):
    """The lines."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.picture = Picture([], 0, TOTAL)
        self.asked: list[int] = []
        self.size = os.terminal_size((100, 24))
        environment = patch.dict(os.environ, {"TERM": "xterm"})
        environment.start()
        self.addCleanup(environment.stop)

    def view(self, stream: StringIO | None = None, **more: Any) -> View:
        """A view that has begun."""
        self.stream = Terminal() if stream is None else stream
        self.patch(os, "get_terminal_size", lambda _: self.size)

        def look(most: int) -> Picture:
            self.asked.append(most)
            return self.picture

        view = View(self.stream, look, self.clock)
        view.begin()
        self.addCleanup(view.end)
        return view

    def tick(self, seconds: float = PERIOD) -> list[str]:
        """Some time passes."""
        self.stream.truncate(0)
        self.stream.seek(0)
        self.clock.advance(seconds)
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.stream.getvalue())
        return [line.rstrip() for line in text.strip().replace("\r", "").split("\n")]

    def test_lines(self) -> None:
        """Each file has its bar, its bytes, its rate and the time that is left; so has all."""
        self.view()
        self.picture = Picture([Line("a", 1 << 20, 2 << 20, key=1)], 0, TOTAL, "a note")
        self.tick()
        self.picture = Picture([Line("a", 3 << 19, 2 << 20, key=1)], 0, TOTAL, "a note")
        file, total, note = self.tick()
        self.assertRegex(file, r"^a +[^ ]+ +75% 1\.5 MiB of 2\.0 MiB 2\.0 MiB/s 0:00$")
        self.assertRegex(total, r"^2 files +[^ ]+ +25% +50 B of 200 B +0 B/s -:--$")
        self.assertEqual(note, "a note")

    def test_found(self) -> None:
        """What was there before counts as done, but not for the rate."""
        self.view()
        self.picture = Picture([], 0, Line("x", 150, 200, 100))
        self.assertIn("75%", self.tick()[0])
        self.assertIn(" 0 B/s", self.tick()[0])
        self.picture = Picture([], 0, Line("x", 200, 200, 100))
        self.assertIn(" 67 B/s", self.tick()[0])

    def test_narrow(self) -> None:
        """On a narrow terminal the name and how much is done remain, on one line."""
        self.view()
        name = "a-long-name-of-a-file" * 3
        self.picture = Picture([Line(name, 1, 4, key=1)], 0, TOTAL)
        for columns, there, missing in (
            (79, ("B/s", "━"), ("1 B of",)),
            (59, ("━",), ("B/s",)),
            (35, ("25%", "…"), ("━", "B/s")),
            (12, ("25%",), ("━",)),
        ):
            self.size = os.terminal_size((columns, 24))
            self.tick()
            lines = self.tick()
            self.assertEqual(len(lines), 2, lines)
            self.assertLessEqual(max(map(len, lines)), columns)
            for part in there:
                self.assertIn(part, lines[0])
            for part in missing:
                self.assertNotIn(part, lines[0])

    def test_many(self) -> None:
        """A few files have a line, as the terminal is high; the others are counted."""
        self.view()
        self.picture = Picture([Line("a", 1, 4, key=1)], 7, TOTAL)
        self.assertEqual(self.tick()[-1], "and 7 more")
        self.assertEqual(self.asked[-1], 10)
        self.size = os.terminal_size((100, 8))
        self.tick()
        self.assertEqual(self.asked[-1], 4)

    def test_harmless(self) -> None:
        """A name does not control the terminal, nor is it markup."""
        self.view()
        line = Line("a\x1b]0;owned\x07[red]\n", 1, None)
        self.picture = Picture([line], 0, TOTAL, "\x1b[31m")
        lines = self.tick()
        self.assertIn("a\\x1b]0;owned\\x07[red]\\n", lines[0])
        self.assertEqual(lines[-1], "\\x1b[31m")

    def test_above(self) -> None:
        """What is written is above the lines, when it is a whole line."""
        view = self.view()
        self.tick()
        view.write("one\ntw")
        lines = self.tick()
        self.assertNotIn("tw", "".join(lines))
        self.stream.truncate(0)
        view.write("o\n" + "x" * 150 + "[red]\n")
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.stream.getvalue())
        self.assertLess(text.index("two\n"), text.index("x" * 150 + "[red]"))
        self.assertLess(text.index("[red]"), text.rindex("2 files"))
        self.stream.truncate(0)
        view.end()
        view.write("three\n")
        self.assertTrue(self.stream.getvalue().endswith("three\n"))

    def test_end(self) -> None:
        """It is drawn a last time, and no timer is left."""
        view = self.view()
        self.picture = Picture([], 0, Line("2 files", 200, 200))
        view.end()
        self.assertIn("100%", self.stream.getvalue())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_terminal(self) -> None:
        """Where nobody looks nothing is drawn, whatever the environment says; lines are written."""
        os.environ["FORCE_COLOR"] = "1"
        view = self.view(StringIO())
        view.write("a line\n")
        view.flush()
        view.end()
        self.assertEqual(self.stream.getvalue(), "a line\n")
        self.assertEqual(self.asked, [])
        os.environ["TERM"] = "dumb"
        self.view().end()
        self.assertEqual(self.stream.getvalue(), "")

    def test_unknown_size(self) -> None:
        """Some terminals do not know how large they are."""
        self.view()
        for size in os.terminal_size((0, 0)), OSError():
            self.patch(os, "get_terminal_size", _raising(size))
            self.assertIn("25%", self.tick()[0])


def _raising(size: Any) -> Any:
    """What returns a size, or raises it."""

    def get(_: int) -> Any:
        if isinstance(size, Exception):
            raise size
        return size

    return get

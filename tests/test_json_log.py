"""A log of JSON."""

from __future__ import annotations

import json
from typing import Any

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from txresumable._runtime.json_log import JsonLog


class JsonLogTests(SynchronousTestCase):
    """Lines that are written."""

    def setUp(self) -> None:
        self.lines: list[str] = []
        self.log = Logger("push", observer=JsonLog(self.lines.append))

    def line(self) -> dict[str, Any]:
        """The only line."""
        [line] = self.lines
        self.assertEqual(line.count("\n"), 1)
        found: dict[str, Any] = json.loads(line)
        self.assertTrue(all(not isinstance(value, (dict, list)) for value in found.values()))
        return found

    def test_line(self) -> None:
        """A line is flat, has its time in UTC, and the facts that there are."""
        self.log.warn("{file} took {seconds} s", file="a\nb", seconds=1.5, other=object())
        line = self.line()
        self.assertRegex(line.pop("time"), r"\A20..-..-..T..:..:..\.\d\d\dZ\Z")
        wanted = {"level": "warn", "logger": "push", "message": "a\nb took 1.5 s"}
        self.assertEqual(line, {**wanted, "file": r"a\nb", "seconds": 1.5})

    def test_numbers(self) -> None:
        """What is no JSON becomes text."""
        self.log.info("x", seconds=float("inf"), file=None, identifier=b"x", count=True)
        line = self.line()
        self.assertEqual((line["seconds"], line["file"], line["count"]), ("inf", None, True))
        self.assertEqual(line["identifier"], "b'x'")

    def test_failure(self) -> None:
        """A failure has its traceback."""
        try:
            raise ValueError("wrong")
        except ValueError:
            self.log.failure("")
        line = self.line()
        self.assertEqual((line["level"], line["message"]), ("critical", "wrong"))
        self.assertIn("ValueError: wrong", line["traceback"])

    def test_legacy(self) -> None:
        """A line of another logger, without a level, is one as well."""
        JsonLog(self.lines.append)({"log_format": "x", "log_time": 0.0})
        self.assertEqual(self.line()["time"], "1970-01-01T00:00:00.000Z")

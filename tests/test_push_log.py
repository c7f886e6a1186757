"""What a process that watches folders logs."""

from __future__ import annotations

import json
from io import StringIO

from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from txresumable._cli.push.log import observer
from txresumable._runtime.flood import AT_ONCE


class LogTests(SynchronousTestCase):
    """Both formats."""

    def lines(self, format: str) -> list[str]:
        """What is written of a flood."""
        stream = StringIO()
        log = Logger("push", observer=observer(format, Clock(), stream))
        for number in range(100):
            log.info("{number} seen", number=number)
        return stream.getvalue().splitlines()

    def test_json(self) -> None:
        """Each line is an object; a flood is cut off."""
        lines = self.lines("json")
        self.assertEqual(len(lines), AT_ONCE)
        self.assertEqual(json.loads(lines[3])["message"], "3 seen")

    def test_text(self) -> None:
        """Each line is for people."""
        lines = self.lines("text")
        self.assertEqual(len(lines), AT_ONCE)
        self.assertRegex(lines[3], r"\[push#info\] 3 seen$")

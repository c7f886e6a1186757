"""
Draw the picture of the page that the documentation has: ``python -m tests.interop.picture``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from twisted.internet.defer import Deferred
from twisted.trial.reporter import TreeReporter
from twisted.trial.runner import TestSuite, TrialRunner

from . import test_page
from .scenarios import MIB

PICTURE: Final = Path(__file__).resolve().parents[2] / "docs" / "_static" / "page.png"


class Picture(test_page.PageTests):
    """One upload of each kind."""

    async def draw(self) -> None:
        """One file is received, one is under way, one is paused, and one was refused."""
        tab = await self.open(authorize=lambda request, file: file.file_name != "secrets.txt")
        size = {"mobile": False, "deviceScaleFactor": 1, "width": 640, "height": 660}
        await tab.ask("Emulation.setDeviceMetricsOverride", **size)
        await tab.choose("#files", self.file("report.pdf", MIB), self.file("secrets.txt", 9))
        await tab.until("document.querySelector('.completed') !== null")
        await tab.until("document.querySelector('.failed') !== null")
        await tab.ask("Network.enable")
        slow = {"offline": False, "latency": 20, "downloadThroughput": -1}
        await tab.ask("Network.emulateNetworkConditions", uploadThroughput=4 * MIB, **slow)
        await tab.choose("#files", self.file("holiday.mp4", 40 * MIB))
        await tab.until("document.querySelector('.sending progress')?.value > 30")
        await tab.evaluate("document.querySelector('.sending button').click()")
        await tab.drop("#drop", self.file("photos/2026/sunset.jpg", 10 * MIB).parents[1])
        await tab.until("document.querySelector('.sending progress')?.value > 40")
        await tab.picture(PICTURE)


def main() -> bool:
    """Draw it; whether that has worked."""
    Picture.test_draw = lambda self: Deferred.fromCoroutine(self.draw())  # type: ignore[attr-defined]
    runner = TrialRunner(TreeReporter, workingDirectory="_trial_temp_picture")
    return bool(runner.run(TestSuite([Picture("test_draw")])).wasSuccessful())


if __name__ == "__main__":
    os.environ["INTEROP_REQUIRED"] = "1"
    sys.exit(not main())

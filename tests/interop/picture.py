"""
Draw the pictures of pages that the documentation has: ``python -m tests.interop.picture``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.trial.reporter import TreeReporter
from twisted.trial.runner import TestSuite, TrialRunner

from . import test_page, test_push_page
from .scenarios import MIB

PICTURES: Final = Path(__file__).resolve().parents[2] / "docs" / "_static"


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
        await tab.picture(PICTURES / "page.png")


class PushPicture(test_push_page.PushPageTests):
    """Files of each kind."""

    async def draw(self) -> None:
        """Some failed, some wait, some are sent, and many are queued."""
        tab = await self.open()
        size = {"mobile": False, "deviceScaleFactor": 1, "width": 760, "height": 820}
        await tab.ask("Emulation.setDeviceMetricsOverride", **size)
        third = str(self.files[2].id)
        for step, fraction in enumerate((0.1, 0.2, 0.25, 0.4, 0.5, 0.55, 0.62)):
            self.service.sending = {third: fraction}
            text = f"document.querySelectorAll('#plot polyline')[0].points.length >= {step}"
            await tab.until(text)
        await tab.until("document.querySelector('progress:not([hidden])').value > 0.6")
        await tab.picture(PICTURES / "push-page.png")


def main() -> bool:
    """Draw them; whether that has worked."""
    cases = [Picture("test_draw"), PushPicture("test_draw")]
    runner = TrialRunner(TreeReporter, workingDirectory="_trial_temp_picture")
    return bool(runner.run(TestSuite(cases)).wasSuccessful())


def _draw(self: Any) -> Deferred[None]:
    return Deferred.fromCoroutine(self.draw())


Picture.test_draw = PushPicture.test_draw = _draw  # type: ignore[attr-defined]


if __name__ == "__main__":
    os.environ["INTEROP_REQUIRED"] = "1"
    sys.exit(not main())

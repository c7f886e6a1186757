"""
A folder with very many files at once: ``python -m tests.pushing.many --files 100000``.

Prints how long it takes until all are queued, by how much memory grows, and how long the longest
turn of the reactor is, by the clock and in processor time; and how long one seems to take in which
nothing is done, as others may use the machine as well.  It ends with 1 if more memory is needed
than :data:`MOST_MEMORY`, or more processor time than :data:`LONGEST_TURN`.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater, react

from txresumable.push import FolderSettings, PushService, PushSettings, PushState, TargetSettings

MOST_MEMORY = 100
"""MiB."""
LONGEST_TURN = 0.05
"""Seconds."""
TICK = 0.002


class Turns:
    """
    Measures turns of the reactor.

    :ivar longest: the processor time of the longest one, or of a few if others were short.
    :ivar longest_by_clock: how long the longest one took.
    """

    def __init__(self) -> None:
        self.longest = self.longest_by_clock = 0.0
        self._before = self._now()
        self._call = LoopingCall(self._tick)

    def start(self) -> None:
        self._before = self._now()
        self._call.start(TICK)

    def stop(self) -> None:
        self._call.stop()

    def _now(self) -> tuple[float, float]:
        return time.thread_time(), time.perf_counter()

    def _tick(self) -> None:
        now = self._now()
        processor, clock = (after - before for after, before in zip(now, self._before, strict=True))
        self.longest = max(self.longest, processor)
        self.longest_by_clock = max(self.longest_by_clock, clock - TICK)
        self._before = now


def resident() -> float:
    """How much memory this process has, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


async def measure(reactor: Any, files: int, settle: float) -> None:
    """Have very many files found, and all of them queued."""
    with tempfile.TemporaryDirectory(prefix="many-") as base:
        for number in range(files):
            folder = Path(base, "folder", str(number % 97))
            if number < 97:
                folder.mkdir(parents=True)
            (folder / f"file-{number}.dcm").touch()
        service = PushService(
            PushSettings(
                state=f"{base}/state",
                targets={"lab": TargetSettings(name="lab", options={"target": "http://[::1]:9/"})},
                folders={
                    "scans": FolderSettings(
                        name="scans",
                        path=f"{base}/folder",
                        target="lab",
                        settle=settle,
                        include=("*.dcm",),
                        exclude=("*.part", ".*"),
                    )
                },
            )
        )
        service.pause()
        idle = Turns()
        idle.start()
        await deferLater(reactor, 5)
        idle.stop()
        gc.collect()
        gc.freeze()  # the modules that are loaded are not what is measured
        before, began, turns = resident(), time.monotonic(), Turns()
        turns.start()
        service.startService()
        await service.when_started()
        most = 0.0
        queued = 0
        while queued < files:
            await deferLater(reactor, 0.2)
            assert service.journal is not None
            counts = await service.journal.counts()
            queued = counts.get("scans", {}).get(PushState.QUEUED, 0)
            most = max(most, resident() - before)
        seconds = time.monotonic() - began
        await service.rescan()
        most = max(most, resident() - before)
        turns.stop()
        await service.stopService()
    sys.stdout.write(
        f"{files} files were queued after {seconds:.1f} s; memory grew by {most:.0f} MiB, and the "
        f"longest turn took {turns.longest * 1000:.0f} ms of the processor and "
        f"{turns.longest_by_clock * 1000:.0f} ms by the clock, by which it was "
        f"{idle.longest_by_clock * 1000:.0f} ms where nothing was done\n"
    )
    if most > MOST_MEMORY or turns.longest > LONGEST_TURN:
        sys.exit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.pushing.many")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--settle", type=float, default=2.0)
    chosen = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(measure(reactor, chosen.files, chosen.settle)))

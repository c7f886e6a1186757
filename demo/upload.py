"""
The process that the demo kills: uploads one file, with a bar on a terminal.

What it does goes to standard output, a line each: ``sending N`` when chunk N is about to be sent,
``stored N`` when the receiver has it now, ``found N`` when the receiver had it already.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from txresumable import Resumable, ResumableChunk, ResumableFile
from txresumable._cli.progress import View
from txresumable._cli.under_way import FilesUnderWay
from txresumable._engine.totals import ProgressTotals


def tell(event: str, number: int) -> None:
    # Not through a buffer: what was told must be out when the process is killed.
    os.write(1, f"{event} {number}\n".encode())


async def upload(reactor: Any, target: str, path: str, rate: float) -> None:
    def where(parameters: list[str]) -> str:
        """Asked for the URL of each upload: told apart from tests, it is how they are counted."""
        named = dict(pair.split("=", 1) for pair in parameters)
        tell("sending", int(named["resumableChunkNumber"]))
        return f"{target}?{'&'.join(parameters)}"

    found = 0

    def arrived(file: ResumableFile, chunk: ResumableChunk) -> None:
        nonlocal found
        tell("found" if file.chunks_found > found else "stored", chunk.number)
        found = file.chunks_found

    uploader = Resumable(where, test_target=target, max_rate=rate, reactor=reactor)
    uploader.chunk_completed.register(arrived)
    under_way = FilesUnderWay(uploader, ProgressTotals(uploader))
    view = View(sys.stderr, under_way.picture, reactor)
    view.begin()
    try:
        await uploader.add_file(path)
    finally:
        view.end()
        await uploader.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("path")
    parser.add_argument("rate", type=float)
    given = vars(parser.parse_args())
    react(lambda reactor: Deferred.fromCoroutine(upload(reactor, **given)))


if __name__ == "__main__":
    main()

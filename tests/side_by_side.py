"""
Uploads of one program that know nothing of each other.

``python -m tests.side_by_side HOW URL PATH...``, where ``HOW`` is ``fork`` for a forked process
each, or ``threads`` for a thread with its own reactor each.  The first path is uploaded before,
so that what the package keeps is in use.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.selectreactor import SelectReactor

from txresumable import Resumable


def upload(target: str, path: str) -> None:
    """Upload a file with a reactor of its own, and say how that ended."""
    reactor: Any = SelectReactor()

    async def run() -> None:
        try:
            async with Resumable(target, reactor=reactor, test_chunks=False) as uploader:
                file = await uploader.add_file(path)
            sys.stdout.write(f"{file.file_name} {file.state.value}\n")
            sys.stdout.flush()
        finally:
            reactor.stop()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run()))
    reactor.run(installSignalHandlers=False)


def main(how: str, target: str, *paths: str) -> None:
    upload(target, paths[0])
    kinds: dict[str, Any] = {
        "fork": multiprocessing.get_context("fork").Process,
        "threads": threading.Thread,
    }
    uploads = [kinds[how](target=upload, args=(target, path)) for path in paths[1:]]
    for each in uploads:
        each.start()
    for each in uploads:
        each.join()
    sys.stdout.flush()
    os._exit(0)  # threads of several reactors do not all end by themselves


if __name__ == "__main__":
    main(*sys.argv[1:])

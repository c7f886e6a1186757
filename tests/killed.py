"""
What is killed: ``python -m tests.killed upload URL PATH`` and ``... receive FOLDER``.

Both say on standard output how far they are.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from txresumable import Resumable

CHUNK_SIZE = 32 * 1024
SLOTS = 3


def say(*words: object) -> None:
    """Write a line, now."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def upload(reactor: Any, target: str, path: str) -> None:
    """Upload a file to its end."""
    uploader = Resumable(
        target,
        reactor=reactor,
        chunk_size=CHUNK_SIZE,
        simultaneous_uploads=SLOTS,
        chunk_retry_interval=0.05,
        max_chunk_retries=1000,
    )
    say("begins")
    file = await uploader.add_file(path)
    await uploader.close()
    say("done", file.unique_identifier)


async def receive(reactor: Any, folder: str) -> None:
    """Receive files, and say what was stored."""
    from txresumable.receiver import Store, make_site

    store = Store(folder, reactor=reactor)
    site = make_site(store, reactor=reactor)

    def log(request: Any) -> None:
        if request.method == b"POST" and request.code == 200:
            say("stored", request.args[b"resumableChunkNumber"][0].decode())

    site.log = log
    site.displayTracebacks = False
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    say("listens", port.getHost().port)
    await Deferred()


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    run = {"upload": upload, "receive": receive}[what]
    react(lambda reactor: Deferred.fromCoroutine(run(reactor, *arguments)))

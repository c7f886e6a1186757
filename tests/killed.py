"""
What is killed: ``python -m tests.killed upload URL PATH`` and ``... receive FOLDER``.

Both say on standard output how far they are.  The receiver says ``gets NUMBER`` when a chunk begins
to arrive, ``stored NUMBER`` when it has confirmed one, and ``alone`` when nobody is connected.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import parse_qsl

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from txresumable import Resumable

CHUNK_SIZE = 256 * 1024
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

    taken = site.resource.take_body

    def take(request: Any) -> Any:
        arrival = taken(request)
        if arrival is not None:
            _, _, query = request.uri.partition(b"?")
            say("gets", dict(parse_qsl(query))[b"resumableChunkNumber"].decode())
        return arrival

    admit, forget = site.admit, site.forget

    def meet(channel: Any) -> bool:
        say("meets")
        return admit(channel)

    def leave(channel: Any) -> None:
        forget(channel)
        if not site.connections:
            say("alone")

    site.admit, site.forget = meet, leave  # type: ignore[method-assign]
    site.log = log  # type: ignore[method-assign]
    site.resource.take_body = take
    site.displayTracebacks = False
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    say("listens", port.getHost().port)
    await Deferred()


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    run = {"upload": upload, "receive": receive}[what]
    react(lambda reactor: Deferred.fromCoroutine(run(reactor, *arguments)))

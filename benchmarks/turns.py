"""
How long the receiver's reactor is at work before it looks again who has sent something, while 64
uploads arrive at once: ``python benchmarks/turns.py``.
"""

from __future__ import annotations

import argparse
import os
import select
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Any

from receiver import whole
from receivers import PEERS

SIZE = 1024 * 1024
MOST = 256 * 1024


class Poller:
    """
    An epoll object that notes how long it is until it is asked again.

    :ivar turns: those times, in milliseconds.
    """

    def __init__(self, poller: Any) -> None:
        self.turns: list[float] = []
        self._poller = poller
        self._since: float | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)

    def poll(self, *arguments: Any) -> Any:
        """Wait, as epoll does."""
        if self._since is not None:
            self.turns.append((time.perf_counter() - self._since) * 1000)
        found = self._poller.poll(*arguments)
        self._since = time.perf_counter()
        return found


def serve(folder: str) -> None:
    """Receive, print the port, and at the end how long turns took."""
    from twisted.internet import epollreactor

    from txresumable.receiver import Store, make_site

    poller = Poller(select.epoll())
    epollreactor.epoll = lambda *arguments: poller
    epollreactor.install()
    from twisted.internet import reactor as installed

    reactor: Any = installed

    def tell() -> None:
        turns = sorted(poller.turns)
        named = {"median": 0.5, "99 %": 0.99, "99.9 %": 0.999, "longest": 1.0}
        found = {name: turns[int((len(turns) - 1) * part)] for name, part in named.items()}
        told = ", ".join(f"{name} {turn:.1f} ms" for name, turn in found.items())
        print(f"{len(turns)} turns: {told}", flush=True)

    port = reactor.listenTCP(0, make_site(Store(folder, reactor=reactor)), interface="127.0.0.1")
    reactor.addSystemEventTrigger("before", "shutdown", tell)
    print(port.getHost().port, flush=True)
    reactor.run()


def send(port: int, uploads: list[Iterator[bytes]]) -> None:
    """Send the requests of each upload one after the other, and all uploads at once."""
    with selectors.DefaultSelector() as selector:
        for requests in uploads:
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setblocking(False)
            either = selectors.EVENT_READ | selectors.EVENT_WRITE
            selector.register(connection, either, [requests, memoryview(next(requests)), b""])
        while selector.get_map():
            for key, events in selector.select():
                peer, state = key.fileobj, key.data
                assert isinstance(peer, socket.socket)
                if events & selectors.EVENT_WRITE and state[1]:
                    state[1] = state[1][peer.send(state[1][:MOST]) :]
                elif events & selectors.EVENT_READ:
                    state[2] += peer.recv(65536) or sys.exit("A connection was closed.")
                    if whole(state[2]):
                        following = next(state[0], None)
                        if following is None:
                            selector.unregister(peer)
                            peer.close()
                            continue
                        state[1], state[2] = memoryview(following), b""
                wanted = selectors.EVENT_WRITE if state[1] else selectors.EVENT_READ
                selector.modify(peer, wanted, state)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--uploads", type=int, default=64, help="how many at once")
    parser.add_argument("--chunks", type=int, default=12, help="of 1 MiB each upload has")
    parser.add_argument("--serve", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    peer, content = PEERS[0], os.urandom(SIZE)

    def requests(name: str) -> Iterator[bytes]:
        for number in range(1, options.chunks + 1):
            whole_size = options.chunks * SIZE
            yield peer.chunk(name, content, number, options.chunks, SIZE, whole_size)

    with TemporaryDirectory(dir=".") as place:
        command = [sys.executable, __file__, "--serve", place]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            began = time.perf_counter()
            send(port, [requests(f"{number}.dat") for number in range(options.uploads)])
            took = time.perf_counter() - began
            server.terminate()
            print(f"{options.uploads * options.chunks / took:,.0f} MiB a second")
            print(server.stdout.read(), end="")


if __name__ == "__main__":
    main()

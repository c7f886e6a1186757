"""
The receiver beside the disk alone and other receivers: ``python benchmarks/receiver.py``.

Small files: each of 4 KiB, in one request, by one thread over connections that persist.  A big file
in chunks of 1 MiB: three at once, or one after the other where no others are taken.  End to end:
the same small files by ``txresumable upload``.  Others are measured if they are there: see ``make
bench-receiver``.  On a machine that others use, compare ratios and CPU time.
"""

from __future__ import annotations

import argparse
import csv
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from receivers import PEERS, Peer, Pieces, Tus, installed

ALONE = "the disk alone"
SIZE, CHUNK = 4096, 1024 * 1024
TABLE = Path(__file__).parent.parent / "docs/_static/performance-receiver.csv"
Cases = dict[tuple[str, str], list[tuple[float, float]]]


def whole(response: bytes) -> tuple[bytes, bytes] | None:
    """The head and the body of a response that is all there; ``SystemExit`` if it is no success."""
    head, end, body = response.partition(b"\r\n\r\n")
    if not end:
        return None
    if not head.startswith(b"HTTP/1.1 2"):
        sys.exit(f"A receiver said: {response.decode(errors='replace')}")
    lines = head.lower().split(b"\r\n")
    lengths = [line for line in lines if line.startswith(b"content-length:")]
    is_whole = len(body) >= (int(lengths[0].partition(b":")[2]) if lengths else 0)
    return (head, body) if is_whole else None


def send_pieces(connection: socket.socket, pieces: Pieces) -> None:
    """Send all of a request."""
    left = [memoryview(piece) for piece in pieces]
    while left:
        sent = connection.sendmsg(left)
        while left and sent >= len(left[0]):
            sent -= len(left.pop(0))
        if left:
            left[0] = left[0][sent:]


def send(port: int, requests: Iterator[Pieces], connections: int) -> None:
    """Send requests, each connection one after the other."""
    selector = selectors.DefaultSelector()

    def send_next(connection: socket.socket) -> None:
        following = next(requests, None)
        if following is None:
            selector.unregister(connection)
            connection.close()
        else:
            send_pieces(connection, following)

    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, bytearray())
        send_next(connection)
    while selector.get_map():
        for key, _ in selector.select():
            assert isinstance(key.fileobj, socket.socket)
            piece = key.fileobj.recv(65536)
            if not piece:
                sys.exit("A receiver closed a connection.")
            key.data.extend(piece)
            if whole(bytes(key.data)):
                key.data.clear()
                send_next(key.fileobj)


def send_in_order(port: int, peer: Tus, content: bytes, count: int) -> None:
    """Send a big file to a receiver that takes one chunk after the other."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def ask(request: Pieces) -> bytes:
            send_pieces(connection, request)
            response = b""
            while not (found := whole(response)):
                response += connection.recv(65536)
            return found[0]

        lines = ask((peer.first(count * len(content)),)).split(b"\r\n")
        (location,) = (line for line in lines if line.lower().startswith(b"location:"))
        path = "/" + location.decode().rpartition("/")[2]
        for number in range(count):
            ask(peer.next(path, number * len(content), content))


def write_small(folder: str, contents: list[bytes], threads: int) -> None:
    """Write, sync and rename files without a receiver."""
    place = os.open(folder, os.O_RDONLY)

    def write(number: int) -> None:
        path = os.path.join(folder, str(number))
        fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.pwrite(fd, contents[number], 0)
        os.fdatasync(fd)
        os.close(fd)
        os.rename(path + ".new", path)
        os.fsync(place)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(write, range(len(contents))))
    os.close(place)


def write_big(folder: str, content: bytes, count: int) -> None:
    """Write and sync the chunks of a file without a receiver."""
    fd = os.open(os.path.join(folder, "big"), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    for number in range(count):
        os.pwrite(fd, content, number * len(content))
        os.fdatasync(fd)
    os.close(fd)


def cpu(pid: int) -> float:
    """How many seconds of CPU time a process has used."""
    used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(peer: Peer, folder: str) -> Iterator[tuple[int, int]]:
    """A receiver, by its port and the number of its process."""
    command = [*peer.command, folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline()), server.pid
        finally:
            server.terminate()


def timed(work: Callable[[], object], pid: int | None = None) -> tuple[float, float]:
    """How many seconds it takes, and how many of CPU time a process has used meanwhile."""
    before, began = cpu(pid or os.getpid()), time.perf_counter()
    work()
    took = time.perf_counter() - began
    return took, cpu(pid or os.getpid()) - before


def upload(folder: str, port: int) -> None:
    """Send all files in a folder by the command."""
    command = [sys.executable, "-m", "txresumable", "upload", "--quiet"]
    subprocess.run([*command, f"http://127.0.0.1:{port}/", folder], check=True)


class Round:
    """
    One round.

    :param place: for folders.
    :param options: those of the command.
    :param cases: what was found.
    """

    def __init__(self, place: str, options: argparse.Namespace, cases: Cases) -> None:
        self._place = place
        self._options = options
        self._cases = cases
        self._small = [os.urandom(SIZE) for _ in range(options.files)]
        self._chunk = os.urandom(CHUNK)

    def run(self) -> None:
        """Measure all."""
        threads, count = self._options.connections, self._options.chunks
        folder = self._new()
        self._note("small", ALONE, timed(lambda: write_small(folder, self._small, threads)))
        self._note("big", ALONE, timed(lambda: write_big(folder, self._chunk, count)))
        for peer in filter(installed, PEERS):
            self._send_small(peer)
            self._send_big(peer)
        self._upload(PEERS[0])

    def _new(self) -> str:
        folder = os.path.join(self._place, str(len(os.listdir(self._place))))
        os.mkdir(folder)
        return folder

    def _note(self, case: str, name: str, found: tuple[float, float]) -> None:
        self._cases.setdefault((case, name), []).append(found)
        print(f"{case}, {name}: {found[0]:.2f} s, {found[1]:.2f} s of CPU", flush=True)
        for path in Path(self._place).rglob("*"):
            if path.is_file() and path.stat().st_size > CHUNK:
                path.unlink()

    def _send_small(self, peer: Peer) -> None:
        requests = [(peer.small(number, each),) for number, each in enumerate(self._small)]
        with running(peer, self._new()) as (port, pid):
            connections = self._options.connections
            found = timed(lambda: send(port, iter(requests), connections), pid)
        self._note("small", peer.name, found)

    def _send_big(self, peer: Peer) -> None:
        chunk, count = self._chunk, self._options.chunks
        with running(peer, self._new()) as (port, pid):
            if isinstance(peer, Tus):
                found = timed(lambda: send_in_order(port, peer, chunk, count), pid)
            else:
                found = timed(lambda: send(port, peer.big(chunk, count), 3), pid)
        self._note("big", peer.name, found)

    def _upload(self, peer: Peer) -> None:
        folder = self._new()
        for number, each in enumerate(self._small):
            Path(folder, f"{number}.dat").write_bytes(each)
        with running(peer, self._new()) as (port, pid):
            found = timed(lambda: upload(folder, port), pid)
        self._note("end to end", peer.name, found)


def rows(options: argparse.Namespace, cases: Cases) -> Iterable[list[str]]:
    """The table."""
    yield ["", "waits for the disk", "files a second", "CPU ms a file", "MiB a second"]
    waits = {peer.name: peer.waits for peer in PEERS}
    for name in dict.fromkeys(name for _, name in cases):
        # The fastest round, which was disturbed least by whatever else the machine does.
        small, used = min(cases["small", name])
        big, _ = min(cases["big", name])
        yield [
            name,
            "yes" if waits.get(name, True) else "no",
            f"{options.files / small:,.0f}",
            f"{used / options.files * 1000:.2f}",
            f"{options.chunks / big:,.0f}",
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--files", type=int, default=5000, help="how many small files")
    parser.add_argument("--chunks", type=int, default=1024, help="how many MiB the big file has")
    parser.add_argument("--connections", type=int, default=16, help="over how many connections")
    parser.add_argument("--rounds", type=int, default=3, help="how many rounds, interleaved")
    parser.add_argument(
        "--publish", action="store_true", help="renew the table of the documentation"
    )
    options = parser.parse_args()
    cases: Cases = {}
    # What a round removed would slow the next one down: ext4 looks at inodes that are free lately.
    with TemporaryDirectory(dir=".") as place:
        for _ in range(options.rounds):
            Round(place, options, cases).run()
    table = list(rows(options, cases))
    for row in table:
        print("  ".join(f"{cell:<20}" for cell in row))
    took, _ = min(cases["end to end", PEERS[0].name])
    print(f"end to end, by the command: {took:.1f} s")
    if options.publish:
        with open(TABLE, "w", newline="") as file:
            csv.writer(file).writerows(table)


if __name__ == "__main__":
    main()

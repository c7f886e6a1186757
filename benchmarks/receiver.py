"""
The receiver with many small files: ``python benchmarks/receiver.py [FILES [CONNECTIONS]]``.

A process receives into a folder below this one, waiting for the disk; this one sends files of 4 KiB
from one thread, each in one request, over connections that persist.  Beside it the disk alone: the
same files written, synced and renamed by as many threads.  On a machine that others use, compare
ratios and CPU time.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

SIZE = 4096
BOUNDARY = "a-boundary-of-the-benchmark"
SERVER = """
import sys
from twisted.internet import reactor
from txresumable.receiver import Store, make_site
port = reactor.listenTCP(0, make_site(Store(sys.argv[1])), interface="127.0.0.1")
print(port.getHost().port, flush=True)
reactor.run()
"""


def request(name: str, content: bytes) -> bytes:
    """The request that uploads a file in one chunk."""
    fields = {
        "resumableChunkNumber": 1,
        "resumableChunkSize": 1024 * 1024,
        "resumableCurrentChunkSize": len(content),
        "resumableTotalSize": len(content),
        "resumableType": "",
        "resumableIdentifier": name,
        "resumableFilename": name,
        "resumableRelativePath": name,
        "resumableTotalChunks": 1,
    }
    start = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="'
    parts = [f'{start}{field}"\r\n\r\n{value}\r\n' for field, value in fields.items()]
    head = "".join([*parts, f'{start}file"; filename="{name}"\r\n\r\n']).encode()
    body = head + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    lines = (
        "POST / HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join([*lines, "", ""]).encode() + body


def is_whole(response: bytes) -> bool:
    """Whether a response is there to its end; ``SystemExit`` if it is no success."""
    head, end, body = response.partition(b"\r\n\r\n")
    if not end:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        sys.exit(f"The receiver said: {response.decode(errors='replace')}")
    (length,) = (
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    return len(body) >= length


def send(port: int, requests: Iterator[bytes], connections: int) -> None:
    """Send requests, each connection one after the other."""
    selector = selectors.DefaultSelector()

    def send_next(connection: socket.socket) -> None:
        following = next(requests, None)
        if following is None:
            selector.unregister(connection)
            connection.close()
        else:
            connection.sendall(following)

    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        selector.register(connection, selectors.EVENT_READ, bytearray())
        send_next(connection)
    while selector.get_map():
        for key, _ in selector.select():
            assert isinstance(key.fileobj, socket.socket)
            piece = key.fileobj.recv(65536)
            if not piece:
                sys.exit("The receiver closed a connection.")
            key.data.extend(piece)
            if is_whole(bytes(key.data)):
                key.data.clear()
                send_next(key.fileobj)


def write_alone(folder: str, files: int, threads: int) -> float:
    """Write, sync and rename the same files without a receiver; how many a second."""
    content, place = os.urandom(SIZE), os.open(folder, os.O_RDONLY)

    def write(number: int) -> None:
        path = os.path.join(folder, str(number))
        fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.pwrite(fd, content, 0)
        os.fdatasync(fd)
        os.close(fd)
        os.rename(path + ".new", path)
        os.fsync(place)

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(write, range(files)))
    os.close(place)
    return files / (time.perf_counter() - began)


def cpu(pid: int) -> float:
    """How many seconds of CPU time a process has used."""
    used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")


def receive(folder: str, files: int, connections: int) -> tuple[float, float]:
    """Have the receiver receive files; how many a second, and the milliseconds of CPU for each."""
    requests = [request(f"{number}.dat", os.urandom(SIZE)) for number in range(files)]
    command = [sys.executable, "-c", SERVER, folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            before, began = cpu(server.pid), time.perf_counter()
            send(port, iter(requests), connections)
            took, used = time.perf_counter() - began, cpu(server.pid) - before
        finally:
            server.terminate()
    return files / took, used / files * 1000


def main(arguments: list[str]) -> None:
    files, connections = [*map(int, arguments), *(5000, 16)[len(arguments) :]]
    with TemporaryDirectory(dir=".") as folder:
        alone = write_alone(folder, files, connections)
    with TemporaryDirectory(dir=".") as folder:
        rate, used = receive(folder, files, connections)
    print(f"the disk alone: {alone:.0f} files a second")
    print(f"the receiver:   {rate:.0f} files a second, {used:.2f} ms of CPU each")


if __name__ == "__main__":
    main(sys.argv[1:])

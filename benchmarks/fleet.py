"""
Receivers on object storage: ``python benchmarks/fleet.py``, after ``make receivers``.

A big file, in chunks of several sizes, to one, two and three receivers on one SeaweedFS; beside
the same bytes by SeaweedFS's own client, by our client for S3 alone, and by ``@tus/server`` with
``@tus/s3-store``, if that is there: see ``make bench-fleet``.  All of it runs on this machine: what
they take of its cores is told apart by CPU time.  What is compared is measured in each round, all
else in the first ones; every other round goes backwards.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from attrs import define
from receivers import PEERS, Tus

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.interop.install import SEAWEEDFS, python_of  # noqa: E402
from tests.interop.seaweedfs import KEY, SECRET, SeaweedFS  # noqa: E402

HERE = Path(__file__).parent
MIB = 1024 * 1024
CHUNKS = (MIB, 8 * MIB)
USUAL, LARGE = 8 * MIB, 32 * MIB
CONNECTIONS = 6
BUCKET = "benchmark"
TABLE = ROOT / "docs/_static/growing.csv"
ENVIRONMENT = {**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
OURS, TUS = PEERS[0], Tus("@tus/server, @tus/s3-store", ("node",))
TWISTD = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")


@define
class Found:
    """
    What was measured.

    :ivar took: seconds, until the file was complete.
    :ivar finish: seconds, of these, from when all but the last chunk were stored.
    :ivar cpu: seconds of CPU time of the receivers, or of the client.
    :ivar storage: seconds of CPU time of the storage, but for its database.
    :ivar requests: how many the storage got.
    """

    took: float
    finish: float = 0.0
    cpu: float = 0.0
    storage: float = 0.0
    requests: int = 0


def cpu(pid: int) -> float:
    """How many seconds of CPU time a process has used."""
    used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int, what: str) -> int:
    """``VmRSS`` or ``VmHWM`` of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{what}:\s+(\d+) kB", status, re.M)
    assert found is not None
    return int(found[1]) * 1024


def ask(connection: HTTPConnection, request: bytes) -> None:
    """Send a request as it is, and read its response, which has to be a success."""
    if connection.sock is None:
        connection.connect()
    connection.sock.sendall(request)
    response = connection.response_class(connection.sock)
    response.begin()
    body = response.read()
    if response.status >= 300:
        sys.exit(f"A receiver said: {response.status} {body!r}")


def send(ports: Sequence[int], requests: Iterator[bytes], connections: int) -> None:
    """Send requests over connections that persist, spread over ports."""
    lock = threading.Lock()

    def work(port: int) -> None:
        connection = HTTPConnection("127.0.0.1", port)
        while True:
            with lock:
                request = next(requests, None)
            if request is None:
                break
            ask(connection, request)
        connection.close()

    threads = [
        threading.Thread(target=work, args=(ports[number % len(ports)],))
        for number in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Rig:
    """
    What is measured in one round.

    :param storage: that runs.
    :param options: those of the command.
    :param place: a folder.
    """

    def __init__(self, storage: SeaweedFS, options: argparse.Namespace, place: Path) -> None:
        self._storage = storage
        self._place = place
        self._size = options.size * MIB
        self._content = os.urandom(8 * MIB)
        self._files = 0

    def ours(
        self, receivers: int, size: int, *options: str, connections: int = CONNECTIONS
    ) -> Found:
        """One file to several receivers with some options, so many chunks at once."""
        self._files += 1
        count = self._size // size
        chunk = self._piece(size)
        name = f"{self._files}-{os.getpid()}.dat"

        def requests(first: int, last: int) -> Iterator[bytes]:
            for number in range(first, last + 1):
                yield OURS.chunk(name, chunk, number, count, size, self._size)

        with ExitStack() as stack:
            started = [self._receiver(number, stack, options) for number in range(receivers)]
            ports = [port for port, _ in started]
            pids = [pid for _, pid in started]

            def work() -> float:
                send(ports, requests(1, count - 1), connections)
                began = time.perf_counter()
                send(ports[:1], requests(count, count), 1)
                return time.perf_counter() - began

            return self._timed(work, pids)

    def memory(self, connections: int, size: int) -> tuple[int, int]:
        """How much one has at its start, and how much more at most under so many requests."""
        self._files += 1
        count = self._size // size
        name = f"{self._files}-{os.getpid()}.dat"
        chunk = self._piece(size)
        with ExitStack() as stack:
            port, pid = self._receiver(0, stack, ())
            before = memory(pid, "VmRSS")
            requests = (
                OURS.chunk(name, chunk, number, count, size, self._size)
                for number in range(1, count + 1)
            )
            send([port], requests, connections)
            return before, memory(pid, "VmHWM") - before

    def tus(self, size: int) -> Found:
        """One file, one request after the other, as tus has it."""
        endpoint = self._storage.endpoints[0]
        command = ["node", str(HERE / "receivers/tus_s3.mjs"), endpoint, BUCKET]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        ) as server:
            try:
                assert server.stdout is not None
                port = int(server.stdout.readline())
                return self._timed(lambda: self._send_tus(port, size), [server.pid])
            finally:
                server.terminate()

    def _send_tus(self, port: int, size: int) -> float:
        connection = HTTPConnection("127.0.0.1", port)
        connection.connect()
        connection.sock.sendall(TUS.first(self._size))
        response = connection.response_class(connection.sock)
        response.begin()
        response.read()
        path = "/" + response.headers["location"].rpartition("/")[2]
        began = 0.0
        for offset in range(0, self._size, size):
            began = time.perf_counter()
            ask(connection, b"".join(TUS.next(path, offset, self._piece(size))))
        connection.close()
        return time.perf_counter() - began if size < self._size else 0.0

    def put(self, size: int) -> Found:
        """The same bytes by our client for S3 alone."""
        own = [str(HERE / "fleet_put.py"), self._storage.endpoints[0], BUCKET]
        words = [sys.executable, *own, str(size), str(self._size // size), str(CONNECTIONS)]
        said = ""

        def work() -> float:
            nonlocal said
            said = subprocess.check_output(words, env=ENVIRONMENT, text=True)
            return 0.0

        found = self._timed(work, ())
        found.took, found.cpu = map(float, said.split())
        return found

    def weed(self, size: int) -> Found:
        """The same bytes by SeaweedFS's own client, to its filer, past S3."""
        folder = self._place / "files"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for number in range(self._size // size):
            (folder / f"{number}.dat").write_bytes(self._piece(size))
        weed = python_of(SEAWEEDFS).parent / "weed"
        filer = self._storage.filer_url
        words = [str(weed), "filer.copy", f"-c={CONNECTIONS}", str(folder)]

        def work() -> float:
            subprocess.run(
                [*words, f"{filer}/buckets/{BUCKET}/weed/"],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            return 0.0

        return self._timed(work, ())

    def _piece(self, size: int) -> bytes:
        """So many bytes."""
        return self._content * (size // len(self._content)) or self._content[:size]

    def _receiver(self, number: int, stack: ExitStack, options: Sequence[str]) -> tuple[int, int]:
        """A receiver's port and the number of its process."""
        endpoint = self._storage.endpoints[number % len(self._storage.endpoints)]
        words = ["-n", "--pidfile=", "resumable-receive", "--port", "0"]
        # A prefix for each file: what another one has left is not what is measured.
        words += ["--store", f"s3://{BUCKET}/{self._files}/", "--s3-endpoint", endpoint]
        words += ["--s3-region", "us-east-1", *options]
        process = subprocess.Popen(
            [*TWISTD, *words], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        assert process.stdout is not None
        for line in process.stdout:
            found = re.search(r"Receiving at http://[^:]+:(\d+)/", line)
            if found:
                threading.Thread(target=process.stdout.read, daemon=True).start()
                return int(found[1]), process.pid
        sys.exit("A receiver does not start.")

    def _timed(self, work: Callable[[], float], pids: Sequence[int]) -> Found:
        storage = list(self._storage.process_ids().values())
        before = sum(map(cpu, pids)), sum(map(cpu, storage))
        asked = self._storage.requests()
        began = time.perf_counter()
        finish = work()
        took = time.perf_counter() - began
        return Found(
            took,
            finish,
            sum(map(cpu, pids)) - before[0],
            sum(map(cpu, storage)) - before[1],
            self._storage.requests() - asked,
        )


def has_tus() -> bool:
    """Whether it is installed."""
    there = (HERE / "receivers/node_modules/@tus/s3-store").exists()
    return there and shutil.which("node") is not None


def measurements(rig: Rig, size: int) -> Iterator[tuple[str, int, bool, Callable[[], Found]]]:
    """What is measured: its name, the chunks, whether it is compared, and how."""
    for chunk in CHUNKS:
        yield "SeaweedFS's own client", chunk, False, partial(rig.weed, chunk)
        yield "our S3 client alone", chunk, False, partial(rig.put, chunk)
        for receivers in (1, 2, 3):
            is_compared = (receivers, chunk) == (3, USUAL)
            yield named(receivers), chunk, is_compared, partial(rig.ours, receivers, chunk)
        alone = partial(rig.ours, 1, chunk, connections=1)
        yield "1 receiver, one chunk at a time", chunk, False, alone
        if has_tus():
            yield TUS.name, chunk, chunk == USUAL, partial(rig.tus, chunk)
    if has_tus():
        yield TUS.name, size, True, partial(rig.tus, size)
    without = partial(rig.ours, 3, USUAL, "--no-digest")
    yield "3 receivers, --no-digest", USUAL, True, without
    large = partial(rig.ours, 3, LARGE, "--memory", "256M")
    yield named(3), LARGE, False, large


def rows(size: int, found: dict[tuple[str, int], list[Found]]) -> Iterator[list[str]]:
    """The table, of medians."""
    heads = ["", "chunks of", "rounds", "MB/s", "CPU s a GiB", "of the storage"]
    yield [*heads, "requests a chunk", "finish, s"]
    for (name, chunk), rounds in sorted(found.items(), key=lambda each: each[0][1]):
        took, finish, used, storage, requests = (
            median(getattr(each, what) for each in rounds)
            for what in ("took", "finish", "cpu", "storage", "requests")
        )
        yield [
            name,
            f"{chunk // MIB} MiB" if chunk < size * MIB else "all at once",
            f"{len(rounds)}",
            f"{size * MIB / took / 1e6:.0f}",
            f"{used * 1024 / size:.2f}" if used else "",
            f"{storage * 1024 / size:.1f}",
            f"{requests / (size * MIB / chunk):.2f}" if requests else "",
            f"{finish:.2f}" if finish else "",
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--size", type=int, default=256, help="how many MiB the file has")
    parser.add_argument("--rounds", type=int, default=5, help="how many rounds, interleaved")
    parser.add_argument("--all", type=int, default=3, help="how many of these measure everything")
    parser.add_argument("--publish", action="store_true", help="renew the documentation's table")
    options = parser.parse_args()
    found: dict[tuple[str, int], list[Found]] = {}
    beyond: list[tuple[int, int]] = []
    with TemporaryDirectory() as place:
        for number in range(options.rounds):
            storage = SeaweedFS()
            try:
                storage.start()
                storage.make_bucket(BUCKET)
                rig = Rig(storage, options, Path(place))
                every = list(measurements(rig, options.size * MIB))
                for name, chunk, is_compared, measure in every[:: -1 if number % 2 else 1]:
                    if is_compared or number < options.all:
                        what = measure()
                        found.setdefault((name, chunk), []).append(what)
                        print(f"{name}, {chunk // MIB} MiB: {what}", flush=True)
                if number < options.all:
                    beyond.append(rig.memory(16, MIB))
            finally:
                storage.stop()
    table = list(rows(options.size, found))
    for row in table:
        print("  ".join(f"{cell:<32}" if n == 0 else f"{cell:>16}" for n, cell in enumerate(row)))
    before, more = max(beyond, key=lambda each: each[1])
    print(f"memory: {before / MIB:.0f} MiB at the start, {more / MIB:.0f} more at 16 x 1 MiB")
    if options.publish:
        with TABLE.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(table)


def named(receivers: int) -> str:
    """What so many receivers are called."""
    return f"{receivers} receiver{'s' if receivers > 1 else ''}, {CONNECTIONS} chunks at a time"


if __name__ == "__main__":
    main()

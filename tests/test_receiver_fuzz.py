"""Random bytes, in random pieces, at a random pace: what must hold for any."""

from __future__ import annotations

import os
from random import Random
from typing import Any

from tests.receiver_rig import ClientFile, Connection, ReceiverTestCase, Thread

SCHEDULES = int(os.environ.get("TXRESUMABLE_SCHEDULES", "60"))
CHUNK = 40
LINES = (
    b"Content-Length: 3",
    b"Content-Length: -3",
    b"Content-Length: 99999999999",
    b"Content-Length: " + b"9" * 5000,
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: identity",
    b"Expect: 100-continue",
    b"Connection: close",
    b"Connection: keep-alive, close",
    b"Origin: http://evil",
    b"Origin: http://\xff\x00",
    b"Content-Type: multipart/form-data",
    b"Content-Type: multipart/form-data; boundary=\xff",
    b"Content-Type: application/x-www-form-urlencoded",
    b"Content-Encoding: gzip",
    b"Host: \xfe",
    b"X: " + b"y" * 3000,
    b" continued",
    b"\xff: \xff",
    b"no colon",
    b"",
)
SPLICES = (
    b"\r\n",
    b"\n",
    b"\0",
    b"%",
    b"%E9",
    b"\xff",
    b"--",
    b'"',
    b"&",
    b"=",
    b"?",
    b"0\r\n\r\n",
    b"ffffffff\r\n",
    b"HTTP/1.0",
    b"http://h",
    b"resumableChunkNumber=2&",
    b"resumableTotalSize=1&",
    b"a=" * 300,
    b"/" * 70_000,
)


class FuzzTests(ReceiverTestCase):
    """
    Each request is responded to, or its connection ends within a bound; nothing is logged as a
    failure; nobody's slot is held; and what the receiver calls stored or complete is right.
    """

    def test_any_bytes(self) -> None:
        """That holds for requests that are mutilated at random, several connections at once."""
        for seed in range(SCHEDULES):
            try:
                self.run_schedule(Random(seed))
            except Exception as error:
                raise AssertionError(f"seed {seed}") from error

    def run_schedule(self, random: Random) -> None:
        self.root = self.mktemp()
        self.thread = Thread()
        run: dict[str, Any] = {"run": self.thread.run} if random.random() < 0.5 else {}
        self.start(max_file_size=1000, site={"min_rate": 10}, **run)
        content = random.randbytes(100)
        forms = (ClientFile(content, chunk_size=CHUNK), ClientFile(content, "o", "o", octet=True))
        wires = [self.connect() for _ in range(random.randint(1, 3))]
        for _ in range(random.randint(1, 12)):
            self.step(random, random.choice(wires), forms)
        for wire in wires:
            if random.random() < 0.3:
                wire.end()
        self.settle(wires)
        self.check(forms)
        self.hang_up()
        self.thread.work()
        self.successResultOf(self.store.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def step(self, random: Random, wire: Connection, forms: tuple[ClientFile, ...]) -> None:
        data = b"".join(self.any_request(random, forms) for _ in range(random.choice((1, 1, 3))))
        size = random.choice((1, 7, 100, 65536, 65536)) if len(data) < 5000 else 65536
        wire.send(data, size)
        if random.random() < 0.5:
            self.thread.work()
        self.clock.advance(random.choice((0, 0, 1, 15)))

    def any_request(self, random: Random, forms: tuple[ClientFile, ...]) -> bytes:
        file = random.choice(forms)
        number = random.randint(1, file.layout.count)
        data = random.choice((file.upload, file.upload, file.test))(number)
        for _ in range(random.choice((0, 0, 1, 1, 2, 5))):
            data = self.mutilated(random, data)
        return data

    def mutilated(self, random: Random, data: bytes) -> bytes:
        at = random.randrange(len(data) + 1)
        kind = random.randrange(6)
        if kind == 0:
            return data[:at]
        if kind == 1:
            return data[:at] + random.choice(SPLICES) + data[at:]
        if kind == 2:
            return data[:at] + data[at + random.choice((1, 2, 20)) :]
        if kind == 3:
            return data[:at] + random.randbytes(random.choice((1, 4))) + data[at + 1 :]
        if kind == 4:
            methods = (b"GET", b"OPTIONS", b"DELETE", b"PUT", b"BREW", b"CONNECT")
            return random.choice(methods) + b" " + data.partition(b" ")[2]
        return data.replace(b"\r\n", b"\r\n" + random.choice(LINES) + b"\r\n", 1)

    def settle(self, wires: list[Connection]) -> None:
        """Every connection ends in bounded time when nothing more comes."""
        for _ in range(100):
            self.thread.work()
            self.clock.advance(10)
        for wire in wires:
            self.assertTrue(wire.closed and (wire.aborted or wire.transport.disconnecting))
            self.check_responses(wire.transport.value())

    def check_responses(self, data: bytes) -> None:
        """What came back is a sequence of whole responses, and nothing follows the last."""
        last = False
        while data:
            self.assertFalse(last)
            head, mark, data = data.partition(b"\r\n\r\n")
            self.assertTrue(mark and head.startswith(b"HTTP/1."), head)
            lines = head.lower().split(b"\r\n")
            last = b"connection: close" in lines
            lengths = [line for line in lines if line.startswith(b"content-length: ")]
            if lengths:
                size = int(lengths[0].partition(b": ")[2])
                self.assertGreaterEqual(len(data), size)
                data = data[size:]
            else:
                self.assertIn(lines[0].split(b" ")[1], (b"100", b"204"))

    def check(self, forms: tuple[ClientFile, ...]) -> None:
        """No slot is held, and a file all of whose chunks are accepted is there, and right."""
        self.hang_up()
        self.thread.work()
        for file in forms:
            statuses = set()
            for number in range(1, file.layout.count + 1):
                for data in (file.test(number), file.upload(number)):
                    wire = self.connect().send(data)
                    self.thread.work()
                    status = wire.response().status
                    # Other sizes, or other bytes, may have come first, as the mutilated say.
                    self.assertIn(status, (200, 400, 404 if data.startswith(b"GET") else 409))
                statuses.add(status)
            if statuses == {200}:
                self.assertIn(file.content, self.finished().values())

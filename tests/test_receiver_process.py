"""Tests for a receiver that is a process of its own."""

from __future__ import annotations

import re
import signal
import socket
from contextlib import closing

from twisted.internet.threads import deferToThread

from tests.processes import ProcessTestCase, Running, until
from tests.receiver_rig import ClientFile

CONTENT = bytes(range(65, 90))


class StopTests(ProcessTestCase):
    """SIGTERM."""

    async def start(self, *options: str) -> tuple[Running, int]:
        """A receiver. :returns: it, and its port."""
        running = self.receiver("--port", "0", "--directory", "files", *options)
        await running.has_said("Receiving at http://127.0.0.1:")
        found = re.search(r"Receiving at http://127.0.0.1:(\d+)/", running.written)
        assert found is not None
        return running, int(found[1])

    async def test_drains(self) -> None:
        """A chunk that arrives is taken, nobody else gets in, and then the process ends."""
        running, port = await self.start()
        data = ClientFile(CONTENT, chunk_size=25).upload(1)
        with closing(_connect(port)) as busy, closing(_connect(port)) as begun:
            busy.sendall(data[:-5])
            begun.sendall(data[:20])
            with closing(_connect(port)) as idle:
                idle.sendall(ClientFile(CONTENT, "other", "other").test(1))
                # Once it has responded to this, it has read what was sent before.
                self.assertIn(b" 404 ", await deferToThread(idle.recv, 65536))
                running.signal("TERM")
                self.assertEqual(await deferToThread(_rest_of, idle), b"")
            await until(lambda: _is_refused(port))
            begun.sendall(data[20:])
            refused = await deferToThread(_rest_of, begun)
            self.assertTrue(refused.startswith(b"HTTP/1.1 503 "), refused)
            self.assertIn(b"\r\nRetry-After: 1\r\n", refused)
            self.assertFalse(running.ended.called)
            busy.sendall(data[-5:])
            taken = await deferToThread(_rest_of, busy)
        self.assertTrue(taken.startswith(b"HTTP/1.1 200 "), taken)
        for response in refused, taken:
            self.assertIn(b"\r\nConnection: close\r\n", response)
        ended = await running.ended
        self.assertEqual((ended.status, ended.signal), (None, signal.SIGTERM))
        self.assertEqual((self.folder / "files" / "file.dat").read_bytes(), CONTENT)

    async def test_grace(self) -> None:
        """What takes longer than it may is cut."""
        running, port = await self.start("--grace", "1s")
        with closing(_connect(port)) as slow, closing(_connect(port)) as idle:
            slow.sendall(ClientFile(CONTENT, chunk_size=25).upload(1)[:-5])
            idle.sendall(ClientFile(CONTENT, "other", "other").test(1))
            self.assertIn(b" 404 ", await deferToThread(idle.recv, 65536))
            running.signal("TERM")
            self.assertEqual(await deferToThread(_rest_of, slow), b"")
        ended = await running.ended
        self.assertEqual((ended.status, ended.signal), (None, signal.SIGTERM))
        self.assertIn("1 connections are cut, which took too long", ended.output)


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=40)


def _rest_of(connection: socket.socket) -> bytes:
    """All that arrives until the end of a connection."""
    data = bytearray()
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return bytes(data)


def _is_refused(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) != 0

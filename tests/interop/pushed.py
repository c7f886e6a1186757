"""
A watched folder before a receiver that others wrote, with nginx and its limit of 1 MiB in between,
and a service that is killed, as a test case that each one's tests derive from.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import ClassVar

from tests.processes import Running, reactor, until

from .receivers import Receiver, RunningReceiver, start
from .web_servers import CommandTestCase, nginx

__all__ = ["Pushed"]

FILES = 200
KILLS = 5


class Pushed(CommandTestCase):
    """
    A receiver, nginx, and a folder.

    :cvar receiver: which one.
    :cvar server: the profile of its options.
    """

    receiver: ClassVar[Receiver]
    server: ClassVar[str]
    timeout = 900

    def setUp(self) -> None:
        self.parts = ("nginx", self.receiver.part, *self.receiver.also)
        super().setUp()
        # The path of the control socket in it has 107 bytes at most.
        self.state = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)

    async def test_killed(self) -> None:
        """Each file arrives as it is, and is moved, though the service is killed often."""
        server = await start(self.receiver, self.folder / "receiver", reactor)
        self.addCleanup(server.stop)
        proxied = f"location / {{ proxy_pass {server.url.rpartition('/upload')[0]}; }}"
        front = await nginx(self, proxied)
        self.assertEqual((server.headers, server.query), ({}, {}))
        path = server.url[server.url.index("/upload") :]
        source, sent = self.folder / "in", self.folder / "sent"
        for folder in source, sent:
            folder.mkdir()
        (self.folder / "c.toml").write_text(
            f'state = "{self.state}"\n[target.lab]\nurl = "{front.url}{path}"\n'
            f'server = "{self.server}"\nchunk_size = "512K"\n[folder.scans]\n'
            f'path = "{source}"\ntarget = "lab"\nsettle = 0\nrescan = 1\nagain = 1\n'
            f'after = "move:{sent}"\n'
        )
        digests = dict(self.make(source, number) for number in range(FILES))
        for kill in range(1, KILLS + 1):
            process = self.python("-m", "txresumable", "push", "-c", "c.toml")
            await self.until_sent(FILES * kill // (KILLS + 2), process)
            process.signal("KILL")
            await process.ended
        process = self.python("-m", "txresumable", "push", "-c", "c.toml")
        await self.until_sent(FILES, process)
        process.signal("TERM")
        await process.ended
        await server.stop()
        self.assert_arrived(server, digests)
        self.assertEqual(os.listdir(source), [])

    def assert_arrived(self, server: RunningReceiver, digests: dict[str, str]) -> None:
        """Each file is there once, and as it is; some receivers call it by its identifier."""
        self.assertEqual(sorted(server.stored().values()), sorted(digests.values()))

    async def until_sent(self, count: int, process: Running) -> None:
        """Wait until so many files are moved, as long as there are ever more."""
        sent = self.folder / "sent"
        for number in range(1, count + 1):
            is_sent = partial(_has, sent, number)
            await until(is_sent, lambda: process.written)

    def make(self, folder: Path, number: int) -> tuple[str, str]:
        """A file, small, or of two chunks; its name and SHA-256."""
        # A single chunk may have almost 1 MiB, which with its form is more than nginx takes.
        large = 1_100_000, 1_300_000
        size = random.randrange(*(large if number % 10 == 0 else (1, 5000)))
        content = os.urandom(size)
        name = f"file-{number:03}.bin"
        (folder / name).write_bytes(content)
        return name, hashlib.sha256(content).hexdigest()


def _has(folder: Path, count: int) -> bool:
    return len(os.listdir(folder)) >= count

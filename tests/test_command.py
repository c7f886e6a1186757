"""
Tests for commands in processes of their own.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from txresumable._runtime.command import Command


class CommandTests(TestCase):
    """Real processes."""

    def run_command(self, script: str, limit: float = 30.0, **options: Any) -> Any:
        """What a script has written, and what went wrong."""
        reactor: Any = installed
        ended: Deferred[Any] = Deferred()
        command = Command(reactor, limit, lambda *said: ended.callback(said), **options)
        reactor.spawnProcess(
            command, sys.executable, (sys.executable, "-c", script), env=os.environ
        )
        return ended

    async def test_given(self) -> None:
        """It reads what it is given, and what it writes is returned."""
        script = "import sys; print(len(sys.stdin.read()))"
        said = await self.run_command(script, given=b"x" * 300_000)
        self.assertEqual(said, (b"300000\n", ""))

    async def test_fails(self) -> None:
        """Its status and the last line of its errors say what went wrong."""
        said = await self.run_command(
            "import sys; print('a\\nno disk', file=sys.stderr); sys.exit(3)"
        )
        self.assertEqual(said[1], "ended with status 3: no disk")

    async def test_limit(self) -> None:
        """It is killed in the end."""
        said = await self.run_command("import time; time.sleep(60)", limit=0.1)
        self.assertEqual(said[1], "did not end within 0.1 s")

    async def test_writes_too_much(self) -> None:
        """Too much is an error if it is to be heard, and else it is not."""
        script = "print('x' * 200_000)"
        said = await self.run_command(script)
        self.assertEqual(said[1], "wrote more than 65536 bytes")
        said = await self.run_command(script, is_heard=False)
        self.assertEqual(said[1], "")

    async def test_background(self) -> None:
        """One that is not heard is over when it exits, though what it has started has its pipes."""
        script = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
        output, why = await self.run_command(script, is_heard=False)
        os.kill(int(output), 9)
        self.assertEqual(why, "")

    async def test_does_not_read(self) -> None:
        """What it does not read does not matter."""
        said = await self.run_command("pass", given=b"x" * 300_000, is_heard=False)
        self.assertEqual(said, (b"", ""))

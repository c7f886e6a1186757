"""The README's first example, as it stands, and an upload that is killed: programs of their own."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from . import scenarios
from .receivers import RESUMABLEJS_NODE, sha256_of
from .scenarios import KIB, MIB

ROOT = Path(__file__).resolve().parents[2]

README_TARGET = "https://example.com/upload"
README_FILE = "my_file.dat"
README_MIB = int(os.environ.get("INTEROP_README_MIB", "64"))

KILLED = """
    import sys
    from twisted.internet.task import react
    from txresumable import Resumable

    async def main(reactor):
        uploader = Resumable(sys.argv[1], reactor=reactor, chunk_size=16 * 1024)
        upload = uploader.add_file("killed.bin")
        upload.chunk_completed.register(lambda chunk: print(chunk.number, flush=True))
        await upload

    react(main)
"""


def first_example(readme: str) -> str:
    """The first Python block of the README."""
    block = re.search(
        r"^\.\. code(?:-block)?:: python\n((?:\s*:.*\n)*)((?:\n|[ \t]+.*\n)+)", readme, re.M
    )
    assert block is not None, "the README has no Python block"
    return textwrap.dedent(block[2])


class Program(ProcessProtocol):
    """
    A Python program.

    :ivar ended: fires with its exit status, or :obj:`None` when it was killed.
    :ivar enough: fires when it has written as many lines as were asked for.
    """

    def __init__(self, lines: int = 0) -> None:
        self.ended: Deferred[int | None] = Deferred()
        self.enough: Deferred[None] = Deferred()
        self.output = b""
        self._lines = lines

    def outReceived(self, data: bytes) -> None:
        self.output += data
        if self._lines and self.output.count(b"\n") >= self._lines and not self.enough.called:
            self.enough.callback(None)

    def errReceived(self, data: bytes) -> None:
        self.output += data

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(reason.value.exitCode)


class ProgramTests(scenarios.ReceiverTestCase):
    """Programs that upload to npm's ``resumablejs`` sample."""

    receiver = RESUMABLEJS_NODE
    timeout = 90.0 + README_MIB

    def run_program(self, code: str, *arguments: str, lines: int = 0) -> tuple[Program, Any]:
        """Start a program in the test's folder; one that is left over is killed when it ends."""
        from twisted.internet import reactor

        program = Program(lines)
        command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
        environment = dict(os.environ, PYTHONPATH=str(ROOT))
        process = reactor.spawnProcess(
            program, command[0], command, env=environment, path=str(self.folder)
        )

        async def end() -> None:
            if not program.ended.called:
                with contextlib.suppress(ProcessExitedAlready):
                    process.signalProcess("KILL")
                await program.ended

        self.addCleanup(end)
        return program, process

    async def test_first_example_of_the_readme(self) -> None:
        """What a newcomer copies uploads a large file, and prints its name and size."""
        example = first_example((ROOT / "README.rst").read_text("utf-8"))
        self.assertIn(README_TARGET, example)
        self.assertIn(README_FILE, example)
        path = self.folder / README_FILE
        with path.open("wb") as file:
            for _ in range(README_MIB):
                file.write(os.urandom(MIB))
        program, _ = self.run_program(example.replace(README_TARGET, self.server.url))
        status = await program.ended
        output = program.output.decode()
        self.assertEqual(status, 0, output)
        self.assertEqual(output.split(), [README_FILE, str(README_MIB * MIB)])
        self.assertEqual(list(self.server.stored().values()), [sha256_of(path)])

    async def test_killed_upload_goes_on(self) -> None:
        """After SIGKILL a second start sends what is missing, and at most three chunks twice."""
        _path, digest = self.random_file(200 * 16 * KIB, "killed.bin")
        program, process = self.run_program(KILLED, self.server.url, lines=50)
        await program.enough
        process.signalProcess("KILL")
        self.assertIsNone(await program.ended)
        self.assertEqual(self.server.stored(), {})
        program, _ = self.run_program(KILLED, self.server.url)
        status = await program.ended
        self.assertEqual(status, 0, program.output.decode())
        await self.server.stop()
        self.assertEqual(list(self.server.stored().values()), [digest])
        sent = self.server.requests("POST")
        self.assertEqual(set(sent), set(range(1, 201)))
        self.assertLessEqual(sent.total(), 200 + 3)

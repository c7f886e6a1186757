"""Tests for ``txresumable push`` and ``twistd resumable-upload --config``, as processes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path
from unittest.mock import patch

from tests.processes import _TWISTD, ProcessTestCase, Running, until


class PushTestCase(ProcessTestCase):
    """Has a configuration file, a receiver and a folder."""

    def setUp(self) -> None:
        super().setUp()
        # The path of the control socket in it has 107 bytes at most.
        self.state = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)
        (self.folder / "in").mkdir()
        (self.folder / "sent").mkdir()
        self.configure(self.target)

    def configure(self, target: str, more: str = "") -> None:
        """Write the file."""
        (self.folder / "c.toml").write_text(
            f'state = "{self.state}"\n[target.lab]\nurl = "{target}"\nchecksum = "sha256"\n'
            '[folder.scans]\npath = "in"\ntarget = "lab"\nsettle = 0\nrescan = 0.2\n'
            f'after = "move:sent"\n{more}'
        )

    def command(self, *arguments: str) -> Running:
        """Start the command."""
        return self.python("-m", "txresumable", *arguments, "-c", "c.toml")

    @property
    def journal(self) -> Path:
        """What is locked."""
        return self.state / "lock"


class PushTests(PushTestCase):
    """In the foreground."""

    async def test_push(self) -> None:
        """
        What is dropped into the folder arrives and is moved; another start ends with 75; SIGHUP has
        the file read again, or tells what is wrong with it; a signal ends it with 128 + its number.
        """
        process = self.command("push")
        await process.has_said("Watching 1 folder")
        content = self.file("a.dat", 2_500_000)
        os.rename(self.folder / "a.dat", self.folder / "in" / "a.dat")
        await until((self.folder / "sent" / "a.dat").exists)
        self.assertEqual(self.received("a.dat"), content)
        for second in (self.command("push"), self.twistd("--config", "c.toml")):
            ended = await second.ended
            self.assertEqual(ended.status, 75, ended.output + ended.errors)
            pid = self.journal.read_text().strip()
            self.assertIn(f"already running, pid {pid}", ended.output + ended.errors)
        await self.controlled(hashlib.sha256(content).hexdigest())
        process.signal("HUP")
        await process.has_said("The settings were reloaded")
        self.configure(self.target, "settel = 1\n")
        process.signal("HUP")
        await process.has_said("c.toml:11: folder.scans.settel: is not known; perhaps settle")
        process.signal("TERM")
        ended = await process.ended
        self.assertEqual(ended.signal, signal.SIGTERM, ended.errors)
        self.assertIn("SIGTERM: what is under way has 10 s to finish", ended.errors)
        self.assertNotIn("Traceback", ended.errors)

    async def test_notices(self) -> None:
        """
        systemd is notified of the start, of reading the settings anew and of the end, and the log
        is one of JSON objects if that is wanted; one control listens, and nobody complains.
        """
        name = f"txresumable-{os.getpid()}"
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listening.close)
        listening.setblocking(False)
        listening.bind(f"\0{name}")
        received: list[str] = []

        def has_received(text: str) -> bool:
            with contextlib.suppress(BlockingIOError):
                while True:
                    received.append(listening.recv(1000).decode())
            return any(each.startswith(text) for each in received)

        with patch.dict(os.environ, {"NOTIFY_SOCKET": f"@{name}"}):
            process = self.command("push", "--log-format", "json")
        await until(lambda: has_received("READY=1"))
        await until(lambda: has_received("STATUS=0 uploading, 0 to send"))
        await process.has_said("Watching 1 folder")
        received.clear()
        process.signal("HUP")
        await until(lambda: has_received("RELOADING=1"))
        await until(lambda: has_received("READY=1"))
        process.signal("TERM")
        await until(lambda: has_received("STOPPING=1"))
        ended = await process.ended
        lines = [json.loads(line) for line in ended.errors.splitlines() if line.startswith("{")]
        self.assertIn("Watching 1 folder", [line["message"] for line in lines])
        self.assertNotIn("error", [line["level"] for line in lines])

    async def controlled(self, digest: str) -> None:
        """It can be asked where everything is, and told what to do."""
        ended = await self.command("status").ended
        self.assertEqual((ended.status, ended.errors), (0, ""))
        self.assertIn(f"folder scans ({self.folder}/in): 1 done", ended.output)
        ended = await self.command("ls", "--json").ended
        file = json.loads(ended.output)
        self.assertEqual((file["name"], file["state"], file["digest"]), ("a.dat", "done", digest))
        ended = await self.command("verify").ended
        counts = "1 are what the receiver has, 0 differ, 0 cannot be verified"
        others = "the others by what it said when they were complete"
        self.assertEqual(
            (ended.status, ended.output),
            (0, f"{counts}; 1 by what it says now, {others}\n"),
        )
        for command in (("rate", "1M"), ("pause",), ("resume",), ("rescan",), ("rate", "rules")):
            ended = await self.command(*command).ended
            self.assertEqual((ended.status, ended.output, ended.errors), (0, "", ""), command)
        ended = await self.command("hold", str(file["id"])).ended
        self.assertEqual(ended.status, 1)
        self.assertIn("is done and cannot be held", ended.errors)

    async def test_signal_during_command(self) -> None:
        """A command that runs for a file may finish, in the foreground and in twistd."""
        os.mkfifo(self.folder / "pipe")
        self.configure(self.target, """on_sent = ["sh", "-c", 'cat "$0" > "$1"',""")
        with open(self.folder / "c.toml", "a") as file:
            file.write(f' "{self.folder / "pipe"}", "{self.folder / "said"}"]\n')
        for number, arguments in enumerate((("push",), ("--config", "c.toml"))):
            process = self.twistd(*arguments) if number else self.command(*arguments)
            await process.has_said("Watching 1 folder")
            self.file(f"in/{number}.dat", 10)
            pipe = await _opened(self.folder / "pipe")
            process.signal("TERM")
            await process.has_said("shutting down" if number else "has 10 s to finish")
            await process.has_said("control Closed)")
            os.write(pipe, str(number).encode())
            os.close(pipe)
            self.assertEqual((await process.ended).signal, signal.SIGTERM)
            self.assertEqual((self.folder / "said").read_text(), str(number))
            self.assertTrue((self.folder / "sent" / f"{number}.dat").exists())

    async def test_second_signal(self) -> None:
        """What is under way may finish, until the second signal."""
        held = self.holding()
        self.configure(held.target)
        process = self.command("push")
        self.file("in/a.dat", 10)
        await held.has(1, process)
        process.signal("INT")
        await process.has_said("SIGINT: what is under way has 10 s to finish")
        process.signal("INT")
        self.assertEqual((await process.ended).signal, signal.SIGINT)
        self.assertIn("stopping at once", process.written)

    async def test_hangup_before_it_watches(self) -> None:
        """SIGHUP does not end it once it reads the file, which is read again as soon as may be."""
        for number, arguments in enumerate((("push",), ("--config", "c.toml"))):
            config = self.folder / "c.toml"
            written = config.read_bytes()
            config.unlink()
            os.mkfifo(config)
            process = self.twistd(*arguments) if number else self.command(*arguments)
            pipe = await _opened(config)
            config.unlink()
            config.write_bytes(written)
            process.signal("HUP")
            os.write(pipe, written)
            os.close(pipe)
            await process.has_said("The settings were reloaded")
            process.signal("TERM")
            self.assertEqual((await process.ended).signal, signal.SIGTERM)
            self.assertNotIn("Traceback", process.written)

    async def test_wrong(self) -> None:
        """What is wrong with the file is said before anything begins, with 2."""
        self.configure("nowhere")
        for process in (self.command("push"), self.twistd("--config", "c.toml")):
            ended = await process.ended
            self.assertEqual(ended.status, 2)
            self.assertIn("c.toml:3: target.lab.url: must be", ended.output + ended.errors)
            self.assertNotIn("Traceback", ended.output + ended.errors)
        ended = await self.twistd("--config", "c.toml", "a.dat").ended
        self.assertIn("--config goes with no other option and no file", ended.output)
        self.assertEqual(ended.status, 2)

    async def test_wrong_now(self) -> None:
        """What may be over by itself is said with 1, so that systemd starts it again."""
        self.configure("http://127.0.0.1:9/", '[queue]\npostgresql_command = "exit 3"\n')
        for process in (self.command("push"), self.twistd("--config", "c.toml")):
            ended = await process.ended
            self.assertEqual(ended.status, 1)
            self.assertIn("postgresql_command: ended with 3", ended.output + ended.errors)
            self.assertNotIn("Traceback", ended.output + ended.errors)

    async def test_check(self) -> None:
        """What cannot work here is said, and whether the target responds as a receiver."""
        ended = await self.command("check").ended
        self.assertEqual((ended.status, ended.output), (0, "target lab: responds\n"))
        (self.folder / "sent").rmdir()
        (self.folder / "sent").touch()
        (self.state / "link").symlink_to(self.folder)
        self.configure(
            "http://127.0.0.1:9/",
            'on_sent = ["no-such-command"]\n[folder.link]\n'
            f'path = "{self.state / "link/in"}"\ntarget = "lab"\n',
        )
        ended = await self.command("check").ended
        self.assertEqual(ended.status, 1, ended.errors)
        place, apart, hook, linked, target = ended.output.splitlines()
        self.assertIn("[folder.scans] path ", apart)
        self.assertIn("[folder.link] path ", linked)
        self.assertIn("must not be in, or around", apart)
        self.assertIn("[folder.scans] after 'move:", place)
        self.assertIn("is no folder", place)
        self.assertEqual(
            hook, "[folder.scans] on_sent 'no-such-command' is no command that there is"
        )
        self.assertIn("target lab: no connection", target)


class TwistdTests(PushTestCase):
    """As a daemon."""

    def background(self, *arguments: str) -> Running:
        """Start ``twistd``, which goes to the background."""
        return self.run_process(
            *_TWISTD, "--pidfile=", *arguments, "resumable-upload", "--config=c.toml"
        )

    async def test_foreground(self) -> None:
        """It watches, reads the file again on SIGHUP, and ends with the signal."""
        content = self.file("in/a.dat", 10)
        process = self.twistd("--config", "c.toml")
        await until((self.folder / "sent" / "a.dat").exists)
        self.assertEqual(self.received("a.dat"), content)
        process.signal("HUP")
        await process.has_said("The settings were reloaded")
        process.signal("TERM")
        self.assertEqual((await process.ended).signal, signal.SIGTERM)

    async def test_daemon(self) -> None:
        """It returns once it watches; another reports that, with 75; one that fails, with 1."""
        ended = await self.background().ended
        self.assertEqual((ended.status, ended.errors), (0, ""))
        pid = int(self.journal.read_text())
        self.addCleanup(self.end, pid)
        ended = await self.background().ended
        self.assertEqual(ended.status, 75)
        self.assertIn(f"already running, pid {pid}", ended.errors)
        self.end(pid)
        journal = self.state / "journal"
        await until(lambda: not _is_alive(pid))
        code = (
            f"import sqlite3; sqlite3.connect({str(journal)!r}).execute('pragma user_version=99')"
        )
        self.assertEqual((await self.python("-c", code).ended).status, 0)
        ended = await self.background().ended
        self.assertEqual(ended.status, 1)
        self.assertIn("the journal was written by a later version", ended.errors)

    def end(self, pid: int) -> None:
        """End a daemon."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


async def _opened(path: Path) -> int:
    """A pipe, as soon as somebody reads from it, to write to."""
    pipe: list[int] = []

    def is_read() -> bool:
        with contextlib.suppress(OSError):  # nobody reads yet
            pipe.append(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        return bool(pipe)

    await until(is_read)
    return pipe[0]


def _is_alive(pid: int) -> bool:
    """Whether a process is there, and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

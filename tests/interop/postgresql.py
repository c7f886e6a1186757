"""
A PostgreSQL server of a test's own, by Debian's package.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.ports import unused_port

from .install import POSTGRESQL, program

__all__ = ["PostgreSQL"]

_PATIENCE: Final = 60.0
_OPTIONS: Final = ("--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync")


class PostgreSQL:
    """
    A server on a free port of the loopback interface, with a folder of its own.  Its methods block
    until all is done: call them in a thread where a reactor runs.

    :ivar port: where it listens; the only user is ``postgres``, who needs no password.
    """

    def __init__(self) -> None:
        initdb = program(POSTGRESQL)
        assert initdb is not None
        self._programs = Path(initdb).parent
        self._process: subprocess.Popen[bytes] | None = None
        self.port = unused_port()
        # Sockets are made in there, whose paths have to be short.
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._data = self._folder / "data"
        # It refuses to be run by root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            owner = pwd.getpwnam(self._user)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)

    def start(self) -> None:
        """
        Start it, the first time with an empty database, and wait until it takes connections.

        :raises AssertionError: with what it has written, if it does not.
        """
        if not self._data.exists():
            self._run("initdb", *_OPTIONS, "--pgdata", str(self._data))
        own = ("-k", str(self._folder), "-h", "127.0.0.1", "-p", str(self.port))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self._data), *own],
                cwd=self._folder,
                user=self._user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + _PATIENCE
        while self._process.poll() is None and time.monotonic() < end:
            # Another server may have the port: this one's socket is in its folder.
            asked = self._programs / "pg_isready", "-q", "-h", self._folder, "-p", str(self.port)
            if subprocess.run(asked).returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError((self._folder / "log").read_text("utf-8", "replace"))

    def execute(self, statement: str) -> str:
        """Run a statement. :returns: the rows, fields apart by ``|``."""
        own = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-X", "-A", "-t")
        return self._run("psql", *own, "-v", "ON_ERROR_STOP=1", "-c", statement).strip()

    def kill(self) -> None:
        """End it as a power cut would, but for what the disk has not got yet."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """End it, and remove what it has stored.  To call it again does nothing."""
        self._end(signal.SIGINT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _run(self, name: str, *arguments: str) -> str:
        ran = subprocess.run(
            [str(self._programs / name), *arguments],
            cwd=self._folder,
            user=self._user,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE,
        )
        if ran.returncode != 0:
            raise AssertionError(f"{name} failed:\n{ran.stdout}")
        return ran.stdout

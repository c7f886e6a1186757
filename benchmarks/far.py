"""A long line on this machine, and the server at its far end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

HERE = Path(__file__).resolve().parent
NEAR_ADDRESS, FAR_ADDRESS = "10.9.0.1", "10.9.0.2"


@dataclass(frozen=True)
class Line:
    """
    What joins the two ends.

    :param name: what tables call it.
    :param rate: Mbit/s in each direction.
    :param round_trip: milliseconds.
    :param loss: per cent of the packets.
    :param mtu: bytes of a packet at most.
    :param size: MiB of the large file that is sent over it.
    """

    name: str
    rate: float
    round_trip: float
    loss: float = 0.0
    mtu: int = 1500
    size: int = 64

    def seconds(self, payload: int) -> float:
        """How long so many bytes take at least."""
        return payload * 8 / (self.rate * 1e6) + self.round_trip / 1e3


LINES = (
    Line("100 Mbit, 80 ms", 100, 80, size=256),
    Line("1,000 Mbit, 100 ms", 1000, 100, mtu=9000, size=512),
    Line("20 Mbit, 600 ms", 20, 600),
    Line("20 Mbit, 50 ms, 0.5 % loss", 20, 50, 0.5),
    Line("10 Mbit, 30 ms", 10, 30),
)


def missing() -> str | None:
    """Why no line can be made here; :data:`None` if one can."""
    if not sys.platform.startswith("linux"):
        return "it takes Linux"
    if os.geteuid() != 0:
        return "it takes root: network namespaces and a TUN device are made"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    if shutil.which("nsenter") is None:
        return "there is no nsenter (Debian and Ubuntu: util-linux)"
    return None


def build(folder: Path) -> Path:
    """
    Compile the line.

    :param folder: where the program goes.
    """
    program = folder / "line"
    compiler = os.environ.get("CC", "gcc")
    options = ["-O2", "-Wall", "-Wextra", "-std=gnu11"]
    subprocess.run([compiler, *options, "-o", str(program), str(HERE / "line.c")], check=True)
    return program


@dataclass
class Passed:
    """
    What a line saw.

    :param tenths: bytes from near to far, headers included, in each tenth of a second.
    :param dropped: packets for which its queue had no room.
    :param lost: packets that were lost on the way.
    """

    tenths: list[int] = field(default_factory=list)
    dropped: int = 0
    lost: int = 0


class OpenLine:
    """
    A line that is there: a context manager.

    :param program: what :func:`build` made.
    :param line: how long it is.
    :param core: the core that it runs on.
    """

    def __init__(self, program: Path, line: Line, core: int) -> None:
        words = (line.rate, line.round_trip, line.loss, 0, line.mtu)
        self._process = subprocess.Popen(
            [str(program), *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        os.sched_setaffinity(self._process.pid, {core})
        assert self._process.stdout is not None
        self._near, self._far = self._process.stdout.readline().split()
        self.passed = Passed()

    def near(self, *command: str) -> list[str]:
        """A command, to be run at the near end."""
        return ["nsenter", f"--net=/proc/{self._near}/ns/net", *command]

    def far(self, *command: str) -> list[str]:
        """A command, to be run at the far end."""
        return ["nsenter", f"--net=/proc/{self._far}/ns/net", *command]

    def __enter__(self) -> OpenLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, which removes the namespaces."""
        output, _ = self._process.communicate(timeout=10)
        self.passed = Passed(**json.loads(output))


class FarSink:
    """
    The sink at the far end: a context manager.

    :param program: what :func:`sink.build` made.
    :param line: the line.
    :param certificate: paths of a certificate for :data:`FAR_ADDRESS` and of its key.
    :param core: the core that it runs on.
    """

    def __init__(
        self, program: Path, line: OpenLine, certificate: tuple[Path, Path], core: int
    ) -> None:
        command = [str(program), *map(str, certificate), FAR_ADDRESS]
        self._process = subprocess.Popen(
            line.far(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        os.sched_setaffinity(self._process.pid, {core})
        assert self._process.stdout is not None
        plain, secure = self._process.stdout.readline().split()
        self.url = f"http://{FAR_ADDRESS}:{plain}"
        self.secure_url = f"https://{FAR_ADDRESS}:{secure}"
        self.counted: dict[str, float] = {}

    def __enter__(self) -> FarSink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, and read what it counted."""
        output, _ = self._process.communicate(timeout=10)
        self.counted = json.loads(output)


class FarFolder:
    """
    ``rclone serve webdav`` at the far end: a context manager.

    :param line: the line.
    :param folder: an empty folder for what arrives.
    :param core: the core that it runs on.
    """

    def __init__(self, line: OpenLine, folder: Path, core: int) -> None:
        self.folder = folder
        self.url = f"http://{FAR_ADDRESS}:8080"
        address = f"{FAR_ADDRESS}:8080"
        self._process = subprocess.Popen(
            line.far("rclone", "serve", "webdav", str(folder), "--addr", address),
            stderr=subprocess.PIPE,
            text=True,
        )
        os.sched_setaffinity(self._process.pid, {core})
        assert self._process.stderr is not None
        while "started on" not in (said := self._process.stderr.readline()):
            if not said:
                raise SystemExit("rclone serve webdav did not start")

    def __enter__(self) -> FarFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)

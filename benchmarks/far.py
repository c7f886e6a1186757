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

from sink import Program

FAR_ADDRESS = "10.9.0.2"


@dataclass(frozen=True)
class Line:
    """
    What joins the two ends.

    :param name: what tables call it.
    :param rate: Mbit/s in each direction.
    :param round_trip: milliseconds.
    :param loss: per cent of the packets.
    :param mtu: bytes of a packet at most.
    """

    name: str
    rate: float
    round_trip: float
    loss: float = 0.0
    mtu: int = 1500


LINES = (
    Line("100 Mbit, 80 ms", 100, 80),
    Line("1,000 Mbit, 100 ms", 1000, 100, mtu=9000),
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


class OpenLine(Program):
    """
    A line that is there: a context manager.

    :param program: the line, compiled.
    :param line: how long it is.
    :param core: the core that it runs on.
    :param control: the congestion control of both ends, which
        ``net.ipv4.tcp_allowed_congestion_control`` has to allow; nothing for the machine's own.
    """

    def __init__(self, program: Path, line: Line, core: int, control: str = "") -> None:
        words = (line.rate, line.round_trip, line.loss, 0, line.mtu)
        super().__init__([str(program), *map(str, words)], core)
        self._near, self._far = self.first
        for end in (self.near, self.far) if control else ():
            file = "/proc/sys/net/ipv4/tcp_congestion_control"
            subprocess.run(end("sh", "-c", f"echo {control} > {file}"), check=True)

    @property
    def passed(self) -> Passed:
        """What it saw, once it has ended."""
        return Passed(**json.loads(self.last))

    def near(self, *command: str) -> list[str]:
        """A command, to be run at the near end."""
        return ["nsenter", f"--net=/proc/{self._near}/ns/net", *command]

    def far(self, *command: str) -> list[str]:
        """A command, to be run at the far end."""
        return ["nsenter", f"--net=/proc/{self._far}/ns/net", *command]


class FarSink(Program):
    """
    The sink at the far end: a context manager.

    :param program: the sink, compiled.
    :param line: the line.
    :param certificate: paths of a certificate for :data:`FAR_ADDRESS` and of its key.
    :param core: the core that it runs on.
    """

    def __init__(
        self, program: Path, line: OpenLine, certificate: tuple[Path, Path], core: int
    ) -> None:
        super().__init__(line.far(str(program), *map(str, certificate), FAR_ADDRESS), core)
        plain, secure = self.first
        self.url = f"http://{FAR_ADDRESS}:{plain}"
        self.secure_url = f"https://{FAR_ADDRESS}:{secure}"

    @property
    def counted(self) -> dict[str, float]:
        """What it counted, once it has ended."""
        counters: dict[str, float] = json.loads(self.last)
        return counters


class FarFolder:
    """
    ``rclone serve webdav`` at the far end: a context manager.

    :param line: the line.
    :param folder: an empty folder for what arrives.
    :param core: the core that it runs on.
    """

    def __init__(self, line: OpenLine, folder: Path, core: int) -> None:
        address = f"{FAR_ADDRESS}:8080"
        self.url = f"http://{address}"
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

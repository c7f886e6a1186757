"""
See an upload survive ``kill -9``: ``make demo``.

Starts a receiver on loopback, uploads a file of random bytes to it, kills the uploading process
half-way, starts it again, and checks that only what was missing is sent.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20
SLOTS = 3
"""How many chunks are under way at once: the default of simultaneous_uploads."""

_COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ


class DemoFailed(Exception):
    """What was to be shown is not so."""


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise DemoFailed(otherwise)


def title(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if _COLOURS else f"\n{text}", flush=True)


def say(text: str) -> None:
    print(f"  {text}", flush=True)


@contextmanager
def running(command: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    """A process that does not outlive the block."""
    process = subprocess.Popen(command, text=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def receiver(folder: Path) -> Iterator[str]:
    """A receiver that keeps its files in a folder; gives its URL."""
    log = folder.with_suffix(".log")
    arguments = ["-n", "--pidfile=", f"--logfile={log}", "resumable-receive", "--port", "0"]
    twistd = str(Path(sys.executable).with_name("twistd"))
    with running([twistd, *arguments, "--directory", str(folder)]) as process:
        deadline = time.monotonic() + 30
        while True:
            text = log.read_text() if log.exists() else ""
            found = re.search(r"Receiving at (http://\S+)", text)
            if found:
                yield found[1]
                return
            alive = process.poll() is None and time.monotonic() < deadline
            check(alive, f"the receiver did not start:\n{text}")
            time.sleep(0.05)


class Run:
    """
    One start of the uploading process, and what it told.

    :ivar sending: how often each chunk was sent.
    :ivar stored: the chunks that were sent and arrived.
    :ivar found: the chunks that the receiver had before.
    """

    def __init__(self, target: str, path: Path, rate: float) -> None:
        program = str(Path(__file__).with_name("upload.py"))
        self.command = [sys.executable, program, target, str(path), str(rate)]
        self.sending: Counter[int] = Counter()
        self.stored: set[int] = set()
        self.found: set[int] = set()

    @property
    def there(self) -> int:
        """How many chunks are known to be at the receiver."""
        return len(self.stored | self.found)

    def go(self, kill_at: int | None = None) -> int:
        """
        Let it run.

        :param kill_at: kill it when so many chunks are at the receiver.
        :returns: its exit status; of a killed process the negative signal.
        """
        with running(self.command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                event, number = line.split()
                self._note(event, int(number))
                if kill_at is not None and self.there >= kill_at:
                    process.kill()
                    kill_at = None  # what it told before is still to be read
            return process.wait()

    def _note(self, event: str, number: int) -> None:
        if event == "sending":
            self.sending[number] += 1
        else:
            {"stored": self.stored, "found": self.found}[event].add(number)


def random_file(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for start in range(0, size, MIB):
            file.write(os.urandom(min(MIB, size - start)))


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(MIB):
            digest.update(piece)
    return digest.hexdigest()


def show(size: int, rate: float) -> None:
    with tempfile.TemporaryDirectory(prefix="txresumable-demo-") as name:
        folder = Path(name)
        path, received = folder / "random.dat", folder / "received"
        chunks = size // MIB  # the last one takes what is left

        title(f"A file of {size // MIB} MiB of random bytes, and a receiver on loopback")
        random_file(path, size)
        with receiver(received) as target:
            say("$ twistd -n resumable-receive --port 0")
            say(f"It listens at {target}")
            interrupted(run := Run(target, path, rate), chunks, rate)
            continued(run, again := Run(target, path, rate), chunks)
        compare(path, received / path.name)
        sent = sum(again.sending.values())
        title(f"The upload went on after kill -9: {sent} of {chunks} chunks were sent by it.")


def interrupted(run: Run, chunks: int, rate: float) -> None:
    title("The upload starts, and is killed half-way")
    say(f"{chunks} chunks, {SLOTS} at once, at most {rate / MIB:g} MiB/s so that it can be seen")
    status = run.go(kill_at=(chunks + 1) // 2)
    print(file=sys.stderr, flush=True)
    check(status == -signal.SIGKILL, f"it was not killed: it ended with {status}")
    check(run.there < chunks, "it was done before it could be killed")
    say(f"SIGKILL at {run.there / chunks:.0%}: {run.there} of {chunks} chunks had arrived,")
    say(f"{len(set(run.sending) - run.stored)} more were on their way")


def continued(before: Run, run: Run, chunks: int) -> None:
    title("It starts again")
    status = run.go()
    check(status == 0, f"it failed with status {status}")
    sent, twice = set(run.sending), set(before.sending) & set(run.sending)
    say(f"At the receiver already   {len(run.found):5}   chunks")
    say(f"Sent now                  {len(sent):5}   chunks")
    say(f"Sent twice                {len(twice):5}   chunks, cut off by the kill; {SLOTS} at most")
    check(before.stored <= run.found, "a chunk that had arrived is gone")
    check(not sent & run.found, "a chunk was sent that was there")
    check(sent | run.found == set(range(1, chunks + 1)), "chunks are missing")
    check(sum(run.sending.values()) == len(sent), "a chunk was sent more than once")
    check(len(twice) <= SLOTS, f"more than {SLOTS} chunks were sent twice: {sorted(twice)}")


def compare(ours: Path, theirs: Path) -> None:
    title("SHA-256")
    here, there = sha256(ours), sha256(theirs)
    say(f"sent      {here}")
    say(f"received  {there}")
    check(here == there, "they differ")
    say("They are equal.")


def main() -> None:
    parser = argparse.ArgumentParser(description="See an upload survive kill -9.")
    parser.add_argument("--size", type=int, default=256, help="of the file, in MiB [256]")
    parser.add_argument("--rate", type=float, default=64, help="at most, in MiB/s [64]")
    given = parser.parse_args()
    try:
        show(given.size * MIB, given.rate * MIB)
    except DemoFailed as error:
        sys.exit(f"\nThe demo failed: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

"""
A copy of the package and its tests, and processes that run the tests on it.
"""

from __future__ import annotations

import compileall
import contextlib
import importlib
import io
import os
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from attrs import frozen

__all__ = ["Outcome", "Run", "Sandbox"]

ROOT = Path(__file__).resolve().parent.parent.parent
PRELOADED = (
    "OpenSSL.SSL",
    "hyperlink",
    "hypothesis.strategies",
    "multipart",
    "treq.client",
    "twisted.internet.task",
    "twisted.trial.reporter",
    "twisted.trial.runner",
    "twisted.trial.unittest",
    "twisted.web.client",
)
MOST_MEMORY = 2 << 30
PAUSE = 0.01
COPIED = ("txresumable", "tests", "benchmarks")


class Outcome(Enum):
    """What tests said."""

    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed out"


@frozen
class Run:
    """
    How a run of tests ended.

    :ivar outcome: what they said.
    :ivar cpu: the seconds of a processor that it took.
    """

    outcome: Outcome
    cpu: float


class Sandbox:
    """
    A folder with a copy, in which modules may be changed.

    Each run of the tests is a fork of this process, in which nothing of the package nor of its
    tests has been used, and no reactor was imported; so it starts quickly, and with no memory.
    """

    def __init__(self, folder: Path, committed: bool = False) -> None:
        """
        :param folder: an empty one.
        :param committed: whether to copy the last commit, and not the files as they are now.
        """
        self._folder = folder
        (_extract if committed else _copy)(folder)
        for name in COPIED:
            compileall.compile_dir(folder / name, quiet=1)
        for name in PRELOADED:
            with contextlib.suppress(ImportError):  # the tests of it are skipped, then
                importlib.import_module(name)
        assert "twisted.internet.reactor" not in sys.modules
        self._runs = 0

    def read(self, module: str) -> str:
        """The source of a module of the package, as it was copied."""
        return self._path(module).read_text()

    def write(self, module: str, source: str) -> None:
        """
        Change a module.

        :param module: its name in the package, with ``/`` if it is in one within that.
        :param source: its new source.
        """
        path = self._path(module)
        path.write_text(source)
        # Two sources of one second and one length would be taken for the same.
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()

    def _path(self, module: str) -> Path:
        return self._folder / "txresumable" / f"{module}.py"

    def run(self, tests: Sequence[str], cpu: float, wall: float) -> Run:
        """
        Run tests up to the first that fails.

        :param tests: their modules.
        :param cpu: the most seconds of a processor.
        :param wall: the most seconds of a clock.
        """
        self._runs += 1
        work = self._folder / f"run-{self._runs}"
        work.mkdir()
        child = os.fork()
        if not child:
            status = 1
            try:
                status = _tested(self._folder, work, tests, cpu)
            finally:
                os._exit(status)
        try:
            return self._wait(child, wall)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _wait(self, child: int, wall: float) -> Run:
        end = time.monotonic() + wall
        while True:
            ended, status, usage = os.wait4(child, os.WNOHANG)
            if ended:
                break
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
                _, status, usage = os.wait4(child, 0)
                break
            time.sleep(PAUSE)
        seconds = usage.ru_utime + usage.ru_stime
        if os.WIFSIGNALED(status):
            killed = os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXCPU)
            return Run(Outcome.TIMED_OUT if killed else Outcome.FAILED, seconds)
        passed = os.WEXITSTATUS(status) == 0
        return Run(Outcome.PASSED if passed else Outcome.FAILED, seconds)


def _copy(folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", ".*", "_trial_temp*", "node_modules")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)


def _extract(folder: Path) -> None:
    command = ["git", "archive", "--format=tar", "HEAD", *COPIED]
    packed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder)


def _tested(folder: Path, work: Path, tests: Sequence[str], cpu: float) -> int:
    """In a process of its own. :returns: its exit status."""
    seconds = max(1, round(cpu))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    os.chdir(work)
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    for name in list(sys.modules):
        if name.partition(".")[0] in ("tests", "txresumable"):
            del sys.modules[name]
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True

    from twisted.trial.reporter import MinimalReporter
    from twisted.trial.runner import TestLoader, TrialRunner

    suite = TestLoader().loadByNames(list(tests))
    used = sys.modules["txresumable"].__file__
    assert used is not None and Path(used).is_relative_to(folder), used
    with open(os.devnull, "w") as stream:
        runner = TrialRunner(MinimalReporter, stream=stream, workingDirectory="t", exitFirst=True)
        result = runner.run(suite)
    return 0 if result.wasSuccessful() and result.testsRun else 1

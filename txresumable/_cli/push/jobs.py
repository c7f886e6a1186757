"""
Looking into a queue that several machines share, and adding to it, whether a service runs or not.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ..._runtime.printable import printable
from ...errors import ResumableError
from ...push.entry import Version
from ...push.jobs import JobRecord, NewJob, PostgreSQLJobs
from ...push.settings import PushSettings
from ..exit_status import FAILED

__all__ = ["add_jobs", "list_jobs", "open_jobs", "retry_jobs"]

_PAGE = 1000

Say = Callable[[str], object]


def open_jobs(settings: PushSettings, reactor: Any) -> PostgreSQLJobs:
    """
    The queue of a configuration.

    :raises ResumableError: if it has none, or what it needs is not installed.
    """
    if settings.queue is None:
        raise ResumableError("the configuration has no [queue]")
    try:
        return PostgreSQLJobs(settings.queue.postgresql, reactor=reactor)
    except ImportError as error:
        raise ResumableError(f"this needs {error.name}: pip install 'txresumable[postgresql]'")


def _job_of(settings: PushSettings, folder: str, path: str) -> NewJob:
    if folder not in settings.folders:
        raise ResumableError(f"there is no folder {folder!r} in the configuration")
    root = settings.folders[folder].path
    below = os.path.relpath(os.path.join(root, path), root)
    if below.split(os.sep)[0] in ("..", "."):
        raise ResumableError(f"{path!r} is not below {root}")
    try:
        status = os.lstat(os.path.join(root, below))
    except OSError as error:
        raise ResumableError(f"{path!r}: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        raise ResumableError(f"{path!r} is no regular file")
    return NewJob(folder=folder, path=os.fsencode(below), version=Version.of(status).shared)


async def add_jobs(
    settings: PushSettings, folder: str, paths: Sequence[str], reactor: Any, say: Say
) -> int:
    """
    Add files to the queue, as they are now.

    :param folder: the name of the folder that they are in.
    :param paths: absolute, or below the folder.
    :param say: prints a line.
    :returns: the exit status.
    """
    jobs = [_job_of(settings, folder, path) for path in paths]

    async def add(queue: PostgreSQLJobs) -> int:
        added = await queue.add(jobs)
        say(f"{added} files added, {len(jobs) - added} were there already")
        return 0

    return await _with(settings, reactor, add)


async def list_jobs(
    settings: PushSettings, states: Sequence[str], as_json: bool, reactor: Any, say: Say
) -> int:
    """
    List jobs; and how many there are of each state, if no state is chosen.

    :returns: the exit status: that of failure if there are any that have failed.
    """

    async def show(queue: PostgreSQLJobs) -> int:
        counts = await queue.counts()
        if not states:
            if as_json:
                say(json.dumps(counts))
            for folder, each in () if as_json else counts.items():
                shown = ", ".join(f"{count} {state}" for state, count in sorted(each.items()))
                say(printable(f"{folder}: {shown}"))
        after = 0
        while states and (records := await queue.records(states, after, _PAGE)):
            after = records[-1].id
            for record in records:
                say(json.dumps(_facts_of(record)) if as_json else _line_of(record))
        return FAILED if any(each.get("failed") for each in counts.values()) else 0

    return await _with(settings, reactor, show)


async def retry_jobs(
    settings: PushSettings, ids: Sequence[int] | None, reactor: Any, say: Say
) -> int:
    """
    Have jobs tried now.

    :param ids: which; all that have failed, if it is :data:`None`.
    :returns: the exit status.
    """

    async def retry(queue: PostgreSQLJobs) -> int:
        count = await queue.retry(ids)
        say(f"{count} files")
        return FAILED if ids is not None and count < len(set(ids)) else 0

    return await _with(settings, reactor, retry)


async def _with(
    settings: PushSettings, reactor: Any, work: Callable[[PostgreSQLJobs], Awaitable[int]]
) -> int:
    queue = open_jobs(settings, reactor)
    try:
        return await work(queue)
    finally:
        await queue.close()


def _facts_of(record: JobRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "folder": record.folder,
        "name": record.name,
        "version": record.version,
        "state": record.state,
        "why": record.why,
        "attempts": record.attempts,
        "worker": record.worker,
        "due": record.due,
        "changed": record.changed,
    }


def _line_of(record: JobRecord) -> str:
    line = f"{record.id}  {record.state:8} {record.folder}/{record.name}"
    if record.state == "claimed":
        line += f"  by {record.worker}"
    if record.why:
        line += f"  {record.why}"
    if record.state == "queued" and record.due > time.time():
        line += f"  until {time.strftime('%F %T', time.localtime(record.due))}"
    return printable(line)

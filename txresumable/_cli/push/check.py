"""
``txresumable check``: whether a configuration can work here.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred

from ...doctor import ask
from ...errors import ResumableError
from ...push.folder.places import folder_problems
from ...push.settings import FolderSettings, PushSettings, TargetSettings
from ...service.report import explain
from ..exit_status import FAILED, REFUSED, UNREACHABLE, status_of
from ..headers import RenewedHeaders
from .jobs import open_jobs

__all__ = ["check", "local_problems"]


def local_problems(path: str, settings: PushSettings) -> Iterator[str]:
    """
    What is wrong on this machine.  Blocks.

    :param path: the configuration file.
    :param settings: what it said.
    """
    mode = os.stat(path).st_mode
    if mode & stat.S_IWOTH:
        yield f"{path}: everybody may write to it, and so have commands run"
    yield from _state_problems(settings.state)
    for folder in settings.folders.values():
        yield from _folder_problems(folder, settings)


def _state_problems(state: str) -> Iterator[str]:
    if os.path.isdir(state):
        if not os.access(state, os.W_OK | os.X_OK):
            yield f"state {state}: may not be written to"
        elif os.stat(state).st_mode & 0o077:
            yield f"state {state}: others may look into it (chmod 700)"
    elif os.path.lexists(state):
        yield f"state {state}: is no folder"
    else:
        above = os.path.dirname(state)
        while not os.path.exists(above):
            above = os.path.dirname(above)
        if not os.access(above, os.W_OK | os.X_OK):
            yield f"state {state}: cannot be made in {above}"


def _folder_problems(folder: FolderSettings, settings: PushSettings) -> Iterator[str]:
    yield from map(str, folder_problems(settings, folder.name))
    where = f"[folder.{folder.name}]"
    is_there = os.path.isdir(folder.path)
    if folder.after == "delete" and is_there and not os.access(folder.path, os.W_OK):
        yield f"{where} path {folder.path!r} may not be written to: files cannot be deleted"
    for option, command in ("on_sent", folder.on_sent), ("on_failed", folder.on_failed):
        if command and shutil.which(command[0]) is None:
            yield f"{where} {option} {command[0]!r} is no command that there is"


async def _target_problem(target: TargetSettings, reactor: Any) -> tuple[str, int]:
    """What is wrong with a target, and which exit status that is; nothing and 0 if nothing is."""
    options = target.checked
    if callable(options.target) or callable(options.test_target) or callable(options.query):
        return "", 0  # what they return depends on files
    headers: Any = options.headers
    try:
        if isinstance(headers, RenewedHeaders):
            headers = await headers(None, None)
        elif callable(headers):
            return "", 0
        reply = await ask(options, headers, reactor)
    except Exception as error:
        status = status_of(error)
        return explain(error), status if status == REFUSED else UNREACHABLE
    if reply.code in (401, 403, 407):
        return f"login is refused: {reply.said}", REFUSED
    if options.test_chunks and reply.code in options.stored:
        return f"it is no receiver: it claims to have what does not exist ({reply.said})", REFUSED
    if reply.code >= 500 and reply.code != 501:
        return f"it is in trouble: {reply.said}", UNREACHABLE
    return "", 0


async def _queue_problem(settings: PushSettings, reactor: Any) -> str:
    """What is wrong with the queue, if anything is."""
    try:
        queue = open_jobs(settings, reactor)
        try:
            await queue.counts()
        finally:
            await queue.close()
    except ResumableError as error:
        return str(error)
    return ""


def check(
    path: str, settings: PushSettings, reactor: Any, say: Callable[[str], object]
) -> Deferred[int]:
    """
    Check a configuration: what is on this machine, and whether each target responds as a receiver
    to a question for a chunk that it cannot have, and the database of the queue at all.

    :param path: the configuration file.
    :param settings: what it said.
    :param say: called with a line for each problem, and for each target that is well.
    :returns: a Deferred that fires with the exit status.
    """

    async def run() -> int:
        statuses = []
        for problem in local_problems(path, settings):
            say(problem)
            statuses.append(FAILED)
        for target in settings.targets.values():
            problem, status = await _target_problem(target, reactor)
            say(f"target {target.name}: {problem or 'responds'}")
            statuses.append(status)
        if settings.queue is not None:
            problem = await _queue_problem(settings, reactor)
            say(f"queue: {problem or 'responds'}")
            statuses.append(UNREACHABLE if problem else 0)
        return next((each for each in (FAILED, REFUSED, UNREACHABLE) if each in statuses), 0)

    return Deferred.fromCoroutine(run())

"""
What a service reports, for people.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..._runtime.printable import printable
from ..amounts import size

__all__ = ["ended", "line_of_file", "lines_of_status"]


def line_of_file(file: Mapping[str, Any]) -> str:
    """
    One file on one line.

    :param file: as the service describes it.
    """
    why = f"  {file['why']}" if file["why"] else ""
    until = f" (until {_clock(file['until'])})" if file["until"] else ""
    name = f"{file['folder']}/{file['name']}"
    return printable(
        f"{file['id']:>7}  {file['state']:<9}  {size(file['size']):>10}  {name}{why}{until}"
    )


def lines_of_status(status: Mapping[str, Any]) -> Iterator[str]:
    """
    All that a service reports.

    :param status: its object.
    """
    state = "paused" if status["paused"] else "running" if status["running"] else "not running yet"
    rate = status["rate"]
    shown = "no limit" if rate is None else "nothing is sent" if not rate else f"{size(rate)}/s"
    yield f"txresumable {status['version']}, pid {status['pid']}: {state}; rate: {shown}"
    if status["trouble"]:
        yield printable(f"TROUBLE: {status['trouble']}")
    if status["was_damaged"]:
        yield "The journal was damaged and was begun anew: commands may have run twice."
    for name, folder in status["folders"].items():
        files = folder["files"]
        counts = ", ".join(f"{count} {state}" for state, count in files.items() if count)
        yield printable(f"folder {name} ({folder['path']}): {counts or 'no files'}")
        if folder["problem"]:
            yield printable(f"  PROBLEM: {folder['problem']}")
    if queue := status.get("queue"):
        jobs = Counter[str]()
        for states in queue["jobs"].values():
            jobs.update(states)
        counted = ", ".join(f"{count} {each}" for each, count in sorted(jobs.items()))
        here = f"{len(queue['sending'])} files here"
        yield printable(f"queue: {queue['trouble'] or 'up'}; {here}; {counted or 'no jobs known'}")
    for name, target in status["targets"].items():
        how = target["why"] or {True: "up", False: "down", None: "not tried yet"}[target["up"]]
        until = f"; tried again at {_clock(target['until'])}" if target["until"] else ""
        paused = "; paused" if target["paused"] else ""
        yield printable(
            f"target {name} ({target['url']}): {how}{until}{paused}; {target['sending']} chunks "
            "under way"
        )


def ended(counts: Mapping[str, int]) -> int:
    """
    The exit status for how files are.

    :param counts: how many are in which state.
    :returns: 1 if some failed, else 0.
    """
    return 1 if counts.get("failed") else 0


def totals(folders: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many files of all folders are in which state."""
    found: dict[str, int] = {}
    for folder in folders:
        for state, count in folder["files"].items():
            found[state] = found.get(state, 0) + count
    return found


def _clock(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))

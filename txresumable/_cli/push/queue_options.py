"""
The commands for a queue that several machines share, as click has them.
"""

from __future__ import annotations

from typing import Any, NoReturn

import click

from ..._runtime.printable import printable
from ...errors import ResumableError
from ..exit_status import FAILED
from .common import config_option, configured, end, json_option

__all__ = ["QUEUE_COMMANDS"]


def _on_queue(what: str, config: str, *given: Any) -> NoReturn:
    """Do something with the queue itself, whether a service runs or not."""
    settings = configured("load", config)

    from twisted.internet.defer import Deferred
    from twisted.internet.task import react

    from . import jobs

    async def run(reactor: Any) -> None:
        try:
            status = await getattr(jobs, what)(settings, *given, reactor, click.echo)
        except ResumableError as error:
            end(printable(str(error)), FAILED)
        raise SystemExit(status)

    react(lambda reactor: Deferred.fromCoroutine(run(reactor)))
    raise AssertionError("react() does not return")


def _enqueue(config: str, folder: str, paths: tuple[str, ...]) -> NoReturn:
    _on_queue("add_jobs", config, folder, paths)


def _jobs(config: str, states: tuple[str, ...], as_json: bool) -> NoReturn:
    _on_queue("list_jobs", config, states, as_json)


def _retry_jobs(config: str, ids: tuple[int, ...], failed: bool) -> NoReturn:
    if bool(ids) == failed:
        raise click.UsageError("name JOB numbers, as jobs shows them, or --failed")
    _on_queue("retry_jobs", config, ids or None)


QUEUE_COMMANDS: tuple[click.Command, ...] = (
    click.Command(
        "enqueue",
        callback=_enqueue,
        params=[
            click.Argument(["folder"], metavar="FOLDER"),
            click.Argument(["paths"], metavar="PATH...", nargs=-1, required=True),
            config_option(),
        ],
        help="Add files to the queue that several machines share: of FOLDER, which is a name in "
        "the configuration file, each PATH, absolute or below it.",
    ),
    click.Command(
        "jobs",
        callback=_jobs,
        params=[
            click.Option(
                ["--state", "states"],
                multiple=True,
                type=click.Choice(["queued", "claimed", "done", "failed"]),
                help="List those in this state. May be given again.",
            ),
            json_option(),
            config_option(),
        ],
        help="Show how many files there are in the queue, or list them.",
    ),
    click.Command(
        "retry-jobs",
        callback=_retry_jobs,
        params=[
            click.Argument(["ids"], metavar="JOB...", nargs=-1, type=click.IntRange(1)),
            click.Option(["--failed"], is_flag=True, help="All that have failed."),
            config_option(),
        ],
        help="Try files of the queue now that have failed or wait.",
    ),
)
"""The commands."""

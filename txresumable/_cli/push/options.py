"""
The commands for watched folders, as click has them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import click

from ..._runtime.printable import printable
from ...errors import ResumableError
from .. import values
from ..exit_status import FAILED, RUNNING, UNREACHABLE, USAGE
from .client import Control, ControlRefused, NotRunning
from .common import config_option, configured, end, json_option
from .queue_options import QUEUE_COMMANDS
from .show import line_of_file, lines_of_status, totals

__all__ = ["COMMANDS", "STATES"]

STATES = (
    *("seen", "settling", "queued", "uploading", "stored", "hook", "moving", "done"),
    *("waiting", "changed", "failed", "held", "gone"),
)
"""Those of files; the names are here so that asking needs nothing of the service itself."""


def _socket() -> click.Option:
    return click.Option(
        ["--socket"],
        metavar="PATH",
        envvar="TXRESUMABLE_SOCKET",
        help="The Unix socket of the service, instead of that of the configuration file.",
    )


def _control(config: str, socket: str | None) -> Control:
    if socket is None:
        socket = configured("control_of", config)
    if socket is None:
        end(f"{config}: the service has no socket", USAGE)
    return Control(socket)


def _asking(
    name: str, text: str, *params: click.Parameter, is_configured: bool = False
) -> Callable[..., click.Command]:
    """A command that asks the service; of some, the configuration file is read as well."""

    def made(doing: Callable[..., int | None]) -> click.Command:
        def run(config: str, socket: str | None, **given: Any) -> NoReturn:
            more = {"config": config} if is_configured else {}
            try:
                status = doing(_control(config, socket), **more, **given)
            except NotRunning as error:
                end(str(error), UNREACHABLE)
            except ControlRefused as error:
                end(str(error), FAILED)
            sys.exit(status or 0)

        return click.Command(
            name, callback=run, params=[*params, config_option(), _socket()], help=text
        )

    return made


def _log_format() -> click.Option:
    return click.Option(
        ["--log-format"],
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="How to log: lines for people, or a JSON object a line. Of what is logged again "
        "and again, there is one line with a count.",
    )


def _states() -> click.Option:
    return click.Option(
        ["--state", "states"],
        multiple=True,
        type=click.Choice(STATES),
        help="Only files in this state. May be given again.",
    )


def _folder() -> click.Option:
    return click.Option(["--folder"], metavar="NAME", help="Only this folder.")


# The service ------------------------------------------------------------------------------------


def _push(config: str, log_format: str) -> NoReturn:
    settings = configured("load", config)

    from twisted.internet.task import react

    from .log import begin_logging
    from .process import check_free, make_push, make_whole
    from .run import Foreground

    def begin(reactor: Any) -> Any:
        service = make_push(config, settings, reactor)
        log = partial(begin_logging, log_format)
        foreground = Foreground(
            service,
            make_whole(service, reactor),
            begin_logging=log,
            is_shown=log_format == "text",
        )
        return foreground.run(reactor)

    try:
        check_free(settings)
        react(begin)
    except ResumableError as error:
        end(str(error), RUNNING)
    except SystemExit as ended:
        if isinstance(ended.code, int) and ended.code > 128:
            # Whoever has started it sees that a signal ended it, and shells say 128 + its number.
            sys.stdout.flush()
            number = ended.code - 128
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        raise
    raise AssertionError("react() does not return")


def _check(config: str) -> NoReturn:
    settings = configured("load", config)

    from twisted.internet.task import react

    from .check import check

    async def run(reactor: Any) -> None:
        status = await check(config, settings, reactor, lambda line: click.echo(printable(line)))
        raise SystemExit(status)

    from twisted.internet.defer import Deferred

    react(lambda reactor: Deferred.fromCoroutine(run(reactor)))
    raise AssertionError("react() does not return")


# What asks it -----------------------------------------------------------------------------------


def _status(control: Control, as_json: bool) -> int:
    status = control.get("/status")
    if as_json:
        click.echo(json.dumps(status))
    else:
        for line in lines_of_status(status):
            click.echo(line)
    return FAILED if totals(status["folders"].values()).get("failed") else 0


def _ls(control: Control, states: tuple[str, ...], folder: str | None, as_json: bool) -> None:
    for file in control.files(state=list(states), folder=folder):
        click.echo(json.dumps(file) if as_json else line_of_file(file))


def _verify(control: Control, config: str, folder: str | None) -> int:
    from .asking import ask_all
    from .verify import verify

    folders = control.get("/status")["folders"]
    files = list(control.files(state=["done"], folder=folder))
    said = {}
    try:
        said = ask_all(config, files)
    except (ImportError, ResumableError) as error:
        click.echo(f"The receiver is not asked: {error}", err=True)
    counts = {True: 0, False: 0, None: 0}
    for file in files:
        path = folders.get(file["folder"], {}).get("path", "")
        same, how = verify(file, path, said.get(file["id"], ""))
        counts[same] += 1
        if same is not True:
            click.echo(printable(f"{file['id']}  {file['folder']}/{file['name']} {how}"))
    click.echo(
        f"{counts[True]} are what the receiver has, {counts[False]} differ, "
        f"{counts[None]} cannot be verified; {len(said)} by what it says now, the others by what "
        "it said when they were complete"
    )
    return FAILED if counts[False] else 0


def _on_files(verb: str) -> Callable[..., int]:
    def doing(control: Control, ids: tuple[int, ...], **more: Any) -> int:
        state = more.get("state")
        if bool(ids) == bool(state):
            hint = "FILE numbers, as ls shows them" + (", or --state" if "state" in more else "")
            raise click.UsageError(f"name {hint}")
        if state:
            count = control.post(f"/{verb}", state=state)["files"]
            click.echo(f"{count} files")
            return 0
        status = 0
        for id in ids:
            try:
                click.echo(line_of_file(control.post(f"/files/{id}/{verb}")["file"]))
            except ControlRefused as error:
                click.echo(f"{id}: {error}", err=True)
                status = FAILED
        return status

    return doing


def _ids() -> click.Argument:
    return click.Argument(["ids"], metavar="FILE...", nargs=-1, type=click.IntRange(1))


def _rate_of(text: str) -> float | str | None:
    if text in ("rules", "none"):
        return "rules" if text == "rules" else None
    try:
        return values.size(text)
    except ValueError as error:
        raise click.UsageError(f"RATE {text}: {error}, 'none' or 'rules'")


def _rate(control: Control, rate: str) -> None:
    control.post("/rate", {"rate": _rate_of(rate)})


def _concurrency(control: Control, number: str) -> None:
    try:
        value = values.number_or_auto(number)
    except ValueError as error:
        raise click.UsageError(f"N {number}: {error}, or auto")
    control.post("/concurrency", {"concurrency": value})


def _rescan(control: Control, folder: str | None) -> None:
    control.post("/rescan", {"folder": folder})


def _post(path: str) -> Callable[[Control], None]:
    def doing(control: Control) -> None:
        control.post(path)

    return doing


COMMANDS: tuple[click.Command, ...] = (
    click.Command(
        "push",
        callback=_push,
        params=[config_option(), _log_format()],
        help="Watch the folders of a configuration file, and upload what is dropped into them, "
        "until a signal comes. SIGHUP has the file read again.",
    ),
    click.Command(
        "check",
        callback=_check,
        params=[config_option()],
        help="Check a configuration file, the folders and permissions on this machine, and "
        "whether each target responds as a receiver does. Nothing is uploaded.",
    ),
    _asking("status", "Show where everything is.", json_option())(_status),
    _asking(
        "ls", "List files, with their numbers and states.", _states(), _folder(), json_option()
    )(_ls),
    _asking(
        "retry",
        "Try files now that have failed or wait.",
        _ids(),
        click.Option(
            ["--state"],
            type=click.Choice(["failed", "waiting", "hook"]),
            help="All files in this state.",
        ),
    )(_on_files("retry")),
    _asking("hold", "Do not send files until they are released.", _ids())(_on_files("hold")),
    _asking("release", "Send files that are held.", _ids())(_on_files("release")),
    _asking("cancel", "Give files up.", _ids())(_on_files("cancel")),
    _asking("again", "Send files once more that were sent.", _ids())(_on_files("again")),
    _asking("pause", "Send nothing until resume.")(_post("/pause")),
    _asking("resume", "Go on after pause.")(_post("/resume")),
    _asking("reload", "Have the configuration file read again.")(_post("/reload")),
    _asking(
        "rate",
        "Send at most RATE bytes a second: a SIZE, 0 for nothing, none for no limit, or rules for "
        "those of the configuration file.",
        click.Argument(["rate"], metavar="RATE"),
    )(_rate),
    _asking(
        "concurrency",
        "Send N chunks at once, or auto.",
        click.Argument(["number"], metavar="N"),
    )(_concurrency),
    _asking(
        "verify",
        "Compare each file that was sent and still lies here with the digest that the receiver "
        "gives of it when it is asked now, or gave when it was complete; files without are "
        "counted.",
        _folder(),
        is_configured=True,
    )(_verify),
    _asking("rescan", "Look at everything in the folders now.", _folder())(_rescan),
    *QUEUE_COMMANDS,
)
"""The commands."""

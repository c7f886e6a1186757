"""
``txresumable upload``, as click has it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from .._runtime.printable import printable
from ..errors import InvalidOption
from . import values
from .arguments import ARGUMENTS, TARGET
from .exit_status import FAILED, RUNNING
from .options import GroupedCommand, option_of, options_of
from .overlap import Overlap, only_one
from .sources import chooser, listed, paths_in, spooled

__all__ = ["upload_command"]


def upload_command() -> click.Command:
    """The command."""
    return GroupedCommand(
        "upload",
        callback=_upload,
        params=[
            click.Argument(["target"], metavar="TARGET"),
            click.Argument(["files"], metavar="FILE...", nargs=-1),
            *_OWN,
            *(option_of(argument) for argument in ARGUMENTS if argument is not TARGET),
        ],
        help="Upload files, and folders with all that is below them, to TARGET: a URL of a server "
        "that speaks the protocol of resumable.js. The FILE - is standard input.\n\n"
        "The same command resumes an upload that was interrupted. Ctrl-C lets the chunks under way "
        "finish, for ten seconds at most; once more, and it ends at once.\n\n"
        "It ends with 0 if all files are on the server; 1 if some failed for good; 2 if it cannot "
        "be run like this; 3 if the target cannot be reached, or time is up; 4 if the target "
        "refuses the login or is no receiver; 5 if only files that change are left; 75 if --lock "
        "is another's; 128 and the number of the signal that ended it.\n\n"
        "SIZE may end in K, M, G or T, SECONDS in ms, s, m, h or d; FUNCTION is a Python function "
        "as package.module:function. Each option can be in the environment, as "
        "TXRESUMABLE_CHUNK_SIZE for --chunk-size.",
    )


def _own(name: str, metavar: str, text: str, **more: Any) -> click.Option:
    variable = f"TXRESUMABLE_{name.strip('-').upper().replace('-', '_')}"
    given = {"metavar": metavar} if metavar else {"is_flag": True}
    return click.Option([name], help=text, envvar=variable, **given, **more)


_OWN = (
    click.Option(["-q", "--quiet"], is_flag=True, help="Say nothing but what went wrong."),
    click.Option(["-v", "--verbose"], is_flag=True, help="Say what happens."),
    click.Option(
        ["as_json", "--json"],
        is_flag=True,
        help="Print one event a line as JSON; the last one is a summary with the exit status.",
    ),
    click.Option(["-n", "--dry-run"], is_flag=True, help="Only list what would be uploaded."),
    click.Option(
        ["--files-from"],
        metavar="FILE",
        help="Upload the files that this one lists, one a line, or with a NUL after each; - is "
        "standard input.",
    ),
    click.Option(
        ["--include"],
        multiple=True,
        metavar="PATTERN",
        help="Of folders upload only such files, as in .gitignore. May be given again.",
    ),
    click.Option(
        ["--exclude"],
        multiple=True,
        metavar="PATTERN",
        help="Of folders do not upload such files. May be given again.",
    ),
    click.Option(
        ["--stdin-name"],
        metavar="NAME",
        default="stdin",
        show_default=True,
        help="What standard input is called at the server.",
    ),
    _own("--max-duration", "SECONDS", "How long it may take; what is left then is not uploaded."),
    _own("--lock", "FILE", "End with 75 if another run has locked this file; it is made."),
)


def _upload(
    target: str,
    files: Sequence[str],
    quiet: bool,
    verbose: bool,
    as_json: bool,
    dry_run: bool,
    files_from: str | None,
    include: Sequence[str],
    exclude: Sequence[str],
    stdin_name: str,
    max_duration: str | None,
    lock: str | None,
    **typed: Any,
) -> NoReturn:
    options = options_of(target, typed)
    if "-" in files and files_from == "-":
        raise click.UsageError("standard input cannot be a file and a list of files")
    paths = [*files, *(() if files_from is None else _paths_of(files_from))]
    if not paths and files_from is None:
        raise click.UsageError("Missing argument 'FILE...'.")
    try:
        chosen = chooser(include, exclude)
        longest = None if max_duration is None else values.seconds(max_duration)
    except ImportError as error:
        raise click.UsageError(f"patterns need {error.name}: pip install 'txresumable[push]'")
    except InvalidOption as error:
        raise click.UsageError(f"--{error.option}: {error.complaint}")
    except ValueError as error:
        raise click.UsageError(f"--max-duration {max_duration}: {error}")
    if dry_run or not paths:
        sys.exit(_list(paths, chosen, follow=options.get("links") == "follow"))
    if lock is not None:
        try:
            only_one(lock)
        except Overlap as error:
            click.echo(str(error), err=True)
            sys.exit(RUNNING)
        except OSError as error:
            raise click.UsageError(f"--lock {lock}: {error.strerror}")
    if not os.path.basename(stdin_name):
        raise click.UsageError(f"--stdin-name {stdin_name}: must be the name of a file")

    from twisted.internet.task import react

    from .run import Session

    if "-" in paths and "generate_unique_identifier" not in options:
        # Its file is another one each time.
        options["generate_unique_identifier"] = values.identify("content")
    try:
        with spooled(paths, stdin_name) as names:
            session = Session(
                options,
                names,
                quiet=quiet,
                verbose=verbose,
                as_json=as_json,
                max_duration=longest,
                chosen=chosen,
            )
            react(session.run)
    except OSError as error:
        click.echo(f"standard input: {error.strerror}", err=True)
    sys.exit(FAILED)


def _paths_of(file: str) -> list[str]:
    try:
        with click.open_file(file, "rb") as stream:
            return paths_in(stream.read())
    except OSError as error:
        raise click.UsageError(f"--files-from {file}: {error.strerror}")


def _list(paths: Sequence[str], chosen: Any, *, follow: bool) -> int:
    count = size = failed = 0
    named = [path for path in paths if path != "-"]
    for path, found in listed(named, chosen, follow=follow):
        if isinstance(found, OSError):
            click.echo(printable(f"{path}: {found.strerror}"), err=True)
            failed += 1
        else:
            click.echo(printable(f"{found:>15}  {path}"))
            count, size = count + 1, size + found
    click.echo(f"{count} files, {size} bytes would be uploaded")
    return FAILED if failed else 0

"""
``txresumable``, the command: needs click and tqdm, which the extra ``command`` brings.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from ..version import __version__
from .argument import Argument, BadArgument
from .arguments import ARGUMENTS, TARGET, read_options

if TYPE_CHECKING:
    import click

__all__ = ["main"]


def main() -> NoReturn:
    """The console script: what follows its name decides."""
    try:
        import click  # noqa: F401
        import tqdm  # noqa: F401
    except ImportError as error:
        sys.exit(f"txresumable needs {error.name}: pip install 'txresumable[command]'")
    sys.exit(_group().main(prog_name="txresumable"))


def _group() -> click.Group:
    import click

    group = click.Group(help="Upload files in chunks, so that an upload can always go on.")
    click.version_option(__version__, prog_name="txresumable")(group)
    group.add_command(_upload_command())
    group.add_command(_doctor_command())
    from .push.options import COMMANDS

    for command in COMMANDS:
        group.add_command(command)
    return group


def _upload_command() -> click.Command:
    import click

    return click.Command(
        "upload",
        callback=_upload,
        params=[
            click.Argument(["target"], metavar="TARGET"),
            click.Argument(["files"], metavar="FILE...", nargs=-1, required=True),
            click.Option(["-q", "--quiet"], is_flag=True, help="Say nothing but what went wrong."),
            click.Option(["-v", "--verbose"], is_flag=True, help="Say what happens."),
            *(_option(argument) for argument in ARGUMENTS if argument is not TARGET),
        ],
        help="Upload files, and folders with all that is below them, to TARGET: a URL of a server "
        "that speaks the protocol of resumable.js.\n\n"
        "The same command resumes an upload that was interrupted. It ends with 0, or with 1 "
        "if any file failed. Ctrl-C lets the chunks under way finish, for ten seconds at most; "
        "once more, and it ends at once.\n\n"
        "SIZE may end in K, M, G or T, SECONDS in ms, s, m, h or d; FUNCTION is a Python function "
        "as package.module:function.",
    )


def _doctor_command() -> click.Command:
    import click

    from ..doctor import FORMATS
    from .doctor import OF_REQUESTS

    return click.Command(
        "doctor",
        callback=_examine,
        params=[
            click.Argument(["target"], metavar="TARGET"),
            click.Option(
                ["--format"],
                type=click.Choice([*FORMATS]),
                default="text",
                show_default=True,
                help="How to print what was found.",
            ),
            *(_option(argument) for argument in OF_REQUESTS),
        ],
        help="Find out how TARGET, a URL, is to be uploaded to, and print the options to use.\n\n"
        "Small files, and chunks of up to 8 MiB, are uploaded to it; what cannot be removed again "
        "is named. It ends with 0, or with 1 if it is no receiver or does not respond.",
    )


def _option(argument: Argument) -> click.Option:
    import click

    if argument.is_switch:
        names = [f"--{argument.name}/--no-{argument.name}", argument.name.replace("-", "_")]
        return click.Option(names, default=None, help=argument.text)
    return click.Option(
        [f"--{argument.name}", argument.name.replace("-", "_")],
        metavar=argument.metavar,
        multiple=argument.many,
        help=argument.text,
    )


def _upload(
    target: str, files: Sequence[str], quiet: bool, verbose: bool, **typed: Any
) -> NoReturn:
    import click
    from twisted.internet.task import react

    from .run import Session

    try:
        options = read_options([(TARGET, target), *_given(typed)])
    except BadArgument as error:
        raise click.UsageError(_as_argument(error))
    session = Session(options, files, quiet=quiet, verbose=verbose)
    react(session.run)


def _examine(target: str, format: str, **typed: Any) -> NoReturn:
    import click
    from twisted.internet.task import react

    from .doctor import Consultation

    try:
        options = read_options([(TARGET, target), *_given(typed)], {})
    except BadArgument as error:
        raise click.UsageError(_as_argument(error))
    react(Consultation(options, format).run)


def _as_argument(error: BadArgument) -> str:
    """What is wrong: the target is no option here."""
    return str(error).replace(f"--{TARGET.name}:", "TARGET:", 1)


def _given(typed: dict[str, Any]) -> list[tuple[Argument, Any]]:
    """What was typed of each argument."""
    given = []
    for argument in ARGUMENTS:
        value = typed.get(argument.name.replace("-", "_"))
        if value is None:
            continue
        given += [(argument, each) for each in (value if argument.many else [value])]
    return given

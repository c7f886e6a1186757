"""
``txresumable``, the command: needs click and rich, which the extra ``command`` brings.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

from .._runtime.shutdown import hold_hangups
from ..version import __version__

if TYPE_CHECKING:
    import click

__all__ = ["command_group", "main"]


def main() -> NoReturn:
    """The console script: what follows its name decides."""
    if sys.argv[1:2] == ["push"]:
        hold_hangups()  # from the beginning, until there is a service that reads its file again
    try:
        import click  # noqa: F401
        import rich  # noqa: F401
    except ImportError as error:
        sys.exit(f"txresumable needs {error.name}: pip install 'txresumable[command]'")
    sys.exit(command_group().main(prog_name="txresumable"))


def command_group() -> click.Group:
    """The command, with all that it can do."""
    import click

    group = click.Group(help="Upload files in chunks, so that an upload can always go on.")
    click.version_option(__version__, prog_name="txresumable")(group)
    from .push.options import COMMANDS
    from .upload import upload_command

    group.add_command(upload_command())
    group.add_command(_doctor_command())
    for command in COMMANDS:
        group.add_command(command)
    return group


def _doctor_command() -> click.Command:
    import click

    from ..doctor import FORMATS
    from .doctor import OF_REQUESTS
    from .options import GroupedCommand, option_of

    return GroupedCommand(
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
            *(option_of(argument) for argument in OF_REQUESTS),
        ],
        help="Find out how TARGET, a URL, is to be uploaded to, and print the options to use.\n\n"
        "Small files, and chunks of up to 8 MiB, are uploaded to it; what cannot be removed again "
        "is named. It ends with 0, or with 1 if it is no receiver or does not respond.",
    )


def _examine(target: str, format: str, **typed: Any) -> NoReturn:
    from twisted.internet.task import react

    from .doctor import Consultation
    from .options import options_of

    options = options_of(target, typed, {})
    react(Consultation(options, format).run)

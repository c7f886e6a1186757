"""
What the commands for watched folders have in common.
"""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

from ..exit_status import FAILED, USAGE

__all__ = ["config_option", "configured", "end", "json_option"]

_CONFIG = "/etc/txresumable.toml"


def config_option() -> click.Option:
    """Which configuration file."""
    return click.Option(
        ["--config", "-c"],
        metavar="FILE",
        envvar="TXRESUMABLE_CONFIG",
        default=_CONFIG,
        show_default=True,
        help="The configuration file of the service; its [control] says where it is asked.",
    )


def json_option() -> click.Option:
    """Whether for programs."""
    return click.Option(["as_json", "--json"], is_flag=True, help="Print JSON.")


def configured(what: str, path: str) -> Any:
    """What a configuration file says."""
    try:
        from .. import config
    except ImportError as error:
        end(f"this needs {error.name}: pip install 'txresumable[push]'", USAGE)
    try:
        return getattr(config, what)(path)
    except config.BadConfig as error:
        end(str(error), FAILED if error.may_pass else USAGE)


def end(message: str, status: int) -> NoReturn:
    """End the process."""
    click.echo(message, err=True)
    sys.exit(status)

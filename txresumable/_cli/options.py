"""
The client's options as click has them, in groups.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click
from attrs import fields

from ..options import Options
from .argument import Argument, BadArgument
from .arguments import ARGUMENTS, GROUPS, TARGET, read_options
from .environment import more_given

__all__ = ["GroupedCommand", "option_of", "options_of"]


class GroupedCommand(click.Command):
    """A command whose help has its options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them; see click."""
        groups: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                group = param.group if isinstance(param, GroupedOption) else "Options"
                groups.setdefault(group, []).append(record)
        for group in ("Options", *GROUPS.values()):
            if groups.get(group):
                with formatter.section(group):
                    formatter.write_dl(groups[group])


class GroupedOption(click.Option):
    """An option that is in a group."""

    group = "Options"


def option_of(argument: Argument) -> click.Option:
    """
    An argument as an option.

    :param argument: one of the client.
    """
    name = argument.name.replace("-", "_")
    if argument.is_switch:
        names = [f"--{argument.name}/--no-{argument.name}", name]
        option = GroupedOption(names, default=None, help=argument.text)
    else:
        option = GroupedOption(
            [f"--{argument.name}", name],
            metavar=argument.metavar,
            multiple=argument.many,
            help=argument.text,
        )
    option.group = _GROUP_OF[argument.option]
    return option


def options_of(
    target: str, typed: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """
    What was typed, and what the environment has, as options of the client.

    :param target: the URL.
    :param typed: what click has read, by the names of its parameters.
    :param defaults: as for :func:`~.arguments.read_options`.
    :raises click.UsageError: naming what cannot be.
    """
    given = [(TARGET, target)]
    for argument in ARGUMENTS:
        value = typed.get(argument.name.replace("-", "_"))
        if value is not None:
            given += [(argument, each) for each in (value if argument.many else [value])]
    known = [each for each in ARGUMENTS if each.name.replace("-", "_") in typed]
    try:
        whole = more_given(given, known, os.environ)
        return read_options(whole) if defaults is None else read_options(whole, defaults)
    except BadArgument as error:  # the target is no option here
        raise click.UsageError(str(error).replace(f"--{TARGET.name}:", "TARGET:", 1))


def _groups() -> dict[str, str]:
    found, group = {}, ""
    for field in fields(Options):
        group = GROUPS.get(field.name, group)
        found[field.name] = group
    return found


_GROUP_OF = _groups()

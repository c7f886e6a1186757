"""
A target of a configuration file: its keys are the options of the client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ...errors import InvalidOption
from ...push.settings import NOT_OF_TARGETS, TargetSettings
from ..argument import Argument, BadArgument
from ..arguments import ARGUMENTS, TARGET, read_options
from .errors import Problem
from .keys import Place
from .unknown import unknown

__all__ = ["KEYS", "read_target"]

KEYS: Mapping[str, Argument] = {
    "url": TARGET,
    **{
        argument.name.replace("-", "_"): argument
        for argument in ARGUMENTS
        if argument is not TARGET and argument.option not in NOT_OF_TARGETS
    },
}
"""The keys of ``[target.NAME]``."""

_SECRET = re.compile(r"auth|cookie|key|passw|secret|session|signature|token", re.IGNORECASE)
_PLAIN = "would be a secret in plain text: "
_INSTEAD = {
    "header": "put it in a file (header_file) or in the environment (header_from_env), or have a "
    "command print it (header_command)",
    "query": "have a function return it (query_from)",
    "proxy": "put it in the environment (HTTPS_PROXY), or have a function return it",
}


def read_target(
    name: str, table: Mapping[str, Any], place: Place
) -> tuple[TargetSettings | None, list[Problem]]:
    """
    Read a target.

    :param name: its name.
    :param table: keys and values.
    :param place: makes paths absolute.
    :returns: its settings, if there is no problem.
    """
    problems: list[Problem] = []
    given: list[tuple[Argument, Any]] = []
    for key, value in table.items():
        argument = KEYS.get(key.replace("-", "_"))
        path = ("target", name, key)
        if argument is None:
            reason = NOT_OF_TARGETS.get(key.replace("-", "_")) or unknown(key, KEYS)
            problems.append(Problem(path, reason))
            continue
        try:
            typed = [(argument, each) for each in _typed(argument, value, place)]
            for _, text in typed:
                argument.value_of(text) if not argument.is_switch else None
            given += typed
        except BadArgument as error:
            shown = "" if error.value is None else f"{error.value!r} "
            problems.append(Problem(path, f"{shown}{error.reason}"))
        except ValueError as error:
            problems.append(Problem(path, str(error)))
    if problems:
        return None, problems
    try:
        options = read_options(given, {"min_file_size": 0})
        return TargetSettings(name=name, options=options), []
    except BadArgument as error:
        whose = _key_of(error.name, table)
        return None, [Problem(("target", name, *whose), error.reason)]
    except InvalidOption as error:
        whose = _key_of(error.option, table)
        return None, [Problem(("target", name, *whose), error.complaint)]


def _key_of(argument: str, table: Mapping[str, Any]) -> tuple[str, ...]:
    """The key that an argument came from, if it did."""
    name = argument.partition(" ")[0].replace("-", "_")
    name = "url" if name == "target" else name
    for key in table:
        if key.replace("-", "_") == name or (name == "header" and key.startswith("header")):
            return (key,)
    return (name,) if name == "url" else ()


def _typed(argument: Argument, value: Any, place: Place) -> list[Any]:
    """A value as it would be typed, perhaps several times."""
    if argument.is_switch:
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return [value]
    if argument.metavar in ("HEADER", "PAIR"):
        texts = _pairs(argument, value)
    elif isinstance(value, list):
        texts = [_text(each) for each in value]
        texts = texts if argument.many else [",".join(texts)]
    else:
        texts = [_text(value)]
    for text in texts:
        _refuse_secrets(argument, text)
    return [place(text) for text in texts] if argument.metavar == "FILE" else texts


def _pairs(argument: Argument, value: Any) -> list[str]:
    """Headers and parameters are a table, or texts as they are typed."""
    between = "=" if argument.metavar == "PAIR" else ": "
    if isinstance(value, dict):
        return [f"{name}{between}{_text(each)}" for name, each in value.items()]
    return [_text(each) for each in (value if isinstance(value, list) else [value])]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".")
    if not isinstance(value, (str, int)):
        raise ValueError("must be text, a number, or several in brackets")
    return str(value)


def _refuse_secrets(argument: Argument, text: str) -> None:
    is_secret = False
    if argument.name in ("header", "query"):
        name, _, _ = text.partition(":" if argument.name == "header" else "=")
        is_secret = _SECRET.search(name) is not None
    elif argument.name == "proxy":
        try:
            is_secret = "://" in text and urlsplit(text).password is not None
        except ValueError:
            is_secret = True
    if is_secret:
        raise ValueError(_PLAIN + _INSTEAD[argument.name])

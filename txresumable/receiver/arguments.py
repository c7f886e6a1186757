"""
What the arguments of the receiver's parts may be.

Each check returns what it was given, or raises :class:`~txresumable.InvalidOption` with its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from attrs import asdict

from .._protocol.dialect import DIALECTS, Dialect, ParameterNames
from ..errors import InvalidOption

__all__ = [
    "EXISTING",
    "as_dialect",
    "as_existing",
    "as_hosts",
    "as_mode",
    "as_names",
    "as_origins",
    "as_parameters",
    "check_callable",
    "check_flag",
    "check_number",
    "check_whole",
]

EXISTING = ("suffix", "replace", "refuse")

_HOST = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])\Z", re.ASCII | re.IGNORECASE)
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s]+\Z")


def check_whole(name: str, value: Any, *, none: bool = False) -> Any:
    """:param none: whether it may be :data:`None`, which is no limit."""
    if (none and value is None) or (isinstance(value, int) and _is_number(value)):
        return value
    raise InvalidOption(name, value, "must be a whole number of at least 0")


def check_number(name: str, value: Any, *, none: bool = False) -> Any:
    """:param none: whether it may be :data:`None`, which is no limit."""
    if (none and value is None) or _is_number(value):
        return value
    raise InvalidOption(name, value, "must be a number of at least 0")


def check_flag(name: str, value: Any) -> Any:
    """It is true or false, and nothing that is taken for it."""
    if not isinstance(value, bool):
        raise InvalidOption(name, value, "must be True or False")
    return value


def as_existing(value: Any) -> str:
    """What becomes of a file whose name is taken."""
    if isinstance(value, str) and value in EXISTING:
        return value
    raise InvalidOption("existing", value, f"must be one of {', '.join(EXISTING)}")


def as_mode(value: Any) -> int | None:
    """Permissions, with which the receiver itself can read and write."""
    if value is None:
        return None
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and 0 <= value <= 0o777 and value & 0o600 == 0o600:
        return int(value)
    raise InvalidOption("mode", value, "must be 0o600 to 0o777, readable and writable by its owner")


def check_callable(name: str, value: Any, *, none: bool = False) -> Any:
    """:param none: whether it may be :data:`None`."""
    if (none and value is None) or callable(value):
        return value
    raise InvalidOption(name, value, "must be callable")


def as_dialect(value: Any) -> Dialect:
    """A dialect, by its name or itself."""
    if isinstance(value, str) and value in DIALECTS:
        return DIALECTS[value]
    if isinstance(value, Dialect):
        return value
    raise InvalidOption("dialect", value, f"must be one of {', '.join(DIALECTS)}, or a Dialect")


def as_names(value: Any, dialect: Dialect, namespace: Any) -> ParameterNames:
    """
    The names of the parameters, :data:`None` for those of the dialect, with a namespace before each
    that is not empty.
    """
    if not isinstance(namespace, str):
        raise InvalidOption("namespace", namespace, "must be text")
    names = dialect.names if value is None else value
    if not isinstance(names, ParameterNames):
        raise InvalidOption("names", value, "must be ParameterNames")
    every = asdict(names).items()
    return ParameterNames(**{key: name and namespace + name for key, name in every})


def as_parameters(value: Any, names: ParameterNames) -> tuple[str, ...]:
    """The names of parameters of the application's, one or several."""
    taken = {"", *asdict(names).values()}
    must = "must be a name that the protocol does not have"
    return _several("parameters", value, lambda name: name not in taken, must)


def as_hosts(value: Any) -> frozenset[str]:
    """The names of the receiver, one or several, in lower case."""
    must = "must be like files.example.com, without a port"
    hosts = _several("hosts", value, lambda host: _HOST.match(host) is not None, must)
    return frozenset(host.lower() for host in hosts)


def as_origins(value: Any) -> frozenset[str]:
    """The origins of web pages, one or several."""
    must = "must be like https://example.com, or *"
    return frozenset(_several("origins", value, _is_origin, must))


def _several(name: str, value: Any, is_right: Callable[[str], bool], must: str) -> tuple[str, ...]:
    """Texts, of which one may be given by itself."""
    given = [value] if isinstance(value, str) else value
    if isinstance(given, Iterable):
        found = tuple(given)
        wrong = [each for each in found if not (isinstance(each, str) and is_right(each))]
        if not wrong:
            return found
        value = wrong[0]
    raise InvalidOption(name, value, must)


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0 <= value < float("inf")


def _is_origin(value: str) -> bool:
    return value == "*" or _ORIGIN.match(value) is not None

"""
Reading a configuration file.
"""

from __future__ import annotations

import os
from typing import Any

from attrs import evolve

from ...push.settings import PushSettings
from .errors import BadConfig, Problem
from .lines import lines_of
from .structure import Reading
from .toml import TOMLDecodeError, loads

__all__ = ["control_of", "load"]

_CREDENTIALS = "$CREDENTIALS_DIRECTORY"


def load(path: str) -> PushSettings:
    """
    Read a configuration file.  Blocks; files with secrets are read, too.

    Relative paths are relative to the file; one that begins with ``$CREDENTIALS_DIRECTORY`` is of
    a credential that systemd has passed.

    :param path: the file.
    :raises BadConfig: naming everything that is wrong with it.
    """
    text, data = _parsed(path)
    reading = Reading(lambda given: placed(given, os.path.dirname(os.path.abspath(path))))
    settings = reading.read(data)
    if settings is None:
        lines = lines_of(text)
        raise BadConfig(path, [evolve(p, line=_line(lines, p.path)) for p in reading.problems])
    return settings


def control_of(path: str) -> str | None:
    """
    The Unix socket of the service, without reading what only the service may.

    :param path: the configuration file.
    :returns: its path, or :data:`None` if there is none.
    :raises BadConfig: if it cannot be read.
    """
    _, data = _parsed(path)
    folder = os.path.dirname(os.path.abspath(path))
    control, state = data.get("control", {}), data.get("state")
    socket = control.get("socket", "control") if isinstance(control, dict) else None
    if not isinstance(socket, str) or not isinstance(state, str):
        raise BadConfig(path, [Problem((), "must have state, and the socket of [control] be text")])
    if isinstance(control, dict) and "socket" in control:
        return placed(socket, folder)
    return os.path.join(placed(state, folder), socket)


def placed(path: str, folder: str) -> str:
    """
    A path, absolute.

    :param path: as in the file.
    :param folder: that of the file.
    :raises ValueError: if there are no credentials, and it is one.
    """
    first, slash, rest = path.partition("/")
    if first == _CREDENTIALS:
        credentials = os.environ.get(_CREDENTIALS[1:])
        if credentials is None:
            raise ValueError(f"{_CREDENTIALS} is not set: systemd sets it for LoadCredential=")
        path = credentials + slash + rest
    return os.path.normpath(os.path.join(folder, path)) if path else path


def _parsed(path: str) -> tuple[str, dict[str, Any]]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise BadConfig(path, [Problem((), f"cannot be read: {error.strerror}")])
    except UnicodeDecodeError:
        raise BadConfig(path, [Problem((), "is not in UTF-8")])
    try:
        return text, loads(text)
    except TOMLDecodeError as error:
        reason, line = _syntax(str(error), text)
        raise BadConfig(path, [Problem((), reason, line)])


def _syntax(message: str, text: str) -> tuple[str, int]:
    """What the parser says, without the line, and the line."""
    reason, mark, place = message.rpartition(" (at ")
    if not mark:
        return message, 0
    digits = "".join(c for c in place.partition(",")[0] if c.isdigit())
    return reason, int(digits) if digits else text.count("\n") + 1


def _line(lines: Any, path: tuple[str | int, ...]) -> int:
    """The line of a key, or of the table that it would be in."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return int(lines[path[:length]])
    return 0

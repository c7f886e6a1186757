"""
Where the queue that several machines share is: a secret, so in one of four ways.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from . import readers
from .keys import Place

__all__ = ["QUEUE_WAYS", "MayPass", "where"]

LIMIT = 60.0
"""Seconds that a command has."""
_PASSWORD = re.compile(r"(?:^|[\s?&])(?:ssl)?password\s*=", re.IGNORECASE)


class MayPass(ValueError):
    """What is wrong now may be over by itself, as where a command asks for the secret."""


def where(table: Mapping[str, Any], place: Place) -> tuple[str, str] | None:
    """
    The key that says where the queue is, and what it says.  Blocks: a file is read, a command is
    run.

    :param table: the table ``[queue]``.
    :param place: makes paths absolute.
    :returns: both; :data:`None` if there is no such key.
    :raises ValueError: with the key, and what it takes.
    :raises MayPass: likewise, if its command has failed.
    """
    given = [key for key in QUEUE_WAYS if key in table]
    if len(given) > 1:
        raise ValueError(given[1], f"must not be there beside {given[0]}")
    if not given:
        return None
    [key] = given
    try:
        text = QUEUE_WAYS[key](readers.text(table[key]), place).strip()
        if not text:
            raise ValueError("says nothing")
    except ValueError as error:
        kind = MayPass if isinstance(error, MayPass) else ValueError
        raise kind(key, str(error))
    return key, text


def _plain(text: str, _: Place) -> str:
    try:
        has_password = bool(urlsplit(text).password) if "://" in text else False
    except ValueError:
        has_password = False
    if has_password or _PASSWORD.search(text):
        raise ValueError(
            "would be a secret in plain text: put it in a file (postgresql_file, or libpq's "
            "passfile) or in the environment (postgresql_from_env), or have a command print it "
            "(postgresql_command)"
        )
    return text


def _of_file(path: str, place: Place) -> str:
    return readers.content(place(path), "utf-8", "text in UTF-8")


def _of_environment(name: str, _: Place) -> str:
    if name not in os.environ:
        raise ValueError(f"{name} is not set")
    return os.environ[name]


def _of_command(command: str, _: Place) -> str:
    try:
        ended = subprocess.run(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=LIMIT,
            check=False,
        )
        printed = ended.stdout.decode()
    except subprocess.TimeoutExpired:
        raise MayPass(f"did not end in {LIMIT:g} s")
    except OSError as error:
        raise ValueError(f"cannot be started: {error.strerror}")
    except UnicodeDecodeError:
        raise ValueError("must print text in UTF-8")
    if ended.returncode:
        raise MayPass(f"ended with {ended.returncode}")
    return printed


QUEUE_WAYS: Mapping[str, Callable[[str, Place], str]] = {
    "postgresql": _plain,
    "postgresql_file": _of_file,
    "postgresql_from_env": _of_environment,
    "postgresql_command": _of_command,
}
"""The keys that say where it is, and what each does."""

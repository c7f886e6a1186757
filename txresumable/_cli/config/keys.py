"""
The keys of a configuration file, but for those of targets, which are the options of the client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from . import readers

__all__ = ["CONTROL", "FOLDER", "QUEUE", "RATE", "TOP", "Key", "Place", "after"]

Place = Callable[[str], str]


@frozen
class Key:
    """
    One key.

    :ivar name: as it is in the file.
    :ivar metavar: what it takes.
    :ivar text: what it does, for people.
    :ivar read: from the value of TOML to that of the setting; raises :exc:`ValueError` with what
        the key takes.
    :ivar field: the setting, if that has another name.
    :ivar is_path: whether the value is a path, or has one in it, which is relative to the file.
    """

    name: str
    metavar: str
    text: str
    read: Callable[..., Any] = readers.text
    field: str = ""
    is_path: bool = False

    @property
    def setting(self) -> str:
        """The name of the setting."""
        return self.field or self.name


def path(value: Any, place: Place) -> str:
    return place(readers.text(value))


def after(value: Any, place: Place) -> str:
    way = readers.text(value)
    move, colon, folder = way.partition(":")
    return f"move:{place(folder)}" if move == "move" and colon and folder else way


def secret(value: Any, place: Place) -> str:
    return readers.content(path(value, place), "ascii", "a token of ASCII").strip()


TOP = (
    Key(
        "state",
        "FOLDER",
        "Where the journal is; it is made, if need be, for its owner alone. Only one service can "
        "use it.",
        path,
        is_path=True,
    ),
    Key(
        "keep",
        "TIME",
        "How long the journal remembers a file that is at its end and lies in its folder no more. "
        "[default: 30d]",
        readers.seconds,
    ),
    Key(
        "hooks_at_once",
        "N",
        "How many of the programs on_sent and on_failed may run at a time, those of each folder in "
        "turn. Those that have failed before leave one place to others. [default: 4]",
        readers.number,
    ),
)
"""Those in no table."""

FOLDER = (
    Key("path", "FOLDER", "The folder that is watched.", path, is_path=True),
    Key("target", "NAME", "Which target its files are sent to."),
    Key(
        "include",
        "PATTERNS",
        "Which files are sent, as in .gitignore; all by default.",
        readers.texts,
    ),
    Key("exclude", "PATTERNS", "Which are not, even if they are included.", readers.texts),
    Key(
        "order",
        "WORD",
        "Which file is sent first: oldest, newest, smallest, largest, or name. [default: oldest]",
    ),
    Key(
        "settle",
        "TIME",
        "How long a file must not have changed before it is sent. [default: 30s]",
        readers.seconds,
    ),
    Key(
        "rescan",
        "TIME",
        "How long after a full scan the next one begins; what the system tells of is seen at "
        "once. [default: 60s]",
        readers.seconds,
    ),
    Key(
        "marker",
        "ENDING",
        "If given, a file is sent as soon as another one of its name and this ending, as .done, "
        "lies beside it, and not before; that one is deleted when the file is taken away.",
    ),
    Key(
        "after",
        "WHAT",
        "What to do with a file that was sent: keep it, delete it, or move:FOLDER, which is on the "
        "same file system and not in the folder that is watched. [default: keep]",
        after,
        is_path=True,
    ),
    Key(
        "failed",
        "FOLDER",
        "Where to move a file that has failed for good, with NAME.error.json beside it; it stays "
        "where it is by default.",
        path,
        is_path=True,
    ),
    Key(
        "attempts",
        "N",
        "How often a file is tried before it has failed for good. [default: 5]",
        readers.number,
    ),
    Key(
        "again",
        "TIME",
        "How long to wait before a file is tried again. [default: 1h]",
        readers.seconds,
    ),
    Key(
        "identify",
        "NAME",
        "What the server knows a file by: safe, shared (for a queue, on storage that does not "
        "report the same times to all), content, resumable_js (txresumable.identifiers), "
        "or a function as package.module:function. With content, of several files that have the "
        "same only the first arrives. [default: safe]",
        readers.identification,
    ),
    Key(
        "on_sent",
        "COMMAND",
        "A program and its arguments, run without a shell after a file was sent; if a crash comes "
        "in between, it is run again with the same id.",
        readers.command,
    ),
    Key(
        "on_failed",
        "COMMAND",
        "The same, after a file has failed for good.",
        readers.command,
    ),
    Key(
        "hook_timeout",
        "TIME",
        "How long these programs have; then they are killed with all that they have started, and "
        "are run again later. [default: 5m]",
        readers.seconds,
    ),
    Key(
        "ping",
        "URL",
        "A URL that is requested when files were sent, and after each full scan while the folder "
        "can be read and the target takes files; with /fail, when a file has failed for good.",
    ),
)
"""Those of ``[folder.NAME]``."""

RATE = (
    Key(
        "days",
        "DAYS",
        "On which days, as 'mon-fri' or 'sat,sun'; all by default.",
        readers.days,
    ),
    Key("from", "CLOCK", "From when on, local time. [default: 00:00]", readers.clock, "begin"),
    Key(
        "to",
        "CLOCK",
        "Until when; before from, or the same, it is a time of the next day. [default: 00:00]",
        readers.clock,
        "end",
    ),
    Key(
        "max",
        "SIZE",
        "How many bytes a second to send at most; 0 sends nothing, 'none' is no limit. "
        "[default: none]",
        readers.rate,
        "max_rate",
    ),
)
"""Those of ``[[rate]]``."""

CONTROL = (
    Key(
        "socket",
        "PATH",
        "The Unix socket that the service is controlled by. [default: control, in state]",
        path,
        is_path=True,
    ),
    Key("port", "N", "A TCP port for the same, with a token.", readers.number),
    Key("interface", "ADDRESS", "The address that the port is on. [default: 127.0.0.1]"),
    Key(
        "token_file",
        "FILE",
        "A file with the token that those who connect to the port have to present.",
        secret,
        "token",
        is_path=True,
    ),
    Key("page", "BOOL", "Whether there is a page for browsers. [default: false]", readers.switch),
)
"""Those of ``[control]``."""

QUEUE = (
    Key(
        "postgresql",
        "CONNECTION",
        "The database that has the queue, as libpq takes it: postgresql://user@host/database, or "
        "host=... dbname=...; without a password, for which libpq has a file (passfile).",
    ),
    Key(
        "postgresql_file",
        "FILE",
        "A file that has the same in it, and may have the password.",
        is_path=True,
    ),
    Key("postgresql_from_env", "NAME", "A variable of the environment that has it."),
    Key("postgresql_command", "COMMAND", "A command, for the shell, that prints it."),
    Key(
        "lease",
        "TIME",
        "After how long without a sign of life the files of a machine are taken over by others. "
        "[default: 60s]",
        readers.seconds,
    ),
    Key(
        "poll",
        "TIME",
        "How long to wait before looking for new files again. [default: 5s]",
        readers.seconds,
    ),
    Key(
        "at_once",
        "N",
        "How many files a machine has claimed at a time, for each target. [default: 16]",
        readers.number,
    ),
    Key(
        "watch",
        "BOOL",
        "Whether this machine looks for new files in the folders; all that have the queue send. "
        "[default: true]",
        readers.switch,
    ),
)
"""Those of ``[queue]``; the first four are ways of giving one setting."""

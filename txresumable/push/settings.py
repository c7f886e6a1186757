"""
The settings of watched folders: frozen, keyword-only, validated here.

Durations are in seconds, sizes in bytes and rates in bytes a second.  A value that cannot be is an
:class:`~txresumable.errors.InvalidOption` that names it.  Nothing is looked up on the disk here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import time
from types import MappingProxyType
from typing import Any, Literal, Union

from attrs import evolve, field, frozen

from .. import _validators as validators
from ..errors import InvalidOption
from ..options import Options
from . import checks
from .patterns import Patterns

__all__ = [
    "NOT_OF_TARGETS",
    "ControlSettings",
    "FolderSettings",
    "PushSettings",
    "QueueSettings",
    "RateRule",
    "TargetSettings",
]

Order = Literal["oldest", "newest", "smallest", "largest", "name"]
Identification = Union[str, Callable[..., Any]]

ORDERS = ("oldest", "newest", "smallest", "largest", "name")
NOT_OF_TARGETS = {
    "generate_unique_identifier": "is up to each folder (identify)",
    "keep_completed": "is not for a service: the journal knows what is completed",
    "links": "is not for a service: symbolic links in a folder are never followed",
    "max_files": "is not for a service: it has no last file",
    "max_files_error_callback": "is not for a service: it has no last file",
    "min_age": "is up to each folder (settle)",
    "throttle_progress_callbacks": "is not for a service: it is asked for progress",
    "when_changed": "is not for a service: what a file has become is a file of its own",
}
"""Options of the client that targets do not have, and why."""
_LONGEST_SOCKET = 107
"""Bytes that the path of a Unix socket may have."""


@frozen(kw_only=True)
class TargetSettings:
    """
    Where files are sent to.

    :ivar name: what folders call it.
    :ivar options: keyword arguments of :class:`~txresumable.Resumable`, ``target`` among them; but
        for those that each folder decides, and those that make no sense for a service:
        ``generate_unique_identifier``, ``keep_completed``, ``links``, ``max_files``, ``min_age``,
        ``throttle_progress_callbacks`` and ``when_changed``.
    """

    name: str = field(validator=checks.name)
    options: Mapping[str, Any] = field(repr=False)

    def __attrs_post_init__(self) -> None:
        given: Any = self.options
        if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
            raise InvalidOption("options", type(given), "must be a mapping of names to values")
        for name, reason in NOT_OF_TARGETS.items():
            if name in given:
                raise InvalidOption(name, given[name], reason)
        if "target" not in given:
            raise InvalidOption("target", None, "must be the URL to upload to")
        object.__setattr__(self, "options", MappingProxyType(dict(given)))
        self.checked  # noqa: B018

    @property
    def checked(self) -> Options:
        """
        The options, validated.

        :raises TypeError: for one that there is not.
        """
        return Options(**self.options)


@frozen(kw_only=True)
class FolderSettings:
    """
    A folder whose files are sent.

    :ivar name: what the journal and people call it.
    :ivar path: the folder; it is made absolute.
    :ivar target: the name of the target.
    :ivar include: patterns, as in ``.gitignore``, of what is sent; everything, if there are none.
    :ivar exclude: patterns of what is not, even if it is included.
    :ivar order: which of the files that wait is sent first: ``oldest``, ``newest``, ``smallest``,
        ``largest``, or ``name``.
    :ivar settle: how long a file must not have changed before it is sent.
    :ivar rescan: how long after one full scan the next one begins.
    :ivar marker: if given, a file is sent as soon as another one, of its name and this ending,
        lies beside it, and not before.  That one is deleted when the file is taken away.
    :ivar after: what to do with a file that was sent: ``keep`` it, ``delete`` it, or ``move:`` it
        to the folder that is named then.
    :ivar failed: the folder that a file is moved to that has failed for good; it stays where it is
        by default.
    :ivar attempts: how often a file is tried before it has failed for good.
    :ivar again: how long to wait before a file is tried again.
    :ivar identify: what the server knows a file by: ``safe``, ``shared``, ``content``,
        ``resumable_js``, or a function (:mod:`txresumable.identifiers`).  With ``content``, of
        several files that have the same only the first arrives, under its name.
    :ivar on_sent: a command that is run after a file was sent, with facts about it; see
        :doc:`push`.
    :ivar on_failed: a command that is run after a file has failed for good.
    :ivar hook_timeout: how long such a command has; then it is killed, and what it has started.
    :ivar ping: a URL that is requested when files were sent, and after each full scan while the
        target takes files; with ``/fail`` when one has failed for good.
    """

    name: str = field(validator=checks.name)
    path: str = field(converter=checks.to_path, validator=checks.path)
    target: str = field(validator=checks.name)
    include: tuple[str, ...] = field(default=(), converter=checks.to_tuple, validator=checks.texts)
    exclude: tuple[str, ...] = field(default=(), converter=checks.to_tuple, validator=checks.texts)
    order: Order = field(default="oldest", validator=validators.one_of(*ORDERS))
    settle: float = field(default=30.0, validator=validators.seconds())
    rescan: float = field(default=60.0, validator=validators.seconds(0.1))
    marker: str = field(default="", validator=checks.marker)
    after: str = field(default="keep", converter=checks.to_after, validator=checks.after)
    failed: str | None = field(
        default=None, converter=checks.to_path, validator=checks.path_or_none
    )
    attempts: int = field(default=5, validator=validators.whole(1))
    again: float = field(default=3600.0, validator=validators.seconds())
    identify: Identification = field(default="safe", validator=checks.identification)
    on_sent: tuple[str, ...] = field(
        default=(), converter=checks.to_tuple, validator=checks.command
    )
    on_failed: tuple[str, ...] = field(
        default=(), converter=checks.to_tuple, validator=checks.command
    )
    hook_timeout: float = field(default=300.0, validator=validators.seconds(0.1))
    ping: str = field(default="", validator=checks.url, repr=False)

    def __attrs_post_init__(self) -> None:
        Patterns(self.include, self.exclude)

    @property
    def sent(self) -> str | None:
        """The folder that files are moved to when they were sent, if they are."""
        return self.after[len(checks.MOVE) :] if self.after.startswith(checks.MOVE) else None

    @property
    def identifier(self) -> Callable[..., Any]:
        """The function that gives a file its identifier."""
        return (
            checks.IDENTIFICATIONS[self.identify]
            if isinstance(self.identify, str)
            else self.identify
        )


@frozen(kw_only=True)
class RateRule:
    """
    How fast to send at some time of the week.

    :ivar days: on which days: 0 is Monday, 6 Sunday.
    :ivar begin: from when on, local time.
    :ivar end: until when.  Before ``begin``, it is a time of the next day; the same as ``begin`` is
        a whole day.
    :ivar max_rate: bytes a second at most; 0 sends nothing; :data:`None` is no limit.
    """

    days: frozenset[int] = field(default=frozenset(range(7)))
    begin: time = field(default=time.min)
    end: time = field(default=time.min)
    max_rate: float | None = None

    def __attrs_post_init__(self) -> None:
        days: Any = self.days
        if not isinstance(days, Iterable) or not set(days) or not set(days) <= set(range(7)):
            raise InvalidOption("days", days, "must be some of the days 0 (Monday) to 6")
        object.__setattr__(self, "days", frozenset(days))
        for name in ("begin", "end"):
            value = getattr(self, name)
            if not isinstance(value, time) or value.tzinfo is not None:
                raise InvalidOption(name, value, "must be a time of the day")
        rate: Any = self.max_rate
        if rate is not None and (
            isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1e18
        ):
            reason = "must be a number of bytes a second (0 sends nothing), or None for no limit"
            raise InvalidOption("max_rate", rate, reason)


@frozen(kw_only=True)
class ControlSettings:
    """
    How the service can be asked and controlled.

    :ivar socket: the path of a Unix socket, below the ``state`` folder if it is relative;
        :data:`None` for none.
    :ivar port: a TCP port, with ``token`` only.
    :ivar interface: the address that the port is on.
    :ivar token: what those who connect to the port have to present.
    :ivar page: whether there is a page for browsers.
    """

    socket: str | None = field(default="control", validator=checks.path_or_none)
    port: int | None = field(default=None, validator=validators.whole(1, none=True))
    interface: str = field(default="127.0.0.1", validator=validators.text)
    token: str | None = field(default=None, repr=False)
    page: bool = field(default=False, validator=validators.switch)

    def __attrs_post_init__(self) -> None:
        if self.port is not None and self.port > 65535:
            raise InvalidOption("port", self.port, "must be at most 65535")
        token: Any = self.token  # which is not shown
        if token is not None:
            usable = isinstance(token, str) and re.match(r"[!-~]{16,512}\Z", token) is not None
            if not usable:
                reason = "must be at least 16 printable characters of ASCII without blanks"
                raise InvalidOption("token", type(token), reason)
        elif self.port is not None:
            raise InvalidOption("port", self.port, "must go with a token")


@frozen(kw_only=True)
class QueueSettings:
    """
    A queue that several machines share, which files are handed over to and sent from.

    :ivar postgresql: the database, as libpq takes it: a URL, or ``host=... dbname=...``.
    :ivar lease: after how long without a sign of life the jobs of a machine are taken over.
    :ivar poll: how long to wait for new jobs before looking again.
    :ivar at_once: how many jobs are claimed at a time, for each target.
    :ivar watch: whether this machine watches the folders, and adds to the queue what is in them.
    """

    postgresql: str = field(default="", validator=validators.text, repr=False)
    lease: float = field(default=60.0, validator=validators.seconds(1.0))
    poll: float = field(default=5.0, validator=validators.seconds(0.1))
    at_once: int = field(default=16, validator=validators.whole(1))
    watch: bool = field(default=True, validator=validators.switch)


@frozen(kw_only=True)
class PushSettings:
    """
    All settings of a service.

    :ivar state: a folder for its journal, which only one service may use.
    :ivar targets: by their names.
    :ivar folders: by their names.
    :ivar rates: of those that cover a time, the first one counts; none is no limit.
    :ivar control: how it is controlled; a relative ``socket`` has become absolute.
    :ivar queue: a queue that it shares with others; none by default.
    :ivar keep: how long the journal remembers a file that is at its end and is not in its folder
        any more.
    :ivar hooks_at_once: how many commands of all folders may run at a time.
    """

    state: str = field(converter=checks.to_path, validator=checks.path)
    targets: Mapping[str, TargetSettings]
    folders: Mapping[str, FolderSettings]
    rates: tuple[RateRule, ...] = field(default=(), converter=checks.to_tuple)
    control: ControlSettings = field(factory=ControlSettings)
    queue: QueueSettings | None = None
    keep: float = field(default=30 * 86400.0, validator=validators.seconds())
    hooks_at_once: int = field(default=4, validator=validators.whole(1))

    def __attrs_post_init__(self) -> None:
        for option, kind in ("targets", TargetSettings), ("folders", FolderSettings):
            self._check_mapping(option, kind)
        rates: Any = self.rates
        if not isinstance(rates, tuple) or not all(isinstance(rate, RateRule) for rate in rates):
            raise InvalidOption("rates", rates, "must be several RateRules")
        if not isinstance(self.control, ControlSettings):
            raise InvalidOption("control", self.control, "must be ControlSettings")
        if self.queue is not None and not isinstance(self.queue, QueueSettings):
            raise InvalidOption("queue", self.queue, "must be QueueSettings")
        for folder in self.folders.values():
            if folder.target not in self.targets:
                known = ", ".join(map(repr, self.targets)) or "there are none"
                reason = f"must be one of the targets ({known})"
                raise InvalidOption("target", folder.target, reason)
        self._check_apart()
        if self.control.socket is not None:
            path = os.path.join(self.state, self.control.socket)
            if len(os.fsencode(path)) > _LONGEST_SOCKET:
                reason = f"must be a path of at most {_LONGEST_SOCKET} bytes"
                raise InvalidOption("socket", path, reason)
            object.__setattr__(self, "control", evolve(self.control, socket=path))

    def _check_mapping(self, option: str, kind: type) -> None:
        given: Any = getattr(self, option)
        if not isinstance(given, Mapping):
            raise InvalidOption(option, given, f"must be a mapping of names to {kind.__name__}")
        for name, each in given.items():
            if not isinstance(each, kind) or each.name != name:  # type: ignore[attr-defined]
                raise InvalidOption(option, name, f"is not the name of its {kind.__name__}")
        object.__setattr__(self, option, MappingProxyType(dict(given)))

    def _check_apart(self) -> None:
        """Files that one folder takes away must not be those of another one."""
        folders = list(self.folders.values())
        for one in folders:
            for other in folders:
                is_taken = one.after != "keep" or one.failed is not None
                if one is not other and is_taken and _overlap(one.path, other.path):
                    reason = f"must not be in, or around, {other.path}, which is watched, too"
                    raise InvalidOption("path", one.path, reason)


def _overlap(one: str, other: str) -> bool:
    return os.path.commonpath((one, other)) in (one, other)

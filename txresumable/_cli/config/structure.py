"""
From what a configuration file has in it to the settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from attrs import fields
from cattrs import ClassValidationError, Converter, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from ...errors import InvalidOption
from ...push.settings import (
    ControlSettings,
    FolderSettings,
    PushSettings,
    QueueSettings,
    RateRule,
    TargetSettings,
)
from . import keys
from .errors import Problem
from .keys import Key, Place
from .queue import QUEUE_WAYS, MayPass, where
from .target import read_target
from .unknown import unknown

__all__ = ["Reading"]

T = TypeVar("T")
Path = tuple[str | int, ...]
_TABLES = ("target", "folder", "rate", "control", "queue")
_GIVEN = "({})"
"""The key of what is not from the file; the file's own of that name is not looked at."""


class Reading:
    """
    One reading of a file.

    :ivar problems: what is wrong, without lines.
    """

    def __init__(self, place: Place) -> None:
        """
        :param place: makes the paths in the file absolute.
        """
        self.problems: list[Problem] = []
        self._place = place
        self._paths: dict[str, str] = {}
        self._converter = Converter(detailed_validation=True)

    def read(self, data: Mapping[str, Any]) -> PushSettings | None:
        """
        Read all.

        :param data: from the parser.
        :returns: the settings, or :data:`None` if there are problems.
        """
        tables = {name: data.get(name, [] if name == "rate" else {}) for name in _TABLES}
        for name in ("target", "folder"):
            if not tables[name]:
                self._wrong((), f"a table [{name}.NAME] is needed")
        targets = dict(self._targets(self._named("target", tables["target"])))
        folders = self._folders(self._named("folder", tables["folder"]), tables["target"])
        rates = self._rates(tables["rate"])
        control = self._one(ControlSettings, keys.CONTROL, tables["control"], ("control",))
        queue = self._queue(data["queue"]) if "queue" in data else None
        top = {name: value for name, value in data.items() if name not in _TABLES}
        if self.problems:
            self._one(PushSettings, keys.TOP, top, (), targets={}, folders={})
            return None
        return self._one(
            *(PushSettings, keys.TOP, top, ()),
            targets=targets,
            folders=folders,
            rates=rates,
            control=control,
            queue=queue,
        )

    # Tables ------------------------------------------------------------------------------------

    def _named(self, kind: str, tables: Any) -> dict[str, dict[str, Any]]:
        """Tables by their names."""
        if not isinstance(tables, dict):
            self._wrong((kind,), f"must be tables, as [{kind}.NAME]")
            return {}
        found = {}
        for name, table in tables.items():
            if isinstance(table, dict):
                found[name] = table
            else:
                self._wrong((kind, name), f"must be a table, as [{kind}.{name}]")
        return found

    def _targets(self, tables: Mapping[str, dict[str, Any]]) -> Sequence[tuple[str, Any]]:
        found: list[tuple[str, TargetSettings | None]] = []
        for name, table in tables.items():
            settings, problems = read_target(name, table, self._place)
            self.problems += problems
            found.append((name, settings))
        return found

    def _folders(
        self, tables: Mapping[str, dict[str, Any]], targets: Mapping[str, Any]
    ) -> dict[str, FolderSettings | None]:
        found: dict[str, FolderSettings | None] = {}
        for name, table in tables.items():
            path = ("folder", name)
            settings = self._one(FolderSettings, keys.FOLDER, table, path, name=name)
            if settings is not None:
                self._paths[name] = settings.path
            found[name] = settings
            target = table.get("target")
            if isinstance(target, str) and target not in targets:
                self._wrong((*path, "target"), f"{target!r} is not there: [target.{target}]")
        return found

    def _rates(self, tables: Any) -> list[RateRule | None]:
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            self._wrong(("rate",), "must be tables, as [[rate]]")
            return []
        return [
            self._one(RateRule, keys.RATE, table, ("rate", number))
            for number, table in enumerate(tables)
        ]

    def _queue(self, table: Any) -> QueueSettings | None:
        known = [key for key in keys.QUEUE if key.name not in QUEUE_WAYS]
        if not isinstance(table, dict):
            self._wrong(("queue",), "must be a table, as [queue]")
            return None
        rest = {key: value for key, value in table.items() if key not in QUEUE_WAYS}
        found = None
        try:
            found = where(table, self._place)
            if found is None:
                self._wrong(("queue",), "postgresql is needed")
        except ValueError as error:
            key, reason = error.args
            self._wrong(("queue", key), reason, may_pass=isinstance(error, MayPass))
        return self._one(
            *(QueueSettings, known, rest, ("queue",)), postgresql=found[1] if found else ""
        )

    # One table ---------------------------------------------------------------------------------

    def _one(
        self, kind: type[T], known: Sequence[Key], table: Any, path: Path, **given: Any
    ) -> T | None:
        """Settings of one kind from a table; what is ``given`` is as it is."""
        if not isinstance(table, dict):
            self._wrong(path, f"must be a table, as [{path[-1]}]")
            return None
        names = {key.setting: key for key in known}
        overrides: Any = {}
        for field in fields(kind):  # type: ignore[arg-type]
            if field.name in names:
                key = names[field.name]
                overrides[field.name] = override(rename=key.name, struct_hook=self._hook(key))
            elif field.name in given:
                overrides[field.name] = override(
                    rename=_GIVEN.format(field.name), struct_hook=lambda value, _: value
                )
            else:
                overrides[field.name] = override(omit=True)
        structure = make_dict_structure_fn(
            kind, self._converter, _cattrs_forbid_extra_keys=True, **overrides
        )
        values = {**table, **{_GIVEN.format(name): value for name, value in given.items()}}
        try:
            return structure(values, kind)
        except ClassValidationError as error:
            self._explain(error, names, table, path)
            return None

    def _hook(self, key: Key) -> Any:
        if key.is_path:
            return lambda value, _: key.read(value, self._place)
        return lambda value, _: key.read(value)

    # What is wrong -----------------------------------------------------------------------------

    def _wrong(self, path: Path, reason: str, *, may_pass: bool = False) -> None:
        self.problems.append(Problem(path, reason, may_pass=may_pass))

    def _explain(
        self,
        error: ClassValidationError,
        names: Mapping[str, Key],
        table: Mapping[str, Any],
        path: Path,
    ) -> None:
        known = [key.name for key in names.values()]
        of_keys, others = error.group_exceptions()
        for each, note in of_keys:
            key = names[note.name].name
            if key not in table:
                self._wrong(path, f"{key} is needed")
            elif isinstance(table[key], (dict, list)):
                self._wrong((*path, key), str(each))
            else:
                self._wrong((*path, key), f"{table[key]!r} {each}")
        for other in others:
            if isinstance(other, ForbiddenExtraKeysError):
                for extra in sorted(other.extra_fields):
                    self._wrong((*path, extra), unknown(extra, known))
            elif isinstance(other, InvalidOption):
                self._refused(other, names, path)
            else:
                raise other

    def _refused(self, error: InvalidOption, names: Mapping[str, Key], path: Path) -> None:
        """What the settings themselves refuse."""
        where: Path = path
        if error.option in names:
            where = (*path, names[error.option].name)
        elif error.option == "socket":
            where = ("control", "socket")
        elif error.option == "path":
            found = (name for name, each in self._paths.items() if each == error.value)
            where = ("folder", *found)
        self._wrong(where, error.complaint)

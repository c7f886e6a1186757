"""What lies in the folder, and what lies at the server."""

from __future__ import annotations

from itertools import count
from random import Random

from attrs import define, field

from txresumable.push import Entry, Version

__all__ = ["File", "Folder", "Ledger", "Wrong"]

Key = tuple[bytes, Version]


class Wrong(AssertionError):
    """Something happened that must not happen."""


@define
class File:
    """A file: its version, and what is in it."""

    version: Version
    content: int


class Folder:
    """
    A folder in memory.

    :ivar files: what lies in it.
    :ivar away: what was moved out of it by people, and may come back.
    :ivar aside: what was put aside because it failed.
    :ivar once_away: versions that were out of it at any time.
    """

    def __init__(self, random: Random, once_away: set[Key]) -> None:
        self.files: dict[bytes, File] = {}
        self.away: dict[bytes, File] = {}
        self.aside: dict[int, tuple[bytes, File]] = {}
        self.once_away = once_away
        self._random = random
        self._numbers = count(1)
        self._free: list[int] = []

    def version(self, path: bytes) -> Version | None:
        """What a path is, if it is there."""
        file = self.files.get(path)
        return file and file.version

    def create(self, path: bytes) -> None:
        """A new file, or another one in its place; an inode may be one that had been another's."""
        self.delete(path)
        number = next(self._numbers)
        inode = self._free.pop() if self._free and self._random.random() < 0.5 else number
        version = Version(inode, self._random.choice((0, 1, 5)), number)
        self.files[path] = File(version, number)

    def write(self, path: bytes) -> None:
        """A file is written to."""
        if path in self.files:
            number = next(self._numbers)
            version = self.files[path].version
            size = version.size + self._random.choice((0, 1, 2))
            self.files[path] = File(Version(version.inode, size, number), number)

    def delete(self, path: bytes) -> None:
        """A file is deleted."""
        file = self.files.pop(path, None)
        if file is not None:
            self._free.append(file.version.inode)

    def rename(self, path: bytes, new_path: bytes) -> None:
        """A file is renamed over another one."""
        if path in self.files and path != new_path:
            self.delete(new_path)
            self.files[new_path] = self.files.pop(path)
            for each in (path, new_path):
                self.once_away.add((each, self.files[new_path].version))

    def move_away(self, path: bytes) -> None:
        """A file is moved out of the folder."""
        if path in self.files and path not in self.away:
            self.away[path] = self.files.pop(path)
            self.once_away.add((path, self.away[path].version))

    def move_back(self, path: bytes) -> None:
        """It is moved back."""
        if path in self.away and path not in self.files:
            self.files[path] = self.away.pop(path)


@define
class Ledger:
    """
    What was done outside of the journal, and what the journal has made durable: the process
    forgets, this does not.

    :ivar stored: contents at the server, by version.
    :ivar durable: versions of which the journal knows that they are stored.
    :ivar states: what the journal has made durable of each entry.
    :ivar hooks: how often each event was reported.
    :ivar returned: versions that were not in the folder for a while.
    :ivar excused: how often a version may have been sent once more.
    :ivar sent: how often it was sent.
    :ivar hook_excused: how often an event may have been reported once more.
    """

    stored: dict[Key, int] = field(factory=dict)
    durable: set[Key] = field(factory=set)
    states: dict[int, Entry] = field(factory=dict)
    hooks: dict[str, int] = field(factory=dict)
    returned: set[Key] = field(factory=set)
    excused: dict[Key, int] = field(factory=dict)
    sent: dict[Key, int] = field(factory=dict)
    hook_excused: dict[str, int] = field(factory=dict)
    deleted: int = 0

    def store(self, entry: Entry, file: File) -> None:
        """All of a version is at the server."""
        key = entry.path, entry.version
        if key in self.returned:
            # It was forgotten while it was away, and is new again.
            self.returned.discard(key)
            self.durable.discard(key)
            self.excuse(entry)
        if key in self.durable:
            raise Wrong(f"{entry.name} was sent though the journal knows it to be stored")
        self.sent[key] = self.sent.get(key, 0) + 1
        if self.sent[key] > 1 + self.excused.get(key, 0):
            raise Wrong(f"{entry.name} was sent {self.sent[key]} times without a reason")
        self.stored[key] = file.content

    def excuse(self, entry: Entry) -> None:
        """A version may be sent once more."""
        key = entry.path, entry.version
        self.excused[key] = self.excused.get(key, 0) + 1

    def report(self, entry: Entry) -> None:
        """A hook is called."""
        if (entry.path, entry.version) not in self.durable:
            raise Wrong(f"{entry.name} was reported before it was known to be stored")
        self.hooks[entry.event_id] = self.hooks.get(entry.event_id, 0) + 1
        if self.hooks[entry.event_id] > 1 + self.hook_excused.get(entry.event_id, 0):
            raise Wrong(f"{entry.name} was reported twice without a reason")

    def excuse_hook(self, entry: Entry) -> None:
        """An event may be reported once more."""
        self.hook_excused[entry.event_id] = self.hook_excused.get(entry.event_id, 0) + 1

    def delete(self, entry: Entry, file: File) -> None:
        """A file is deleted."""
        if self.stored.get((entry.path, file.version)) != file.content:
            raise Wrong(f"{entry.name} was deleted, and is not at the server")
        if not self.hooks.get(entry.event_id):
            raise Wrong(f"{entry.name} was deleted before it was reported")
        self.deleted += 1

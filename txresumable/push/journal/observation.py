"""
Comparing what lies in a folder with what is known.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from ..entry import Entry, Seen, Version
from ..state import PushState
from .rows import COLUMNS, IS_HANDED_OVER, entry_of, key_of, version_of
from .transaction import Transaction

__all__ = ["Observation", "keep_below", "observe"]

_KNOWN = """
    SELECT entries.id{more} FROM scan CROSS JOIN entries
        ON entries.folder = ? AND entries.path = scan.path AND entries.inode = scan.inode
        AND entries.size = scan.size AND entries.mtime_ns = scan.mtime_ns
"""
_PRESENT = f"""
    INSERT OR REPLACE INTO present
    SELECT id, ?, ? FROM ({_KNOWN.format(more="")})
"""
_UNFINISHED = f"""
    SELECT is_marked, met.id IS NOT NULL,
        {", ".join(f"entries.{each}" for each in COLUMNS.split(", "))}
    FROM ({_KNOWN.format(more=", scan.is_marked")}) AS known
    JOIN entries USING (id) LEFT JOIN met ON met.id = entries.id
    WHERE entries.state IN ('seen', 'settling', 'changed', 'gone')
    OR entries.state = 'done' AND entries.is_aside
    OR entries.state = 'failed' AND entries.location != x'' ORDER BY entries.id
"""
_HANDED_OVER = f"""
    SELECT {COLUMNS} FROM entries WHERE folder = ? AND path = ? AND inode = ? AND size = ?
    AND mtime_ns = ? AND {IS_HANDED_OVER}
"""
_UNKNOWN = """
    SELECT path, inode, size, mtime_ns, is_marked FROM scan WHERE NOT EXISTS (
        SELECT 1 FROM entries WHERE entries.folder = ? AND entries.path = scan.path
        AND entries.inode = scan.inode AND entries.size = scan.size
        AND entries.mtime_ns = scan.mtime_ns
    )
"""
_EARLIER = f"""
    SELECT {COLUMNS} FROM entries WHERE folder = ? AND path = ?
    AND state IN ('seen', 'settling', 'held', 'queued', 'waiting') ORDER BY id
"""


@frozen
class Observation:
    """
    What observing some files came to.

    :ivar new: how many versions were not known.
    :ivar changed: how many of these are files that were known otherwise.
    :ivar queued: how many files have settled.
    :ivar unsettled: the paths of those that have not, and of no others.
    """

    new: int = 0
    changed: int = 0
    queued: int = 0
    unsettled: tuple[bytes, ...] = ()

    def __add__(self, other: Observation) -> Observation:
        return Observation(
            self.new + other.new,
            self.changed + other.changed,
            self.queued + other.queued,
            self.unsettled + other.unsettled,
        )


def observe(transaction: Transaction, folder: str, seen: Sequence[Seen]) -> Observation:
    """
    Take note of files that lie in a folder.

    :param transaction: what to do it in.
    :param folder: the name of the folder's settings.
    :param seen: the files; of one path, only the last counts.
    """
    connection = transaction.connection
    for each in seen:
        if each.is_moved:
            _was_away(transaction, folder, each)
    connection.execute("DELETE FROM scan")
    connection.executemany(
        "INSERT OR REPLACE INTO scan VALUES (?, ?, ?, ?, ?)",
        [(each.path, *key_of(each.version), each.is_marked) for each in seen],
    )
    scan = _Scan(transaction, folder)
    # Read whole before anything is written, so that no row is met twice.
    unknown = connection.execute(_UNKNOWN, (folder,)).fetchall()
    for is_marked, is_met, *row in connection.execute(_UNFINISHED, (folder,)).fetchall():
        scan.meet_again(entry_of(tuple(row)), bool(is_marked), bool(is_met))
    for path, inode, size, mtime_ns, is_marked in unknown:
        scan.meet(path, version_of(inode, size, mtime_ns), bool(is_marked))
    connection.execute(_PRESENT, (folder, transaction.seconds, folder))
    return Observation(len(unknown), scan.changed, scan.queued, tuple(scan.unsettled))


def _was_away(transaction: Transaction, folder: str, seen: Seen) -> None:
    """A file was moved to its place: one that was handed over may have been missed there."""
    given = (folder, seen.path, *key_of(seen.version))
    row = transaction.connection.execute(_HANDED_OVER, given).fetchone()
    if row is not None:
        transaction.note(entry_of(row), {"is_aside": True})


def keep_below(transaction: Transaction, folder: str, path: bytes) -> None:
    """
    Take what is known at or below a path to be there still.

    :param transaction: what to do it in.
    :param folder: the name of the folder's settings.
    :param path: relative to the folder.
    """
    transaction.connection.execute(
        """
        INSERT OR REPLACE INTO present SELECT id, folder, ? FROM entries
        WHERE folder = ? AND (path = ? OR path > ? AND path < ?)
        """,
        (transaction.seconds, folder, path, path + b"/", path + b"0"),  # 0 is next to /
    )


class _Scan:
    """What some files turn out to be."""

    def __init__(self, transaction: Transaction, folder: str) -> None:
        self.changed = self.queued = 0
        self.unsettled: list[bytes] = []
        self._transaction = transaction
        self._folder = folder

    def meet_again(self, entry: Entry, is_marked: bool, is_met: bool) -> None:
        """
        A version that is known, and not queued: it waits, had changed or vanished, or was taken
        away.  One that was taken away is seen twice before it counts as dropped once more: whoever
        reports it may have looked before that.
        """
        if entry.state in (PushState.DONE, PushState.FAILED):
            execute = self._transaction.connection.execute
            if not is_met:
                execute("INSERT INTO met VALUES (?)", (entry.id,))
                self.unsettled.append(entry.path)
                return
            execute("DELETE FROM met WHERE id = ?", (entry.id,))
            entry = self._transaction.move(entry, PushState.GONE, {})
        if entry.state in (PushState.CHANGED, PushState.GONE):
            entry = self._transaction.move(entry, PushState.SEEN, {})
        self._settle(entry, is_marked)

    def meet(self, path: bytes, version: Version, is_marked: bool) -> None:
        """A version that is not known."""
        growing = None
        for entry in self._earlier(path):
            if entry.state in (PushState.QUEUED, PushState.WAITING):
                why = "it was replaced or written to before it was sent"
                self._transaction.move(entry, PushState.CHANGED, {"why": why})
                self.changed += 1
            else:
                growing = entry
        if growing is None:
            entry = self._transaction.insert(self._folder, path, version)
        else:
            entry = self._transaction.grow(growing, version)
            self.changed += 1
        if entry.state is not PushState.HELD:
            self._settle(entry, is_marked)

    def _earlier(self, path: bytes) -> list[Entry]:
        rows = self._transaction.connection.execute(_EARLIER, (self._folder, path))
        return [entry_of(row) for row in rows]

    def _settle(self, entry: Entry, is_marked: bool) -> None:
        if not is_marked:
            self.unsettled.append(entry.path)
            return
        self._transaction.move(entry, PushState.QUEUED, {})
        self.queued += 1

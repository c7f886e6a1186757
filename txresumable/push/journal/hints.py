"""
What may spare work, and may be forgotten.
"""

from __future__ import annotations

from ..entry import Version
from .rows import key_of
from .transaction import Transaction

__all__ = ["forget", "hint", "remember"]


def remember(
    transaction: Transaction, folder: str, path: bytes, version: Version, name: str, value: bytes
) -> None:
    """Keep a value about a version of a file, instead of an earlier one of that name."""
    transaction.connection.execute(
        "INSERT OR REPLACE INTO hints VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (folder, path, *key_of(version), name, value, transaction.now),
    )


def hint(
    transaction: Transaction, folder: str, path: bytes, version: Version, name: str
) -> bytes | None:
    """A value that was kept, or :data:`None`."""
    found = transaction.connection.execute(
        "SELECT value FROM hints WHERE folder = ? AND path = ? AND inode = ? AND size = ? "
        "AND mtime_ns = ? AND name = ?",
        (folder, path, *key_of(version), name),
    ).fetchone()
    return bytes(found[0]) if found else None


def forget(transaction: Transaction, older_than: float) -> int:
    """Remove the values that were kept so many seconds ago; how many."""
    return transaction.connection.execute(
        "DELETE FROM hints WHERE saved < ?", (transaction.now - older_than,)
    ).rowcount

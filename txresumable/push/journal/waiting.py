"""
What ends by itself after a while.
"""

from __future__ import annotations

from ..entry import Entry
from ..state import PushState
from .rows import COLUMNS, entry_of
from .transaction import Transaction

__all__ = ["queue_due", "wake_at"]


def queue_due(transaction: Transaction, limit: int) -> list[Entry]:
    """
    Queue what has waited long enough.

    :param transaction: what to do it in.
    :param limit: how many at most.
    """
    _bound(transaction, limit)
    rows = transaction.connection.execute(
        f"SELECT {COLUMNS} FROM entries WHERE state = 'waiting' AND until <= ? "
        "ORDER BY until, id LIMIT ?",
        (transaction.now, limit),
    ).fetchall()
    return [transaction.move(entry_of(row), PushState.QUEUED, {}) for row in rows]


def wake_at(transaction: Transaction, limit: int) -> float | None:
    """
    When the next one has waited long enough, in seconds since 1970; :data:`None` if none waits.

    :param transaction: what to do it in.
    :param limit: how many, at most, that the clock has left behind are brought up to it.
    """
    _bound(transaction, limit)
    earliest: float | None
    (earliest,) = transaction.connection.execute(
        "SELECT MIN(until) FROM entries WHERE state = 'waiting'"
    ).fetchone()
    return earliest


def _bound(transaction: Transaction, limit: int) -> None:
    """Let nothing wait longer than it was to, though the clock was set back."""
    rows = transaction.connection.execute(
        f"SELECT pause, {COLUMNS} FROM entries WHERE state = 'waiting' AND until > ? + pause + 1 "
        "LIMIT ?",
        (transaction.now, limit),
    ).fetchall()
    for pause, *row in rows:
        transaction.note(entry_of(tuple(row)), {"until": transaction.now + pause})

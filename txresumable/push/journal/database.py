"""
The database of the journal: one connection, used by one thread at a time.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from attrs import frozen
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import JournalDamaged, JournalUnavailable, PushError
from .rows import COLUMNS
from .schema import MEMORY, MIGRATIONS, migrate
from .transaction import Change, Transaction

__all__ = ["Database", "Round"]

NAME = "journal"
LOG_SIZE = 8 << 20
"""Bytes to which the write-ahead log is cut back when it has been written into the database."""
BUSY = 5.0
"""Seconds to wait for an operator who looks into the database with another program."""
_log = Logger()

Work = Callable[[Transaction], Any]


@frozen
class Round:
    """
    What became of a transaction.

    :ivar results: what each part of it returned, or the failure.
    :ivar changes: which entries have changed.
    """

    results: Sequence[Any]
    changes: Sequence[Change]


class Database:
    """
    Opens the database, and writes to it.  All methods block.

    :param state: the folder that it is in, which must exist.
    :param now: seconds since 1970.
    :param seconds: monotonic time.
    :ivar is_damaged: whether it turned out to be so since it was opened, and is of no more use.
    :ivar was_damaged: whether what was there could not be read, or is missing, and it began anew.
    """

    def __init__(self, state: str, now: Callable[[], float], seconds: Callable[[], float]) -> None:
        self.was_damaged = self.is_damaged = False
        self._path = os.path.join(state, NAME)
        self._now = now
        self._seconds = seconds
        self._connection: sqlite3.Connection | None = None

    def open(self, is_first: bool) -> None:
        """
        Open it; one that is damaged is set aside, and a new one begun.

        :param is_first: whether it is no wonder if there is none.
        :raises JournalUnavailable: if it cannot be read or written.
        :raises JournalTooNew: if a later version of this package has written it.
        """
        try:
            if not is_first and not os.path.lexists(self._path):
                self.was_damaged = True
                _log.error("The journal {path} is missing; a new one was created", path=self._path)
            try:
                self._connect()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._set_aside(str(error))
                self.was_damaged = True
                self._connect()
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise JournalUnavailable(str(error)) from error
        except BaseException:
            self.close()
            raise

    def write(self, works: Sequence[Work]) -> Round:
        """
        Do some work in one transaction, durably.

        :param works: functions that are called with the transaction.
        """
        try:
            return self._transact(works)
        except Exception as error:
            self._roll_back()
            if isinstance(error, sqlite3.OperationalError) or _is_damage(error):
                return Round([self._failed(error)] * len(works), ())
            if len(works) == 1:
                return Round([Failure()], ())
        # One of them is at fault; it must not take the others with it.
        rounds = [self.write([work]) for work in works]
        return Round(
            [result for each in rounds for result in each.results],
            [change for each in rounds for change in each.changes],
        )

    def checkpoint(self) -> None:
        """
        Write the log into the database, and cut it to nothing.

        :raises JournalUnavailable: if that fails.
        """
        try:
            self._usable().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            self._failed(error).raiseException()

    def close(self) -> None:
        """Close it; once is enough, more does nothing."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # what was committed is durable
                connection.close()

    def _usable(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalUnavailable("it is closed")
        return self._connection

    def _transact(self, works: Sequence[Work]) -> Round:
        connection = self._usable()
        connection.execute("BEGIN")
        transaction = Transaction(connection, self._now(), self._seconds())
        results: list[Any] = []
        for work in works:
            try:
                results.append(work(transaction))
            except PushError:
                results.append(Failure())
        connection.execute("COMMIT")
        return Round(results, transaction.changes)

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def _failed(self, error: BaseException) -> Failure:
        if not _is_damage(error):
            return Failure(JournalUnavailable(str(error)))
        self.close()
        self.is_damaged = True
        try:
            self._set_aside(str(error))
        except OSError as fault:
            return Failure(JournalDamaged(f"{error}; {fault}"))
        return Failure(JournalDamaged(str(error)))

    def _connect(self) -> None:
        self.close()
        # Made here for its permissions, which SQLite gives its other files as well.
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        os.close(fd)
        self._connection = connection = sqlite3.connect(
            self._path, timeout=BUSY, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_SIZE}")
        connection.execute("PRAGMA temp_store = MEMORY")
        ((verdict, *_),) = connection.execute("PRAGMA quick_check(1)").fetchall()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        migrate(connection, MIGRATIONS)
        try:
            connection.execute(f"SELECT {COLUMNS} FROM entries LIMIT 0")
        except sqlite3.OperationalError as error:
            raise sqlite3.DatabaseError(str(error))
        for statement in MEMORY:
            connection.execute(statement)
        # Nobody is at work with what was being uploaded when the last owner ended.
        connection.execute(
            "UPDATE entries SET state = 'queued', changed = ? WHERE state = 'uploading'",
            (self._now(),),
        )

    def _set_aside(self, reason: str) -> None:
        self.close()
        aside = f"{self._path}.damaged-{time.strftime('%Y%m%dT%H%M%S', time.gmtime(self._now()))}"
        free, number = aside, 1
        while os.path.lexists(free):
            number += 1
            free = f"{aside}-{number}"
        with suppress(FileNotFoundError):
            os.unlink(f"{self._path}-shm")
        for suffix in ("-wal", ""):
            with suppress(FileNotFoundError):
                os.rename(self._path + suffix, free + suffix)
        _log.error(
            "The journal is damaged ({reason}); it is kept as {path}",
            reason=reason,
            path=free,
        )


def _is_damage(error: BaseException) -> bool:
    """Whether an error of the database says what no waiting mends."""
    # SQLITE_CORRUPT and SQLITE_NOTADB have no class of their own; the subclasses are other errors.
    return type(error) is sqlite3.DatabaseError

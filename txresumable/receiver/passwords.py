"""
Files that say who may log in.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, DeferredSemaphore, execute
from twisted.logger import Logger
from zope.interface import implementer

from .login import IToken, Token
from .store.refused import Refused
from .store.thread import Run, in_threads

__all__ = ["PasswordFile", "TokenFile"]

_MOST_REMEMBERED = 1000
_SHORTEST = 16
_BCRYPT = re.compile(rb"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./0-9A-Za-z]{53}")
_LONGEST = 72
"""Bytes of a password that bcrypt looks at."""
_AT_ONCE = 2
"""Passwords that are checked at once: more would only keep threads from disks."""


Table = dict[bytes, bytes]


class _Lines:
    """
    A file with a name and a secret in each line, with a colon in between, which is read again when
    it has changed.  Empty lines, and those that begin with ``#``, do not count.

    :param path: where it is.
    :param add: adds a name and a secret to a table; raises :exc:`ValueError` if it cannot.
    :raises OSError: if it cannot be read.
    :raises ValueError: if a line is something else.
    """

    _log = Logger()

    def __init__(
        self, path: str | os.PathLike[str], add: Callable[[Table, bytes, bytes], None]
    ) -> None:
        self._path = path
        self._add = add
        self._state: tuple[int, ...] | None = None
        self._table: Table = {}
        self._refresh()

    def read(self) -> Table:
        """
        The table.

        :raises Refused: with 503 if the file is not right any more, which is logged.
        """
        try:
            self._refresh()
        except (OSError, ValueError) as error:
            self._log.error("{path}: {error}", path=self._path, error=error)
            raise Refused(503, "logins cannot be checked now", retry_after=30) from None
        return self._table

    def _refresh(self) -> None:
        found = os.stat(self._path)
        state = (found.st_ino, found.st_size, found.st_mtime_ns)
        if state != self._state:
            with open(self._path, "rb") as file:
                self._table = self._parsed(file.read())
            self._state = state

    def _parsed(self, content: bytes) -> Table:
        table: Table = {}
        for number, line in enumerate(content.splitlines(), 1):
            name, _, secret = line.strip().partition(b":")
            if not name or name.startswith(b"#"):
                continue
            try:
                name.decode()
                self._add(table, name, secret)
            except UnicodeError:
                raise ValueError(f"line {number} is not UTF-8") from None
            except ValueError as error:
                raise ValueError(f"line {number} {error}") from None
        return table


@implementer(ICredentialsChecker)
class TokenFile:
    """
    Knows clients by their tokens: a file with ``NAME:TOKEN`` in each line, which is read again when
    it has changed.  A name may have several.  A token serves as a password, too.

    :param path: where the file is.
    :raises OSError: if it cannot be read.
    :raises ValueError: if a line is something else.
    """

    credentialInterfaces = (IToken, IUsernamePassword)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._lines = _Lines(path, _add_token)

    def requestAvatarId(self, credentials: Any) -> Deferred[bytes | tuple[()]]:
        """
        The name of who has a token.

        :param credentials: a :class:`Token`, or a name with a token for its password.
        :returns: a Deferred that has fired; fails with ``UnauthorizedLogin`` if nobody has, and
            with :exc:`Refused` if the file is not right any more.
        """
        # Any, as the interface has it.
        return execute(self._name_of, credentials)

    def _name_of(self, credentials: Token | UsernamePassword) -> bytes:
        secret = credentials.token if isinstance(credentials, Token) else credentials.password
        # Where in a table of digests a search ends says nothing of the token.
        name = self._lines.read().get(sha256(secret).digest())
        if name is None or getattr(credentials, "username", name) != name:
            raise UnauthorizedLogin
        return name


@implementer(ICredentialsChecker)
class PasswordFile:
    """
    Knows clients by names and passwords: a file as Apache's ``htpasswd -B`` writes it, with a
    bcrypt hash for each name.  It is read again when it has changed.

    :param path: where the file is.
    :raises OSError: if it cannot be read.
    :raises ValueError: if a line is something else, or bcrypt is not installed.
    """

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, path: str | os.PathLike[str], *, _run: Run | None = None) -> None:
        try:
            from bcrypt import checkpw
        except ImportError:
            raise ValueError("needs bcrypt: pip install 'txresumable[receiver]'") from None
        self._check: Callable[[bytes, bytes], bool] = checkpw
        if _run is None:
            from twisted.internet import reactor

            _run = in_threads(reactor)
        self._run = _run
        self._lines = _Lines(path, _add_hash)
        self._turns = DeferredSemaphore(_AT_ONCE)
        # Each chunk brings its password, which is meant to take long to check.
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def requestAvatarId(self, credentials: Any) -> Deferred[bytes | tuple[()]]:
        """
        The name of who has a password.

        :param credentials: a ``UsernamePassword``.
        :returns: a Deferred; fails with ``UnauthorizedLogin`` if the password is not theirs, and
            with :exc:`Refused` if the file is not right any more.
        """
        # Any, as the interface has it.
        return Deferred.fromCoroutine(self._name_of(credentials))

    async def _name_of(self, credentials: UsernamePassword) -> bytes | tuple[()]:
        name, password = credentials.username, credentials.password
        stored = self._lines.read().get(name)
        if stored is None:
            raise UnauthorizedLogin
        known = sha256(b"%d:%b%b" % (len(stored), stored, password)).digest()
        if known not in self._known:
            # No more of a password counts, neither for htpasswd.
            right = await self._turns.run(self._run, self._check, password[:_LONGEST], stored)
            if not right:
                raise UnauthorizedLogin
            self._known[known] = None
            if len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        return bytes(name)


def _add_token(table: Table, name: bytes, token: bytes) -> None:
    if len(token) < _SHORTEST:
        raise ValueError(f"has a token of less than {_SHORTEST} characters, which can be guessed")
    if table.setdefault(sha256(token).digest(), name) != name:
        raise ValueError("has the token of another name")


def _add_hash(table: Table, name: bytes, stored: bytes) -> None:
    if _BCRYPT.fullmatch(stored) is None:
        raise ValueError("must be as htpasswd -B writes it")
    if table.setdefault(name, stored) != stored:
        raise ValueError("has a name once more")

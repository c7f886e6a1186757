"""Tests for files that say who may log in."""

from __future__ import annotations

import os
import sys
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel
from zope.interface.verify import verifyObject

from tests.receiver_rig import ReceiverTestCase
from txresumable.receiver import PasswordFile, Refused, Token, TokenFile
from txresumable.receiver.store.thread import at_once

A, B, C = (letter * 16 for letter in "abc")
# As bcrypt makes them, and htpasswd -B, which is the same with $2y$.
SALT = "$2b$04$abcdefghijklmnopqrstuu"
HASHES = {
    "a": "$2y$04$abcdefghijklmnopqrstuuMFdJu9yVgmagVAIC24fOZkaFqd3s9JC",
    "hunter2": f"{SALT}V3duMsC0HpUex6N9qapiuOHHWkwRXVm",
    "x" * 72: f"{SALT}bzadhGtS2zEF.gu0yd0opP6cVzb.e0i",
    "\u00fc": f"{SALT}NApmOdvkVS7XnXfe1bhSIfa1wRFHkp.",
}


class FileTestCase(ReceiverTestCase):
    """Tests with a file."""

    def setUp(self) -> None:
        super().setUp()
        self.path = self.mktemp()
        self.written = 0

    def write(self, *lines: str) -> str:
        """Write the file anew."""
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
        self.written += 1
        os.utime(self.path, (self.written, self.written))
        return self.path

    def refuses(self, checker: Any, credentials: Any) -> None:
        """Assert that somebody is not known."""
        self.failureResultOf(checker.requestAvatarId(credentials), UnauthorizedLogin)

    def check_changes(self, checker: Any, credentials: Any, *lines: str) -> None:
        """Assert that a file that is changed counts, and one that is not right lets nobody in."""
        self.write("# nobody")
        self.refuses(checker, credentials)
        self.write(*lines)
        self.assertEqual(self.successResultOf(checker.requestAvatarId(credentials)), b"ada")
        logged = self.log()
        self.write("ada")
        for _ in range(2):
            refused = self.failureResultOf(checker.requestAvatarId(credentials), Refused)
            self.assertEqual((refused.value.status, refused.value.retry_after), (503, 30))
        os.remove(self.path)
        self.failureResultOf(checker.requestAvatarId(credentials), Refused)
        levels = [level for level, _ in logged()]
        self.assertEqual(levels, [LogLevel.error] * 3)
        self.assertIn(f"{self.path}: line 1 ", logged()[0][1])
        self.write(*lines)
        self.assertEqual(self.successResultOf(checker.requestAvatarId(credentials)), b"ada")


class TokenFileTests(FileTestCase):
    """Tokens."""

    def test_known(self) -> None:
        """A token says who somebody is; spaces, comments and empty lines do not count."""
        path = self.write("# ours", "", f"ada:{A}", f" ben:{B} ", f"ada:{C}:d", f"\u00e9:{A}{B}")
        checker = TokenFile(path)
        verifyObject(ICredentialsChecker, checker)
        for token, name in ((A, "ada"), (B, "ben"), (f"{C}:d", "ada"), (A + B, "\u00e9")):
            found = checker.requestAvatarId(Token(token.encode()))
            self.assertEqual(self.successResultOf(found), name.encode())
            password = UsernamePassword(name.encode(), token.encode())
            self.assertEqual(self.successResultOf(checker.requestAvatarId(password)), name.encode())
        for token in (C, "", "# ours", "ada"):
            self.refuses(checker, Token(token.encode()))
        self.refuses(checker, UsernamePassword(b"ben", A.encode()))

    def test_changed(self) -> None:
        """It is read again when it has changed."""
        checker = TokenFile(self.write(f"ben:{A}"))
        self.check_changes(checker, Token(A.encode()), f"ada:{A}")

    def test_bad(self) -> None:
        """A line that is something else is an error that says which."""
        for lines, why in (
            ((f"ada:{A}", "ben"), "line 2 has a token of less than 16"),
            ((f"ada:{A}", "", "ben:short"), "line 3 has a token of less than 16"),
            ((f"ada:{A}", f"ben:{A}"), "line 2 has the token of another name"),
        ):
            error = self.assertRaises(ValueError, TokenFile, self.write(*lines))
            self.assertTrue(str(error).startswith(why), error)
        with open(self.path, "wb") as file:
            file.write(b"\xff:" + A.encode())
        error = self.assertRaises(ValueError, TokenFile, self.path)
        self.assertEqual(str(error), "line 1 is not UTF-8")
        self.assertRaises(OSError, TokenFile, self.mktemp())


class PasswordFileTests(FileTestCase):
    """Passwords."""

    def test_known(self) -> None:
        """A password is compared with its hash, and with that of its name only."""
        names = {f"user-{number}": each for number, each in enumerate(HASHES)}
        path = self.write(*(f"{name}:{HASHES[each]}" for name, each in names.items()))
        checker = PasswordFile(path, _run=at_once)
        verifyObject(ICredentialsChecker, checker)
        for _ in range(2):
            for name, password in names.items():
                for each in HASHES:
                    given = UsernamePassword(name.encode(), each.encode())
                    if each == password:
                        found = self.successResultOf(checker.requestAvatarId(given))
                        self.assertEqual(found, name.encode())
                    else:
                        self.refuses(checker, given)
        self.refuses(checker, UsernamePassword(b"nobody", b"a"))

    @given(st.binary(min_size=1, max_size=30), st.binary(max_size=30))
    def test_others(self, password: bytes, other: bytes) -> None:
        """Other passwords are wrong."""
        self.path = self.mktemp()
        checker = PasswordFile(self.write(f"ada:{HASHES['hunter2']}"), _run=at_once)
        for each in (password, other):
            if each != b"hunter2":
                self.refuses(checker, UsernamePassword(b"ada", each))

    def test_changed(self) -> None:
        """It is read again when it has changed, and what was right before need not be any more."""
        checker = PasswordFile(self.write(f"ada:{HASHES['a']}"), _run=at_once)
        given = UsernamePassword(b"ada", b"a")
        self.assertEqual(self.successResultOf(checker.requestAvatarId(given)), b"ada")
        self.check_changes(checker, given, f"ada:{HASHES['a']}")
        self.write(f"ada:{HASHES['hunter2']}")
        self.refuses(checker, given)

    def test_few_are_remembered(self) -> None:
        """How many right passwords are remembered has a limit."""
        checker = PasswordFile(
            self.write(*(f"user-{number}:{HASHES['a']}" for number in range(1002))), _run=at_once
        )
        checker._check = lambda password, stored: True
        for number in range(1002):
            given = UsernamePassword(b"user-%d" % number, b"%d" % number)
            self.successResultOf(checker.requestAvatarId(given))
        self.assertEqual(len(checker._known), 1000)

    def test_long(self) -> None:
        """Of a long password its first 72 bytes count, as they do for htpasswd."""
        checker = PasswordFile(self.write(f"ada:{HASHES['x' * 72]}"), _run=at_once)
        given = UsernamePassword(b"ada", b"x" * 100)
        self.assertEqual(self.successResultOf(checker.requestAvatarId(given)), b"ada")

    def test_without_bcrypt(self) -> None:
        """Without bcrypt, which only passwords need, an error says what to install."""
        path = self.write(f"ada:{HASHES['a']}")
        with patch.dict(sys.modules, {"bcrypt": None}):
            error = self.assertRaises(ValueError, PasswordFile, path)
        self.assertIn("txresumable[receiver]", str(error))

    def test_two_at_once(self) -> None:
        """Passwords are checked in threads, two at once, and a right one only once."""
        waiting: list[Deferred[bool]] = []

        def later(work: Any, *args: Any) -> Deferred[Any]:
            waiting.append(Deferred())
            return waiting[-1]

        checker = PasswordFile(self.write(f"ada:{HASHES['a']}"), _run=later)
        asked = [checker.requestAvatarId(UsernamePassword(b"ada", b"a")) for _ in range(3)]
        self.assertEqual(len(waiting), 2)
        waiting[0].callback(True)
        waiting[1].callback(False)
        waiting[2].callback(True)
        self.assertEqual(self.successResultOf(asked[0]), b"ada")
        self.failureResultOf(asked[1], UnauthorizedLogin)
        self.assertEqual(self.successResultOf(asked[2]), b"ada")
        self.assertEqual(
            self.successResultOf(checker.requestAvatarId(UsernamePassword(b"ada", b"a"))), b"ada"
        )

    def test_bad(self) -> None:
        """What is no such hash is an error, and so is a name that is there twice."""
        apr1 = "$apr1$abcdefgh$G8IsPsylW5ROvIKsQMRG61"
        for line in ("ada:$2y$05$abc", "ada:secret", "ada:", "ada", f"ada:{apr1}"):
            error = self.assertRaises(ValueError, PasswordFile, self.write("", line))
            self.assertEqual(str(error), "line 2 must be as htpasswd -B writes it", line)
        lines = (f"ada:{HASHES['a']}", f"ada:{HASHES['hunter2']}")
        error = self.assertRaises(ValueError, PasswordFile, self.write(*lines))
        self.assertEqual(str(error), "line 2 has a name once more")

"""Tests for owners that log in."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.receiver_rig import ClientFile, ReceiverTestCase
from txresumable.receiver import IToken, Login, Token
from txresumable.receiver.login import ICredentialsChecker

CONTENT = bytes(range(65, 90))  # 25 bytes: two chunks of 10 and 15


def basic(name: str, password: str) -> str:
    """What a client sends to log in."""
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


@implementer(ICredentialsChecker)
class Tokens:
    """Knows one token, and takes its time."""

    credentialInterfaces = (IToken,)

    def __init__(self, result: Deferred[Any]) -> None:
        self.result = result
        self.given: list[bytes] = []

    def requestAvatarId(self, credentials: Token) -> Deferred[Any]:
        self.given.append(credentials.token)
        return self.result


class LoginTests(ReceiverTestCase):
    """Clients log in."""

    def passwords(self) -> InMemoryUsernamePasswordDatabaseDontUse:
        """A checker of Twisted's that knows somebody."""
        return InMemoryUsernamePasswordDatabaseDontUse(ada=b"love:lace", ben="b\u00e9n".encode())

    def status(self, *authorization: str) -> int:
        """The status of an upload."""
        headers = dict(zip(["authorization"], authorization, strict=False))
        return self.ask(ClientFile(CONTENT, chunk_size=50).upload(1, **headers)).status

    def test_token(self) -> None:
        """A token is what its interface says."""
        verifyObject(IToken, Token(b"x"))

    def test_passwords(self) -> None:
        """A name and its password are the owner; anything else is 401, and says how to log in."""
        self.start(site={"owner": Login(self.passwords())})
        for given in ([], [basic("ada", "x")], [basic("eve", "love:lace")], ["Bearer love:lace"]):
            self.assertEqual(self.status(*given), 401)
        for given in (
            "Basic",
            "Basic !",
            "Basic YWRh",
            "Basic YWRh=====",
            "Digest x",
            "Bearer",
        ):
            self.assertEqual(self.status(given), 401, given)
        self.assertEqual(self.private(), [])
        response = self.ask(ClientFile(CONTENT).test(1))
        self.assertEqual(
            response.headers["www-authenticate"], 'Basic realm="uploads", charset="UTF-8"'
        )
        self.assertEqual(self.status(basic("ada", "love:lace")), 200)
        self.assertEqual(self.status(basic("ben", "b\u00e9n").replace("Basic", "basic")), 200)
        self.assertEqual([file.owner for file in self.received], ["ada", "ben"])

    def test_tokens(self) -> None:
        """A token goes to a checker that takes tokens, whose result may come later."""
        checker = Tokens(Deferred())
        self.start(site={"owner": Login(checker)})
        self.assertEqual(self.status(basic("ada", "love:lace")), 401)
        data = ClientFile(CONTENT, chunk_size=50).upload(1, authorization="bearer  a-token ")
        wire = self.connect().send(data)
        self.assertEqual(wire.responses(), [])
        checker.result.callback("ada")
        self.assertEqual(wire.response().status, 200)
        self.assertEqual((checker.given, self.received[0].owner), ([b"a-token"], "ada"))
        response = self.ask(ClientFile(CONTENT).test(1))
        self.assertEqual(response.headers["www-authenticate"], "Bearer")

    def test_several(self) -> None:
        """Who one of several checkers knows may come in."""
        tokens = Tokens(succeed(b"eve"))
        other = InMemoryUsernamePasswordDatabaseDontUse(zoe=b"z")
        self.start(site={"owner": Login(self.passwords(), tokens, other)})
        for given in (basic("zoe", "z"), basic("ada", "love:lace"), "Bearer x"):
            self.assertEqual(self.status(given), 200)
        self.assertEqual([file.owner for file in self.received], ["zoe", "ada", "eve"])
        response = self.ask(ClientFile(CONTENT).test(1))
        self.assertEqual(
            response.headers["www-authenticate"],
            'Basic realm="uploads", charset="UTF-8", Bearer',
        )

    def test_checker_fails(self) -> None:
        """A checker that fails is no reason to let somebody in."""
        self.start(site={"owner": Login(Tokens(fail(KeyError("x"))))})
        self.assertEqual(self.status("Bearer x"), 500)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_no_checker(self) -> None:
        """It needs a checker, and nothing that only looks like a file of passwords."""
        given: Any = "passwords"
        self.assertRaises(TypeError, Login)
        error = self.assertRaises(TypeError, Login, self.passwords(), given)
        self.assertIn("'passwords'", str(error))

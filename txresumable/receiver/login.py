"""
Owners that log in.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any

from attrs import frozen
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials, IUsernamePassword, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import maybeDeferred
from twisted.web.server import Request
from zope.interface import Attribute, implementer

from .store.refused import Refused

__all__ = ["IToken", "Login", "Token"]


class IToken(ICredentials):
    """What a client has that says who it is."""

    token = Attribute("The token, as bytes.")


@implementer(IToken)
@frozen
class Token:
    """A token of a client's."""

    token: bytes


class Login:
    """
    An ``owner`` that has clients log in: by ``Authorization: Basic`` with a name and a password,
    or ``Bearer`` with a token.

    :param checkers: know them, as :mod:`twisted.cred.checkers` do; who one of them knows may come
        in, and what it calls them is the owner.  A token is given to those that take
        :class:`IToken`.
    :raises TypeError: if there is none, or one is something else.
    """

    def __init__(self, *checkers: ICredentialsChecker) -> None:
        if not checkers:
            raise TypeError("nobody could log in without a checker")
        for each in checkers:
            if not ICredentialsChecker.providedBy(each):
                raise TypeError(f"a checker provides ICredentialsChecker, and not {each!r}")
        self._checkers = checkers
        takes = {kind for each in checkers for kind in each.credentialInterfaces}
        schemes = {IUsernamePassword: 'Basic realm="uploads", charset="UTF-8"', IToken: "Bearer"}
        self._challenge = ", ".join(schemes[kind] for kind in schemes if kind in takes)

    async def __call__(self, request: Request) -> str:
        """
        Whose a request is.

        :raises Refused: with 401 if nobody knows them.
        """
        given = _credentials(request.getHeader(b"authorization") or b"")
        for checker in self._checkers if given is not None else ():
            if any(kind.providedBy(given) for kind in checker.credentialInterfaces):
                try:
                    found: Any = await maybeDeferred(checker.requestAvatarId, given)
                except UnauthorizedLogin:
                    continue
                return found.decode() if isinstance(found, bytes) else str(found)
        raise Refused(401, "log in", challenge=self._challenge)


def _credentials(header: bytes) -> Token | UsernamePassword | None:
    scheme, _, value = header.strip().partition(b" ")
    value = value.strip()
    if scheme.lower() == b"bearer" and value:
        return Token(value)
    if scheme.lower() == b"basic":
        try:
            name, colon, password = b64decode(value, validate=True).partition(b":")
        except binascii.Error:
            return None
        if colon:
            return UsernamePassword(name, password)
    return None

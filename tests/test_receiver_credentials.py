"""Tests for the credentials of object storage."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from unittest.mock import patch

from botocore.credentials import RefreshableCredentials
from botocore.exceptions import ClientError, CredentialRetrievalError
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.objects.interface import Forbidden, Unavailable
from txresumable.receiver.objects.s3.credentials import Credentials


class CredentialsTests(SynchronousTestCase):
    """Found, and renewed."""

    def get(self, credentials: Credentials) -> Deferred[Any]:
        return Deferred.fromCoroutine(credentials.get())

    def test_found(self) -> None:
        """They are found where botocore finds them, once."""
        credentials = Credentials(Clock())
        self.assertIsNone(credentials.ready())
        given = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"}
        with patch.dict("os.environ", given, clear=True):
            found = self.successResultOf(self.get(credentials))
        self.assertEqual((found.access_key, found.secret_key, found.token), ("a", "b", "c"))
        self.assertIs(credentials.ready(), found)

    def test_none(self) -> None:
        """That there are none is said, and found out anew."""
        nowhere = {
            "AWS_CONFIG_FILE": self.mktemp(),
            "AWS_SHARED_CREDENTIALS_FILE": self.mktemp(),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        credentials = Credentials(Clock())
        with patch.dict("os.environ", nowhere, clear=True):
            failure = self.failureResultOf(self.get(credentials), Forbidden)
            self.assertIn("AWS_ACCESS_KEY_ID", str(failure.value))
        given = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        with patch.dict("os.environ", given, clear=True):
            self.successResultOf(self.get(credentials))

    def test_renewed(self) -> None:
        """Those that end are renewed before; that this fails is not the end."""
        ends = datetime.now(timezone.utc) + timedelta(seconds=5)
        fresh = datetime.now(timezone.utc) + timedelta(hours=5)
        answers: list[Any] = [
            CredentialRetrievalError(provider="x", error_msg="not now"),
            ClientError({"Error": {"Code": "Throttling"}}, "AssumeRoleWithWebIdentity"),
            datetime.now(timezone.utc) - timedelta(hours=1),  # which have ended already
            fresh,
        ]

        def refresh() -> dict[str, str]:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return facts("new", answer)

        def facts(key: str, until: datetime) -> dict[str, str]:
            return {
                "access_key": key,
                "secret_key": "b",
                "token": "c",
                "expiry_time": until.isoformat(),
            }

        given = RefreshableCredentials.create_from_metadata(facts("old", ends), refresh, "x")
        credentials = Credentials(Clock(), given)
        self.assertIsNone(credentials.ready())
        for _ in range(3):
            self.failureResultOf(self.get(credentials), Unavailable)
        self.assertEqual(self.successResultOf(self.get(credentials)).access_key, "new")
        self.assertEqual(credentials.ready().access_key, "new")
        self.assertEqual(answers, [])

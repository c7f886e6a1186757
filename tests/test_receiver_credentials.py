"""Tests for the credentials of object storage."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from botocore.credentials import RefreshableCredentials
from botocore.exceptions import ClientError, CredentialRetrievalError
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.objects.interface import Forbidden, StorageError, Unavailable
from txresumable.receiver.objects.s3.credentials import Credentials, configured_region

CONFIG, SHARED = "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"


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
            why = str(failure.value)
        for name in ("AWS_ACCESS_KEY_ID", "'default'", *list(nowhere.values())[:2]):
            self.assertIn(name, why)
        given = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        with patch.dict("os.environ", given, clear=True):
            self.successResultOf(self.get(credentials))

    def why(self, error: type[StorageError], **environment: str) -> str:
        """Why there are none, in that environment."""
        paths = {name: self.mktemp() for name in (CONFIG, SHARED) if name not in environment}
        given = {**paths, "AWS_EC2_METADATA_DISABLED": "true", **environment}
        with patch.dict("os.environ", given, clear=True):
            failed = self.get(Credentials(Clock()))
        why = str(self.failureResultOf(failed, error).value)
        self.assertNotIn("\n", why)
        return why

    def written(self, *lines: str) -> str:
        """A file with a profile that has these lines."""
        path = Path(self.mktemp())
        path.write_text("\n".join(("[default]", *lines)), "utf-8")
        return str(path)

    def test_mistaken(self) -> None:
        """What is configured wrongly is not waited for, and says which files were read."""
        broken = self.written("[x")
        partial = self.written("aws_access_key_id = a")
        self.assertIn(broken, self.why(Forbidden, **{SHARED: broken}))
        self.assertIn("secret", self.why(Forbidden, **{SHARED: partial}))
        missing = self.why(Forbidden, AWS_PROFILE="nope", **{CONFIG: broken[:-1]})
        self.assertIn("(nope)", missing)
        self.assertIn(f"{broken[:-1]})", missing)
        fails = self.written("credential_process = sh -c 'echo no such vault >&2; exit 3'")
        self.assertIn("no such vault", self.why(Forbidden, **{CONFIG: fails}))
        absent = self.written(f"credential_process = {broken}-command")
        self.assertIn(f"{broken}-command", self.why(Forbidden, **{CONFIG: absent}))

    def test_service_away(self) -> None:
        """A service of the network that is away is waited for."""
        with patch("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0):
            away = "http://127.0.0.1:1/"
            why = self.why(Unavailable, AWS_CONTAINER_CREDENTIALS_FULL_URI=away)
            self.assertIn("container-role", why)
        given = {"AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT": away}
        self.assertIn(away, self.why(Unavailable, **given))
        # Which nobody asks then.
        given["AWS_EC2_METADATA_DISABLED"] = "true"
        self.assertIn("neither", self.why(Forbidden, **given))

    def test_refused_role(self) -> None:
        """A role that is refused is not waited for, unless it was had before."""
        refused = ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRole")

        class Held:
            answers: ClassVar[list[Any]] = [refused, "a", refused]

            def refresh_needed(self) -> bool:
                return True

            def get_frozen_credentials(self) -> Any:
                answer = self.answers.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return answer

        credentials = Credentials(Clock(), Held())
        self.failureResultOf(self.get(credentials), Forbidden)
        self.assertEqual(self.successResultOf(self.get(credentials)), "a")
        self.failureResultOf(self.get(credentials), Unavailable)

    def test_region(self) -> None:
        """The region is that of the environment, else that of the configuration, if it is read."""
        given = {CONFIG: self.written("region = a-b-1")}
        with patch.dict("os.environ", given, clear=True):
            self.assertEqual(configured_region(), "a-b-1")
        with patch.dict("os.environ", {**given, "AWS_PROFILE": "nope"}, clear=True):
            error = self.assertRaises(ValueError, configured_region)
        self.assertIn("(nope)", str(error))
        self.assertIn(given[CONFIG], str(error))
        with patch.dict("os.environ", {"AWS_PROFILE": "nope", "AWS_REGION": "c"}, clear=True):
            self.assertEqual(configured_region(), "c")

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

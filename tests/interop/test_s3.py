"""Object storage that others wrote does what uploads rest on, through both of its gateways."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from uuid import uuid4

from botocore.credentials import Credentials
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.objects_rig import ObjectsTests
from txresumable.receiver.objects.interface import Forbidden, Rejected, Unavailable
from txresumable.receiver.objects.probe import probe
from txresumable.receiver.objects.s3 import S3Objects

from .install import why_not_installed
from .scenarios import require
from .seaweedfs import GATEWAYS, KEY, PARTS, SECRET, SeaweedFS


def _client(storage: SeaweedFS, gateway: int, bucket: str, secret: str = SECRET) -> S3Objects:
    """A client of a gateway."""
    return S3Objects(
        bucket,
        endpoint=storage.endpoints[gateway],
        region="us-east-1",
        credentials=Credentials(KEY, secret),
        deadline=20.0,
        reactor=reactor,
    )


class SeaweedFSTests(ObjectsTests, TestCase):
    """SeaweedFS."""

    timeout = 180

    async def make_objects(self) -> S3Objects:
        require(self, why_not_installed(*PARTS))
        self.storage = await deferToThread(SeaweedFS.running)
        self.bucket = f"b{uuid4().hex[:12]}"
        await deferToThread(self.storage.make_bucket, self.bucket)
        return _client(self.storage, 0, self.bucket)

    async def test_probe(self) -> None:
        """It passes the self-test, and nothing is left."""
        await probe(self.objects, self.prefix)
        self.assertEqual(await self.keys(), [])
        self.assertTrue(self.objects.quotes)
        self.assertTrue(self.objects.checks_sha256)

    async def test_sha256(self) -> None:
        """What arrives changed is not stored, once that is known to be checked."""
        await probe(self.objects, self.prefix)
        key = f"{self.prefix}k"
        right, wrong = (sha256(each).hexdigest() for each in (b"content", b"other"))
        await self.fails(Rejected, self.objects.put(key, b"content", sha256=wrong))
        self.assertIsNone(await self.objects.head(key))
        await self.objects.put(key, b"content", sha256=right)
        found = await self.objects.get(key)
        assert found is not None
        self.assertEqual(found[1], b"content")

    async def test_two_gateways(self) -> None:
        """Of those that want to be the first, over two gateways, one is; each sees it at once."""
        other = _client(self.storage, 1, self.bucket)
        self.addCleanup(lambda: Deferred.fromCoroutine(other.close()))
        for each in range(30):
            key = f"{self.prefix}{each}"
            tries = [
                Deferred.fromCoroutine(client.put(key, content, absent=True))
                for client, content in ((self.objects, b"1"), (other, b"2"))
            ]
            results = [await each.addErrback(lambda failure: failure.value) for each in tries]
            won = [not isinstance(result, Exception) for result in results]
            self.assertEqual(sorted(won), [False, True], results)
            for client in (self.objects, other):
                got = await client.get(key)
                assert got is not None
                self.assertEqual(got[1], b"12"[won.index(True) :][:1])

    async def test_forbidden(self) -> None:
        """A wrong secret is said to be wrong."""
        other = _client(self.storage, 0, self.bucket, "wrong")
        self.addCleanup(lambda: Deferred.fromCoroutine(other.close()))
        await self.fails(Forbidden, other.put(self.prefix + "k", b"x"))
        await self.fails(Forbidden, other.list(self.prefix))

    async def test_killed(self) -> None:
        """While its gateway is gone it is unavailable, and afterwards all is there."""
        put = partial(self.objects.put, self.prefix + "k", b"content")
        await put()
        await deferToThread(self.storage.kill, GATEWAYS[0])
        try:
            for waiting in (put(), self.objects.get(self.prefix + "k")):
                await self.fails(Unavailable, waiting)
        finally:
            await deferToThread(self.storage.restart, GATEWAYS[0])
        got = await self.objects.get(self.prefix + "k")
        assert got is not None
        self.assertEqual(got[1], b"content")

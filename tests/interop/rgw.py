"""
Object storage that is older and stricter than SeaweedFS: Ceph's gateway.  No test run looks for
these tests by itself: ``make interop-rgw`` does.
"""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

from botocore.credentials import Credentials
from twisted.internet import reactor as installed
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.fleet.verdict import Bucket
from tests.objects_rig import ObjectsTests
from txresumable import Resumable
from txresumable.receiver import ObjectStore, ReceivedFile, make_site
from txresumable.receiver.objects.interface import Missing, Unavailable
from txresumable.receiver.objects.probe import probe
from txresumable.receiver.objects.s3 import S3Objects

from .ceph import PARTS, Ceph
from .install import why_not_installed
from .scenarios import KIB, MIB, require
from .seaweedfs import KEY, SECRET

reactor: Any = installed


class _Storage:
    """A bucket."""

    timeout = 240

    async def make_objects(self) -> S3Objects:
        require(self, why_not_installed(*PARTS))  # type: ignore[arg-type]
        self.storage = await deferToThread(Ceph.running)
        self.bucket = f"b{uuid4().hex[:12]}"
        await deferToThread(self.storage.make_bucket, self.bucket)
        objects = self.make_client()
        await probe(objects, "probe/")
        return objects

    def make_client(self) -> S3Objects:
        """Another client of the bucket."""
        [endpoint] = self.storage.endpoints
        known = Credentials(KEY, SECRET)
        return S3Objects(
            self.bucket, endpoint=endpoint, region="us-east-1", credentials=known, reactor=reactor
        )


class CephTests(_Storage, ObjectsTests, TestCase):
    """It does what uploads rest on."""

    async def test_unquoted(self) -> None:
        """The self-test has found out that it compares ETags without their quotes."""
        assert isinstance(self.objects, S3Objects)
        self.assertFalse(self.objects.quotes)

    async def test_ended_multipart(self) -> None:
        """What was aborted is never completed; Ceph says that it is completed right now."""
        key = self.prefix + "k"
        id = await self.objects.begin_multipart(key)
        part = await self.objects.put_part(key, id, 1, b"content")
        await self.objects.abort_multipart(key, id)
        await self.fails(Missing, self.objects.put_part(key, id, 1, b"content"))
        await self.fails(Unavailable, self.objects.complete_multipart(key, id, [part]))
        self.assertIsNone(await self.objects.head(key))


class StoreTests(_Storage, TestCase):
    """Uploads in it, over two receivers."""

    async def test_upload(self) -> None:
        """
        Files of one part, of chunks that are put together, and of chunks that it copies, arrive as
        they were, each as one object.
        """
        received: list[ReceivedFile] = []
        targets = []
        for objects in await self.make_objects(), self.make_client():
            objects.quotes = False
            store = ObjectStore(objects, on_complete=received.append, reactor=reactor)
            site = make_site(store, reactor=reactor)
            port = reactor.listenTCP(0, site, interface="127.0.0.1")
            self.addCleanup(store.close)
            self.addCleanup(site.drop_connections)
            self.addCleanup(port.stopListening)
            targets.append(f"http://127.0.0.1:{port.getHost().port}/")
        contents = {}
        for number, (chunk, size) in enumerate(
            ((16 * KIB, 100 * KIB), (256 * KIB, 20 * MIB + 1), (8 * MIB, 30 * MIB))
        ):
            name = f"{number}.bin"
            contents[name] = os.urandom(size)
            uploader = Resumable(targets[number % 2], reactor=reactor, chunk_size=chunk)
            await uploader.add_file(contents[name], file_name=name)
            await uploader.close()
        self.assertEqual(
            {file.file_name: file.size for file in received},
            {name: len(content) for name, content in contents.items()},
        )
        reader = await deferToThread(Bucket, self.storage.endpoints[0], self.bucket)
        keys = await deferToThread(lambda: list(reader.keys("files/")))
        self.assertEqual(len(keys), 3)
        for key in keys:
            got = await deferToThread(reader.get, key)
            self.assertEqual(got, contents[key.rpartition("/")[2]], key)

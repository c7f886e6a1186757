from __future__ import annotations

from twisted.trial.unittest import TestCase

from txresumable.testing import UploadStoreTests

from .object_store_rig import InBucket


class ObjectStoreConformanceTests(InBucket, UploadStoreTests, TestCase):
    """What every store has to do, in object storage."""

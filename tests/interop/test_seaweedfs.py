"""The object storage that tests start is what they take it for."""

from __future__ import annotations

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from .install import why_not_installed
from .scenarios import require
from .seaweedfs import FILERS, GATEWAYS, PARTS, SeaweedFS


class SeaweedFSTests(TestCase):
    """
    Processes of their own, each of which can be killed and comes back.
    """

    timeout = 180

    def setUp(self) -> None:
        require(self, why_not_installed(*PARTS))

    async def test_killed(self) -> None:
        """Whatever is killed is gone, and is there again when it was started again."""
        storage = await deferToThread(SeaweedFS.running)
        for name in ("volume", *FILERS, *GATEWAYS):
            before = storage.process_ids()[name]
            await deferToThread(storage.kill, name)
            await deferToThread(storage.restart, name)
            self.assertNotEqual(storage.process_ids()[name], before)

"""Tests for which files of a push service are under way."""

from __future__ import annotations

from tests.push_rig import PushTestCase
from txresumable._cli.push.under_way import PushUnderWay
from txresumable.testing import FakeClient, Response


class PushUnderWayTests(PushTestCase):
    """What is shown of it."""

    def test_files(self) -> None:
        """Each file that is sent, how many are left, and how much got there in all."""
        client = FakeClient()
        options = {"test_chunks": False, "simultaneous_uploads": 1}
        service = self.service(options, client)
        under_way = PushUnderWay(service)
        self.assertEqual(under_way.picture(9).files, [])
        self.file("a", "x" * 30)
        self.file("b", "x" * 20)
        service.startService()
        client.respond(200)
        under_way.picture(9)
        picture = under_way.picture(1)
        [line] = picture.files
        self.assertEqual((line.name, line.size, picture.more), ("scans/a", 30, 1))
        self.assertAlmostEqual(line.done, 10)
        self.assertEqual((picture.total.name, picture.total.size), ("2 uploading, 0 to send", None))
        self.assertAlmostEqual(picture.total.done, 10)
        while client.waiting:
            client.respond(200)
        under_way.picture(9)
        picture = under_way.picture(9)
        self.assertEqual((picture.files, picture.total.done), ([], 50))

    def test_target(self) -> None:
        """Why a target takes nothing is told."""
        self.file("a")
        self.receiver.rule = lambda _: Response(401, b"who are you?")
        under_way = PushUnderWay(self.started())
        under_way.picture(9)
        self.assertRegex(under_way.picture(9).note, r"^lab: .*who are you\?")

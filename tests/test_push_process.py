"""Tests for what a process does that watches folders; its life is in ``test_push_command``."""

from __future__ import annotations

import gc
from unittest.mock import patch

from twisted.internet.task import Clock

from tests.push_rig import PushTestCase
from txresumable._cli.push.process import make_push


class MakingTests(PushTestCase):
    """The service."""

    def test_modules(self) -> None:
        """Garbage is not looked for in what was loaded: that would hold everything up."""
        done: list[str] = []
        with (
            patch.object(gc, "collect", lambda: done.append("collect")),
            patch.object(gc, "freeze", lambda: done.append("freeze")),
        ):
            make_push("push.toml", self.settings(), Clock())
        self.assertEqual(done, ["collect", "freeze"])

"""Tests for what targets say about files that they have."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.push_rig import PushTestCase
from txresumable._cli.push.asking import digests
from txresumable.errors import ResumableError
from txresumable.push.control.described import describe


class AskingTests(PushTestCase):
    """A receiver is asked once more."""

    def asked(self, client: Any = None, **changes: Any) -> dict[int, str]:
        """Send two files, and ask for their digests."""
        options = {"checksum": "sha256"}
        for name in "a", "b/c":
            self.file(name, name * 20)
        service = self.started(options)
        files = [{**describe(entry), **changes} for entry in self.entries(service)]
        sent = len(self.receiver.sent)
        target = service.settings.targets["lab"]
        found = self.result(digests(target, files, self.clock, client or self.receiver))
        self.assertTrue({each.method for each in self.receiver.sent[sent:]} <= {"GET"})
        return found

    def test_says(self) -> None:
        """What it has now is what counts; nothing is uploaded."""
        names = {1: b"a", 2: b"b/c"}
        said = {id: hashlib.sha256(name * 20).hexdigest() for id, name in names.items()}
        self.assertEqual(self.asked(), said)

    def test_does_not_have(self) -> None:
        """Of what it does not have it says nothing."""
        self.assertEqual(self.asked(identifier="another"), {})

    def test_cannot_be_asked(self) -> None:
        """Nor does one that does not respond."""

        class Client:
            def request(self, *_: Any, **__: Any) -> Any:
                raise ResumableError("no way")

        self.assertEqual(self.asked(Client()), {})

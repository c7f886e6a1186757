"""URLs that may be shown."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.url import without_query


class URLTests(SynchronousTestCase):
    def test_without_query(self) -> None:
        """What may be logged has no secrets."""
        for url, shown in {
            "https://u:p@h:8/x?token=1#f": "https://h:8/x",
            "https://u:p@x@h/": "https://h/",
            "http://[::1/x?token=1#f": "http://[::1/x",
            "http://u:p@[::1/x#token": "http://[::1/x",
            "http://h/a//b?c": "http://h/a//b",
            "": "",
        }.items():
            self.assertEqual(without_query(url), shown)

"""Tests for where a bucket is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.objects.s3.location import Location


class LocationTests(SynchronousTestCase):
    """The addresses of objects."""

    def of(
        self, bucket: str, endpoint: str | None, region: str = "eu-west-1"
    ) -> tuple[str, str, str]:
        place = Location.of(bucket, endpoint, region)
        return place.origin, place.host, place.path("a b")

    def test_endpoint(self) -> None:
        """At an endpoint, the bucket is in the path."""
        table = {
            "http://127.0.0.1:9000": ("http://127.0.0.1:9000", "127.0.0.1:9000", "/bkt/a%20b"),
            "https://S3.example.com/": ("https://s3.example.com", "s3.example.com", "/bkt/a%20b"),
            "https://e.x:443/s3/": ("https://e.x:443", "e.x", "/s3/bkt/a%20b"),
            "http://e.x:80": ("http://e.x:80", "e.x", "/bkt/a%20b"),
            "http://e.x:443": ("http://e.x:443", "e.x:443", "/bkt/a%20b"),
            "http://[::1]:9000": ("http://[::1]:9000", "[::1]:9000", "/bkt/a%20b"),
        }
        for endpoint, expected in table.items():
            self.assertEqual(self.of("bkt", endpoint), expected)

    def test_amazon(self) -> None:
        """At Amazon's, it is in the name of the host, unless there is a dot in it."""
        host = "s3.eu-west-1.amazonaws.com"
        self.assertEqual(self.of("bkt", None), (f"https://bkt.{host}", f"bkt.{host}", "/a%20b"))
        self.assertEqual(self.of("b.kt", None), (f"https://{host}", host, "/b.kt/a%20b"))
        self.assertEqual(
            self.of("bkt", None, "cn-north-1")[1], "bkt.s3.cn-north-1.amazonaws.com.cn"
        )

    def test_query(self) -> None:
        """Parameters are in the order in which they are signed, each with its value."""
        query = Location.query({"uploads": "", "b": "ü &", "a": 1})
        self.assertEqual(query, "a=1&b=%C3%BC%20%26&uploads=")

    def test_wrong(self) -> None:
        """What is no endpoint, or no bucket, is refused."""
        for endpoint in ("", "x", "s3://b", "http://", "http://h:x", "http://h?a", "http://h#a"):
            with self.assertRaises(ValueError):
                self.of("bkt", endpoint)
        for bucket in ("", "a/b", "-x", "a b", "ü", "a?"):
            with self.assertRaises(ValueError):
                self.of(bucket, "http://h")

"""
Tests for the URL of a proxy, and what a proxy is sent.
"""

from __future__ import annotations

from base64 import b64encode

from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.proxy import Proxy


class ProxyTests(SynchronousTestCase):
    """
    Proxies from URLs.
    """

    def test_place(self) -> None:
        """A URL says where the proxy is; the port that is not there is that of http."""
        for url, host, port, shown in (
            ("http://proxy.example:3128", "proxy.example", 3128, "http://proxy.example:3128"),
            ("http://proxy.example/", "proxy.example", 80, "http://proxy.example:80"),
            ("http://[::1]:8080", "::1", 8080, "http://[::1]:8080"),
            ("HTTP://10.0.0.1:1", "10.0.0.1", 1, "http://10.0.0.1:1"),
        ):
            proxy = Proxy.of(url)
            self.assertEqual((proxy.host, proxy.port), (host, port))
            self.assertEqual((str(proxy), proxy.credentials), (shown, b""))

    def test_credentials(self) -> None:
        """User and password are decoded, sent as Basic, and shown nowhere."""
        for user_info, user_pass in (
            ("anna:s3cret", b"anna:s3cret"),
            ("anna:a%40b%3a%2F%C3%A9", "anna:a@b:/\u00e9".encode()),
            ("anna", b"anna:"),
            ("s3cret:s3cret@x", b"s3cret:s3cret@x"),
        ):
            proxy = Proxy.of(f"http://{user_info}@proxy.example:3128")
            self.assertEqual(
                proxy.credentials, b"Proxy-Authorization: Basic %b\r\n" % b64encode(user_pass)
            )
            self.assertEqual(str(proxy), "http://proxy.example:3128")
            self.assertNotIn("s3cret", repr(proxy))
            self.assertNotIn(b64encode(user_pass).decode(), repr(proxy))

    def test_no_proxy(self) -> None:
        """What is no such URL is refused, without a word of it."""
        for url in (
            "",
            "s3cret",
            "s3cret.example:3128",
            "//s3cret.example",
            "https://anna:s3cret@proxy.example",
            "socks5://anna:s3cret@proxy.example",
            "http://",
            "http://anna:s3cret@",
            "http://anna:s3cret",
            "http://anna:s3/cret@proxy.example",
            "http://proxy.example:0",
            "http://proxy.example:70000",
            "http://proxy.example/s3cret",
            "http://proxy.example?s3cret",
            "http://proxy.example#s3cret",
            "http://pr\u00f6xy.s3cret.example",
            "http://[::1%25s3cret]:1",
            "http://[s3cret",
            "http://s3cret\\x",
        ):
            error = self.assertRaises(ValueError, Proxy.of, url)
            self.assertEqual(
                str(error), "must be http://HOST:PORT or http://USER:PASSWORD@HOST:PORT", url
            )

    def test_connect(self) -> None:
        """A request for a tunnel names host and port, and has the credentials."""
        proxy = Proxy.of("http://anna:s3cret@proxy.example")
        for host, authority in (("a.example", b"a.example:443"), ("::1", b"[::1]:443")):
            self.assertEqual(
                proxy.connect(host, 443, "me/1"),
                b"CONNECT %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: me/1\r\n"
                b"Proxy-Authorization: Basic YW5uYTpzM2NyZXQ=\r\n\r\n" % (authority, authority),
            )

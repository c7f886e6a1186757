"""
Tests for the proxies that the environment names.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable._cli.environment import proxies

ONE, TWO = "http://one.example:1", "http://two.example:2"


class ProxiesTests(SynchronousTestCase):
    """
    Proxies from variables.
    """

    def choose(self, origin: str, **variables: str) -> str | None:
        """The proxy for an origin."""
        chosen = proxies(variables)
        return None if chosen is None else chosen(origin)

    def test_none(self) -> None:
        """Without a variable, or with empty ones, there is none."""
        for variables in ({}, {"HTTPS_PROXY": ""}, {"NO_PROXY": "*"}, {"https_proxy": ""}):
            self.assertIsNone(proxies(variables))

    def test_schemes(self) -> None:
        """There is one for each scheme, and one for all that have none."""
        secure, plain = "https://a.example", "http://a.example"
        both = {"HTTPS_PROXY": ONE, "HTTP_PROXY": TWO}
        self.assertEqual([self.choose(each, **both) for each in (secure, plain)], [ONE, TWO])
        self.assertIsNone(self.choose(plain, HTTPS_PROXY=ONE))
        self.assertEqual(self.choose(plain, HTTPS_PROXY=ONE, ALL_PROXY=TWO), TWO)
        self.assertEqual(self.choose(secure, HTTPS_PROXY=ONE, ALL_PROXY=TWO), ONE)

    def test_case(self) -> None:
        """A name in lower case goes before that in capitals, also if it is empty."""
        plain = "http://a.example"
        self.assertEqual(self.choose(plain, http_proxy=ONE, HTTP_PROXY=TWO), ONE)
        self.assertIsNone(self.choose(plain, http_proxy="", HTTP_PROXY=TWO, https_proxy=ONE))

    def test_cgi(self) -> None:
        """In CGI, HTTP_PROXY in capitals is a header of whoever made the request."""
        cgi = {"REQUEST_METHOD": "GET"}
        self.assertIsNone(self.choose("http://a.example", HTTP_PROXY=TWO, **cgi))
        self.assertEqual(self.choose("http://a.example", http_proxy=ONE, **cgi), ONE)
        self.assertEqual(self.choose("https://a.example", HTTPS_PROXY=ONE, **cgi), ONE)

    def test_without_scheme(self) -> None:
        """A proxy without a scheme is one of HTTP; other schemes are left for others to refuse."""
        for given, url in (
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("anna:b@proxy.example", "http://anna:b@proxy.example"),
            ("socks5://proxy.example", "socks5://proxy.example"),
        ):
            self.assertEqual(self.choose("https://a.example", HTTPS_PROXY=given), url)

    def test_exceptions(self) -> None:
        """NO_PROXY has domains with all that is below them, addresses, networks, and ports."""
        for exceptions, origin, is_excepted in (
            ("*", "https://a.example", True),
            ("a.example", "https://a.example", True),
            ("A.Example", "https://a.example", True),
            ("other.example, a.example", "https://a.example", True),
            ("other.example a.example", "https://a.example", True),
            ("example", "https://a.example", True),
            (".example", "https://a.example", True),
            ("*.example", "https://a.example", True),
            ("a.example", "https://b.a.example", True),
            ("a.example", "https://ba.example", False),
            ("b.a.example", "https://a.example", False),
            ("a.example:443", "https://a.example", True),
            ("a.example:443", "https://a.example:444", False),
            ("a.example:80", "http://a.example", True),
            ("10.0.0.1", "https://10.0.0.1", True),
            ("10.0.0.1:444", "https://10.0.0.1", False),
            ("10.0.0.1:443", "https://10.0.0.1", True),
            ("10.0.0.0/8", "https://10.9.9.9:1", True),
            ("10.9.9.0/8", "https://10.0.0.1", True),
            ("10.0.0.0/8", "https://11.0.0.1", False),
            ("0.1", "https://10.0.0.1", False),
            ("::1", "https://[::1]:8443", True),
            ("[::1]", "https://[::1]:8443", True),
            ("[::1]:8443", "https://[::1]:8443", True),
            ("[::1]:8444", "https://[::1]:8443", False),
            ("fd00::/8", "https://[fd00::5]", True),
            ("", "https://a.example", False),
            (",,", "https://a.example", False),
            (":", "https://a.example", False),
        ):
            chosen = self.choose(origin, ALL_PROXY=ONE, NO_PROXY=exceptions)
            self.assertEqual(chosen, None if is_excepted else ONE, (exceptions, origin))

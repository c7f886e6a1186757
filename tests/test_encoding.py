"""Texts as a browser writes them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.encoding import encode_component, js_string


class EncodingTests(SynchronousTestCase):
    def test_components(self) -> None:
        """As encodeURIComponent, and the URL layer's quote."""
        self.assertEqual(
            encode_component("a b&c=d/é+%~!*()'"), "a%20b%26c%3Dd%2F%C3%A9%2B%25~!*()%27"
        )
        self.assertEqual(encode_component("\udc80"), "%EF%BF%BD")

    def test_js_strings(self) -> None:
        """Large and small floats as JavaScript writes them."""
        for value, written in {
            0.5: "0.5",
            -0.0: "0",
            -2.0: "-2",
            100.0: "100",
            -1234.5: "-1234.5",
            1e20: "100000000000000000000",
            123456789012345680000.0: "123456789012345680000",
            1e21: "1e+21",
            -1.5e300: "-1.5e+300",
            0.1: "0.1",
            0.0123: "0.0123",
            0.000001: "0.000001",
            0.0000012: "0.0000012",
            1e-7: "1e-7",
            -1.25e-9: "-1.25e-9",
            5e-324: "5e-324",
            float("inf"): "Infinity",
            float("-inf"): "-Infinity",
        }.items():
            self.assertEqual(js_string(value), written)
        self.assertEqual(js_string(float("nan")), "NaN")

    def test_js_values(self) -> None:
        """Whatever else JavaScript's String() has a text for."""
        for value, written in [
            ("text", "text"),
            (True, "true"),
            (False, "false"),
            (None, "null"),
            (-7, "-7"),
            (10**30, "1" + "0" * 30),
            ([1, None, "x", [True, ()]], "1,,x,true,"),
            ((), ""),
        ]:
            self.assertEqual(js_string(value), written)
        for other in (b"bytes", {}, object()):
            self.assertRaises(TypeError, js_string, other)

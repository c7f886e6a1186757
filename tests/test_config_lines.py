"""Tests for the lines that the keys of a TOML file are on."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._cli.config.lines import lines_of
from txresumable._cli.config.toml import loads

TEXT = '''# a comment = 1
a = 1
"b c" = "# = ["

[x]
'd.e' = """
[y]
f = 1\\""" """ # ]
g = [1,   # ]
  [2, "]"], { h = 1 }, \'\'\'
[z]\'\'\',
]
i.j = { k = 1, l = "}" }
[[r]]
m = 1
  [[ r ]]
m = \'\'
[r.s . t]
n = 1979-05-27 07:32:00
[[r.u]]
o = 1
'''


class LinesTests(SynchronousTestCase):
    """Where keys are."""

    def test_lines(self) -> None:
        """Keys, tables and arrays of tables are found, and nothing in texts, values, comments."""
        loads(TEXT)
        self.assertEqual(
            dict(lines_of(TEXT)),
            {
                ("a",): 2,
                ("b c",): 3,
                ("x",): 5,
                ("x", "d.e"): 6,
                ("x", "g"): 9,
                ("x", "i"): 13,
                ("x", "i", "j"): 13,
                ("r",): 14,
                ("r", 0): 14,
                ("r", 0, "m"): 15,
                ("r", 1): 16,
                ("r", 1, "m"): 17,
                ("r", 1, "s"): 18,
                ("r", 1, "s", "t"): 18,
                ("r", 1, "s", "t", "n"): 19,
                ("r", 1, "u"): 20,
                ("r", 1, "u", 0): 20,
                ("r", 1, "u", 0, "o"): 21,
            },
        )

    def test_ends(self) -> None:
        """A file may end anywhere, with any end of lines."""
        self.assertEqual(dict(lines_of("")), {})
        self.assertEqual(dict(lines_of("a=1")), {("a",): 1})
        self.assertEqual(dict(lines_of("\r\n[a]\r\nb=''\r\n# x")), {("a",): 2, ("a", "b"): 3})

    @settings(max_examples=200, deadline=None)
    @given(st.data())
    def test_any(self, data: st.DataObject) -> None:
        """Whatever the values are, each key is on the line that it was written on."""
        names = data.draw(st.lists(st.text("ab-_ .\"#[]='", min_size=1), unique=True, max_size=6))
        wanted: dict[tuple[Any, ...], int] = {}
        lines: list[str] = []
        for name in names:
            quoted = name.replace('"', '\\"')
            value = data.draw(st.sampled_from(VALUES))
            wanted[name,] = len(lines) + 1
            lines += f'"{quoted}" = {value}'.split("\n")
        text = "\n".join(lines)
        loads(text)
        self.assertEqual(dict(lines_of(text)), wanted)


VALUES = (
    "1",
    "true # x = 1",
    '"a \\" b"',
    "'a \\'",
    '"""\na = 1\n"""""',
    "'''\n[a]\n'''''",
    "[\n]",
    '[1, # ]\n"]", [2],\n]',
    '{ "a" = "}", b = [1] }',
    "07:32:00",
)

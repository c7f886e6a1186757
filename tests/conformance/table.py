"""
The table of deliberate differences between resumable.js in a browser and this library.

It stands in ``docs/differences.rst``, for people and for the tests.
"""

import re
from pathlib import Path

from attrs import frozen

TABLE = Path(__file__).parent.parent.parent / "docs" / "differences.rst"


@frozen
class Difference:
    """
    One row of the table.

    :ivar scenarios: ids, or ``("all",)``.
    :ivar kind: its name.
    :ivar what: what differs, in words.
    :ivar reason: why.
    """

    scenarios: tuple[str, ...]
    kind: str
    what: str
    reason: str

    def concerns(self, scenario: str) -> bool:
        """
        Whether the row is about a scenario.

        :param scenario: its id.
        """
        return self.scenarios == ("all",) or scenario in self.scenarios

    def literals(self) -> tuple[str, ...]:
        """
        What the row names in double back-quotes.
        """
        return tuple(re.findall(r"``([^`]+)``", self.what))


def load() -> list[Difference]:
    """
    The rows of the table in the documentation, without its heading.
    """
    _, _, rest = TABLE.read_text("utf-8").partition(".. list-table::")
    rows: list[list[str]] = []
    for line in rest.splitlines()[1:]:
        if line and not line.startswith(" "):
            break
        if line.startswith("   * - "):
            rows.append([line[7:]])
        elif line.startswith("     - "):
            rows[-1].append(line[7:])
        elif rows:
            rows[-1][-1] += " " + line.strip()
    return [_row(*map(str.strip, cells)) for cells in rows[1:]]


def _row(scenarios: str, kind: str, what: str, reason: str) -> Difference:
    return Difference(tuple(re.findall(r"[\w-]+", scenarios)), kind.strip("`"), what, reason)

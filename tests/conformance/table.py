"""
The tables of deliberate differences between libraries in a browser and this library.

They stand in ``docs/differences.rst``, for people and for the tests: one about resumable.js, whose
rows about all are about all libraries, and one about its relatives.
"""

import re
from pathlib import Path

from attrs import frozen

from txresumable._protocol.dialect import DIALECTS

from .scenario import Scenario

TABLE = Path(__file__).parent.parent.parent / "docs" / "differences.rst"


@frozen
class Difference:
    """
    One row of the table.

    :ivar clients: the dialects of the libraries that it is about.
    :ivar scenarios: ids, after the name of a dialect and a slash if they are of one only; or
        ``("all",)``.
    :ivar kind: its name.
    :ivar what: what differs, in words.
    :ivar reason: why.
    """

    clients: tuple[str, ...]
    scenarios: tuple[str, ...]
    kind: str
    what: str
    reason: str

    def concerns(self, scenario: Scenario) -> bool:
        """
        Whether the row is about a scenario.

        :param scenario: which.
        """
        if scenario.client not in self.clients:
            return False
        return not {"all", scenario.id, scenario.name}.isdisjoint(self.scenarios)

    def literals(self) -> tuple[str, ...]:
        """
        What the row names in double back-quotes.
        """
        return tuple(re.findall(r"``([^`]+)``", self.what))


def load() -> list[Difference]:
    """
    The rows of the tables in the documentation, without their headings.
    """
    _, first, second = TABLE.read_text("utf-8").split(".. list-table::")
    resumable, relatives = "resumable", tuple(name for name in DIALECTS if name != "resumable")
    rows = []
    for cells in _rows(first):
        everywhere = cells[0] == "all"
        rows.append(_row((resumable, *relatives) if everywhere else (resumable,), *cells))
    return [*rows, *(_row(relatives, *cells) for cells in _rows(second))]


def _rows(table: str) -> list[list[str]]:
    rows: list[list[str]] = []
    for line in table.splitlines()[1:]:
        if line and not line.startswith(" "):
            break
        if line.startswith("   * - "):
            rows.append([line[7:]])
        elif line.startswith("     - "):
            rows[-1].append(line[7:])
        elif rows:
            rows[-1][-1] += " " + line.strip()
    return [[cell.strip() for cell in cells] for cells in rows[1:]]


def _row(clients: tuple[str, ...], scenarios: str, kind: str, what: str, reason: str) -> Difference:
    named = tuple(re.findall(r"[\w/-]+", scenarios))
    return Difference(clients, named, kind.strip("`"), what, reason)

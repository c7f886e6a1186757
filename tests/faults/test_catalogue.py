"""The catalogue of faults, as it stands in the documentation: each of them has its tests."""

from __future__ import annotations

import csv
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

CATALOGUE = Path(__file__).parents[2] / "docs" / "_static" / "faults.csv"


def tests_of(path: str) -> dict[str, str]:
    """The docstrings of the tests of a class, or of one test, by name."""
    module, _, name = path.rpartition(".")
    try:
        kind: Any = getattr(import_module(f"tests.{module}"), name)
        names = [each for each in dir(kind) if each.startswith("test")]
    except ModuleNotFoundError:
        module, _, of = module.rpartition(".")
        kind, names = getattr(import_module(f"tests.{module}"), of), [name]
    return {each: getattr(kind, each).__doc__ or "" for each in names}


class CatalogueTests(SynchronousTestCase):
    """Rows and tests."""

    def setUp(self) -> None:
        with CATALOGUE.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream))
        self.assertEqual({len(row) for row in rows}, {4})
        self.tests = {row[0]: re.findall(r"``([\w.]+)``", row[3]) for row in rows[1:]}

    def test_rows(self) -> None:
        """There are 27 faults of clients, and 16 of receivers."""
        rows = [f"C{number}" for number in range(1, 28)] + [f"R{number}" for number in range(1, 17)]
        self.assertEqual(list(self.tests), rows)

    def test_every_fault_has_tests(self) -> None:
        """What is named as a fault's tests is there; those of a client's name their fault."""
        for row, paths in self.tests.items():
            self.assertNotEqual(paths, [], row)
            for path in paths:
                found = tests_of(path)
                self.assertNotEqual(found, {}, path)
                if row.startswith("C"):
                    naming = [
                        name
                        for name, said in found.items()
                        if row in re.findall(r"C\d+", said.partition(":")[0])
                    ]
                    self.assertNotEqual(naming, [], f"no test of {path} names {row}")

    def test_every_test_is_named(self) -> None:
        """No fault is tested by tests that the catalogue does not name for it."""
        for path in Path(__file__).parent.glob("test_*.py"):
            module = import_module(f"tests.faults.{path.stem}")
            for kind in vars(module).values():
                if not isinstance(kind, type) or kind.__module__ != module.__name__:
                    continue
                where = f"faults.{path.stem}.{kind.__name__}"
                for said in tests_of(where).values():
                    for row in re.findall(r"\bC\d+\b", said.partition(":")[0]):
                        self.assertIn(where, self.tests[row], f"{row}: {said}")

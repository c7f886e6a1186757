"""
The mutation tests themselves: faults are planted where they should be, and are noticed.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from .mutation.modules import TESTS
from .mutation.mutants import mutants_of
from .mutation.run import EQUIVALENT, known_equivalent

ROOT = Path(__file__).resolve().parent.parent

SOURCE = '''
"""Docstring."""
LIMIT: int = 5

def first(values, least: int = 1) -> int | None:
    """Docstring."""
    assert len(values) < 7
    for value in values:
        if value >= least and not skipped(value):
            tell("found %s" % value)
            return value + 1
    return None
'''


class MutantTests(SynchronousTestCase):
    """
    What can be planted.
    """

    def test_all(self) -> None:
        """Every fault of a small module, in the order of its lines."""
        both = "value >= least and (not skipped(value))"
        statement = f"if {both}:"
        self.assertEqual(
            [mutant.name for mutant in mutants_of(SOURCE)],
            [
                "(module): 5 => 6 in LIMIT: int = 5",
                "(module): 5 => 4 in LIMIT: int = 5",
                *(
                    f"first: 1 => {other} in def first(values, least: int=1) -> int | None:"
                    for other in (2, 0)
                ),
                f"first: {statement} => if not ({both}):",
                f"first: {both} => value >= least or not skipped(value) in {statement}",
                *(
                    f"first: {what} in {statement}"
                    for what in (
                        "value >= least => value > least",
                        "value >= least => value < least",
                        "not skipped(value) => skipped(value)",
                    )
                ),
                "first: tell('found %s' % value) => pass",
                "first: return value + 1 => return None",
                "first: value + 1 => value - 1 in return value + 1",
                "first: 1 => 2 in return value + 1",
                "first: 1 => 0 in return value + 1",
            ],
        )

    def test_one_at_a_time(self) -> None:
        """Each source has one fault, and differs from all others; the next has no trace of it."""
        mutants = mutants_of(SOURCE)
        sources = [mutant.source() for mutant in mutants]
        self.assertEqual(len({*sources, ast.unparse(ast.parse(SOURCE))}), len(mutants) + 1)
        self.assertEqual([mutant.source() for mutant in mutants], sources)
        for source in sources:
            compile(source, "mutant", "exec")

    def test_names_are_unique(self) -> None:
        """Each fault in the package has a name of its own; those that are excused exist."""
        names: set[str] = set()
        for module in TESTS:
            mutants = mutants_of((ROOT / "txresumable" / f"{module}.py").read_text())
            names |= {f"{module} {mutant.name}" for mutant in mutants}
            self.assertEqual(len({mutant.name for mutant in mutants}), len(mutants), module)
        if sys.version_info[:2] == (3, 11):  # others may write the same code differently
            self.assertEqual(known_equivalent(EQUIVALENT.read_text()) - names, set())


class RunTests(SynchronousTestCase):
    """
    The command.
    """

    def run_command(self, *arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "tests.mutation", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout + done.stderr

    def test_catches(self) -> None:
        """Three faults in the layout of chunks are caught, and nothing here is changed by it."""
        source = ROOT / "txresumable" / "_protocol" / "layout.py"
        before = source.read_bytes()
        status, output = self.run_command("_protocol/layout", "--sample", "3", "--verbose")
        self.assertEqual(status, 0, output)
        self.assertTrue(output.startswith("seed 1, at most 3 mutants of each module\n"), output)
        self.assertEqual(output.count("\nfailed in "), 3, output)
        self.assertRegex(output, r"\nall +\d+ +3 +3 +0 +0 +0 +100.0%\n")
        self.assertEqual(source.read_bytes(), before)

    def test_usage(self) -> None:
        """A module that has no tests is a mistake."""
        status, output = self.run_command("nothing")
        self.assertEqual(status, 2)
        self.assertIn("no tests are known for nothing", output)

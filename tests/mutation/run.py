"""
Plant faults and see which are caught.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from attrs import Factory, define, frozen

from .modules import TESTS
from .mutants import Mutant, mutants_of
from .sandbox import Outcome, Sandbox

__all__ = ["main"]

EQUIVALENT = Path(__file__).with_name("equivalent.txt")
SEED = 1
SAMPLE = 30
WANTED = 0.9


@define
class Score:
    """
    What became of a module's mutants.

    :ivar total: how many there are.
    :ivar caught: how many of the sample a test noticed, by its end or by not coming to it.
    :ivar timed_out: how many of these by the latter.
    :ivar equivalent: how many of the sample cannot be noticed; they are not run.
    :ivar survived: those that no test noticed.
    """

    total: int = 0
    caught: int = 0
    timed_out: int = 0
    equivalent: int = 0
    survived: list[Mutant] = Factory(list)

    @property
    def planted(self) -> int:
        return self.caught + len(self.survived)

    def add(self, other: Score) -> None:
        self.total += other.total
        self.caught += other.caught
        self.timed_out += other.timed_out
        self.equivalent += other.equivalent
        self.survived += other.survived

    def row(self, name: str) -> str:
        part = f"{self.caught / self.planted:.1%}" if self.planted else "-"
        return (
            f"{name:12} {self.total:7} {self.planted:8} {self.caught:7} {self.timed_out:10}"
            f" {len(self.survived):9} {self.equivalent:11} {part:>7}"
        )


HEADING = (
    f"{'module':12} {'mutants':>7} {'planted':>8} {'caught':>7} {'(by time)':>10}"
    f" {'survived':>9} {'equivalent':>11} {'':>7}"
)


@frozen
class Campaign:
    """
    What is to be planted.

    :ivar modules: in which modules.
    :ivar sample: the most mutants of each.
    :ivar seed: chooses them.
    :ivar equivalent: the names of those that no test could notice, each with its module's.
    :ivar verbose: whether each mutant is told of.
    """

    modules: Sequence[str]
    sample: int
    seed: int
    equivalent: frozenset[str]
    verbose: bool = False

    def run(self, sandbox: Sandbox) -> dict[str, Score]:
        """
        Plant them one after another.

        :raises SystemExit: if the tests fail without a fault.
        """
        _tell(f"seed {self.seed}, at most {self.sample} mutants of each module\n\n{HEADING}")
        scores = {}
        for module in self.modules:
            scores[module] = self._module(sandbox, module)
            _tell(scores[module].row(module))
        return scores

    def _module(self, sandbox: Sandbox, module: str) -> Score:
        source = sandbox.read(module)
        first = sandbox.run(TESTS[module], 600, 1200)
        if first.outcome is not Outcome.PASSED:
            raise SystemExit(f"the tests of {module} fail without a fault")
        mutants = mutants_of(source)
        chosen = mutants
        if len(mutants) > self.sample:
            chosen = random.Random(f"{self.seed} {module}").sample(mutants, self.sample)
        score = Score(total=len(mutants))
        for mutant in chosen:
            if f"{module} {mutant.name}" in self.equivalent:
                score.equivalent += 1
                continue
            began = time.monotonic()
            sandbox.write(module, mutant.source())
            outcome = sandbox.run(TESTS[module], 5 + 4 * first.cpu, 60 + 20 * first.cpu).outcome
            if outcome is Outcome.PASSED:
                score.survived.append(mutant)
            else:
                score.caught += 1
                score.timed_out += outcome is Outcome.TIMED_OUT
            if self.verbose:
                took = time.monotonic() - began
                _tell(f"{outcome.value} in {took:.1f} s: {module} {mutant.name}")
        sandbox.write(module, source)
        return score


def known_equivalent(text: str) -> frozenset[str]:
    """
    Read the list of mutants that no test could notice.

    :param text: for each a line with its module and its name, then indented lines that say why.
    """
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    return frozenset(lines)


def main(arguments: Sequence[str]) -> int:
    """
    Run the command.

    :returns: its exit status: 0 if at least nine of ten were caught.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation",
        description="Plant small faults in a copy of the package and see if the tests notice.",
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(TESTS)}")
    parser.add_argument("--seed", type=int, default=SEED, help="chooses the sample")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="the most of each module")
    parser.add_argument("--verbose", action="store_true", help="tell of each mutant")
    options = parser.parse_args(arguments)
    unknown = [module for module in options.modules if module not in TESTS]
    if unknown:
        parser.error(f"no tests are known for {', '.join(unknown)}")
    campaign = Campaign(
        options.modules or list(TESTS),
        options.sample,
        options.seed,
        known_equivalent(EQUIVALENT.read_text()),
        options.verbose,
    )
    with tempfile.TemporaryDirectory() as folder:
        scores = campaign.run(Sandbox(Path(folder).resolve()))
    whole = Score()
    for score in scores.values():
        whole.add(score)
    _tell(whole.row("all"))
    for module, score in scores.items():
        for mutant in score.survived:
            _tell(f"\n{module}.py, line {mutant.line}:\n{module} {mutant.name}")
    return 0 if whole.caught >= WANTED * whole.planted else 1


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

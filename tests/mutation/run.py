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

from attrs import frozen

from .modules import TESTS
from .mutants import mutants_of
from .record import record
from .sandbox import Outcome, Sandbox
from .score import HEADING, Score

__all__ = ["main"]

EQUIVALENT = Path(__file__).with_name("equivalent.txt")
SEED = 1
SAMPLE = 30
WANTED = 0.9


@frozen
class Campaign:
    """
    What is to be planted.

    :ivar modules: in which modules.
    :ivar sample: the most mutants of each, or 0 for all.
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
        what = f"at most {self.sample}" if self.sample else "all"
        _tell(f"seed {self.seed}, {what} mutants of each module\n\n{HEADING}")
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
        if 0 < self.sample < len(mutants):
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
    parser.add_argument("--all", action="store_true", help="no sample, but all of each module")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--committed", action="store_true", help="copy what was committed last")
    parser.add_argument("--verbose", action="store_true", help="tell of each mutant")
    options = parser.parse_args(arguments)
    unknown = [module for module in options.modules if module not in TESTS]
    if unknown:
        parser.error(f"no tests are known for {', '.join(unknown)}")
    campaign = Campaign(
        options.modules or list(TESTS),
        0 if options.all else options.sample,
        options.seed,
        known_equivalent(EQUIVALENT.read_text()),
        options.verbose,
    )
    with tempfile.TemporaryDirectory() as folder:
        scores = campaign.run(Sandbox(Path(folder).resolve(), options.committed))
    if options.csv is not None:
        record(options.csv, scores)
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

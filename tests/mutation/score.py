"""
What became of mutants.
"""

from __future__ import annotations

from attrs import Factory, define

from .mutants import Mutant

__all__ = ["HEADING", "Score"]

HEADING = (
    f"{'module':12} {'mutants':>7} {'planted':>8} {'caught':>7} {'(by time)':>10}"
    f" {'survived':>9} {'equivalent':>11} {'':>7}"
)


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

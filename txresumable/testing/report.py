"""
How a simulation ended.
"""

from __future__ import annotations

from attrs import frozen

from .weather import Fault

__all__ = ["SimulationFailed", "SimulationReport"]


class SimulationFailed(AssertionError):
    """
    An upload ended in a way in which none may end.

    :ivar seed: of the schedule that shows it.
    :ivar wrong: what was wrong.
    """

    def __init__(self, seed: int, wrong: list[str], option: str = "") -> None:
        """
        :param seed: of the schedule that shows it.
        :param wrong: what was wrong.
        :param option: how the command is told which kind of simulation it was.
        """
        command = f"python -m txresumable.testing {option}{seed}"
        super().__init__("\n  ".join([f"{command} shows:", *wrong]))
        self.seed = seed
        self.wrong = wrong


@frozen
class SimulationReport:
    """
    How a simulation ended, if all is well.

    :ivar seed: what it followed from.
    :ivar ends: for each file ``equal``, or the name of the error that said why not.
    :ivar seconds: how long it took, in simulated seconds.
    :ivar requests: how many requests were made.
    :ivar faults: how often each fault happened.
    """

    seed: int
    ends: tuple[str, ...]
    seconds: float
    requests: int
    faults: dict[Fault, int]

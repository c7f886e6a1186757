"""
The journal of watched folders in simulated time: files come, grow, change and go, an operator
interferes, disks are full, clocks are set, and the process is killed before and after each
transition and each effect.  All of it follows from a seed.

``python -m tests.push_model SEED`` runs one again and tells what happens.

These are seeds and no state machine of hypothesis, as what counts is how interleavings of one
service come about in simulated time: 10,000 of them run in minutes, and a seed repeats each exactly
on any machine, though it is not made shorter.
"""

from .simulation import Wrong, simulate

__all__ = ["Wrong", "simulate"]

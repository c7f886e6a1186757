"""
Several receivers over one bucket that responds ambiguously, in simulated time.

A schedule follows from a seed: clients send chunks in any order, twice, from two places at once,
or with other bytes; receivers are killed at any of their calls to the storage, or stall for longer
than a lease; they sweep, and uploads are abandoned and begun anew.  ``python -m
tests.objects_model SEED`` runs one schedule again and tells what happens.  These are seeds and no
state machine of hypothesis, as what counts is the order in which the calls of several receivers
come to the storage: 10,000 orders run in minutes, and a seed repeats each exactly, though it is not
made shorter.

:mod:`~tests.objects_model.plan` what is to happen; :mod:`~tests.objects_model.life` a receiver,
which can be killed or stall; :mod:`~tests.objects_model.client` who sends;
:mod:`~tests.objects_model.watched` the bucket, and what must never happen in it;
:mod:`~tests.objects_model.world` all of it together.
"""

from .plan import Plan
from .world import ModelFailed, run

__all__ = ["ModelFailed", "Plan", "run"]

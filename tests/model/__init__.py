r"""
A model of the receiver: what must hold whatever clients, disks, operators and clocks do.

A schedule is a few dozen steps that follow from a seed.  They drive the real store and the real
site over a real folder, and after each of them the model says what is wrong, if anything is.
``python -m tests.model SEED`` runs one schedule again, shortens it and tells what happens.

:mod:`~tests.model.platter` what a power cut leaves; :mod:`~tests.model.disk` the calls of the
store, counted and failed; :mod:`~tests.model.workers` its threads; :mod:`~tests.model.wire` a
client's connection; :mod:`~tests.model.application` who hears of files; :mod:`~tests.model.life`
one life of a receiver.  :mod:`~tests.model.upload` what may be said of an upload;
:mod:`~tests.model.limits` how much there may be; :mod:`~tests.model.log` what may be logged.
:mod:`~tests.model.acts` what happens, in :mod:`~tests.model.step`\ s; :mod:`~tests.model.world`
where; :mod:`~tests.model.ending` how it ends; :mod:`~tests.model.schedule` seeds.
"""

from .life import Settings
from .schedule import Schedule, fails, run, settings_of, shortened
from .step import Step
from .upload import Plan
from .world import ModelFailed, World

__all__ = [
    "ModelFailed",
    "Plan",
    "Schedule",
    "Settings",
    "Step",
    "World",
    "fails",
    "run",
    "settings_of",
    "shortened",
]

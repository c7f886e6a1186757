"""Schedules: all of them follow from their seeds."""

from __future__ import annotations

import gc
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from tempfile import mkdtemp

from attrs import evolve, frozen

from .acts import ACTS
from .ending import finish
from .life import Settings
from .log import bury, watched
from .step import Step
from .upload import Plan
from .world import ModelFailed, World

PLACE = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where there is a quick file system, if there is."""


@frozen
class Schedule:
    """
    What happens.

    :ivar seed: what it follows from.
    """

    seed: int
    settings: Settings
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, seed: int) -> Schedule:
        """The schedule of a seed."""
        random = Random(seed)
        settings = settings_of(random)
        steps = tuple(_step(random, settings) for _ in range(random.randint(4, 30)))
        if settings.hook == "none" and random.random() < 0.4:
            # Of what goes to the disk in groups only the first time is of interest.
            first = Step("crowd", random.randrange(8), random.choice((3, 5, 7)), 1)
            steps = (first, Step("flush", 0, 0, 0), *steps)
        return cls(seed, settings, steps)

    @property
    def lines(self) -> list[str]:
        """It, for people: what a test needs to do it again."""
        return [f"{self.settings},", "steps:", *(f"    {step}," for step in self.steps)]


def settings_of(random: Random) -> Settings:
    """How a receiver may be set up."""
    some = random.random
    # Small files, which nobody is notified of, go to the disk in groups.
    are_small = some() < 0.3
    most = 6 if are_small else 3
    hooks = ("none", "returns", "returns", "raises", "moves", "waits", "never")
    return Settings(
        plans=tuple(_plan(random, number, are_small) for number in range(random.randint(1, most))),
        held=some() < 0.6,
        hook="none" if are_small else random.choice(hooks),
        capacity=random.randint(20, 120) if some() < 0.15 else None,
        expire=random.choice((100.0, 1000.0)) if some() < 0.4 else None,
        max_unfinished=random.randint(1, 2) if some() < 0.25 else None,
        max_unfinished_size=random.randint(40, 90) if some() < 0.15 else None,
        max_file_size=40 if some() < 0.1 else None,
        max_open=random.choice((1, 2, 64)),
        received_once=some() < 0.2,
        is_abandoned=some() < 0.5,
        seed=random.randrange(1 << 30),
    )


def _plan(random: Random, number: int, is_small: bool) -> Plan:
    # Two owners may call different files the same.
    size = random.choice((0, 9, 20, 25, 35, 50)) + random.randint(0, 3)
    is_namesake = number == 1 and random.random() < 0.3
    return Plan(
        owner="another" if is_namesake else random.choice(("", "", "somebody")),
        identifier=f"upload-{0 if is_namesake else number}",
        name=random.choice(("file.dat", f"{number}.bin")),
        # Of two files that are empty, or nearly so, nobody knows which is which.
        size=size + 9 if number and size < 4 else size,
        chunk_size=100 if is_small else random.choice((10, 10, 100)),
        force=random.random() < 0.4,
        method=random.choice(("multipart", "octet")),
    )


def _step(random: Random, settings: Settings, depth: int = 0) -> Step:
    (what,) = random.choices(list(ACTS), [weight for _, weight in ACTS.values()])
    inner: tuple[Step, ...] = ()
    if what == "work" and depth < 2 and random.random() < 0.25:
        inner = tuple(_step(random, settings, depth + 1) for _ in range(random.randint(1, 3)))
    return Step(what, random.randrange(60), random.randrange(600), random.randrange(4096), inner)


def run(schedule: Schedule, note: Callable[[str], None] | None = None) -> Counter[str]:
    """
    Let a schedule happen.

    :param note: told what happens.
    :returns: how often what happened.
    :raises ModelFailed: if something does not hold.
    """
    with collected():
        place = mkdtemp(prefix="txresumable-", dir=PLACE)
        world = World(schedule.settings, place, note)
        try:
            with watched(world):
                for step in schedule.steps:
                    world.do(step)
                finish(world)
            return world.counted
        finally:
            world.end()
            shutil.rmtree(place)


@contextmanager
def collected() -> Iterator[None]:
    """Collect garbage only when that is asked for, and only what is new."""
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        bury()
        gc.unfreeze()
        gc.enable()


def fails(schedule: Schedule, counted: Counter[str] | None = None) -> str | None:
    """
    Let a schedule happen.

    :param counted: takes how often what happened.
    :returns: what is wrong, if anything is.
    """
    try:
        found = run(schedule)
    except ModelFailed as failed:
        return str(failed)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if counted is not None:
        counted.update(found)
    return None


def shortened(schedule: Schedule) -> Schedule:
    """A schedule that fails too, and of which nothing can be left out."""
    again = True
    while again:
        again = False
        for index in reversed(range(len(schedule.steps))):
            for shorter in _without(schedule.steps, index):
                candidate = evolve(schedule, steps=shorter)
                if fails(candidate) is not None:
                    schedule, again = candidate, True
                    break
    return schedule


def _without(steps: tuple[Step, ...], index: int) -> list[tuple[Step, ...]]:
    """The steps without one of them, or without one that is inside of it."""
    before, step, after = steps[:index], steps[index], steps[index + 1 :]
    found = [before + after]
    for number in range(len(step.inner)):
        inner = step.inner[:number] + step.inner[number + 1 :]
        found.append((*before, evolve(step, inner=inner), *after))
    return found

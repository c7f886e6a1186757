"""
What happens in a simulation, all of it following from its seed.
"""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import field, frozen

from .._protocol.dialect import DIALECTS
from .weather import Fault, Forecast

__all__ = ["Act", "FilePlan", "Schedule"]

_TRANSIENT = (202, 204, 408, 413, 422, 425, 429, 502, 503, 503, 504, 507)
_PERMANENT = (400, 401, 403, 404, 409, 415, 500, 501, 302, 303, 307)
_CHANGES = ("rewritten", "lengthened", "shortened", "touched", "replaced", "deleted")


@frozen
class FilePlan:
    """
    A file to upload.

    :ivar name: its name.
    :ivar kind: what it is given as: ``path``, ``file``, ``memory``, ``bytes``.
    :ivar content: its bytes, at first.
    """

    name: str
    kind: str
    content: bytes = field(repr=lambda content: f"<{len(content)} bytes>")


@frozen
class Act:
    """
    Something that somebody does.

    :ivar at: when, in seconds.
    :ivar what: ``kill``, ``pause``, ``resume``, or for one file ``cancel``, ``suspend``,
        ``release``, or how it is changed.
    :ivar file: which file.
    :ivar after: for ``kill``, when the uploader starts again, in seconds from then.
    """

    at: float
    what: str
    file: int = 0
    after: float = 0.0


@frozen
class Schedule:
    """
    What happens.

    :ivar seed: what it follows from.
    :ivar options: the uploader's.
    :ivar files: what is uploaded.
    :ivar acts: what people do meanwhile.
    :ivar forecast: what goes wrong on the network.
    :ivar disk_delay: how long reading takes at most, in seconds, or :data:`None` if it takes no
        time.
    :ivar hook_delay: how long the uploader's ``headers`` take to be found, in seconds, or
        :data:`None` if they are given.
    """

    seed: int
    options: dict[str, Any]  # Any: each has a type of its own
    files: tuple[FilePlan, ...]
    acts: tuple[Act, ...]
    forecast: Forecast
    disk_delay: float | None = None
    hook_delay: float | None = None

    @classmethod
    def of(cls, seed: int) -> Schedule:
        """
        The schedule of a seed.

        :param seed: any whole number.
        """
        random = Random(seed)
        options = _options(random)
        files = _files(random, options["chunk_size"])
        forecast = _forecast(random, options)
        acts = _acts(random, files, min(forecast.clears + 5.0, random.choice((3.0, 30.0, 3000.0))))
        hook_delay = random.choice((None, None, None, 0.0, random.random()))
        disk_delay = random.choice((None, 0.0, 0.01, 1.0))
        options.update(_order(random, options))
        options["when_changed"] = random.choice(("fail", "wait"))
        options["lend_slots"] = random.choice((None, True))
        return cls(seed, options, files, acts, forecast, disk_delay, hook_delay)

    @property
    def lines(self) -> list[str]:
        """It, for people."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        weights = ", ".join(fault.name.lower() for fault in self.forecast.weights)
        return [
            f"schedule {self.seed}",
            f"options: {shown}",
            *(f"file: {file}" for file in self.files),
            f"the disk takes {self.disk_delay} s, headers take {self.hook_delay} s",
            f"latency to {self.forecast.latency:.3f} s, outages {self.forecast.outages}",
            f"faults: {self.forecast.rate:.0%} until {self.forecast.clears:.1f} s of {weights}",
            *(f"act: {act}" for act in self.acts),
        ]


def _options(random: Random) -> dict[str, Any]:
    options: dict[str, Any] = {
        "chunk_size": random.choice((100, 1000, 4096)),
        "simultaneous_uploads": random.choice((1, 2, 3, 3, 6, "auto")),
        "simultaneous_tests": random.choice((None, None, 1, 4, "auto")),
        "test_chunks": random.choice((True, True, False, "adaptive")),
        "force_chunk_size": random.random() < 0.3,
        "prioritize_first_and_last_chunk": random.random() < 0.3,
        "small_files_first": random.random() < 0.2,
        "checksum": random.choice((None, None, "sha256")),
        "dialect": random.choice((*DIALECTS, "resumable", "resumable")),
        "max_chunk_retries": random.choice((0, 1, 5, 100, 100, 100, 100)),
        "chunk_retry_interval": random.choice((None, None, None, 0, 0.1, 5)),
        "stall_timeout": random.choice((5, 60)),
        "chunk_timeout": random.choice((None, None, 20)),
        "min_file_size": 0,
    }
    if random.random() < 0.3:
        options["method"] = "octet"
    elif random.random() < 0.3:
        options["chunk_format"] = "base64"
    if random.random() < 0.2:
        options["max_rate"] = random.choice((5e3, 1e5))
    return options


def _order(random: Random, options: dict[str, Any]) -> dict[str, Any]:
    if options["prioritize_first_and_last_chunk"]:
        return {}
    in_order = random.choice((None, None, True, False))
    last_alone = None if in_order else random.choice((None, False))
    return {"in_order": in_order, "last_chunk_alone": last_alone}


def _files(random: Random, chunk_size: int) -> tuple[FilePlan, ...]:
    files = []
    for index in range(random.choice((1, 1, 2, 3, 5))):
        kind = random.choice(("path", "path", "path", "file", "memory", "bytes"))
        chunks = random.choice((0, 1, 2, 3, 5, 12))
        size = max(0, chunks * chunk_size + random.choice((-1, 0, 0, 1, chunk_size // 2)))
        files.append(FilePlan(f"file-{index}.bin", kind, random.randbytes(size)))
    return tuple(files)


def _forecast(random: Random, options: dict[str, Any]) -> Forecast:
    faults = [fault for fault in Fault if fault is not Fault.NONE]
    if options["checksum"] is None:
        faults.remove(Fault.CORRUPT)
    chosen = random.sample(faults, random.randint(1, len(faults)))
    clears = random.choice((10.0, 100.0, 1000.0)) * random.random()
    outages = []
    if random.random() < 0.2:
        start = random.random() * random.choice((1.0, 10.0))
        outages.append((start, start + random.choice((1.0, 60.0, 60.0, 3600.0))))
    statuses: tuple[int, ...] = _TRANSIENT
    if random.random() < 0.15:
        statuses += (random.choice(_PERMANENT),)
    believed = DIALECTS[options["dialect"]].stored
    statuses = tuple(status for status in statuses if status not in believed)
    return Forecast(
        latency=random.choice((0.0, 0.01, 0.1, 1.0)),
        rate=random.choice((0.0, 0.05, 0.2, 0.5, 0.8)),
        weights={fault: random.random() for fault in chosen},
        statuses=statuses,
        outages=tuple(outages),
        clears=max([clears] + [end for _, end in outages]),
    )


def _acts(random: Random, files: tuple[FilePlan, ...], until: float) -> tuple[Act, ...]:
    acts = []
    for _ in range(random.choice((0, 0, 0, 1, 1, 2, 4))):
        at, index = random.random() ** 2 * until, random.randrange(len(files))
        what = random.choice(("kill", "kill", "pause", "cancel", "suspend", "change"))
        if what == "kill":
            acts.append(Act(at, "kill", after=random.choice((0.0, 0.1, 10.0))))
            continue
        if what == "change":
            if files[index].kind in ("path", "file"):
                changes = _CHANGES if files[index].kind == "path" else _CHANGES[:4]
                acts.append(Act(at, random.choice(changes), index))
            continue
        acts.append(Act(at, what, index))
        undo = {"pause": "resume", "suspend": "release"}.get(what)
        if undo is not None:
            acts.append(Act(at + random.choice((0.0, 0.5, 50.0)), undo, index))
    return tuple(sorted(acts, key=lambda act: act.at))

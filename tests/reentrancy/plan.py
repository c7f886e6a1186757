"""
What a seed decides before anything happens: the options, and who misbehaves how often.
"""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import evolve, field, frozen

from txresumable.events import EVENTS

__all__ = ["DEEDS", "HOOKS", "Plan"]

HOOKS = (
    "headers",
    "query",
    "target",
    "test_target",
    "preprocess",
    "preprocess_file",
    "generate_unique_identifier",
    "retry_policy",
    "max_files_error_callback",
    "min_file_size_error_callback",
    "file_type_error_callback",
)

DEEDS = {
    "add_file": 6,
    "add_files": 3,
    "add_directory": 1,
    "feed": 2,
    "upload": 1,
    "pause": 3,
    "resume": 4,
    "cancel_all": 1,
    "join": 2,
    "close": 1,
    "remove": 3,
    "update_query": 1,
    "look": 2,
    "register": 1,
    "unregister": 1,
    "cancel": 4,
    "cancel_upload": 3,
    "cancel_deferred": 3,
    "suspend": 2,
    "abort": 3,
    "release": 6,
    "bootstrap": 2,
    "retry": 5,
    "mark": 2,
    "digest": 2,
    "when_completed": 2,
    "chunk_completed": 2,
}

# What came later is drawn last, so that a seed stays the program that it was.
_LATER_EVENTS = ("offline", "online")
_EVENTS = (*(event for event in EVENTS if event not in _LATER_EVENTS), "catch_all")


@frozen
class Plan:
    """
    What a seed decides.

    :ivar options: the uploader's, without hooks.
    :ivar hooks: the hooks that are there.
    :ivar deeds: how often the program does what, in comparison.
    :ivar events: the events that somebody listens to.
    :ivar steps: how many things happen before all is let come to its end.
    :ivar inside: how often an observer or hook calls the uploader.
    :ivar raising: how often one raises.
    :ivar rubbish: how often a hook returns what cannot be used.
    :ivar slow: how often a hook returns a Deferred that fires later.
    :ivar faults: how often a request fails.
    :ivar at_once: how often a request is answered before it returns.
    :ivar nonsense: how often a file is described by nonsense.
    :ivar congestion: how often a body has to wait for room.
    """

    seed: int
    options: dict[str, Any]
    hooks: tuple[str, ...]
    deeds: dict[str, int]
    events: tuple[str, ...]
    steps: int
    inside: float
    raising: float
    rubbish: float
    slow: float
    faults: float
    at_once: float
    congestion: float
    nonsense: float
    statuses: tuple[int, ...] = field(default=(503, 429, 502))

    @classmethod
    def of(cls, seed: int) -> Plan:
        """
        The plan of a seed.

        :param seed: any whole number.
        """
        random = Random(seed)
        choice = random.choice
        share = choice((0.15, 0.6))  # the fewer they are, the oftener one meets another
        deeds = {deed: weight for deed, weight in DEEDS.items() if random.random() < share}
        deeds.setdefault("add_file", 6)
        for rare in ("close", "cancel_all", "join"):
            if rare in deeds and random.random() < 0.5:
                del deeds[rare]
        density = choice((0.15, 0.4, 0.8))
        statuses: tuple[int, ...] = (503, 429, 502)
        if random.random() < 0.4:
            statuses += (choice((400, 404, 415, 500, 501, 302, 401)),)
        plan = cls(
            seed,
            _options(random),
            tuple(hook for hook in HOOKS if random.random() < choice((0.1, 0.5))),
            deeds,
            tuple(event for event in _EVENTS if random.random() < density),
            steps=choice((15, 30, 60)),
            inside=choice((0.0, 0.1, 0.3, 0.3, 0.6, 0.6)),
            raising=choice((0.0, 0.0, 0.05, 0.3)),
            rubbish=choice((0.0, 0.0, 0.1)),
            slow=choice((0.0, 0.3, 0.8)),
            faults=choice((0.0, 0.1, 0.3, 0.6)),
            at_once=choice((0.0, 0.0, 0.3, 0.9)),
            congestion=choice((0.0, 0.3, 0.8)),
            nonsense=choice((0.0, 0.0, 0.0, 0.0, 0.0, 0.4)),
            statuses=statuses,
        )
        plan.options["lend_slots"] = Random(-seed).choice((None, True))
        later = tuple(event for event in _LATER_EVENTS if random.random() < density)
        if not plan.options["prioritize_first_and_last_chunk"]:
            plan.options["in_order"] = choice((None, None, True, False))
            if not plan.options["in_order"]:
                plan.options["last_chunk_alone"] = choice((None, False))
        return evolve(plan, events=plan.events + later)

    @property
    def lines(self) -> list[str]:
        """It, for people."""
        return [
            f"plan {self.seed}",
            f"options: {self.options}",
            f"hooks: {' '.join(self.hooks)}",
            f"events: {' '.join(self.events)}",
            f"{self.steps} steps, inside {self.inside}, raising {self.raising}",
            f"rubbish {self.rubbish}, slow {self.slow}, faults {self.faults} {self.statuses}",
            f"at once {self.at_once}, congestion {self.congestion}, nonsense {self.nonsense}",
        ]


def _options(random: Random) -> dict[str, Any]:
    choice = random.choice
    options: dict[str, Any] = {
        "chunk_size": choice((10, 10, 10, 10, 130 * 1024)),
        "simultaneous_uploads": choice((1, 1, 2, 3, 4, "auto")),
        "test_chunks": choice((True, False, False, "adaptive")),
        "force_chunk_size": random.random() < 0.3,
        "prioritize_first_and_last_chunk": random.random() < 0.2,
        "small_files_first": random.random() < 0.2,
        "checksum": choice((None, None, None, "sha256")),
        "max_chunk_retries": choice((0, 1, 3, 100, 100)),
        "max_files": choice((None, None, None, None, 1, 3)),
        "keep_completed": random.random() < 0.8,
        "file_type": choice(((), (), (), ("txt", "image/*"))),
        "throttle_progress_callbacks": 0.0,
        "chunk_timeout": choice((None, None, 20.0)),
        "max_offline": choice((86400.0, 30.0)),
        "chunk_retry_interval": choice((0, 0.5, 2.0)),
    }
    if random.random() < 0.15:
        options["method"] = "octet"
    elif random.random() < 0.1:
        options["chunk_format"] = "base64"
    if random.random() < 0.1:
        options["max_rate"] = 100.0 if options["chunk_size"] < 1000 else 1e6
    return options

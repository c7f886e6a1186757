"""
What happens in a schedule.
"""

from __future__ import annotations

from random import Random

from attrs import evolve, frozen

from txresumable._protocol.layout import ChunkLayout
from txresumable.testing import StorageFault, StorageForecast

__all__ = ["Act", "ClientPlan", "FilePlan", "Plan"]


_ACTS = ("kill", "kill", "kill", "stall", "stall", "stop", "sweep", "sweep")


@frozen
class FilePlan:
    """
    A file.

    :ivar identifier: what clients call it.
    :ivar contents: its bytes; others if a client has another version.
    :ivar layout: its chunks.
    :ivar is_rejected: whether the application does not want it.
    """

    identifier: str
    contents: tuple[bytes, ...]
    layout: ChunkLayout
    is_rejected: bool


@frozen
class ClientPlan:
    """
    A client.

    :ivar file: which file it sends.
    :ivar version: which of its contents.
    :ivar at: when it begins.
    :ivar breadth: how many chunks it sends at once.
    :ivar tests: whether it asks first whether a chunk is there.
    :ivar digests: whether it announces digests.
    :ivar pace: how many seconds it waits after a chunk at most.
    :ivar abandons: after how many chunks it abandons the upload and begins anew, or nothing.
    """

    file: FilePlan
    version: int
    at: float
    breadth: int
    tests: bool
    digests: bool
    abandons: int | None
    pace: float

    @property
    def content(self) -> bytes:
        return self.file.contents[self.version]


@frozen
class Act:
    """
    :ivar at: when.
    :ivar what: ``kill``, ``stall``, ``stop`` or ``sweep``.
    :ivar receiver: which one.
    :ivar calls: at which of its next calls to the storage it is killed; half-way if negative.
    :ivar seconds: how long it stalls, or is away.
    """

    at: float
    what: str
    receiver: int
    calls: int = 0
    seconds: float = 0.0


@frozen
class Plan:
    """
    A schedule.

    :ivar seed: what it follows from.
    :ivar receivers: how many.
    :ivar forecast: what may be expected of the storage.
    :ivar clients: who sends what.
    :ivar acts: what is done to the receivers.
    :ivar memory: how many bytes of chunks a receiver takes at once.
    :ivar expire: after how many seconds uploads expire.
    :ivar hook: how long ``on_complete`` takes at most.
    :ivar hook_fails: how often it fails.
    """

    seed: int
    receivers: int
    forecast: StorageForecast
    clients: tuple[ClientPlan, ...]
    acts: tuple[Act, ...]
    memory: int
    expire: float | None
    hook: float
    hook_fails: float

    @classmethod
    def of(cls, seed: int) -> Plan:
        """The schedule of a seed."""
        random = Random(f"objects model {seed}")
        clears = random.choice((100.0, 300.0, 900.0))
        forecast = StorageForecast(
            latency=random.choice((0.01, 0.1, 1.0)),
            rate=random.choice((0.0, 0.02, 0.1, 0.3)),
            clears=clears,
        )
        if random.random() < 0.3:
            only = random.choice(list(StorageFault))
            forecast = evolve(forecast, rate=0.5, weights={only: 1.0})
        files = [_file(random, number) for number in range(random.choice((1, 1, 2, 3)))]
        clients = [_client(random, random.choice(files)) for _ in range(random.randint(1, 4))]
        receivers = random.randint(2, 4)
        acts = []
        for _ in range(random.choice((0, 2, 5, 10))):
            what = random.choice(_ACTS)
            acts.append(
                Act(
                    at=random.random() ** 2 * clears,
                    what=what,
                    receiver=random.randrange(receivers),
                    calls=random.choice((1, 1, 2, 3, 5, 10)) * random.choice((1, -1)),
                    seconds=random.choice((1.0, 10.0, 25.0, 35.0, 70.0, 150.0)),
                )
            )
        return cls(
            seed=seed,
            receivers=receivers,
            forecast=forecast,
            clients=tuple(clients),
            acts=tuple(sorted(acts, key=lambda act: act.at)),
            memory=random.choice((40, 60, 1000)),
            expire=random.choice((None, None, 60.0, 600.0)),
            hook=random.choice((0.0, 0.0, 1.0, 50.0)),
            hook_fails=random.choice((0.0, 0.0, 0.3)),
        )

    @property
    def lines(self) -> list[str]:
        """It, for people."""
        return [
            f"schedule {self.seed}: {self.receivers} receivers, {self.memory} bytes of memory",
            f"expire {self.expire}, hook {self.hook} s, fails {self.hook_fails}",
            f"{self.forecast}",
            *(f"{client}" for client in self.clients),
            *(f"{act}" for act in self.acts),
        ]


def _file(random: Random, number: int) -> FilePlan:
    chunk_size = random.choice((3, 5, 8, 10))
    size = random.choice((0, 1, 9, 13, 30, 57, 90))
    layout = ChunkLayout(size, chunk_size, random.random() < 0.5)
    contents = tuple(random.randbytes(size) for _ in range(2))
    return FilePlan(f"file-{number}", contents, layout, random.random() < 0.08)


def _client(random: Random, file: FilePlan) -> ClientPlan:
    return ClientPlan(
        file=file,
        version=int(random.random() < 0.15),
        at=random.choice((0.0, 0.0, 1.0, 30.0)) * random.random(),
        breadth=random.choice((1, 3, 3, 6)),
        tests=random.random() < 0.5,
        digests=random.random() < 0.3,
        abandons=random.randint(1, 5) if random.random() < 0.12 else None,
        pace=random.choice((0.0, 0.0, 0.0, 2.0, 50.0)),
    )

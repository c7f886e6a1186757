"""
What is going to happen in a round: values, made from its seed.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from random import Random
from typing import Any

from attrs import evolve, frozen

__all__ = ["LONGEST", "ClientPlan", "LinePlan", "Plan", "ReceiverPlan", "Strike", "UploadPlan"]

KIB, MIB = 1024, 1024 * 1024
LONGEST = 4
"""How many times its limit a client may take in all, as long as it makes progress."""
_SECONDS = 6.0
_SOURCES = ("path", "path", "file_path", "file", "gzip", "bytes_io", "bytes", "temporary")
_SHARED = ("file", "gzip", "bytes_io", "temporary")


@frozen
class UploadPlan:
    """
    One file.

    :ivar seed: what its content is made from, so that equal seeds are equal content.
    :ivar source: what the uploader gets it as.
    :ivar shares: whether it comes from the very file object of the upload before it.
    :ivar at: when it is added, in seconds.
    :ivar acts: what is done to it meanwhile: a name, and either seconds or (negative) after how
        many progress events, from inside of them.
    """

    seed: int
    size: int
    name: str
    source: str
    shares: bool
    at: float
    acts: tuple[tuple[str, float], ...]


@frozen
class ClientPlan:
    """
    One client process.

    :ivar manner: ``one`` reactor; ``forked``, two processes forked after import and use;
        ``threads``, two reactors in threads.
    :ivar given: whether its requests go through treq's client, and not our own.
    :ivar options: of its uploader.
    :ivar again: the chance that what was complete is uploaded again after a restart.
    """

    manner: str
    given: bool
    persistent: bool
    options: dict[str, Any]
    uploads: tuple[UploadPlan, ...]
    again: float


@frozen
class ReceiverPlan:
    """
    The receiver.

    :ivar arguments: for ``twistd resumable-receive``.
    :ivar sweeps: how often it forgets what has expired, in seconds.
    """

    tls: bool
    arguments: tuple[str, ...]
    sweeps: float


@frozen
class LinePlan:
    """
    The line between them.

    :ivar mss: the largest segment in bytes, or 0 for the system's.
    :ivar window: the size of socket buffers in bytes, or 0 for the system's.
    :ivar trouble: the chance that a connection is not left alone.
    :ivar opens_tls: whether the proxy sees what is in TLS.
    """

    mss: int
    window: int
    trouble: float
    opens_tls: bool


@frozen
class Strike:
    """
    A signal.

    :ivar client: whom it hits, or the next one that is uploading; :data:`None` for the receiver.
    :ivar pause: after how many seconds it is started again.
    """

    at: float
    client: int | None
    signal: str
    pause: float


@frozen
class Plan:
    """
    A round.

    :ivar seconds: for how long it is troubled, before the line is calm and all has to end.
    :ivar takes: the chance that a finished file is taken away when somebody looks.
    """

    seed: int
    seconds: float
    receiver: ReceiverPlan
    line: LinePlan
    clients: tuple[ClientPlan, ...]
    strikes: tuple[Strike, ...]
    takes: float

    @property
    def limit(self) -> float:
        """After how many seconds without progress what has not ended will not."""
        return 60.0 + 2 * self.seconds

    @classmethod
    def of(cls, seed: int) -> Plan:
        """The round of a seed: always the same one."""
        random = Random(seed)
        dialect = random.choice(("resumable", "resumable", "flow", "simple"))
        tls = random.random() < 0.4
        clients = [_client(random, seed, number, dialect) for number in range(_few(random, 4))]
        clients = [_with_twins(random, clients, each) for each in clients]
        receiver = _receiver(random, tls, dialect)
        if any(argument.startswith("--max-unfinished") for argument in receiver.arguments):
            # What others have left there unfinished may keep it out for ever.
            clients = [evolve(each, options=_impatient(each.options)) for each in clients]
        return cls(
            seed=seed,
            seconds=_SECONDS,
            receiver=receiver,
            line=LinePlan(
                mss=random.choice((0, 536, 1448, 1448)),
                window=random.choice((0, 4 * KIB, 16 * KIB, 64 * KIB)),
                trouble=random.choice((0.0, 0.5, 0.9, 0.9)),
                opens_tls=random.random() < 0.6,
            ),
            clients=tuple(clients),
            strikes=_strikes(random, len(clients)),
            takes=random.choice((0.0, 0.0, 0.1, 0.5)),
        )

    @classmethod
    def of_kills(cls, seed: int, kills: int) -> Plan:
        """
        Eight clients on a line of small segments, and SIGKILLs of them and of the receiver.

        :param kills: how many.
        """
        random = Random(seed)
        seconds = 3.0 + kills
        whom = (None, None, None, None, *range(8))
        strikes = [
            Strike(random.uniform(2.0, seconds), random.choice(whom), "KILL", 0.0)
            for _ in range(kills)
        ]
        return cls(
            seed=seed,
            seconds=seconds,
            receiver=ReceiverPlan(tls=False, arguments=(), sweeps=600.0),
            line=LinePlan(mss=1448, window=16 * KIB, trouble=0.0, opens_tls=False),
            clients=tuple(_steady_client(seed, number, seconds) for number in range(8)),
            strikes=tuple(sorted(strikes, key=lambda strike: strike.at)),
            takes=0.0,
        )

    def save(self, folder: Path) -> None:
        """Leave it where clients find it."""
        (folder / "plan").write_bytes(pickle.dumps(self))

    @classmethod
    def load(cls, folder: Path) -> Plan:
        """The plan that was left there."""
        plan: Plan = pickle.loads((folder / "plan").read_bytes())
        return plan


def _few(random: Random, most: int) -> int:
    return min(random.randint(1, most), random.randint(1, most))


def _receiver(random: Random, tls: bool, dialect: str) -> ReceiverPlan:
    arguments: tuple[str, ...] = ("--dialect", dialect)
    if random.random() < 0.3:
        arguments += ("--max-unfinished", str(random.randint(1, 4)))
    if random.random() < 0.2:
        arguments += ("--max-unfinished-size", f"{random.randint(4, 8)}M")
    if random.random() < 0.3:
        arguments += ("--expire", random.choice(("1s", "3s")))
    return ReceiverPlan(tls, arguments, sweeps=random.choice((0.05, 0.5)))


def _strikes(random: Random, clients: int) -> tuple[Strike, ...]:
    strikes = []
    for _ in range(random.choice((0, 0, 1, 2, 4))):
        client = random.choice((None, random.randrange(clients)))
        signal = "KILL" if client is not None else random.choice(("KILL", "TERM"))
        strikes.append(
            Strike(random.uniform(0.5, _SECONDS), client, signal, random.choice((0.0, 0.3, 1.0)))
        )
    return tuple(sorted(strikes, key=lambda strike: strike.at))


def _client(random: Random, seed: int, number: int, dialect: str) -> ClientPlan:
    manner = random.choice(("one", "one", "forked", "threads"))
    given = manner == "one" and random.random() < 0.35
    chunk_size = int(2 ** random.uniform(12, 20.5))
    uploads: list[UploadPlan] = []
    for index in range(random.randint(2, 12)):
        made = _upload(random, seed * 1000 + number * 100 + index, chunk_size)
        if uploads and random.random() < 0.25 and uploads[-1].source in _SHARED:
            made = evolve(uploads[-1], name=made.name, acts=made.acts, shares=True)
        uploads.append(made)
    options = _options(random, chunk_size, dialect)
    again = random.choice((0.0, 0.5, 1.0))
    return ClientPlan(manner, given, random.random() < 0.7, options, tuple(uploads), again)


def _steady_client(seed: int, number: int, seconds: float) -> ClientPlan:
    """One that has something to upload all the time: every second one through treq."""
    rate, size = 100_000.0, 200_000
    uploads = [
        UploadPlan(seed * 1000 + number * 100 + index, size, "a", "path", False, 0.0, ())
        for index in range(int((seconds + 3) * rate / size))
    ]
    options = {
        "chunk_size": 10_000,
        "max_rate": rate,
        "max_chunk_retries": 1000,
        "stall_timeout": 10.0,
        "max_offline": 60.0,
    }
    return ClientPlan("one", number % 2 == 1, True, options, tuple(uploads), again=0.0)


def _with_twins(random: Random, clients: list[ClientPlan], client: ClientPlan) -> ClientPlan:
    """Now and then two clients upload the same files, by the same or by other options."""
    if client is clients[0] or random.random() < 0.5:
        return client
    twins = [each for each in clients[0].uploads if each.source == "path"]
    options = client.options
    if random.random() < 0.8:
        alike = ("chunk_size", "force_chunk_size")
        options = {**options, **{name: clients[0].options[name] for name in alike}}
    return evolve(client, uploads=(*twins, *client.uploads), options=options)


def _upload(random: Random, seed: int, chunk_size: int) -> UploadPlan:
    source = random.choice(_SOURCES)
    size = random.choice((0, 1, chunk_size, 2 * chunk_size - 1, 2 * chunk_size))
    if source in ("path", "file") and random.random() < 0.5:
        size = int(random.random() * min(12 * MIB, 40 * chunk_size))
    elif random.random() < 0.8:
        size = int(random.random() * min(2 * MIB, 40 * chunk_size))
    acts: list[tuple[str, float]] = []
    while random.random() < 0.4:
        name = random.choice(("pause", "pause", "abort", "suspend", "cancel", "retry"))
        when = random.uniform(0, _SECONDS) if random.random() < 0.5 else -random.randint(1, 30)
        acts.append((name, when))
    at = random.choice((0.0, 0.0, random.uniform(0, _SECONDS)))
    name = random.choice(("a", "b.txt", "ü ü", "c.tar.gz", f"{seed}.bin"))
    return UploadPlan(seed, size, name, source, shares=False, at=at, acts=tuple(acts))


def _impatient(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "max_chunk_retries": min(options["max_chunk_retries"], 5)}


def _options(random: Random, chunk_size: int, dialect: str) -> dict[str, Any]:
    method = random.choice(("multipart", "multipart", "octet", "base64"))
    options: dict[str, Any] = {
        "dialect": dialect,
        "method": "octet" if method == "octet" else "multipart",
        "chunk_format": "base64" if method == "base64" else "blob",
        "chunk_size": chunk_size,
        "force_chunk_size": random.random() < 0.4,
        "simultaneous_uploads": random.choice((1, 3, 8, 8, "auto")),
        "prioritize_first_and_last_chunk": random.random() < 0.2,
        "small_files_first": random.random() < 0.2,
        "test_chunks": random.choice((True, True, False, "adaptive")),
        "checksum": random.choice((None, None, "sha256")),
        "min_file_size": 0,
        "max_chunk_retries": random.choice((0, 3, 1000, 1000, 1000)),
        "connect_timeout": 2.0,
        "stall_timeout": random.choice((1.0, 3.0)),
        "max_offline": random.choice((2.0, 30.0)),
        "throttle_progress_callbacks": random.choice((0.0, 0.0, 0.5)),
        "with_credentials": random.random() < 0.3,
    }
    if random.random() < 0.2:
        options["max_rate"] = random.choice((1_000_000.0, 4_000_000.0))
    elif random.random() < 0.2:
        options["chunk_timeout"] = random.choice((1.0, 4.0))
    return options

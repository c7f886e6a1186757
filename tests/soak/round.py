"""
One round: what its plan says, with real processes.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from contextlib import suppress
from math import inf
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.internet.task import deferLater

from tests.authority import Authority

from .content import write_sources
from .journal import read
from .plan import LONGEST, Plan, Strike
from .process import Process, Receiver
from .proxy import Proxy
from .tricks import choose
from .verdict import Evidence, faults

__all__ = ["Round"]

_STOPS_WITHIN = 20.0
_SIGNS = ("Traceback", "Unhandled", "Fatal Python error", "CRITICAL", "Exception ignored")


class Round:
    """
    Runs a plan in a folder of its own.

    :ivar faults: what was wrong, at the end.
    :ivar counts: what happened how often, at the end.
    """

    def __init__(self, reactor: Any, plan: Plan, folder: Path) -> None:
        self._reactor = reactor
        self._plan = plan
        self._folder = folder
        self._random = Random(plan.seed)
        self._received = folder / "received"
        self._taken: list[tuple[float, str]] = []
        self._odd: list[str] = []
        self._memory = 0
        self._clients: dict[int, Process] = {}
        self._lives: Counter[int] = Counter()
        self._written: dict[int, float] = {}
        self._calm = self._over = False
        self._receiver: Receiver
        self.faults: list[str] = []
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """From the start of the receiver to the verdict."""
        self._prepare()
        await self._start_receiver()
        self._proxy = self._make_proxy()
        self._target = f"http{'s' * self._plan.receiver.tls}://127.0.0.1:{self._proxy.listen()}/"
        self._proxy.upstream = await self._receiver.port()
        try:
            await self._trouble()
        finally:
            await self._stop()
        self._judge()

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True)
        (self._folder / "taken").mkdir()
        self._plan.save(self._folder)
        write_sources(self._plan, self._folder / "sources")
        for number in range(len(self._plan.clients)):
            self._journal(number).touch()
        if self._plan.receiver.tls:
            authority = Authority("soak")
            (self._folder / "server.pem").write_bytes(authority.issue("localhost"))
            (self._folder / "sources" / "authority.pem").write_bytes(authority.certificate)

    def _journal(self, number: int) -> Path:
        return self._folder / f"client-{number}.jsonl"

    # Who takes part ----------------------------------------------------------------------------

    async def _start_receiver(self) -> None:
        plan = self._plan.receiver
        listen = "tcp:0:interface=127.0.0.1"
        if plan.tls:
            pem = self._folder / "server.pem"
            listen = f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"
        arguments = ("--directory", str(self._received), "--listen", listen, *plan.arguments)
        log = self._folder / "receiver.log"
        self._receiver = Receiver(self._reactor, log, plan.sweeps, arguments)

    def _make_proxy(self) -> Proxy:
        line, tls = self._plan.line, self._plan.receiver.tls
        contexts = None
        if tls and line.opens_tls:
            pem = PrivateCertificate.loadPEM((self._folder / "server.pem").read_bytes())
            contexts = (pem.options(), CertificateOptions())
        reads = not tls or line.opens_tls
        hostile = choose(line.trouble, reads)
        calm = choose(0.0, reads)
        return Proxy(
            self._reactor,
            self._plan.seed,
            lambda proxy, random: (calm if self._calm else hostile)(proxy, random),
            mss=line.mss,
            window=line.window,
            contexts=contexts,
        )

    def _start_client(self, number: int) -> None:
        self._written[number] = self._journal(number).stat().st_size
        life = self._lives[number]
        self._lives[number] += 1
        log = self._folder / f"client-{number}.log"
        arguments = (str(number), str(life), str(self._folder), self._target)
        client = Process(self._reactor, log, "tests.soak.client", *arguments)
        self._clients[number] = client

    # Trouble -----------------------------------------------------------------------------------

    async def _trouble(self) -> None:
        for number in range(len(self._plan.clients)):
            self._start_client(number)
        strikes = [Deferred.fromCoroutine(self._strike(each)) for each in self._plan.strikes]
        operating = Deferred.fromCoroutine(self._operate())
        await deferLater(self._reactor, self._plan.seconds)
        await gatherResults(strikes, consumeErrors=True)
        self._calm = True
        for pair in list(self._proxy.pairs):
            if type(pair.trick).__name__ != "Trick":
                pair.reset()
        await self._clients_end()
        self._over = True
        await operating
        await self._look_at_receiver()

    async def _strike(self, strike: Strike) -> None:
        await deferLater(self._reactor, strike.at)
        while not (whom := self._victims(strike)):
            if all(client.exit is not None for client in self._clients.values()):
                return
            await deferLater(self._reactor, 0.05)
        if strike.client is None:
            await self._restart_receiver(strike)
        else:
            number = next((each for each in whom if each >= strike.client), whom[0])
            await self._restart_client(number, strike)

    def _victims(self, strike: Strike) -> list[int]:
        """Those that it may hit and that have begun to work: the receiver's port, or clients."""
        if strike.client is None:
            return [self._proxy.upstream] if self._proxy.upstream else []
        return [number for number in sorted(self._clients) if self._works(number)]

    def _works(self, number: int) -> bool:
        """Whether a client has written into its journal, and was neither hit nor has ended."""
        written = self._journal(number).stat().st_size
        return self._clients[number].exit is None and written > self._written[number]

    async def _restart_client(self, number: int, strike: Strike) -> None:
        self.counts["kills"] += 1
        client = self._clients[number]
        self._written[number] = inf
        client.signal(strike.signal)
        await client.ended
        await deferLater(self._reactor, strike.pause)
        self._start_client(number)

    async def _restart_receiver(self, strike: Strike) -> None:
        receiver = self._receiver
        self._proxy.upstream = 0
        self.counts["restarts"] += 1
        self._memory = max(self._memory, receiver.peak())
        receiver.signal(strike.signal)
        await self._gone(receiver, strike.signal)
        await deferLater(self._reactor, strike.pause)
        await self._start_receiver()
        self._proxy.upstream = await self._receiver.port()

    async def _gone(self, receiver: Receiver, signal: str) -> None:
        await self._within(receiver, _STOPS_WITHIN)
        if receiver.exit is None:
            self._odd.append(f"SIGTERM did not end the receiver within {_STOPS_WITHIN:.0f} s")
            receiver.signal("KILL")
            await receiver.ended
        elif receiver.exit != (-9 if signal == "KILL" else -15):  # twistd hands its signal on
            self._odd.append(f"the receiver ended with {receiver.exit} after SIG{signal}")

    async def _within(self, process: Process, seconds: float) -> None:
        until = time.monotonic() + seconds
        while process.exit is None and time.monotonic() < until:
            await deferLater(self._reactor, 0.05)

    async def _operate(self) -> None:
        """Take finished files away, now and then."""
        while not self._over:
            for path in self._finished():
                if self._random.random() < self._plan.takes:
                    where = self._folder / "taken" / f"{len(self._taken)}"
                    path.rename(where)
                    self._taken.append((time.monotonic(), _digest(where)))
            await deferLater(self._reactor, 0.1)

    def _finished(self) -> list[Path]:
        if not self._received.exists():
            return []
        return sorted(path for path in self._received.iterdir() if path.is_file())

    async def _clients_end(self) -> None:
        for number, client in self._clients.items():
            await self._within(client, LONGEST * self._plan.limit + 30)
            if client.exit is None:
                self._odd.append(f"client {number} has no end")
                client.signal("ABRT")  # faulthandler writes into the log where it was
                await client.ended
            elif client.exit:
                self._odd.append(f"client {number} ended with {client.exit}")

    async def _look_at_receiver(self) -> None:
        """When nobody is connected, its sockets are its port, and its files those of uploads."""
        for _ in range(100):
            if self._receiver.exit is not None:
                self._odd.append(f"the receiver has ended by itself, with {self._receiver.exit}")
                return
            links = self._receiver.open_links()
            sockets = sum(link.startswith("socket:") for link in links)
            if sockets == 1:
                break
            await deferLater(self._reactor, 0.1)
        files = [link for link in links if str(self._received) in link]
        gone = [link for link in files if link.endswith("(deleted)")]
        unfinished = len(list((self._received / ".resumable").glob("*.chunks")))
        if sockets != 1 or gone or len(files) > 3 + 2 * unfinished:
            self._odd.append(
                f"the receiver has {sockets} sockets and {len(files)} files open, {len(gone)} of "
                f"them deleted, with {unfinished} uploads unfinished"
            )
        self._memory = max(self._memory, self._receiver.peak())

    async def _stop(self) -> None:
        self._over = True
        for client in self._clients.values():
            client.signal("KILL")
        await DeferredList([client.ended for client in self._clients.values()])
        await self._proxy.close()
        if self._receiver.exit is None:
            self._receiver.signal("TERM")
            await self._gone(self._receiver, "TERM")

    # Verdict -----------------------------------------------------------------------------------

    def _judge(self) -> None:
        self._read_logs()
        journals = [list(read(self._journal(each))) for each in range(len(self._plan.clients))]
        finished = {path.name: _digest(path) for path in self._finished()}
        evidence = Evidence(journals, finished, self._taken, self._odd, self._memory)
        self.faults = faults(self._plan, evidence)
        lines = [line for journal in journals for line in journal]
        for what in ("completed", "failed", "cancelled"):
            self.counts[what] = sum(line["what"] == what for line in lines)
        self.counts["taken"] = len(self._taken)
        self.counts["connections"] = sum(self._proxy.tricks.values())
        self.counts["tricks"] = self.counts["connections"] - self._proxy.tricks.pop("Trick", 0)
        self.counts.update(self._proxy.tricks)

    def _read_logs(self) -> None:
        for log in self._folder.glob("*.log"):
            text = log.read_text(errors="replace")
            found = [sign for sign in _SIGNS if sign in text]
            if found or (log.name.startswith("client") and text):
                where = text.find(found[0]) if found else 0
                self._odd.append(f"{log.name}: {text[max(0, where - 200) : where + 1500]}")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with suppress(FileNotFoundError), path.open("rb") as file:
        while piece := file.read(1024 * 1024):
            digest.update(piece)
    return digest.hexdigest()

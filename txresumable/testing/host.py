"""
A real receiver in a simulation: its store, its site and its folder, and a process that can end.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from .._protocol.dialect import DIALECTS
from ..receiver import ReceivedFile, ReceiverSite, Store, make_site
from .line import Line, written
from .mortal import Killed, MortalDisk
from .process import ProcessClock
from .receiver import Response
from .request import SentRequest
from .timeline import Timeline

__all__ = ["HostPort", "ReceiverHost"]


class _Life:
    """
    One process of the receiver, until its end.

    :ivar clock: its time.
    :ivar disk: its disk.
    :ivar lines: the connections that it has.
    :ivar is_ending: whether it has been asked to end, or is dead.
    """

    def __init__(self, clock: Clock, died: Callable[[_Life], None]) -> None:
        self.clock = ProcessClock(clock)
        self._bury = partial(clock.callLater, 0, died, self)
        self.disk = MortalDisk(self._died)
        self.lines: list[Line] = []
        self.is_ending = False
        self.store: Store
        self.sites: dict[str, ReceiverSite] = {}

    def _died(self) -> None:
        """From here on nothing leaves it."""
        self.is_ending = True
        for line in self.lines:
            line.drop()
        self._bury()


class ReceiverHost:
    """
    Where the receiver runs: it is started, asked to end, or killed, and started again.

    :ivar wrong: what it did that it must not do.
    """

    def __init__(
        self,
        timeline: Timeline,
        folder: str,
        random: Random,
        disk_delay: float | None = None,
        **options: Any,
    ) -> None:
        """
        :param timeline: time for all.
        :param folder: where it keeps files.
        :param random: the source of chance.
        :param disk_delay: how long the disk takes at most, in seconds, or :data:`None` if it takes
            no time.
        :param options: what :class:`~txresumable.receiver.Store` takes.
        """
        self.wrong: list[str] = []
        self._timeline = timeline
        self._folder = folder
        self._random = random
        self._disk_delay = disk_delay
        self._options = options
        self._life: _Life | None = None
        self._restart = 0.0

    # Its process -------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """Whether it takes connections."""
        return self._life is not None and not self._life.is_ending

    def start(self) -> None:
        """Start it."""
        life = self._life = _Life(self._timeline.clock, self._died)
        life.disk.wrong = self.wrong
        life.store = Store(
            self._folder,
            reactor=life.clock,
            _disk=life.disk,
            _run=lambda work, *args: self._run(life, work, args),
            _now=self._timeline.clock.seconds,
            on_complete=self._completed,
            **self._options,
        )
        for dialect in DIALECTS:
            life.sites[dialect] = make_site(life.store, reactor=life.clock, dialect=dialect)
        life.store.recover()

    def kill(self, calls: int, restart: float) -> None:
        """
        Kill it, as SIGKILL does, and start it again.

        :param calls: after how many more calls to the system; 0 for now.
        :param restart: seconds until it is started again.
        """
        life = self._life
        if life is None or life.is_ending:
            return
        self._timeline.say(f"the receiver is killed after {calls} calls")
        self._restart = restart
        life.disk.calls_left = calls
        if not calls:
            life.disk.die()

    def stop(self, restart: float | None) -> Deferred[None]:
        """
        Ask it to end, and start it again.

        :param restart: seconds until it is started again; :data:`None` for never.
        :returns: a Deferred that fires when it has ended.
        """
        life = self._life
        if life is None or life.is_ending:
            return succeed(None)
        self._timeline.say("the receiver is asked to end")
        life.is_ending = True
        if restart is None:
            life.disk.calls_left = None
        for site in life.sites.values():
            site.drop_connections()
        ended = life.store.close().addCallback(lambda _: self._ended(life, restart))
        return ended.addErrback(self._not_ended, life)

    def sweep(self) -> None:
        """Let it forget what has expired."""
        if self._life is not None and not self._life.is_ending:
            self._life.store.sweep()

    def _not_ended(self, failure: Failure, life: _Life) -> None:
        if not life.disk.is_dead:
            self.wrong.append(f"close(): {failure.value!r}")

    def _ended(self, life: _Life, restart: float | None) -> None:
        if life.disk.is_dead:  # killed as it was to end: what was left of it has been collected
            return
        self._timeline.say("the receiver has ended")
        if life.disk.open_now:
            self.wrong.append(f"the receiver ended with {len(life.disk.open_now)} open files")
        self._life = None
        life.disk.die()
        if restart is not None:
            self._timeline.clock.callLater(restart, self.start)

    def _died(self, life: _Life) -> None:
        """What was on its way back to the reactor when it died has come there."""
        life.clock.stop()
        if self._life is life:
            self._life = None
            self._timeline.clock.callLater(self._restart, self.start)

    def _run(self, life: _Life, work: Callable[..., Any], args: tuple[Any, ...]) -> Deferred[Any]:
        """Do what blocks; the result comes some time after that."""
        if self._disk_delay is None:
            return self._work(life, work, args)
        done: Deferred[Any] = Deferred()

        def do() -> None:
            self._work(life, work, args).addBoth(
                lambda result: life.clock.callLater(self._delay(), done.callback, result)
            )

        life.clock.callLater(self._delay(), do)
        return done

    def _work(self, life: _Life, work: Callable[..., Any], args: tuple[Any, ...]) -> Deferred[Any]:
        try:
            return succeed(work(*args))
        except Killed:
            return Deferred()  # nobody is there to hear of it
        except Exception:
            return fail(Failure())

    def _delay(self) -> float:
        return self._random.uniform(0.0, self._disk_delay or 0.0)

    def _completed(self, file: ReceivedFile) -> None:
        with open(file.path, "rb") as received:
            content = received.read()
        if sha256(content).hexdigest() != file.sha256 or len(content) != file.size:
            self.wrong.append(f"{file.file_name}: is not what is said to be received")

    # What comes to it --------------------------------------------------------------------------

    def connect(self, dialect: str, data: bytes, is_whole: bool) -> Deferred[Response | None]:
        """
        A connection over which something is sent.

        :param dialect: the protocol.
        :param data: the bytes.
        :param is_whole: whether they are a whole request.
        :returns: a Deferred that fires with the response, or with :data:`None` if there is none.
        """
        life = self._life
        if life is None or life.is_ending:
            return succeed(None)
        at = sorted(self._random.randrange(len(data)) for _ in range(self._random.choice((0, 2))))
        pieces = [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]
        line = Line(life.clock, [piece for piece in pieces if piece], is_whole, self._delay)
        life.lines = [each for each in life.lines if not each.is_over]
        life.lines.append(line)
        line.open(life.sites[dialect])
        return line.replied

    # Its end -----------------------------------------------------------------------------------

    def left(self) -> list[str]:
        """What is left when it has ended."""
        found = list(self.wrong)
        if self._life is not None:
            found.append("the receiver did not end")
        return found

    def finished(self) -> dict[str, bytes]:
        """The contents of its files by name."""
        found = {}
        for entry in os.scandir(self._folder):
            if entry.is_file():
                with open(entry.path, "rb") as file:
                    found[entry.name] = file.read()
        return found


class HostPort:
    """
    A receiver as a network sees it.

    :ivar names: what the parameters are called.
    """

    def __init__(self, host: ReceiverHost, dialect: str) -> None:
        """
        :param host: where it runs.
        :param dialect: the protocol that it speaks here.
        """
        self.names = DIALECTS[dialect].names
        self._host = host
        self._dialect = dialect

    @property
    def is_up(self) -> bool:
        """Whether it takes connections."""
        return self._host.is_up

    def receive(self, request: SentRequest) -> Deferred[Response | None]:
        """
        A request arrives whole.

        :param request: the request.
        :returns: a Deferred that fires with the response, or with :data:`None` if there is none.
        """
        return self._host.connect(self._dialect, written(request), True)

    def receive_part(self, request: SentRequest) -> None:
        """
        What has been sent of a request arrives, and its connection ends.

        :param request: the request.
        """
        self._host.connect(self._dialect, written(request), False)

"""
One run of a program over a network that fails, to its end; and what must hold.
"""

from __future__ import annotations

import gc
from asyncio import CancelledError as AsyncioCancelledError
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.logger import LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed, ResponseNeverReceived

from txresumable import (
    ChunkRejected,
    ChunkState,
    ChunkTimeout,
    FileRejected,
    FileState,
    HookInterrupted,
    Resumable,
    RetriesExhausted,
    StallTimeout,
)
from txresumable._engine.smallest import most_of_large
from txresumable.testing import FakeResponse, ScriptedReceiver
from txresumable.testing.gauge import RequestGauge
from txresumable.uploader import engine_of

from .client import DrivenClient, DrivenRequest
from .plan import Plan
from .program import Program, told
from .reactor import SplitReactor
from .record import Known, Planned
from .sources import Sources

__all__ = ["Broken", "run"]

REFUSES_ALL = (429, 502, 503, 504, 507)
MOST_STEPS = 3000
CANCELLED = (CancelledError, AsyncioCancelledError)


class Broken(AssertionError):
    """
    Something did not hold.

    :ivar seed: of the run that shows it.
    :ivar wrong: what.
    """

    def __init__(self, seed: int, wrong: list[str]) -> None:
        super().__init__("\n  ".join([f"python -m tests.reentrancy {seed} shows:", *wrong]))
        self.seed = seed
        self.wrong = wrong


def run(seed: int, folder: str, note: Callable[[str], None] | None = None) -> Counter[str]:
    """
    Run a seed to its end.

    :param seed: any whole number; the same one gives the same run.
    :param folder: an empty folder.
    :param note: told line by line what happens.
    :returns: how often what happened.
    :raises Broken: if something does not hold.
    """
    wrong: list[str] = []
    with _logged(wrong):
        counts = Schedule(Plan.of(seed), folder, wrong, note).run()
        gc.collect()  # a Deferred that failed and that nobody heard of says so when it goes
    if wrong:
        raise Broken(seed, wrong)
    return counts


@contextmanager
def _logged(wrong: list[str]) -> Iterator[None]:
    """Nothing is logged as an error but what was raised on purpose; nobody else is told."""

    def see(event: Any) -> None:
        if event["log_level"] < LogLevel.error:
            return
        failure, unhandled = event.get("log_failure"), "Unhandled" in str(event.get("log_format"))
        planned = (Planned,) if unhandled else (Planned, *CANCELLED)
        if failure is None or not isinstance(failure.value, planned):
            what = failure and told(failure.value)
            wrong.append(f"logged: {event.get('log_format')} {what}")

    publisher: Any = globalLogPublisher
    observers, publisher._observers = publisher._observers, [see]
    try:
        yield
    finally:
        publisher._observers = observers


class Schedule:
    """
    A run.
    """

    def __init__(
        self, plan: Plan, folder: str, wrong: list[str], note: Callable[[str], None] | None
    ) -> None:
        """
        :param plan: what the seed decides.
        :param folder: for files.
        :param wrong: takes what did not hold.
        :param note: told line by line what happens.
        """
        self.plan = plan
        self.wrong = wrong
        self.random = random = Random(plan.seed + 1)
        self.reactor = SplitReactor()
        self.sources = Sources(folder, random, plan.options["chunk_size"])
        self.receiver = ScriptedReceiver()
        self.client = DrivenClient(
            self.receiver, self._begun, self._err, lambda: self._chance(plan.congestion)
        )
        self._note = note
        self._responses: list[tuple[FakeResponse, DrivenRequest]] = []
        self._is_out = False
        self._had_outage = False
        self.most_open = 0
        self.counts: Counter[str] = Counter()
        self.program = program = Program(plan, random, self.sources, self._err, self._say)
        program.check_complete = self._check_complete  # type: ignore[method-assign]
        program.check_cause = self._check_cause  # type: ignore[method-assign]
        options = {**plan.options, **program.hooks.options}
        if "retry_policy" in options:
            del options["chunk_retry_interval"]
        if not options["test_chunks"]:
            options.pop("test_target", None)
        self.uploader = Resumable(reactor=self.reactor, client=self.client, **options)
        slots = plan.options["simultaneous_uploads"]
        self.slots = slots if isinstance(slots, int) else None
        breadth = engine_of(self.uploader).breadth
        breadth.use(RequestGauge(lambda: self.client.open))
        self._loans = breadth.loans

    def _err(self, what: str) -> None:
        self._say(f"!!! {what}")
        if what not in self.wrong:
            self.wrong.append(what)

    def _say(self, line: str) -> None:
        if self._note is not None:
            line = line.replace(self.sources.folder, "")  # each run has another
            self._note(f"{self.reactor.seconds():9.2f}  {line}")

    def _chance(self, share: float) -> bool:
        return not self.program.is_calm and self.random.random() < share

    # The run -----------------------------------------------------------------------------------

    def run(self) -> Counter[str]:
        """All of it. :returns: how often what happened."""
        self._guarded(self._run)
        self.sources.close()
        return self.counts

    def _run(self) -> None:
        self.program.drive(self.uploader)
        self._guarded(self.program.act, "outside")
        for _ in range(self.plan.steps):
            self._step()
            self.inspect()
        self._settle()
        self._check_ended()
        if not self.program.is_closed:
            self._check_slots()
            self.program.close()
            self._run_out()
        self._check_nothing_left()
        self._count()

    def _count(self) -> None:
        known = self.program.known.values()
        states = Counter(each.file.state.value for each in known if each.file is not None)
        self.counts.update(states)
        self.counts["schedules"] = 1
        self.counts["deeds"] = self.program.deeds
        self.counts["requests"] = self.client.count

    def _guarded(self, function: Callable[..., object], *args: Any) -> None:
        """Call what the reactor calls: nothing may be raised into it."""
        try:
            function(*args)
        except BaseException as error:
            self._err(f"raised: into the reactor, {told(error)}")

    def _step(self) -> None:
        steps = (
            (4, lambda: self.program.act("outside")),
            (8, self._respond),
            (4, self._work),
            (4, self._result),
            (4, self.program.hooks.release),
            (2, self._body),
            (1, self._late),
            (2, self._pass_time),
            (1, self._turn),
        )
        weights = [weight for weight, _ in steps]
        step: Any = self.random.choices(steps, weights)[0][1]
        self._guarded(step)

    def _work(self) -> bool:
        works = self.reactor.works
        if works:
            works.pop(self.random.randrange(len(works)))()
            return True
        return False

    def _result(self) -> bool:
        results = self.reactor.results
        if results:
            results.pop(self.random.randrange(len(results)))()
            return True
        return False

    def _pass_time(self) -> bool:
        calls = self.reactor.getDelayedCalls()
        if self.random.random() < 0.3 and not self.program.is_calm:
            self.reactor.advance(self.random.choice((0.01, 1.0, 20.0, 100.0)))
            return True
        if not calls:
            return False
        due = min(call.getTime() for call in calls)
        self.reactor.advance(max(0.0, due - self.reactor.seconds()))
        return True

    def _turn(self) -> None:
        """The network goes, or comes back."""
        if self._is_out or self._chance(self.plan.faults / 3):
            self._is_out = not self._is_out
            self._had_outage = True
            self._say("the network is gone" if self._is_out else "the network is there")

    # The network -------------------------------------------------------------------------------

    def _known(self, request: DrivenRequest) -> Known:
        known = self.program.find(request.name)
        assert known is not None, request
        return known

    def _begun(self, request: DrivenRequest) -> None:
        self._say(f"begins: {request}")
        self._check_begin(request)
        if self.random.random() < 0.7 and not self._is_out:
            request.start()
        if self._chance(self.plan.at_once) and not request.is_over:
            self._answer(request)

    def _respond(self) -> bool:
        open_now = self.client.open
        if not open_now:
            return False
        return self._answer(self.random.choice(open_now))

    def _answer(self, request: DrivenRequest) -> bool:
        """:returns: whether anything happened."""
        known = self._known(request)
        if self._is_out:
            known.was_broken = True
            request.fail(ConnectionRefusedError())
            return True
        if not request.is_started:
            request.start()
            self._loans.written()
            return True
        if request.is_paused:
            request.unpause()
            return True
        if self._chance(self.plan.faults):
            self._go_wrong(request, known)
            return True
        if not request.is_whole or request.has_arrived:
            return False
        self._send(request, self.client.arrive(request).response())
        return True

    def _go_wrong(self, request: DrivenRequest, known: Known) -> None:
        random = self.random
        how = random.choice(("reset", "lost", "status", "status", "refused", "stall"))
        self._say(f"{request}: {how}")
        if how == "stall":
            return
        known.was_broken = True
        if how == "lost" and request.is_whole and not request.has_arrived:
            self.client.arrive(request)
        if how == "status":
            status = random.choice(self.plan.statuses)
            known.statuses.add(status)
            headers = {"Retry-After": random.choice(("0", "2"))} if random.random() < 0.3 else {}
            # As in an outage, one probes for all, and if it is given up, all are.
            self._had_outage = self._had_outage or bool(headers) or status in REFUSES_ALL
            self._send(request, FakeResponse(status, b"no", headers))
        elif how == "refused":
            self._had_outage = True
            request.fail(ConnectionRefusedError())
        else:
            lost = ConnectionLost()
            error: Exception = lost
            if random.random() < 0.5:
                error = ResponseNeverReceived([Failure(lost)])
            request.fail(error)

    def _send(self, request: DrivenRequest, response: FakeResponse) -> None:
        if self._chance(0.3):
            response.hold()
            self._responses.append((response, request))
        request.respond(response)

    def _body(self) -> bool:
        """A response that had begun goes on."""
        if not self._responses:
            return False
        at = self.random.randrange(len(self._responses))
        response, request = self._responses[at]
        if self._chance(0.3):
            response.give(response.content[:3])
            return True
        del self._responses[at]
        if self._chance(self.plan.faults):
            self._known(request).was_broken = True
            response.end(ResponseFailed([Failure(ConnectionLost())]))
        else:
            response.end()
        return True

    def _late(self) -> None:
        """Something that was given up arrives all the same."""
        if self.client.given_up:
            request = self.client.given_up.pop()
            if request.is_whole and not request.has_arrived:
                self.client.arrive(request)

    # What must hold at any time ----------------------------------------------------------------

    def _check_begin(self, request: DrivenRequest) -> None:
        program, client = self.program, self.client
        self.most_open = max(self.most_open, len(client.open))
        known = program.find(request.name)
        if known is None or known.file is None:
            self._err(f"begin: {request} is about no file")
            return
        file = known.file
        if program.is_paused:
            self._err(f"begin: {request} while paused")
        if program.is_closed:
            self._err(f"begin: {request} after close()")
        if known.is_aborted:
            self._err(f"begin: {request} after abort()")
        if known.is_cancelled:
            self._err(f"begin: {request} after cancel()")
        if file.state is not FileState.READY:
            self._err(f"begin: {request} though {file.state}")
        if "preprocess_file" in self.plan.hooks and not known.prepared:
            self._err(f"begin: {request} before preprocess_file")
        under_way = list(client.open)
        if self.plan.options.get("test_chunks") == "adaptive":  # tests have slots of their own
            under_way = [each for each in under_way if each.is_upload]
        if self.slots is not None and len(under_way) > self.slots * (1 + self._loans.is_on):
            self._err(f"slots: {len(under_way)} requests in {self.slots} slots")
        self._check_counted()
        twins = [each for each in client.open if _place(each) == _place(request)]
        if len(twins) > 1:
            self._err(f"twice: {request} at the same time")
        if not request.is_control:
            known.identifiers.add(request.identifier)
        if not known.identifiers <= {file.unique_identifier}:
            self._err(f"identifier: {known.identifiers}, not {file.unique_identifier}")
        if file.chunks[request.offset].state is not ChunkState.UPLOADING:
            self._err(f"state: {request} begins, {file.chunks[request.offset]}")

    def _check_counted(self) -> None:
        if len(self.client.open) > self.uploader.chunks_under_way:
            self._err(
                f"counted: {len(self.client.open)} requests,"
                f" {self.uploader.chunks_under_way} under way"
            )

    def inspect(self) -> None:
        """What must hold whenever the reactor has come to rest."""
        program = self.program
        self._check_counted()
        for request in self.client.open:
            known = self._known(request)
            file = known.file
            if file is None:
                continue
            if program.is_paused or program.is_closed or known.is_aborted or known.is_cancelled:
                self._err(f"stopped: {request} goes on")
            elif file.chunks[request.offset].state is not ChunkState.UPLOADING:
                self._err(f"state: {request} goes on, {file.chunks[request.offset]}")
        for known in program.known.values():
            if known.file is not None:
                fraction = known.file.fraction_completed
                if fraction < known.fraction and known.is_going_on:
                    self._err(f"fraction: that of {known} fell from {known.fraction} to {fraction}")
                known.fraction = fraction

    def _check_complete(self, known: Known, where: str) -> None:
        stored = self.receiver.files.get(known.file.unique_identifier)
        chunk = known.file.chunk_size
        chunks = {} if stored is None else stored.chunks
        marked = self._marked(known)
        for offset in range(len(known.file.chunks)):
            if offset in marked:
                continue
            content = chunks.get(offset + 1)
            if content is None or content != self._expected(known, offset, chunk):
                self._err(f"lost: {where} says that {known} is stored, and chunk {offset} is not")

    def _marked(self, known: Known) -> set[int]:
        """What was declared stored of the upload that a file shares with others."""
        name = known.file.unique_identifier
        files = [each for each in self.program.known.values() if each.file is not None]
        same = [each for each in files if each.file.unique_identifier == name]
        return set().union(*(each.marked for each in same if each.content == known.content))

    def _expected(self, known: Known, offset: int, chunk: int) -> bytes:
        last = offset == len(known.file.chunks) - 1
        return known.content[offset * chunk :] if last else known.content[offset * chunk :][:chunk]

    def _check_cause(self, known: Known, error: Any) -> None:
        # A file may share the upload of another one, and its end.
        same = [each for each in self.program.known.values() if each.content == known.content]
        if not any(self._has_cause(each, error) for each in (known, *same)):
            self._err(f"cause: {known} failed without one: {told(error)}")

    def _has_cause(self, known: Known, error: Any) -> bool:
        hooks = self.program.hooks
        if any(error is each for each in known.errors) or known.is_odd:
            return True
        if any(error is each for each in hooks.shared_errors):
            return known.was_broken or self._had_outage
        if isinstance(error, CancelledError):
            own = any(isinstance(each, CANCELLED) for each in known.errors)
            single = self.plan.options["max_files"] == 1
            return known.was_cancelled or self.program.swept or own or single
        if isinstance(error, HookInterrupted):
            both = [*known.errors, *(hooks.shared_errors if known.was_broken else ())]
            return any(isinstance(each, CANCELLED) for each in both)
        if isinstance(error, ChunkRejected):
            return error.status in known.statuses
        if isinstance(error, RetriesExhausted):
            slow = isinstance(error.last, (StallTimeout, ChunkTimeout))
            return slow or known.was_broken or self._had_outage
        if isinstance(error, FileRejected):
            return self._may_be_refused(known, error)
        return known.had_rubbish or (hooks.had_shared_rubbish and known.was_broken)

    def _may_be_refused(self, known: Known, error: FileRejected) -> bool:
        if error.rule == "max_files":
            return self.plan.options["max_files"] is not None
        if error.rule == "min_file_size":
            return not known.content
        if error.rule == "file_type":
            return bool(self.plan.options["file_type"]) and not known.name.endswith("txt")
        return False

    # The end -----------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Nothing goes wrong any more, nobody holds anything back: all comes to its end."""
        program = self.program
        self._say("from here on all is well")
        program.is_calm = True
        self._is_out = False
        if not program.is_closed:
            if program.is_paused:
                program.is_paused = False
                self._guarded(self.uploader.resume)
            for file in self.uploader.files:
                program.meet(file)
            for known in list(program.known.values()):
                if known.file is not None and known.file.is_suspended:
                    program.release(known)
            if any(known.is_bootstrapped for known in program.known.values()):
                self._guarded(self.uploader.upload)
        self._run_out()

    def _run_out(self) -> None:
        """Until nothing more happens."""
        for _ in range(MOST_STEPS):
            if not self._go_on():
                return
            self.inspect()
        self._err(f"endless: {self.client.open} {self.reactor.getDelayedCalls()}")

    def _go_on(self) -> bool:
        before = len(self.wrong)
        for step in (self._work, self._result, self.program.hooks.release, self._respond_any):
            done: list[bool] = []
            self._guarded(lambda step=step, done=done: done.append(step()))
            if done == [True] or len(self.wrong) > before:
                return True
        done = []
        self._guarded(lambda: done.append(self._body() or self._pass_time()))
        return done != [False]

    def _respond_any(self) -> bool:
        return any(self._answer(request) for request in list(self.client.open))

    def _check_ended(self) -> None:
        for known in self.program.known.values():
            if known.is_going_on:
                self._err(f"silence: {known} is {known.file.state} for ever {known.file!r}")
            elif known.file is not None and known.file.error is not None:
                self._check_cause(known, known.file.error)
        for handed in self.program.handed_out:
            if not handed.fired:
                self._err(f"silence: {handed.label} never fires")
        if self.uploader.is_uploading or self.uploader.chunks_under_way:
            self._err(f"counted: {self.uploader.chunks_under_way} under way, and nothing is")

    def _check_slots(self) -> None:
        """A fresh file is uploaded, and through all the slots."""
        program = self.program
        joined: list[Any] = []
        program.swept = True  # if anything is left, its end is the next thing that is wrong
        self.uploader.join().addBoth(joined.append)
        if not joined:
            self._err("silence: join() at the end never fires")
        for file in self.uploader.files:
            program.meet(file).was_cancelled = True
            self.uploader.remove_file(file)
        most = 1 if self.plan.options.get("in_order") else self.slots or 1
        if self.plan.options["small_files_first"]:
            most = most_of_large(most)
        chunk = self.plan.options["chunk_size"]
        known = Known("fresh.txt", bytes(chunk * (most * 3 + 3 if chunk < 1000 else most + 2)))
        program.known[known.name] = known
        self.most_open = 0
        upload = self.uploader.add_file(known.content, file_name=known.name)
        known.file = upload.file
        ended: list[Any] = []
        upload.addBoth(ended.append)
        self._run_out()
        if ended != [known.file]:
            self._err(f"slots: a fresh file does not arrive: {ended} {known.file!r}")
        else:
            self._check_complete(known, "a fresh upload")
        if self.most_open < most:
            self._err(f"slots: {self.most_open} are used of {most}")

    def _check_nothing_left(self) -> None:
        if self.client.open:
            self._err(f"left: {self.client.open}")
        for call in self.reactor.getDelayedCalls():
            self._err(f"left: {call}")
        self.sources.close()
        for name in self.sources.left_open():
            self._err(f"left: {name} is open")
        for handed in self.program.handed_out:
            if not handed.fired:
                self._err(f"silence: {handed.label} never fires")


def _place(request: DrivenRequest) -> tuple[str, int]:
    return request.name, request.offset

"""Tests for a receiver that starts once its object storage has proved fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from constantly import NamedConstant
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver.objects.interface import (
    Forbidden,
    Missing,
    Rejected,
    StorageError,
    Unavailable,
    Unreadable,
)
from txresumable.receiver.objects.start import StartOnceFit
from txresumable.testing import Bucket, FakeObjects, StorageFault, StorageForecast


@contextmanager
def logged(level: NamedConstant) -> Iterator[list[str]]:
    """What is logged at a level."""
    lines: list[str] = []

    def observe(event: Any) -> None:
        if event["log_level"] is level:
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(observe)


class Receiver(Service):
    """
    :ivar did: what was asked of it.
    :ivar fails: what its start raises.
    """

    fails: BaseException | None = None

    def __init__(self) -> None:
        self.did: list[str] = []

    def startService(self) -> None:
        self.did.append("start")
        if self.fails is not None:
            raise self.fails

    def stopService(self) -> Deferred[None]:
        self.did.append("stop")
        return succeed(None)

    def abort(self) -> None:
        self.did.append("abort")


class Reactor(MemoryReactorClock):
    """Notes that it is stopped."""

    stopped = 0

    def callWhenRunning(self, called: Any, *args: Any) -> None:
        called(*args)

    def stop(self) -> None:
        self.stopped += 1


class StartTests(SynchronousTestCase):
    """Started, or not."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.bucket = Bucket(self.reactor)
        self.receiver = Receiver()
        self.statuses: list[int] = []
        self.ending: list[int] = []
        self.aborts: list[Callable[[], object]] = []

    def test_threads_that_hang(self) -> None:
        """
        When the process is stopped before the storage has responded it ends, though a thread may
        still look for credentials, or for an address.
        """
        hangs: Deferred[Any] = Deferred()

        class Hangs(FakeObjects):
            async def get(self, key: str) -> Any:
                return await hangs

        self.start(Hangs(self.bucket), 1.0)
        [(stopping, args, named)] = self.reactor.triggers["before"]["shutdown"]
        self.assertEqual(self.ending, [])
        self.successResultOf(stopping(*args, **named))
        self.assertEqual((self.receiver.did, self.ending), (["stop"], [1]))

    def start(self, objects: Any = None, seconds: float = 8.0) -> StartOnceFit:
        service = StartOnceFit(
            self.receiver,
            objects or FakeObjects(self.bucket),
            "a/",
            "--s3-endpoint http://storage",
            reactor=self.reactor,
            exit_with=self.statuses.append,
            abort_on_signal=lambda _, abort, __: self.aborts.append(abort),
            end_anyway=self.ending.append,
        )
        service.startService()
        self.assertEqual(self.receiver.did, [])
        self.pass_time(seconds)
        return service

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds * 20)):
            self.reactor.advance(0.05)

    def test_fit(self) -> None:
        """It starts when the storage has passed, and stops when it is told to."""
        service = self.start()
        self.assertEqual((self.receiver.did, self.bucket.objects), (["start"], {}))
        self.successResultOf(service.stopService())
        self.assertEqual(self.receiver.did, ["start", "stop"])
        self.assertEqual((self.reactor.stopped, self.statuses), (0, []))

    def test_second_signal(self) -> None:
        """It aborts the other service, which may have begun to stop."""
        service = self.start()
        self.successResultOf(service.stopService())
        self.aborts[0]()
        self.assertEqual(self.receiver.did, ["start", "stop", "abort"])

    def test_unavailable(self) -> None:
        """Storage that is not there yet is waited for."""
        weights = {StorageFault.REFUSED: 1.0}
        forecast = StorageForecast(rate=1.0, weights=weights, clears=60.0)
        self.start(FakeObjects(self.bucket, forecast=forecast), 55.0)
        self.assertEqual((self.receiver.did, self.reactor.stopped), ([], 0))
        self.pass_time(20.0)
        self.assertEqual(self.receiver.did, ["start"])

    def test_unfit(self) -> None:
        """Unfit storage ends the process with 1, and a sentence that says why."""
        self.bucket.ignores = frozenset({"If-Match"})
        with logged(LogLevel.critical) as lines:
            self.start()
        self.assertIn("--s3-endpoint http://storage: the storage ignores If-Match", lines[0])
        self.assertEqual((self.receiver.did, self.reactor.stopped, self.statuses), ([], 1, [1]))

    def test_no_storage(self) -> None:
        """
        What does not respond as storage does for half a minute is none, and ends the process with
        a sentence that has the option; but for that it has to be so all the time.
        """
        for error in (
            Unreadable("GET a: 404"),
            Rejected("PUT a: 405", "405"),
            Missing("GET a: 404"),
        ):
            failures: list[StorageError] = [error] * 6 + [Unavailable("GET a: 502")] + [error] * 7

            class Web(FakeObjects):
                async def get(self, key: str) -> Any:
                    raise failures.pop(0)  # noqa: B023

            self.reactor.stopped, self.statuses = 0, []
            with logged(LogLevel.critical) as lines:
                self.start(Web(self.bucket), 60.0)
                self.assertEqual((lines, self.reactor.stopped), ([], 0))
                self.pass_time(15.0)
            expected = (
                "the receiver does not start: --s3-endpoint http://storage: "
                f"no object storage responds there that speaks S3: {error}"
            )
            self.assertEqual(lines, [expected])
            self.assertEqual((self.receiver.did, self.reactor.stopped, failures), ([], 1, []))
            self.assertEqual(self.statuses, [1])

    def test_says_what_it_waits_for(self) -> None:
        """Each time that storage is away is a line in the log."""

        class Away(FakeObjects):
            async def get(self, key: str) -> Any:
                raise Unavailable("GET a: Connection was refused by other side.")

        with logged(LogLevel.warn) as lines:
            service = self.start(Away(self.bucket), 3601.0)
        expected = (
            "--s3-endpoint http://storage: waiting for the storage: "
            "GET a: Connection was refused by other side."
        )
        self.assertEqual(set(lines), {expected})
        self.assertGreater(len(lines), 650)
        self.assertEqual((self.receiver.did, self.reactor.stopped), ([], 0))
        self.successResultOf(service.stopService())

    def test_forbidden(self) -> None:
        """So does storage that does not let us in."""

        class Closed(FakeObjects):
            async def put(self, key: str, body: Any, **given: Any) -> Any:
                raise Forbidden("403 AccessDenied")

        with logged(LogLevel.critical) as lines:
            self.start(Closed(self.bucket))
        self.assertIn("--s3-endpoint http://storage: 403 AccessDenied", lines[0])
        self.assertEqual((self.reactor.stopped, self.statuses), (1, [1]))

    def test_cannot_listen(self) -> None:
        """So does a receiver that cannot listen, or not start."""
        self.receiver.fails = SystemExit("Couldn't listen")
        with logged(LogLevel.critical) as lines:
            self.start()
        self.assertIn("Couldn't listen", lines[0])
        self.receiver = Receiver()
        self.receiver.fails = RuntimeError("a mistake")
        self.start()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual((self.reactor.stopped, self.statuses), (2, [1, 1]))

    def test_stopped_before(self) -> None:
        """One that is stopped before it has started does not start, and closes its store."""
        for seconds in (0.0, 0.1):
            self.receiver = Receiver()
            service = self.start(seconds=seconds)
            self.successResultOf(service.stopService())
            self.pass_time(30.0)
            self.assertEqual(self.receiver.did, ["stop"])
        self.assertEqual((self.reactor.stopped, self.statuses), (0, []))

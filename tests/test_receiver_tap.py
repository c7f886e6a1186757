"""Tests for ``twistd resumable-receive``."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Callable
from inspect import signature
from typing import Any, cast
from unittest.mock import patch

from twisted.application.service import IService, MultiService
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver, MemoryReactorClock, RaisingMemoryReactor
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.authority import Authority
from tests.receiver_rig import (
    ClientFile,
    Connection,
    QuickDisk,
    connecting_reactor,
    fail_once,
    request,
)
from tests.test_receiver_command import FILE, Processes
from txresumable._runtime.clock import steady
from txresumable.errors import InvalidOption
from txresumable.receiver import ObjectStore, ReceiverService, Refused, Store, make_site
from txresumable.receiver.observers import on_complete
from txresumable.receiver.process import ReceiverProcess
from txresumable.receiver.store import at_once
from txresumable.receiver.tap import Options, makeService
from txresumable.testing import Bucket, FakeObjects


def parse(*arguments: str) -> Options:
    """Parse a command line."""
    options = Options()
    options.parseOptions(list(arguments))
    return options


class OptionsTests(SynchronousTestCase):
    """The command line."""

    def test_defaults(self) -> None:
        """Without options it listens at port 8080 of the loopback interface."""
        options = parse()
        self.assertEqual(options["listen"], "tcp:8080:interface=127.0.0.1")
        self.assertEqual((options["directory"], options["origins"]), (".", []))
        self.assertEqual((options["max-file-size"], options["expire"]), (None, 604800))

    def test_given(self) -> None:
        """Options say otherwise."""
        options = parse(
            *("--port", "0", "--max-file-size", "20M", "--expire", "12h", "-d", "x"),
            *("--host", "a.example", "--host", "b.example", "--max-total-connections", "9"),
            *("--origin", "https://a.example", "--origin", "*", "--max-unfinished-size", "1GiB"),
        )
        self.assertEqual(options["listen"], "tcp:0:interface=127.0.0.1")
        self.assertEqual(options["max-file-size"], 20 << 20)
        self.assertEqual(options["max-unfinished-size"], 1 << 30)
        self.assertEqual(options["expire"], 43200)
        self.assertEqual(options["origins"], ["https://a.example", "*"])
        self.assertEqual(options["hosts"], ["a.example", "b.example"])
        self.assertEqual((options["max-total-connections"], options["max-chunks"]), (9, 1048576))
        self.assertEqual(
            [parse()["received-once"], parse("--received-once")["received-once"]], [0, 1]
        )
        self.assertEqual(parse("--listen", "unix:x")["listen"], "unix:x")
        self.assertEqual([parse("--mode", mode)["mode"] for mode in ("640", "0640")], [0o640] * 2)
        given = parse("--quota", "2G", "--remember", "30d", "--no-fsync")
        self.assertEqual((given["quota"], given["remember"]), (2 << 30, 2592000))
        self.assertEqual(
            (given["no-fsync"], parse()["quota"], parse()["remember"]), (1, None, None)
        )
        given = parse("--parameter", "album", "--parameter", "tag")
        self.assertEqual(given["parameters"], ["album", "tag"])
        self.assertEqual(parse("--existing", "replace")["existing"], "replace")
        self.assertEqual(parse("--expire", "0")["expire"], None)

    def test_bad(self) -> None:
        """A bad option is a usage error that names it."""
        for arguments in (
            ("--port", "x"),
            ("--port", "65536"),
            ("--port", "1", "--listen", "tcp:1"),
            ("--max-file-size", "big"),
            ("--max-file-size", "-1"),
            ("--expire", "soon"),
            ("--max-connections", "1.5"),
            ("--origin", "example.com"),
            ("--host", "https://example.com"),
            ("--host", "example.com:80"),
            ("--max-total-connections", "some"),
            ("--dialect", "tus"),
            ("--existing", "overwrite"),
            ("--quota", "much"),
            ("--remember", "0"),
            ("--remember", "long"),
            ("--mode", "rw"),
            ("--mode", "0440"),
            ("--mode", "9999"),
            ("--parameter", "resumableFilename"),
            ("--nonsense",),
            ("argument",),
        ):
            self.assertRaises(UsageError, parse, *arguments)

    def test_help(self) -> None:
        """The help names every option."""
        text = str(Options())
        for name in ("directory", "port", "listen", "origin", "expire", "min-rate"):
            self.assertIn(f"--{name}=", text)


class MakeServiceTests(SynchronousTestCase):
    """Making the service."""

    def test_service(self) -> None:
        """A service comes of good options, and it makes its folder."""
        root = self.mktemp()
        service = makeService(parse("--directory", root, "--port", "0"))
        verifyObject(IService, service)
        self.assertTrue(os.path.isdir(root))
        self.successResultOf(cast(ReceiverService, service).stopService())

    def test_page(self) -> None:
        """With --page a browser gets a page to drop files on, without it none."""
        for flags, status in (((), 400), (("--page",), 200)):
            given = ("--directory", self.mktemp(), "--port", "0", *flags)
            service = cast(ReceiverProcess, makeService(parse(*given)))
            wire = Connection(service._site)
            wire.send(request("GET", "/", {"accept": "text/html"}))
            self.assertEqual(wire.response().status, status)
            wire.lose()
            self.successResultOf(service.stopService())

    def test_unusable(self) -> None:
        """A directory or an endpoint that cannot be used is a usage error, in one line."""
        path = self.mktemp()
        with open(path, "w"):
            pass
        for arguments, why in (
            (("--directory", path), f"--directory {path}: it is not a directory"),
            (("--directory", f"{path}/x"), f"--directory {path}/x: Not a directory"),
            (("--directory", "/proc/x"), "--directory /proc/x: "),
            (("--directory", self.mktemp(), "--listen", "nonsense"), "--listen nonsense: "),
            (("--directory", self.mktemp(), "--listen", "tcp:x"), "--listen tcp:x: "),
            (("--directory", self.mktemp(), "--listen", "what:1"), "--listen what:1: "),
            (("--directory", self.mktemp(), "--listen", "ssl:1:privateKey=none"), "--listen ssl:"),
        ):
            error = self.assertRaises(UsageError, parse, *arguments)
            self.assertTrue(str(error).startswith(why), error)

    def test_hooks(self) -> None:
        """What is to be done with each file is checked at the start."""
        secret = self.mktemp()
        with open(secret, "w") as file:
            file.write("short")
        url = ("--on-complete-url", "http://localhost:1/")
        for given, why in (
            (("--on-complete", "no-such-command -x"), "no-such-command -x: there is no such"),
            (("--on-complete", " "), " : there is no such command"),
            (("--on-complete", "a 'b"), "a 'b: No closing quotation"),
            (("--on-complete-url", "example.com"), "example.com: must be like https://"),
            (("--on-complete-url", "https:// x"), "https:// x: must be like https://"),
            (("--on-complete-secret", secret), "is for --on-complete-url"),
            ((*url, "--on-complete-secret", secret), f"{secret}: has a secret of less than"),
            ((*url, "--on-complete-secret", secret + "x"), f"{secret}x: No such file"),
            (("--on-complete-timeout", "0"), "0: must be at least a second"),
            (("--on-complete-timeout", "soon"), "must be a time"),
        ):
            error = self.assertRaises(UsageError, parse, "--directory", self.mktemp(), *given)
            self.assertIn(why, str(error))

    def test_notified(self) -> None:
        """A command and a URL are notified one after the other, if there are any."""
        secret = self.mktemp()
        with open(secret, "w") as file:
            file.write("a-secret-that-is-long-enough")
        directory = ("--directory", self.mktemp())
        options = parse(*directory)
        self.assertIsNone(on_complete(options, None))
        options = parse(
            *(*directory, "--on-complete", "true -x", "--on-complete-secret", secret),
            *("--on-complete-url", "http://127.0.0.1:1/x", "--on-complete-timeout", "10s"),
        )
        self.assertEqual(options["on-complete-timeout"], 10)
        self.assertEqual(options["secret"], b"a-secret-that-is-long-enough")
        reactor = connecting_reactor()
        processes = Processes()
        reactor.spawnProcess = processes.spawnProcess
        notify = on_complete(options, reactor)
        assert notify is not None

        def begin() -> Deferred[object]:
            return Deferred.fromCoroutine(notify(FILE))  # type: ignore[arg-type]

        result = begin()
        self.assertEqual(processes.started, [("true", ["true", "-x", FILE.path])])
        self.assertEqual(reactor.tcpClients, [])
        processes.end(0)
        self.assertEqual(reactor.tcpClients[0][:2], ("127.0.0.1", 1))
        result.cancel()
        self.failureResultOf(result)
        result = begin()
        processes.end(0)
        reactor.advance(4.9)
        self.assertNoResult(result)
        reactor.advance(0.1)
        self.failureResultOf(result, Refused)
        *others, last = (begin() for _ in range(9))
        reactor.advance(4.9)
        self.assertNoResult(last)
        reactor.advance(0.1)
        self.failureResultOf(last, Refused)
        for each in others:
            each.cancel()
            self.failureResultOf(each, CancelledError)

    def test_status(self) -> None:
        """Health, metrics and a log of requests are there if they are asked for."""
        log, root = self.mktemp(), self.mktemp()
        for given, why in (
            (("--status", "nonsense"), "--status nonsense: "),
            (("--access-log", f"{root}/x/y"), f"--access-log {root}/x/y: No such file"),
        ):
            error = self.assertRaises(UsageError, parse, "--directory", root, *given)
            self.assertTrue(str(error).startswith(why), error)
        options = parse(
            *("--directory", root, "--port", "0", "--access-log", log),
            *("--status", "tcp:0:interface=127.0.0.1", "--on-complete", "true"),
        )
        services = cast(MultiService, makeService(options))
        process, status = cast("tuple[ReceiverProcess, Any]", tuple(services))
        wire = Connection(process._site)
        wire.send(request("POST", "/x?secret=1", {"user-agent": "me"}))
        self.assertEqual(wire.response().status, 400)
        with open(log) as file:
            self.assertIn('"POST /x HTTP/1.1" 400', file.read())
        wire.lose()
        asking = Connection(status.factory)
        asking.send(request("GET", "/metrics", {}))
        body = asking.response().body.decode()
        for line in (
            'resumable_receiver_requests_total{method="POST",status="400"} 1.0',
            "resumable_receiver_files_total 0.0",
            "resumable_receiver_unfinished 0.0",
            "resumable_receiver_connections 0.0",
        ):
            self.assertIn(line, body)
        asking.lose()
        self.successResultOf(process.stopService())

    def test_no_metrics(self) -> None:
        """Without the package that they need there is health alone, and the log says why."""
        missing = patch.dict(sys.modules, {"txresumable.receiver.metrics": None})
        missing.start()
        self.addCleanup(missing.stop)
        directory = ("--directory", self.mktemp(), "--port", "0")
        options = parse(*directory, "--status", "tcp:0:interface=127.0.0.1")
        observer = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        services = cast(MultiService, makeService(options))
        self.assertIn("install txresumable[metrics]", str(observer[0]["log_format"]))
        process, status = cast("tuple[ReceiverProcess, Any]", tuple(services))
        asking = Connection(status.factory)
        asking.send(request("GET", "/metrics", {}))
        self.assertEqual(asking.response().status, 404)
        asking.lose()
        self.successResultOf(process.stopService())

    def test_logging_in(self) -> None:
        """Who may upload stands in files; a mistake in one is a usage error that says where."""
        tokens, passwords, root = self.mktemp(), self.mktemp(), self.mktemp()
        given = ("--directory", root, "--port", "0", "--tokens", tokens, "--htpasswd", passwords)
        error = self.assertRaises(UsageError, parse, *given)
        self.assertEqual(str(error), f"--tokens {tokens}: No such file or directory")
        with open(tokens, "w") as file:
            file.write("ada:a-token-of-hers-that-is-long")
        with open(passwords, "w") as file:
            file.write("ben:x")
        error = self.assertRaises(UsageError, parse, *given)
        self.assertTrue(str(error).startswith(f"--htpasswd {passwords}: line 1 must be"), error)
        with open(passwords, "w") as file:
            file.write("ben:$2y$04$abcdefghijklmnopqrstuuMFdJu9yVgmagVAIC24fOZkaFqd3s9JC")
        service = cast(ReceiverProcess, makeService(parse(*given)))
        for authorization, status in (
            ("Bearer x", 401),
            ("Bearer a-token-of-hers-that-is-long", 400),
            ("Basic YWRhOmEtdG9rZW4tb2YtaGVycy10aGF0LWlzLWxvbmc=", 400),
        ):
            # Who may come in hears that the rest is wrong.
            wire = Connection(service._site)
            wire.send(request("POST", "/", {"authorization": authorization}))
            self.assertEqual(wire.response().status, status)
            wire.lose()
        self.successResultOf(service.stopService())

    def test_secure(self) -> None:
        """Where TLS is spoken, the URL that it logs says so."""
        pem = self.mktemp()
        with open(pem, "wb") as file:
            file.write(Authority("receiver").issue("localhost"))
        listen = f"ssl:0:privateKey={pem}:certKey={pem}:interface=127.0.0.1"
        for endpoint, scheme in ((listen, "https"), ("tcp:0", "http")):
            options = parse("--directory", self.mktemp(), "--listen", endpoint)
            service = cast(ReceiverService, makeService(options))
            self.assertEqual(service.scheme, scheme)
            self.successResultOf(service.stopService())

    def test_in_use(self) -> None:
        """A directory that another receiver uses is a usage error, then and later."""
        root = self.mktemp()
        options = parse("--directory", root)
        store = Store(root, _run=at_once)
        self.assertRaises(UsageError, parse, "--directory", root)
        self.assertRaises(UsageError, makeService, options)
        self.successResultOf(store.close())


class Port:
    """A port that may be listened at."""

    listens = True

    def getHost(self) -> str:
        """Where that is."""
        return "somewhere"

    def stopListening(self) -> None:
        """Not any more."""
        self.listens = False


class Endpoint:
    """An endpoint that takes its time."""

    def __init__(self) -> None:
        self.listening: Deferred[Any] = Deferred()

    def listen(self, factory: object) -> Deferred[Any]:
        """Listen, some time."""
        return self.listening


class ServiceTests(SynchronousTestCase):
    """The service at work."""

    def make(
        self,
        reactor: Any,
        *,
        grace: Any = 20.0,
        sweep_every: Any = 600.0,
        in_bucket: bool = False,
        **options: Any,
    ) -> ReceiverService:
        """A service over a reactor in memory, and a folder or object storage."""
        self.root = self.mktemp()
        store: Any
        if in_bucket:
            store = ObjectStore(FakeObjects(Bucket(reactor)), reactor=reactor, **options)
        else:
            store = Store(self.root, _run=at_once, _disk=QuickDisk(), **options)
        site = make_site(store, reactor=reactor)
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        own = {"grace": grace, "sweep_every": sweep_every}
        return ReceiverService(endpoint, site, store=store, reactor=reactor, **own)

    def test_installed_reactor(self) -> None:
        """Without a reactor it goes by the clock of the one that is installed."""
        from twisted.internet import reactor

        store = Store(self.mktemp(), _run=at_once, _disk=QuickDisk())
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        service = ReceiverService(endpoint, make_site(store), store=store)
        self.assertIs(service._clock, steady(reactor))
        self.successResultOf(store.close())

    def test_says_where(self) -> None:
        """It logs where it listens."""
        observer = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        reactor = MemoryReactorClock()
        service = self.make(reactor)
        service.privilegedStartService()
        service.startService()
        self.assertIn("http://0.0.0.0:0/", [event.get("url") for event in observer])
        self.assertIsNotNone(service.address)
        self.successResultOf(service.stopService())
        self.assertEqual(reactor.getDelayedCalls(), [])

    def test_started_twice(self) -> None:
        """The second time, nothing begins."""
        reactor = MemoryReactorClock()
        service = self.make(reactor, expire=100)
        service.startService()
        service.startService()
        self.assertEqual(len(reactor.tcpServers), 1)
        self.successResultOf(service.stopService())

    def test_started_again(self) -> None:
        """Once it was stopped it is not started again; stopping it again changes nothing."""
        for is_started in (True, False):
            reactor = MemoryReactorClock()
            service = self.make(reactor)
            if is_started:
                service.startService()
            self.successResultOf(service.stopService())
            self.successResultOf(service.stopService())
            for start in (service.privilegedStartService, service.startService):
                self.assertRaises(RuntimeError, start)
            self.assertFalse(service.running)
            self.assertEqual((len(reactor.tcpServers), reactor.getDelayedCalls()), (is_started, []))

    def test_drains(self) -> None:
        """When it stops, chunks that arrive are taken, whatever they are stored in."""
        for in_bucket in (False, True):
            reactor = MemoryReactorClock()
            service = self.make(reactor, in_bucket=in_bucket)
            service.startService()
            data = ClientFile(bytes(25)).upload(1)
            wire = Connection(service._site)
            wire.send(data[:-4])
            stopped = service.stopService()
            reactor.advance(15)
            self.assertNoResult(stopped)
            wire.send(data[-4:])
            reactor.pump([0.05] * 40)
            response = wire.response()
            self.assertEqual((response.status, response.headers["connection"]), (200, "close"))
            self.assertEqual(response.content, {"status": "stored"})
            self.assertFalse(wire.aborted)
            wire.end()
            wire.lose()
            self.successResultOf(stopped)
            self.assertEqual(reactor.getDelayedCalls(), [])

    def test_grace(self) -> None:
        """What takes longer than that is cut off, with a line in the log."""
        for grace, seconds in ((20.0, 20), (3.5, 4), (0.0, 0)):
            reactor = MemoryReactorClock()
            service = self.make(reactor, grace=grace)
            service.startService()
            wire = Connection(service._site)
            wire.send(ClientFile(bytes(25)).upload(1)[:-4])
            logged = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
            stopped = service.stopService()
            if seconds:
                reactor.advance(seconds - 1)
                self.assertFalse(wire.aborted)
                reactor.advance(1)
            self.assertTrue(wire.aborted)
            shown = [formatEvent(each) for each in logged if each["log_level"] is LogLevel.warn]
            self.assertEqual(shown, ["aborting 1 connection with unfinished requests"])
            wire.lose()
            self.successResultOf(stopped)
            self.assertEqual(reactor.getDelayedCalls(), [])

    def test_abort(self) -> None:
        """What is under way is cut at once, if that is asked for while it stops or before."""
        for is_late in (True, False):
            reactor = MemoryReactorClock()
            service = self.make(reactor)
            service.startService()
            wire = Connection(service._site)
            wire.send(ClientFile(bytes(25)).upload(1)[:-4])
            if not is_late:
                service.abort()
                self.assertFalse(wire.aborted)
            stopped = service.stopService()
            if is_late:
                self.assertFalse(wire.aborted)
                service.abort()
                service.abort()
            self.assertTrue(wire.aborted)
            wire.lose()
            self.successResultOf(stopped)
            service.abort()
            self.assertEqual(reactor.getDelayedCalls(), [])

    def test_wrong_grace(self) -> None:
        """Its seconds are a number."""
        for wrong in ("20s", -1, None):
            self.assertRaises(InvalidOption, self.make, MemoryReactorClock(), grace=wrong)
        default = signature(ReceiverService).parameters["grace"].default
        self.assertEqual((parse()["grace"], default), (20.0, 20.0))
        self.assertIsNone(parse("--grace", "0")["grace"])

    def test_sweeps(self) -> None:
        """It forgets what has expired, from time to time."""
        reactor = MemoryReactorClock()
        service = self.make(reactor, expire=100, _now=lambda: reactor.seconds() + 10**10)
        service.startService()
        path = os.path.join(self.root, ".resumable", "0" * 64 + ".done")
        with open(path, "w"):
            pass
        self.assertTrue(os.path.exists(path))
        reactor.advance(600)
        self.assertFalse(os.path.exists(path))
        self.successResultOf(service.stopService())
        self.assertEqual(reactor.getDelayedCalls(), [])

    def test_sweep_every(self) -> None:
        """It sweeps as often as is wanted, or leaves that to others."""
        for seconds, expected in ((600.0, 3), (60.0, 21), (0.0, 0)):
            reactor = MemoryReactorClock()
            service = self.make(reactor, sweep_every=seconds)
            sweeps: list[None] = []

            def sweep(sweeps: list[None] = sweeps) -> Deferred[int]:
                sweeps.append(None)
                return succeed(0)

            service._store.sweep = sweep
            service.startService()
            reactor.pump([10.0] * 120)
            self.assertEqual(len(sweeps), expected)
            self.successResultOf(service.stopService())
            self.assertEqual(reactor.getDelayedCalls(), [])
        for wrong in ("10m", -1, None):
            self.assertRaises(InvalidOption, self.make, MemoryReactorClock(), sweep_every=wrong)
        default = signature(ReceiverService).parameters["sweep_every"].default
        self.assertEqual((parse()["sweep"], default), (600.0, 600.0))
        stored = ("--store", "s3://bucket", "--s3-endpoint", "https://storage.example")
        self.assertIsNone(parse("--sweep", "0", *stored)["sweep"])
        error = self.assertRaises(UsageError, parse, "--sweep", "0", "--directory", self.mktemp())
        expected = "--sweep 0: is for --store, where another receiver sweeps"
        self.assertEqual(str(error), expected)

    def test_sweep_that_fails(self) -> None:
        """A sweep that fails is logged, and the next one comes all the same."""
        reactor = MemoryReactorClock()
        service = self.make(reactor, expire=100, _now=lambda: reactor.seconds() + 10**10)
        disk: Any = service._store._folder._disk
        disk.names = fail_once(disk.names, OSError(errno.EMFILE, "too many"))
        service.startService()
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        path = os.path.join(self.root, ".resumable", "0" * 64 + ".done")
        with open(path, "w"):
            pass
        reactor.advance(600)
        self.assertFalse(os.path.exists(path))
        self.successResultOf(service.stopService())

    def test_disk_that_hangs(self) -> None:
        """It ends within a minute even if its store cannot, and then says so."""
        reactor = MemoryReactorClock()
        service = self.make(reactor)
        service.startService()
        hanging: Deferred[None] = Deferred()
        store_close, service._store.close = service._store.close, lambda: hanging
        stopped = service.stopService()
        reactor.advance(59)
        self.assertNoResult(stopped)
        reactor.advance(1)
        self.successResultOf(stopped)
        hanging.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.successResultOf(store_close())

    def test_cannot_recover(self) -> None:
        """A recovery that fails is logged, and it receives all the same."""
        service = self.make(MemoryReactorClock())
        service._store.recover = lambda: fail(ZeroDivisionError())
        service.startService()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.successResultOf(service.stopService())

    def test_refused(self) -> None:
        """That storage is away is a line in the log, once a minute, and none while it stops."""
        reactor = MemoryReactorClock()
        service = self.make(reactor)
        away: list[Deferred[Any]] = []
        service._store.recover = lambda: fail(Refused(503, "the storage is away"))

        def sweep() -> Deferred[Any]:
            away.append(Deferred())
            return away[-1]

        service._store.sweep = sweep
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        service.startService()
        away.pop().errback(Refused(503, "the storage is away"))
        reactor.advance(600)
        away.pop().errback(Refused(503, "the storage is still away"))
        reactor.advance(600)
        stopped = service.stopService()
        away.pop().errback(Refused(503, "the receiver is closing"))
        self.successResultOf(stopped)
        shown = [formatEvent(event) for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual(
            shown,
            ["cannot recover: the storage is away", "cannot sweep: the storage is still away"],
        )

    def test_cannot_listen(self) -> None:
        """If it cannot listen it does not start."""
        error = CannotListenError("127.0.0.1", 0, OSError("taken"))
        reactor = RaisingMemoryReactor(listenException=error)
        clock = Clock()
        reactor.seconds, reactor.callLater = clock.seconds, clock.callLater  # type: ignore
        service = self.make(reactor)
        self.assertRaises(CannotListenError, service.privilegedStartService)
        self.successResultOf(service.stopService())

    def test_listens_late(self) -> None:
        """What an endpoint only comes to later is logged, or ended if that is no longer wanted."""
        for is_stopped, port, still in (
            (False, Port(), True),
            (True, Port(), False),
            (False, OSError("taken"), None),
        ):
            service = self.make(MemoryReactorClock())
            endpoint: Any = Endpoint()
            service._endpoint = endpoint
            service.startService()
            if is_stopped:
                self.successResultOf(service.stopService())
            endpoint.listening.callback(Failure(port) if isinstance(port, OSError) else port)
            self.assertEqual(getattr(port, "listens", None), still)
            self.successResultOf(service.stopService())
            self.assertFalse(getattr(port, "listens", False))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)


class ProcessTests(SynchronousTestCase):
    """The end of the service is the end of the process."""

    def make(self, reactor: Any, end_anyway: Callable[[int], object]) -> ReceiverProcess:
        """A service of a process."""
        self.aborts: list[Callable[[], object]] = []
        store = Store(self.mktemp(), _run=at_once, _disk=QuickDisk())
        return ReceiverProcess(
            TCP4ServerEndpoint(reactor, 0),
            make_site(store, reactor=reactor),
            store=store,
            reactor=reactor,
            scheme="http",
            abort_on_signal=lambda *given: self.aborts.append(given[1]),
            end_anyway=end_anyway,
        )

    def test_cannot_listen(self) -> None:
        """If it cannot listen the process ends with one sentence that says why."""
        for error in (
            CannotListenError("127.0.0.1", 80, PermissionError(13, "Permission denied")),
            FileNotFoundError(2, "No such file or directory"),
        ):
            for start in ("privilegedStartService", "startService"):
                reactor = RaisingMemoryReactor(listenException=error)
                reactor.addSystemEventTrigger = lambda *_: None  # type: ignore
                clock = Clock()
                reactor.seconds, reactor.callLater = clock.seconds, clock.callLater  # type: ignore
                service = self.make(reactor, self.fail)
                ended = self.assertRaises(SystemExit, getattr(service, start))
                self.assertRegex(str(ended), r"Couldn't listen.*: \[Errno [0-9]+\] [A-Z]")
                self.successResultOf(service.stopService())

    def test_modules(self) -> None:
        """Garbage is not looked for in what was loaded, once: that would hold everybody up."""
        done: list[str] = []
        service = self.make(MemoryReactorClock(), self.fail)
        with (
            patch.object(gc, "collect", lambda: done.append("collect")),
            patch.object(gc, "freeze", lambda: done.append("freeze")),
        ):
            service.startService()
            service.startService()
        self.assertEqual(done, ["collect", "freeze"])
        self.successResultOf(service.stopService())

    def test_threads_that_hang(self) -> None:
        """Once it has stopped, or has given up, the process ends whatever hangs."""
        reactor = MemoryReactorClock()
        ending: list[int] = []
        service = self.make(reactor, ending.append)
        service.startService()
        service.startService()
        [(stopping, args, named)] = reactor.triggers["before"]["shutdown"]
        store_close, service._store.close = service._store.close, Deferred
        stopped = stopping(*args, **named)
        reactor.advance(59)
        self.assertEqual(ending, [])
        reactor.advance(1)
        self.assertEqual(ending, [1])
        self.successResultOf(stopped)
        self.successResultOf(store_close())

    def test_second_signal(self) -> None:
        """It aborts, and is asked for once."""
        service = self.make(MemoryReactorClock(), self.fail)
        service.startService()
        service.startService()
        self.assertEqual(self.aborts, [service.abort])
        self.successResultOf(service.stopService())

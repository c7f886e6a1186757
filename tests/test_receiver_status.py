"""Tests for what supervisors ask a receiver."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from tests.metrics_rig import named, ours, shown
from tests.receiver_rig import ClientFile, Connection, ReceiverTestCase, Response, request
from txresumable._runtime.process_metrics import process_registry
from txresumable.receiver.metrics import Metrics
from txresumable.receiver.status import make_status_site

CONTENT = bytes(range(65, 90))  # 25 bytes: two chunks of 10 and 15


class StatusTests(ReceiverTestCase):
    """Pages for supervisors."""

    def page(self, path: str, method: str = "GET", **options: Any) -> Response:
        """A page."""
        wire = Connection(make_status_site(self.store, reactor=self.clock, **options))
        try:
            return wire.send(request(method, path, {})).response()
        finally:
            wire.lose()

    def test_health(self) -> None:
        """It is well as long as its folder is where it was, and it is not closed."""
        self.start()
        response = self.page("/healthz")
        self.assertEqual((response.status, response.content), (200, {"status": "ok"}))
        self.assertEqual(response.headers["cache-control"], "no-store")
        self.assertEqual(self.page("/healthz", "HEAD").status, 200)
        os.rename(self.root, self.root + "-away")
        response = self.page("/healthz")
        self.assertEqual(response.status, 503)
        self.assertIn("removed or moved", response.content["error"])
        os.rename(self.root + "-away", self.root)
        self.assertEqual(self.page("/healthz").status, 200)
        self.successResultOf(self.store.close())
        self.assertEqual(self.page("/healthz").status, 503)

    def test_disk_fails(self) -> None:
        """A disk that fails is not well."""
        self.start()
        self.patch(self.store, "check", lambda: fail(OSError(5, "broken")))
        response = self.page("/healthz")
        self.assertEqual((response.status, response.content["error"]), (503, "[Errno 5] broken"))

    def test_draining(self) -> None:
        """From when it stops it is not well for those who are connected, or wait for a response."""
        self.start()
        checked: Deferred[None] = Deferred()
        results: list[Deferred[None]] = [succeed(None), checked, succeed(None)]
        self.patch(self.store, "check", lambda: results.pop(0))
        wires = [
            Connection(make_status_site(self.store, site=self.site, reactor=self.clock))
            for _ in range(2)
        ]
        for wire in wires:
            self.addCleanup(wire.lose)
            wire.send(request("GET", "/healthz", {}))
        self.assertEqual(wires[0].response().status, 200)
        self.site.drain()
        checked.callback(None)
        wires[0].send(request("GET", "/healthz", {}))
        for wire in wires:
            response = wire.response()
            self.assertEqual(response.status, 503)
            self.assertEqual(response.content["error"], "the receiver is stopping")

    def test_gone(self) -> None:
        """Who has gone before it was known gets nothing."""
        self.start()
        checked: Deferred[None] = Deferred()
        self.patch(self.store, "check", lambda: checked)
        wire = Connection(make_status_site(self.store, reactor=self.clock))
        wire.send(request("GET", "/healthz", {}))
        wire.lose()
        checked.callback(None)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_others(self) -> None:
        """There is nothing else."""
        self.start()
        for path in ("/", "/metrics", "/x"):
            self.assertEqual(self.page(path).status, 404)
        self.assertEqual(self.page("/healthz", "POST").status, 405)

    def test_metrics(self) -> None:
        """Requests and files are counted, and what there is now is shown."""
        metrics = Metrics()
        self.start(on_complete=metrics.completed, site={"on_response": metrics.responded})
        metrics.watch(self.store, self.site)
        file = ClientFile(CONTENT)
        self.ask(file.upload(1))
        self.ask(file.test(2))
        self.ask(ClientFile(CONTENT, identifier="other").upload(1))
        self.ask(file.upload(2))
        self.ask(file.upload(2))
        self.ask(request("BREW", "/", {}))
        self.connect()
        body = self.page("/metrics", metrics=metrics.resource()).body.decode()
        found = dict(line.rsplit(" ", 1) for line in body.splitlines() if line[0] != "#")
        expected = {
            'resumable_receiver_requests_total{method="POST",status="200"}': "4.0",
            'resumable_receiver_requests_total{method="GET",status="404"}': "1.0",
            'resumable_receiver_requests_total{method="other",status="405"}': "1.0",
            "resumable_receiver_files_total": "1.0",
            "resumable_receiver_file_bytes_total": "25.0",
            "resumable_receiver_unfinished": "1.0",
            "resumable_receiver_connections": "1.0",
        }
        self.assertEqual({name: found.get(name) for name in expected}, expected)

    def test_named(self) -> None:
        """What pages say there is, there is, and they name all that is ours."""
        metrics = Metrics()
        self.start(site={"on_response": metrics.responded})
        metrics.watch(self.store, self.site)
        found = shown(self.page("/metrics", metrics=metrics.resource()).body.decode())
        pages = named("receiver.rst", "growing.rst")
        self.assertEqual(pages - found, set())
        self.assertEqual(ours(found) - pages, set())

    def test_own_registry(self) -> None:
        """An application that keeps metrics may have those of the process already."""
        registry = process_registry()
        metrics = Metrics(registry)
        self.assertIs(metrics.registry, registry)

    def test_observer_fails(self) -> None:
        """What fails as a request is counted is logged, and the response has been sent."""
        self.start(site={"on_response": lambda request: 1 / 0})
        self.assertEqual(self.ask(ClientFile(CONTENT).upload(1)).status, 200)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

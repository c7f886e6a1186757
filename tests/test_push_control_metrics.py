"""Metrics of a service."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred

from tests.control_rig import ControlTestCase
from tests.metrics_rig import named, ours, shown
from tests.push_rig import PushTestCase
from txresumable._runtime.observers import observers_of
from txresumable.push import PushState
from txresumable.push.control.metrics import Metrics


class MetricsTests(ControlTestCase):
    """What Prometheus gets."""

    def figures(self) -> dict[str, float]:
        """The figures, by their names and labels."""
        response = self.ask("GET", "/metrics")
        self.assertEqual(response.status, 200)
        self.assertIn("text/plain", response.headers["content-type"])
        return {
            " ".join([sample.name, *sample.labels.values()]): sample.value
            for family in text_string_to_metric_families(response.body.decode())
            for sample in family.samples
        }

    def test_files(self) -> None:
        """Files by folder and state, and when the first one that is queued was found."""
        self.queued("a")
        self.clock.advance(5)
        self.queued("b")
        figures = self.figures()
        self.assertEqual(figures["txresumable_files scans queued"], 2)
        self.assertEqual(figures["txresumable_files scans failed"], 0)
        self.assertEqual(
            figures["txresumable_oldest_queued_timestamp_seconds scans"], self.now() - 5
        )

    def test_attempts(self) -> None:
        """How attempts ended, and how many bytes were sent and found."""
        self.queued("a", "b", "c")
        a, b, c = self.result(self.journal.take("scans", 3))
        self.clock.advance(7)
        self.result(self.journal.move(a.id, PushState.STORED, sent=1))
        self.result(self.journal.move(b.id, PushState.STORED, PushState.HOOK, sent=0))
        self.result(self.journal.move(c.id, PushState.WAITING, until=self.now() + 9))
        figures = self.figures()
        self.assertEqual(figures["txresumable_attempts_total scans stored"], 2)
        self.assertEqual(figures["txresumable_attempts_total scans waiting"], 1)
        self.assertEqual(figures["txresumable_sent_bytes_total scans"], 1)
        self.assertEqual(figures["txresumable_found_bytes_total scans"], 1)
        self.assertEqual(figures["txresumable_last_success_timestamp_seconds scans"], self.now())
        self.assertNotIn("txresumable_oldest_queued_timestamp_seconds scans", figures)

    def test_hooks(self) -> None:
        """Commands that failed."""
        self.queued("a")
        [entry] = self.result(self.journal.take("scans", 1))
        self.result(self.journal.move(entry.id, PushState.STORED))
        self.result(self.journal.move(entry.id, PushState.HOOK))
        for tries in "12":
            self.result(self.journal.note(entry.id, why="exit status 1", note=tries))
        self.result(self.journal.note(entry.id, why="", note=""))
        self.result(self.journal.move(entry.id, PushState.MOVING))
        self.assertEqual(self.figures()["txresumable_hook_failures_total scans"], 2)

    def test_chunks(self) -> None:
        """How long chunks took."""
        for seconds in 0.02, 2.0:
            observers_of(self.service.chunk_sent).notify("lab", seconds)
        figures = self.figures()
        self.assertEqual(figures["txresumable_chunk_duration_seconds_count lab"], 2)
        self.assertAlmostEqual(figures["txresumable_chunk_duration_seconds_sum lab"], 2.02)
        self.assertEqual(figures["txresumable_chunk_duration_seconds_bucket 1.0 lab"], 1)

    def test_moment(self) -> None:
        """The rate, the pause and the targets."""
        figures = self.figures()
        self.assertEqual(figures["txresumable_rate_limit_bytes"], float("inf"))
        self.assertEqual(figures["txresumable_paused"], 0)
        self.assertEqual(figures["txresumable_target_up lab"], 1)
        self.service.up = None
        self.assertNotIn("txresumable_target_up lab", self.figures())
        self.service.rate, self.service.is_paused = 1000.0, True
        figures = self.figures()
        self.assertEqual(figures["txresumable_rate_limit_bytes"], 1000)
        self.assertEqual(figures["txresumable_paused"], 1)

    def test_queue(self) -> None:
        """What is in the queue, as long as there is one; totals go on after a reload."""
        queue: dict[str, Any] = {
            "trouble": "",
            "outages": 2,
            "sending": {"7": 0.5},
            "lost": 1,
            "jobs": {"scans": {"queued": 3, "failed": 1}},
        }
        self.assertEqual([name for name in self.figures() if "queue_" in name], [])
        for outages, total in (2, 2), (2, 2), (3, 3), (1, 4):
            self.service.queue = {**queue, "outages": outages}
            self.assertEqual(self.figures()["txresumable_queue_outages_total"], total)
        figures = self.figures()
        for state, count in {"queued": 3, "claimed": 0, "done": 0, "failed": 1}.items():
            self.assertEqual(figures[f"txresumable_queue_jobs scans {state}"], count)
        self.assertEqual(figures["txresumable_queue_up"], 1)
        self.assertEqual(figures["txresumable_queue_claimed"], 1)
        self.assertEqual(figures["txresumable_queue_lost_claims_total"], 1)
        self.service.queue = {**queue, "trouble": "no route", "jobs": {}}
        figures = self.figures()
        self.assertEqual(figures["txresumable_queue_up"], 0)
        self.assertNotIn("txresumable_queue_jobs scans queued", figures)
        self.service.queue = None
        self.assertEqual([name for name in self.figures() if "queue_" in name], [])

    def test_named(self) -> None:
        """What pages say there is, there is, and they name all that is ours."""
        self.service.queue = {"trouble": "", "outages": 0, "sending": {}, "lost": 0, "jobs": {}}
        found = shown(self.ask("GET", "/metrics").body.decode())
        pages = named("push.rst")
        self.assertEqual(pages - found, set())
        self.assertEqual(ours(found) - pages, set())

    def test_journal_that_cannot_be_read(self) -> None:
        """Without a journal there are no figures, and that is said."""
        self.result(self.journal.close())
        self.assertEqual(self.ask("GET", "/metrics").status, 503)

    def test_below(self) -> None:
        """There is nothing below."""
        self.assertEqual(self.ask("GET", "/metrics/x").status, 404)


class RealServiceTests(PushTestCase):
    """Figures of a service that delivers."""

    def test_delivered(self) -> None:
        """Bytes, successes, and commands that failed, of real deliveries."""
        service = self.service(on_sent=("/bin/sent",))
        metrics = Metrics(service)
        service.changed.register(metrics.changed)
        service.chunk_sent.register(metrics.chunk_sent)
        service.startService()
        self.successResultOf(service.when_started())
        self.file("a", "x" * 25)
        self.rescan(service)
        self.clock.hooks.pop().end(1)
        self.clock.pump([1.0] * 20)
        text = self.result(Deferred.fromCoroutine(metrics.collect())).decode()
        for line in (
            'txresumable_hook_failures_total{folder="scans"} 1.0',
            'txresumable_sent_bytes_total{folder="scans"} 25.0',
            'txresumable_attempts_total{folder="scans",result="stored"} 1.0',
            'txresumable_target_up{target="lab"} 1.0',
            'txresumable_chunk_duration_seconds_count{target="lab"} 2.0',
            'txresumable_files{folder="scans",state="hook"} 1.0',
        ):
            self.assertIn(line + "\n", text)
        self.clock.hooks.pop().end(0)
        self.clock.pump([1.0] * 5)
        self.assertEqual(self.states(service), {"a": "done"})
        text = self.result(Deferred.fromCoroutine(metrics.collect())).decode()
        self.assertIn('txresumable_hook_failures_total{folder="scans"} 1.0\n', text)

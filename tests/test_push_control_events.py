"""The stream of events."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from tests.control_rig import ControlTestCase, Transport, answer
from tests.journal_rig import seen
from txresumable.push import PushState
from txresumable.push.control.events import BEAT, REMEMBERED, SLOWEST


def events(transport: Transport) -> list[tuple[str, str, Any]]:
    """What was sent: identifiers, kinds and data."""
    received = []
    body = answer(transport.value()).body.replace(b"\r\n", b"\n")
    for block in body.split(b"\n\n"):
        fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if ": " in line)
        if "data" in fields:
            received.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return received


class EventsTests(ControlTestCase):
    """Readers of the stream."""

    def read(self, last: str | None = None) -> tuple[Any, Transport]:
        """Begin to read."""
        return self.send("GET", "/events", headers={} if last is None else {"Last-Event-ID": last})

    def test_events(self) -> None:
        """Each change is an event, with all about the file."""
        [entry] = self.queued("a")
        _, transport = self.read()
        response = answer(transport.value())
        self.assertEqual(response.headers["content-type"], "text/event-stream")
        self.result(self.journal.move(entry.id, PushState.HELD, why="wait"))
        begin, held = events(transport)
        self.assertEqual(begin[1], "begin")
        self.assertEqual(held[1], "file")
        self.assertEqual(held[2]["before"], "queued")
        self.assertEqual((held[2]["file"]["state"], held[2]["file"]["why"]), ("held", "wait"))

    def test_new(self) -> None:
        """A file that is new had no state before."""
        _, transport = self.read()
        self.queued("a")
        self.assertIsNone(events(transport)[1][2]["before"])

    def test_resume(self) -> None:
        """A reader that was cut off gets what it missed, each once."""
        _, first = self.read()
        self.queued("a")
        last = events(first)[-1][0]
        _, again = self.read(last)
        self.assertEqual(events(again), [])
        self.observe(seen("b"), seen("c"))
        _, later = self.read(last)
        self.assertEqual(events(later), events(again))
        self.assertEqual([each[2]["file"]["name"] for each in events(later)], ["b", "c"])

    def test_resume_from_the_beginning(self) -> None:
        """The identifier of the beginning is one to resume from."""
        _, first = self.read()
        last = events(first)[0][0]
        self.observe(seen("a"))
        _, again = self.read(last)
        self.assertEqual([each[1] for each in events(again)], ["file"])

    def test_reset(self) -> None:
        """Who missed more than is remembered, or comes from another process, has to look again."""
        _, first = self.read()
        last = events(first)[0][0]
        [entry] = self.queued("a")
        for unknown in ("other-0", "boot-99", "boot-", "boot", "x", "boot-²", "boot--5"):
            _, reader = self.send("GET", "/events", headers={"Last-Event-ID": unknown})
            self.assertEqual([each[1] for each in events(reader)], ["reset"], unknown)
        for _ in range(REMEMBERED):
            self.log.changed(entry, entry)
        _, reader = self.read(last)
        self.assertEqual([each[1] for each in events(reader)], ["reset"])
        self.assertEqual(events(reader)[0][0], f"boot-{REMEMBERED + 2}")

    def test_beat(self) -> None:
        """A line without meaning is sent now and then, as long as there are readers."""
        channel, transport = self.read()
        transport.clear()
        self.clock.advance(BEAT)
        self.assertIn(b":\n\n", transport.value())
        channel.connectionLost(Failure(ConnectionDone()))
        self.clock.advance(BEAT)
        self.assertEqual(self.log.readers, 0)

    def test_gone(self) -> None:
        """A reader that has gone is forgotten."""
        channel, _ = self.read()
        self.assertEqual(self.log.readers, 1)
        channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.log.readers, 0)
        self.queued("a")

    def test_slow(self) -> None:
        """A reader that cannot follow for a while gets everything later."""
        _, transport = self.read()
        transport.producer.pauseProducing()
        self.observe(seen("a"), seen("b"))
        self.assertEqual(len(events(transport)), 1)
        transport.producer.resumeProducing()
        self.assertEqual(len(events(transport)), 3)

    def test_too_slow(self) -> None:
        """A reader that cannot follow at all is cut off, and comes back later."""
        _, transport = self.read()
        [entry] = self.queued("a")
        transport.producer.pauseProducing()
        for _ in range(SLOWEST):
            self.log.changed(entry, entry)
        self.assertFalse(transport.aborted)
        self.log.changed(entry, entry)
        self.assertTrue(transport.aborted)
        self.assertEqual(self.log.readers, 0)

    def test_methods(self) -> None:
        """It can only be read."""
        self.assertEqual(self.post("/events").status, 405)

    def test_close(self) -> None:
        """When the service ends, so do the streams."""
        _, transport = self.read()
        self.log.close()
        self.assertEqual(self.log.readers, 0)
        self.assertTrue(transport.value().endswith(b"0\r\n\r\n"))

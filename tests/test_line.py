"""
Tests for what is published of long lines: what a run takes at least, what is measured, the tables.
"""

from __future__ import annotations

import importlib
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"

if BENCHMARKS.exists():
    with mock.patch.object(sys, "path", [*sys.path, str(BENCHMARKS)]):
        bounds = importlib.import_module("bounds")
        far = importlib.import_module("far")
        line_run = importlib.import_module("line_run")
        line_tables = importlib.import_module("line_tables")
        line_targets = importlib.import_module("line_targets")
        publication = importlib.import_module("publication")

AUTO, THREE = "txresumable auto", "txresumable 3"


def line(name: str) -> Any:
    """The line whose name begins so."""
    (found,) = (each for each in far.LINES if each.name.startswith(name))
    return found


def work(name: str) -> Any:
    """What is sent."""
    (found,) = (each for each in line_run.WORKS if each.name == name)
    return found


def sent(client: str, wall: float, on: Any, what: str = "file", **more: Any) -> Any:
    """A run that took so long."""
    values = {"secure": False, "round": 0, "small": 0.0, **more}
    return line_run.Run(
        line=on.name,
        work=what,
        client=client,
        wall=wall,
        cpu=0.0,
        requests=0,
        share=0.0,
        dropped=0,
        tenths=(),
        **values,
    )


class LineTestCase(SynchronousTestCase):
    if not BENCHMARKS.exists():
        skip = "the benchmarks are not here"


class BoundsTests(LineTestCase):
    """What a run takes at least."""

    def least(self, name: str, what: str, client: str) -> float:
        """Seconds, to a tenth."""
        return round(bounds.least(line(name), work(what), client), 1)

    def test_round_trips(self) -> None:
        """
        Requests go as many at once as there are slots, each for a round trip and its bytes' time:
        libcurl tests before it sends, ours has slots of their own for that; rclone takes
        four round trips for each of many files.
        """
        self.assertEqual(self.least("20 Mbit, 600", "many", THREE), 100.3)
        self.assertEqual(self.least("20 Mbit, 600", "many", "rclone 4"), 300.2)
        self.assertEqual(self.least("20 Mbit, 600", "all", "libcurl 16"), 75.0)
        self.assertEqual(self.least("20 Mbit, 600", "all", THREE), 400.0)
        self.assertEqual(self.least("100 Mbit", "half", "libcurl 3"), 80.4)
        self.assertEqual(self.least("100 Mbit", "half", THREE), 27.1)
        self.assertEqual(self.least("100 Mbit", "none", "libcurl 3"), 107.5)

    def test_rate(self) -> None:
        """No number of slots is faster than the line."""
        self.assertEqual(self.least("10 Mbit", "file", THREE), 53.7)
        self.assertEqual(self.least("10 Mbit", "file", "txresumable 64"), 53.7)
        self.assertEqual(self.least("10 Mbit", "behind", "txresumable 64"), 55.4)

    def test_loss(self) -> None:
        """Where packets are lost, each connection has a rate that it does not exceed."""
        self.assertEqual(self.least("20 Mbit, 50", "file", "rclone 4"), 133.8)
        self.assertEqual(self.least("20 Mbit, 50", "file", "txresumable 2"), 66.9)
        self.assertEqual(self.least("20 Mbit, 50", "file", "txresumable 16"), 26.9)

    def test_left_out(self) -> None:
        """What takes more than 90 s is left out, but for auto."""
        slow = replace(line("20 Mbit, 600"), round_trip=6000)
        self.assertTrue(bounds.left_out(slow, work("many"), "txresumable 16"))
        self.assertFalse(bounds.left_out(slow, work("many"), AUTO))
        self.assertFalse(bounds.left_out(line("100 Mbit"), work("half"), "libcurl 3"))


class TargetTests(LineTestCase):
    """The table of targets."""

    def row(self, what: str, publications: list[list[Any]], on: Any) -> list[str]:
        """The first row of a work."""
        table = line_targets.rows(publications, [on])
        return next(row for row in table[1:] if row[1] == what)

    def test_best(self) -> None:
        """
        Auto is compared with the fastest fixed number of each publication; of those that were
        measured again, with the one whose median is the least.
        """
        on = line("10 Mbit")
        once = [sent(AUTO, 10.4, on), sent("txresumable 8", 10, on), sent("txresumable 2", 12, on)]
        again = [
            *(sent(AUTO, wall, on) for wall in (11, 11.6, 12)),
            *(sent("txresumable 8", wall, on) for wall in (10.2, 10.4, 12)),
            *(sent("txresumable 6", wall, on) for wall in (10, 10.8, 11)),
            sent("txresumable 12", 10.3, on),
        ]
        self.assertEqual(
            self.row("file", [once, again], on),
            [
                on.name,
                "file",
                "the best number (8)",
                "1.05",
                "1.04",
                "1.12",
                "1.08",
                "missed by 6% in 1 of 2",
            ],
        )

    def test_verdicts(self) -> None:
        """It says how often a target was missed, and by how much at the most."""
        self.assertEqual(line_targets.verdict([1.0, 1.054, 0.9], 1.05), "met")
        self.assertEqual(
            line_targets.verdict([1.0, 1.134, 1.155], 1.05), "missed by up to 10% in 2 of 3"
        )
        self.assertEqual(line_targets.verdict([1.134], 1.05), "missed by 8%")

    def test_bound(self) -> None:
        """What was left out counts as what it takes at least."""
        on = line("20 Mbit, 600")
        row = self.row("many", [[sent(AUTO, 10.03, on, "many")]], on)
        self.assertEqual(row[2:], ["txresumable 3 (at least 100 s)", "1.10", "0.10", "0.10", "met"])

    def test_not_measured(self) -> None:
        """What failed has no row, and an empty cell beside publications in which it did not."""
        on = line("10 Mbit")
        both = [sent(AUTO, 5.0, on, "many"), sent(THREE, 10.0, on, "many")]
        row = self.row("many", [both, both[1:]], on)
        self.assertEqual(row[4:], ["0.50", "", "0.50", "met"])
        self.assertEqual(line_targets.rows([both[1:]], [on])[1:], [])

    def test_sentences(self) -> None:
        """Each target in words."""
        on = line("10 Mbit")
        runs = [sent(AUTO, 12.0, on, "many"), sent(THREE, 10.0, on, "many")]
        self.assertEqual(
            line_targets.sentences(runs, [on]),
            [f'"auto" is 1.20 of {THREE} on {on.name}, many; at most 1.10: missed by 9%'],
        )


class TableTests(LineTestCase):
    """The tables of seconds."""

    def test_wide(self) -> None:
        """Medians; what was left out has what it takes at least; small files first have a row."""
        on = line("20 Mbit, 600")
        runs = [
            *(sent(AUTO, wall, on, "many") for wall in (10, 12, 11)),
            sent(AUTO, 33.3, on, "behind", small=30.0),
            sent("smallest-first auto", 34.4, on, "behind", small=10.0),
        ]
        table = line_tables.wide_rows(runs, [on], [AUTO, THREE, "libcurl 16", "rclone 4"])
        self.assertEqual(
            [row[1:] for row in table[1:]],
            [
                ["many", "11.0", "≥ 100", "", "≥ 300", "0.8"],
                ["behind", "33.3 (30.0)", "≥ 122", "", "", "27.7"],
                ["behind, small files first", "34.4 (10.0)", "≥ 122", "", "", "27.7"],
            ],
        )

    def test_sweep(self) -> None:
        """A number that was left out has what it takes at least."""
        on = line("20 Mbit, 600")
        table = line_tables.sweep_rows([sent(AUTO, 33.0, on), sent(THREE, 48.2, on)], [on], [1, 3])
        self.assertEqual(table[1:], [[on.name, "33.00", "≥ 65", "48.20"]])


class Measured:
    """
    Stands in for what sends something.

    :param slower: so many times what it takes at least, for a client; 1 otherwise.
    """

    def __init__(self, **slower: float) -> None:
        self.slower = slower
        self.begun: list[tuple[str, str, bool, str, int]] = []
        self.most: dict[str, int] = {}
        self._active: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, on: Any, what: Any, client: str, number: int) -> Any:
        with self._lock:
            self.begun.append((on.name, what.name, what.secure, client, number))
            self._active.append(on.name)
            self.most[on.name] = max(self.most.get(on.name, 0), self._active.count(on.name))
        threading.Event().wait(0)  # lets other threads run
        wall = bounds.least(on, what, client) * self.slower.get(client.replace(" ", "_"), 1.0)
        with self._lock:
            self._active.remove(on.name)
        return sent(client, wall, on, what.name, secure=what.secure, round=number)

    def clients(self, what: str, number: int = 0) -> list[str]:
        """Who sent it, not over TLS."""
        return [
            who for _, work, tls, who, at in self.begun if (work, tls, at) == (what, False, number)
        ]


class PublicationTests(LineTestCase):
    """What is measured."""

    def measure(self, on: list[Any], **slower: float) -> Measured:
        """Measure some lines, each with one run at a time."""
        measured = Measured(**slower)
        self.notes: list[str] = []
        publication.Publication(measured, self.notes.append).measure(on, lanes=1)
        return measured

    def test_sweep(self) -> None:
        """
        Each number is measured for the large file, but those that cannot be the best; and nothing
        that takes too long.
        """
        on = line("20 Mbit, 50")
        measured = self.measure([on], txresumable_12=1.0, txresumable_auto=0.5)
        numbers = [who for who in measured.clients("file") if who.startswith("txresumable ")]
        self.assertEqual(
            sorted(numbers, key=lambda who: (len(who), who)),
            [f"txresumable {number}" for number in (3, 4, 6, 8, 12, 16, 24, 32, 48, 64)] + [AUTO],
        )
        self.assertIn(f"{on.name}, file, txresumable 2: left out, at least 67 s", self.notes)
        self.assertIn(f"{on.name}, file, rclone 4: left out, at least 134 s", self.notes)
        self.assertEqual(
            measured.clients("behind"),
            [AUTO, THREE, "txresumable 16", *(f"smallest-first {n}" for n in ("auto", 3, 16))],
        )

    def test_close(self) -> None:
        """
        What is close to its limit or above is measured three times, beside its rivals, or seven
        times if it is short; all else once.
        """
        on = line("10 Mbit")
        measured = self.measure([on], txresumable_auto=1.02, txresumable_12=0.99)
        rivals = ["txresumable 12", "txresumable 8", THREE]
        self.assertEqual(measured.clients("file", 1), [AUTO, *rivals])
        self.assertEqual(measured.clients("file", 2), [AUTO, *rivals])
        self.assertEqual(measured.clients("file", 3), [])
        above = self.measure([on], txresumable_auto=1.5, txresumable_12=0.99)
        self.assertEqual(above.clients("file", 2), [AUTO, *rivals])
        self.assertEqual(measured.clients("many", 1), [])
        short = self.measure([line("100 Mbit")], txresumable_auto=1.02, txresumable_12=0.99)
        self.assertEqual(short.clients("file", 6), [AUTO, *rivals])
        self.assertEqual(short.clients("file", 7), [])

    def test_far_off(self) -> None:
        """Auto that is much faster is measured once."""
        measured = self.measure([line("10 Mbit")], txresumable_auto=0.5)
        self.assertEqual(measured.clients("file").count(AUTO), 1)
        self.assertEqual([each for each in measured.begun if each[-1]], [])

    def test_failed(self) -> None:
        """A client that fails leaves the others as they are."""

        def run(on: Any, what: Any, client: str, number: int) -> Any:
            if client == "libcurl 16":
                raise line_run.RunFailed("it did not do it")
            return sent(client, 1.0, on, what.name, secure=what.secure, round=number)

        notes: list[str] = []
        whole = publication.Publication(run, notes.append)
        whole.measure([line("10 Mbit")], lanes=1)
        self.assertIn("10 Mbit, 30 ms, many, libcurl 16: it did not do it", notes)
        self.assertIn(("many", "aiohttp 16"), [(run.work, run.client) for run in whole.runs])

    def test_fastest_alone(self) -> None:
        """
        The fastest line comes first, and nothing runs beside it but what waits for round trips
        there, which comes with the other lines.
        """
        fast, slow = line("1,000 Mbit"), line("100 Mbit")
        measured = self.measure([slow, fast])
        alone = [
            name == fast.name and bounds.least(fast, work(what), client) < publication.LONG
            for name, what, _, client, _ in measured.begun
        ]
        self.assertEqual(alone, sorted(alone, reverse=True))
        self.assertIn((fast.name, "file", False, AUTO, 0), measured.begun[: alone.index(False)])
        self.assertIn((fast.name, "all", False, THREE, 0), measured.begun[alone.index(False) :])
        self.assertEqual(measured.most, {fast.name: 1, slow.name: 1})

    def test_kept(self) -> None:
        """The last three publications are shown, each as it was."""
        where = Path(self.mktemp())
        runs = [[sent(AUTO, float(wall), line("10 Mbit"))] for wall in range(11)]
        for each in runs:
            publication.keep(each, where)
        found = publication.kept(where)
        self.assertEqual([[run.wall for run in each] for each in found], [[8.0], [9.0], [10.0]])
        self.assertEqual(replace(found[0][0], tenths=()), runs[8][0])

"""
What this library sends is what resumable.js sends, request for request, but for the differences
that the documentation lists.
"""

import json
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from .conformance import differences, scenario
from .conformance.derived import Case, cases
from .conformance.differences import KINDS, Expectation
from .conformance.exchange import Request, describe, described_parts
from .conformance.scenario import Scenario
from .conformance.server import Answers, Script
from .conformance.session import ORIGIN, Driver, Session, run
from .conformance.translation import Page, translate, translated

SCENARIOS = {each.id: each for each in scenario.load()}
TABLE = differences.load()


def _pause_and_go_on(session: Session) -> None:
    def note(name: str, act: Callable[[], object]) -> None:
        session.events.append((f"call {name}",))
        act()

    session.network.callLater(0.1, note, "pause", session.uploader.pause)
    session.network.callLater(0.5, note, "upload", session.uploader.upload)


#: What the recorded pages did besides adding their files; uploading here begins by itself.
DRIVERS = {
    "pause-resume": Driver(start=_pause_and_go_on),
    "upload-on-added": Driver(on_added=lambda session, file: session.uploader.upload()),
    "upload-at-once": Driver(start=lambda session: session.uploader.upload()),
}


def _translated(which: Scenario) -> dict[str, Any]:
    return translate(which, Page(ORIGIN, Clock()))


def _play(which: Scenario, expected: Expectation) -> tuple[Session, Page]:
    script = Script(
        (request["method"], request["target"], reply)
        for request, reply in zip(which.requests, which.replies, strict=True)
    )
    return run(
        which.files,
        script,
        lambda page: _chosen(expected, translate(which, page)),
        DRIVERS.get(which.id, Driver()),
    )


def _chosen(expected: Expectation, options: dict[str, Any]) -> dict[str, Any]:
    """
    The options of a scenario, and what the table adds where it says nothing.
    """
    chosen = {**expected.options, **options}
    if "chunk_retry_interval" in chosen:
        del chosen["retry_policy"]
    return chosen


def _waits(requests: list[Request]) -> list[float]:
    """
    Seconds between an upload that was answered without success and the next attempt at the same.
    """
    failed: dict[str, float] = {}
    waits = []
    for request in requests:
        if request.header("Content-Length") is None:
            continue
        before = failed.pop(request.target, None)
        if before is not None:
            waits.append(round(request.arrived - before, 3))
        if request.answered is not None and request.status not in (200, 201):
            failed[request.target] = request.answered
    return waits


def _in_windows(requests: list[dict[str, Any]], at_once: int) -> list[Any]:
    """
    Requests with those in one order that were under way at the same time.

    With several slots a browser sends the requests of one round in no particular order: which
    connection is free first decides.  What is certain is that a round is not mixed with the
    next.
    """
    windows = []
    for method, group in groupby(requests, key=lambda request: request["method"]):
        alike = list(group)
        for start in range(0, len(alike), at_once):
            windows.append((method, sorted(alike[start : start + at_once], key=json.dumps)))
    return windows


class RecordedTests(SynchronousTestCase):
    """
    Every recorded scenario, against a server that answers as it did then.
    """

    maxDiff = None

    def check(self, which: Scenario) -> None:
        """
        Compare all there is to see of one scenario.
        """
        options = _translated(which)
        expected, _ = differences.expect(which, options, TABLE, SCENARIOS)
        seen, page = _play(which, expected)
        sample = which.files[0].content
        sent = [describe(request, expected.constant, sample) for request in seen.requests]
        self.assertEqual(
            len(sent),
            len(expected.requests) + which.left_out,
            [f"{r['method']} {r['target']}" for r in sent],
        )
        sent = sent[: len(expected.requests)]
        for ours, theirs in zip(sent, expected.requests, strict=True):
            _shorten(ours, theirs)
        at_once = options.get("simultaneous_uploads", 3)
        self.assertEqual(_in_windows(sent, at_once), _in_windows(expected.requests, at_once))
        self.assertEqual(_waits(seen.requests), expected.waits)
        self.assertEqual(seen.events, expected.events)
        self.assertEqual(seen.chunks, expected.chunks)
        self.assertEqual(seen.progress, expected.progress)
        self.assertEqual(page.observed, expected.observed)


def _shorten(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """
    The recording has only the beginning of a long value.
    """
    ours_parts, their_parts = ((each["body"] or {}).get("parts", ()) for each in (ours, theirs))
    pairs = zip(ours_parts, their_parts, strict=False)
    for part, recorded in pairs:
        if "value_prefix" in recorded and "value" in part:
            part["value_prefix"] = part.pop("value")[: len(recorded["value_prefix"])]


def _recorded_test(which: Scenario) -> Callable[[RecordedTests], None]:
    def test(self: RecordedTests) -> None:
        self.check(which)

    test.__doc__ = f"As resumable.js: {which.raw['doc']}."
    return test


for _each in SCENARIOS.values():
    setattr(RecordedTests, f"test_{_each.id.replace('-', '_')}", _recorded_test(_each))


class DerivedTests(SynchronousTestCase):
    """
    Every scenario that was worked out from the source of resumable.js.
    """

    maxDiff = None

    def check(self, case: Case) -> None:
        """
        Compare requests and events.
        """
        constant, identify = _settings()
        seen, page = run(
            case.files,
            Answers(case.answers),
            lambda page: {"generate_unique_identifier": identify, **case.options(page)},
            case.driver,
        )
        sent = [_derived(request, constant) for request in seen.requests]
        expected = [(each.request, tuple(sorted(each.headers)), each.body) for each in case.sent]
        self.assertEqual([each[0] for each in sent], [each[0] for each in expected])
        self.assertEqual(sent, expected)
        if case.events is not None:
            self.assertEqual(tuple(seen.events), case.events)
        self.assertEqual(page.observed, case.seen)


def _settings() -> tuple[frozenset[str], Any]:
    """
    The headers that are not compared and the identifiers that are used, as the table has them.
    """
    which = SCENARIOS["sequential"]
    expected, _ = differences.expect(which, _translated(which), TABLE, SCENARIOS)
    return expected.constant, expected.options["generate_unique_identifier"]


def _derived(request: Request, constant: frozenset[str]) -> tuple[str, Any, Any]:
    headers = [
        (name.lower(), value)
        for name, value in request.headers
        if name.lower() not in constant | {"content-type"}
    ]
    return f"{request.method} {request.target}", tuple(sorted(headers)), described_parts(request)


def _derived_test(case: Case) -> Callable[[DerivedTests], None]:
    def test(self: DerivedTests) -> None:
        self.check(case)

    test.__doc__ = f"As resumable.js: {case.why}."
    return test


for _case in cases():
    setattr(DerivedTests, f"test_{_case.id.replace('-', '_')}", _derived_test(_case))


class TableTests(SynchronousTestCase):
    """
    The table of differences says all, and nothing in vain.
    """

    def test_every_scenario_is_translated(self) -> None:
        """
        No scenario of the recording is left out, and none is made up.
        """
        self.assertEqual(translated(), set(SCENARIOS))

    def test_kinds(self) -> None:
        """
        Each row is of a kind that the test knows, and each kind is in the table once.
        """
        self.assertEqual(sorted(row.kind for row in TABLE), sorted(KINDS))

    def test_rows_name_scenarios(self) -> None:
        """
        A row is about recorded scenarios or about all, and gives a reason.
        """
        for row in TABLE:
            self.assertTrue(row.what and row.reason, row.kind)
            if row.scenarios != ("all",):
                self.assertLessEqual(set(row.scenarios), set(SCENARIOS), row.kind)

    def test_rows_are_used(self) -> None:
        """
        A row changes what is expected of each scenario that it names, and of one at least if it
        is about all.
        """
        used = Counter[tuple[str, str]]()
        for which in SCENARIOS.values():
            _, effective = differences.expect(which, _translated(which), TABLE, SCENARIOS)
            used.update((row.kind, which.id) for row in effective)
        for row in TABLE:
            if row.scenarios == ("all",):
                self.assertTrue(any(kind == row.kind for kind, _ in used), row.kind)
            for which in row.scenarios if row.scenarios != ("all",) else ():
                self.assertTrue(used[row.kind, which], f"{row.kind} changes nothing of {which}")

    def test_constant_headers(self) -> None:
        """
        The headers that the table leaves out of the comparison are the ones that every request
        has, and Content-Length.
        """
        which = SCENARIOS["sequential"]
        expected, _ = differences.expect(which, _translated(which), TABLE, SCENARIOS)
        seen, _ = _play(which, expected)
        for request in seen.requests:
            names = {name.lower() for name, _ in request.headers}
            own = {"content-type", "content-length"} if request.body else set[str]()
            self.assertEqual(
                names - {"content-type"},
                (expected.constant - {"content-length"}) | own - {"content-type"},
            )

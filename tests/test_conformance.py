"""
What this library sends is what resumable.js sends, request for request, but for the differences
that the documentation lists.
"""

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txresumable import identifiers

from .conformance import differences, scenario, table
from .conformance.derived import Case, Instead, cases
from .conformance.differences import KINDS
from .conformance.exchange import Request, describe, described_parts
from .conformance.expectation import Expectation
from .conformance.loopback import upload_over_loopback
from .conformance.scenario import Scenario
from .conformance.server import Answers, Script
from .conformance.session import ORIGIN, Driver, Session, run
from .conformance.table import Difference
from .conformance.translation import Page, translate, translated

SCENARIOS = {each.id: each for each in scenario.load()}
CASES = {each.id: each for each in cases()}
TABLE = table.load()


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


def _script(which: Scenario) -> Script:
    return Script(
        (request["method"], request["target"], reply)
        for request, reply in zip(which.requests, which.replies, strict=True)
    )


def _play(
    which: Scenario, expected: Expectation, changes: Mapping[str, Any]
) -> tuple[Session, Page]:
    return run(
        which.files,
        _script(which),
        lambda page: _chosen(expected, {**translate(which, page), **changes}),
        DRIVERS.get(which.id, Driver()),
    )


def _chosen(expected: Expectation, options: dict[str, Any]) -> dict[str, Any]:
    """
    The options of a scenario, and what the table adds where it says nothing.
    """
    chosen = {**expected.options, **options}
    if "chunk_retry_interval" in chosen:
        chosen.pop("retry_policy", None)
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


class ComparingTestCase(SynchronousTestCase):
    """
    To compare a run of our client with a recorded one.
    """

    maxDiff = None

    def check(
        self,
        which: Scenario,
        rows: Sequence[Difference] = TABLE,
        changes: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """
        Compare all there is to see of one scenario.

        :param which: the scenario.
        :param rows: the differences that are allowed.
        :param changes: what to get wrong about its options.
        """
        options = _translated(which)
        expected, _ = differences.expect(which, options, rows, SCENARIOS)
        seen, page = _play(which, expected, changes)
        self.check_requests(which, expected, seen.requests, options)
        self.assertEqual(_waits(seen.requests), expected.waits)
        self.assertEqual(seen.events, expected.events)
        self.assertEqual(seen.chunks, expected.chunks)
        self.assertEqual(seen.progress, expected.progress)
        self.assertEqual(page.observed, expected.observed)

    def check_requests(
        self,
        which: Scenario,
        expected: Expectation,
        requests: Sequence[Request],
        options: Mapping[str, Any],
    ) -> None:
        """
        Compare what came over the wire.
        """
        sample = which.files[0].content
        sent = [describe(request, expected.constant, sample) for request in requests]
        lines = [f"{each['method']} {each['target']}" for each in sent]
        self.assertEqual(len(sent), len(expected.requests) + which.left_out, lines)
        sent = sent[: len(expected.requests)]
        for ours, theirs in zip(sent, expected.requests, strict=True):
            _shorten(ours, theirs)
        at_once = options.get("simultaneous_uploads", 3)
        self.assertEqual(_in_windows(sent, at_once), _in_windows(expected.requests, at_once))


def _shorten(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """
    The recording has only the beginning of a long value.
    """
    ours_parts, their_parts = ((each["body"] or {}).get("parts", ()) for each in (ours, theirs))
    pairs = zip(ours_parts, their_parts, strict=False)
    for part, recorded in pairs:
        if "value_prefix" in recorded and "value" in part:
            part["value_prefix"] = part.pop("value")[: len(recorded["value_prefix"])]


class RecordedTests(ComparingTestCase):
    """
    Every recorded scenario, against a server that answers as it did then.
    """


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
        here = self.allowed(case) or case
        sent = [_derived(request, constant) for request in seen.requests]
        expected = [(each.request, tuple(sorted(each.headers)), each.body) for each in here.sent]
        self.assertEqual([each[0] for each in sent], [each[0] for each in expected])
        self.assertEqual(sent, expected)
        if here.events is not None:
            self.assertEqual(tuple(seen.events), here.events)
        self.assertEqual(page.observed, case.seen)

    def allowed(self, case: Case) -> Instead | None:
        """
        What happens instead, if a row of the table allows that.
        """
        instead = case.instead
        if instead is None:
            return None
        self.assertNotEqual((instead.sent, instead.events), (case.sent, case.events))
        rows = [row for row in TABLE if row.kind == instead.kind]
        self.assertEqual([row.scenarios for row in rows], [(case.id,)])
        return instead


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


for _case in CASES.values():
    setattr(DerivedTests, f"test_{_case.id.replace('-', '_')}", _derived_test(_case))


class LoopbackTests(ComparingTestCase, TestCase):
    """
    The recorded scenarios once more, over sockets: the network in memory hides nothing.

    Those are left out in which time passes, or in which several requests race each other.
    """

    timeout = 120

    @inlineCallbacks
    def test_same_requests(self) -> Generator[Any, Any, None]:
        """
        Over a real network the same requests are made as over the one in memory.
        """
        for which in SCENARIOS.values():
            options = _translated(which)
            if which.id in self.elsewhere or options.get("simultaneous_uploads") != 1:
                continue
            expected, _ = differences.expect(which, options, TABLE, SCENARIOS)
            requests = yield upload_over_loopback(
                which.files,
                _script(which),
                lambda page, expected=expected, which=which: _chosen(
                    expected, translate(which, page)
                ),
            )
            self.check_requests(which, expected, requests, options)

    #: Time passes in these, and the last has no server of the name that it asks for.
    elsewhere = frozenset(
        {
            "retry-after-header",
            "retry-503-interval",
            "timeout",
            "timeout-test",
            "with-credentials-cross-origin",
        }
    )


class SensitivityTests(ComparingTestCase):
    """
    The comparison notices what it is there to notice.
    """

    #: A scenario, and what to get wrong about its options.
    planted: tuple[tuple[str, dict[str, Any]], ...] = (
        ("default", {"simultaneous_uploads": 2}),
        ("sequential", {"chunk_size": 999}),
        ("sequential", {"simultaneous_uploads": 2}),
        ("sequential", {"parameter_namespace": "x"}),
        ("sequential", {"file_parameter_name": "chunk"}),
        ("sequential", {"type_parameter_name": ""}),
        ("sequential", {"dialect": "flow"}),
        ("sequential", {"checksum": "sha256"}),
        ("sequential", {"prioritize_first_and_last_chunk": True}),
        ("sequential", {"generate_unique_identifier": identifiers.safe}),
        ("octet", {"method": "multipart"}),
        ("base64", {"chunk_format": "blob"}),
        ("base64", {"set_chunk_type_from_file": True}),
        ("chunk-type", {"set_chunk_type_from_file": False}),
        ("put", {"upload_method": "POST"}),
        ("put", {"test_method": "GET"}),
        ("namespace", {"query": {"token": "T"}}),
        ("namespace", {"query": {}}),
        ("headers-object", {"headers": {"X-Tok": "abc"}}),
        ("headers-object", {"headers": {}}),
        ("force-chunk-size", {"force_chunk_size": False}),
        ("test-off", {"test_chunks": True}),
        ("test-target-slash", {"test_target": ORIGIN + "/"}),
        ("empty-min0", {"min_file_size": 1}),
        ("post-404", {"permanent_errors": [400]}),
        ("post-503", {"permanent_errors": [503]}),
        ("post-503", {"max_chunk_retries": 1}),
        ("retry-503-interval", {"chunk_retry_interval": 0.2}),
        ("timeout", {"chunk_timeout": 0.8}),
        ("timeout-test", {"chunk_timeout": 0.8}),
    )

    def test_wrong_options(self) -> None:
        """
        A scenario that is run with an option too many, too few or other than its own fails.
        """
        for which, changes in self.planted:
            try:
                self.check(SCENARIOS[which], changes=changes)
            except AssertionError:
                continue
            self.fail(f"{which} passes with {changes}")

    def test_every_row_is_needed(self) -> None:
        """
        Without any one row of the table, each scenario that the row names fails, or one at least
        if it is about all.
        """
        for row in TABLE:
            if row.kind not in KINDS:
                continue  # looked at with the one derived scenario that it is about
            others = [each for each in TABLE if each is not row]
            if row.scenarios == ("all",):
                self.assertTrue(any(self.fails(each, others) for each in SCENARIOS), row.kind)
            for each in row.scenarios:
                self.assertTrue(each == "all" or self.fails(each, others), (row.kind, each))

    def fails(self, which: str, rows: Sequence[Difference]) -> bool:
        """
        Whether a scenario fails with these differences only.
        """
        try:
            self.check(SCENARIOS[which], rows)
        except AssertionError:
            return True
        return False


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
        derived = [case.instead.kind for case in CASES.values() if case.instead is not None]
        self.assertEqual(sorted(row.kind for row in TABLE), sorted([*KINDS, *derived]))

    def test_rows_name_scenarios(self) -> None:
        """
        A row is about scenarios that there are, or about all, and gives a reason.
        """
        self.assertEqual(set(SCENARIOS) & set(CASES), set())
        for row in TABLE:
            self.assertTrue(row.what and row.reason, row.kind)
            known = set(SCENARIOS) if row.kind in KINDS else set(CASES)
            self.assertTrue(row.scenarios == ("all",) or set(row.scenarios) <= known, row.kind)

    def test_constant_headers(self) -> None:
        """
        The headers that the table leaves out of the comparison are the ones that every request
        has, and Content-Length.
        """
        which = SCENARIOS["sequential"]
        expected, _ = differences.expect(which, _translated(which), TABLE, SCENARIOS)
        seen, _ = _play(which, expected, {})
        for request in seen.requests:
            names = {name.lower() for name, _ in request.headers}
            own = {"content-type", "content-length"} if request.body else set[str]()
            self.assertEqual(
                names - {"content-type"},
                (expected.constant - {"content-length"}) | own - {"content-type"},
            )

"""
What this library sends is what resumable.js and its relatives send, request for request, but for
the differences that the documentation lists.
"""

import json
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txresumable import identifiers
from txresumable._protocol.dialect import DIALECTS

from .conformance import differences, scenario, table
from .conformance.derived import Case, Instead, cases
from .conformance.differences import KINDS
from .conformance.exchange import Request, describe, described_parts, key_of
from .conformance.expectation import Expectation, stored_statuses
from .conformance.loopback import upload_over_loopback
from .conformance.scenario import Scenario
from .conformance.server import Answers, Script
from .conformance.session import ORIGIN, Driver, Session, run
from .conformance.table import Difference
from .conformance.translation import Page, translate, translated

SCENARIOS = {each.name: each for each in scenario.load()}
CASES = {each.id: each for each in cases()}
TABLE = table.load()


def _call(session: Session, delay: float, name: str, act: Callable[[], object]) -> None:
    def call() -> None:
        session.events.append((f"call {name}",))
        act()

    session.network.callLater(delay, call)


def _pausing(at: float, until: float) -> Driver:
    def start(session: Session) -> None:
        _call(session, at, "pause", session.uploader.pause)
        _call(session, until, "upload", session.uploader.upload)

    return Driver(start=start)


def _retry_file(session: Session) -> None:
    session.waiting += 1

    def retry() -> None:
        session.waiting -= 1
        session.again(session.uploader.files[0])

    _call(session, 0.4, "retry", retry)


#: What the recorded pages did besides adding their files; uploading here begins by itself.
DRIVERS = {
    "file-retry": Driver(start=_retry_file),
    "pause-during-test": _pausing(0.06, 0.46),
    "pause-resume": _pausing(0.1, 0.5),
    "upload-on-added": Driver(on_added=lambda session, file: session.uploader.upload()),
    "upload-at-once": Driver(start=lambda session: session.uploader.upload()),
}


def _translated(which: Scenario) -> dict[str, Any]:
    return translate(which, Page(ORIGIN, Clock()))


def _script(which: Scenario) -> Script:
    recorded = zip(which.requests, which.replies, strict=True)
    return Script(recorded, DIALECTS[which.client].absent)


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


def _waits(requests: list[Request], stored: frozenset[int]) -> list[float]:
    """
    Seconds between an upload that was answered without success and the next attempt at the same.
    """
    failed: dict[tuple[Any, ...], float] = {}
    waits = []
    for request in requests:
        if request.header("Content-Length") is None:
            continue
        key = key_of(describe(request, frozenset(), b""))
        before = failed.pop(key, None)
        if before is not None:
            waits.append(round(request.arrived - before, 3))
        if request.answered is not None and request.status not in stored:
            failed[key] = request.answered
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
        expected = differences.expect(which, options, rows, SCENARIOS)
        seen, page = _play(which, expected, changes)
        self.check_requests(which, expected, seen.requests)
        waits = _waits(seen.requests, stored_statuses(which.client))
        self.assertEqual(waits, expected.waits)
        self.assertEqual(seen.events, expected.events)
        self.assertEqual(seen.chunks, expected.chunks)
        self.assertEqual(seen.progress, expected.progress)
        self.assertEqual(page.observed, expected.observed)

    def check_requests(
        self,
        which: Scenario,
        expected: Expectation,
        requests: Sequence[Request],
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
        at_once = expected.at_once
        self.assertEqual(_in_windows(sent, at_once), _in_windows(expected.requests, at_once))


def _shorten(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """
    The recording has only the beginning of a long value, and no digest of what is not known.
    """
    ours_parts, their_parts = ((each["body"] or {}).get("parts", ()) for each in (ours, theirs))
    pairs = zip(ours_parts, their_parts, strict=False)
    for part, recorded in pairs:
        if "value_prefix" in recorded and "value" in part:
            part["value_prefix"] = part.pop("value")[: len(recorded["value_prefix"])]
        if "sha256" in part and "sha256" not in recorded:
            part.pop("sha256")
            part.pop("file_range", None)


class RecordedTests(ComparingTestCase):
    """
    Every recorded scenario, against a server that answers as it did then.
    """


def _recorded_test(which: Scenario) -> Callable[[RecordedTests], None]:
    def test(self: RecordedTests) -> None:
        self.check(which)

    library = which.raw["client"].lstrip("@").partition("@")[0]
    test.__doc__ = f"As {library}: {which.raw['doc']}."
    return test


for _each in SCENARIOS.values():
    setattr(RecordedTests, f"test_{re.sub('[-/]', '_', _each.name)}", _recorded_test(_each))


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
    expected = differences.expect(which, _translated(which), TABLE, SCENARIOS)
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
            expected = differences.expect(which, options, TABLE, SCENARIOS)
            requests = yield upload_over_loopback(
                which.files,
                _script(which),
                lambda page, expected=expected, which=which: _chosen(
                    expected, translate(which, page)
                ),
            )
            self.check_requests(which, expected, requests)

    #: Time passes in these, and the last has no server of the name that it asks for.
    elsewhere = frozenset(
        {
            "file-retry",
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
        ("flow/chunk-type", {"set_chunk_type_from_file": False}),
        ("flow/octet", {"set_chunk_type_from_file": False}),
        ("flow/octet", {"dialect": "resumable"}),
        ("flow/query-overrides", {"dialect": "simple"}),
        ("flow/post-202", {"success_statuses": [200, 201]}),
        ("flow/post-413", {"permanent_errors": [404, 415, 500, 501]}),
        ("simple/post-413", {"permanent_errors": [404, 413, 415, 500, 501]}),
        ("simple/query-both", {"query": {"a b": "é"}}),
        ("flow/get-500", {"permanent_errors": [404, 415, 501]}),
        ("flow/target-function", {"target": lambda pairs: ORIGIN + "/fn?only=that"}),
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
            concerned = [each for each in SCENARIOS.values() if row.concerns(each)]
            if row.scenarios == ("all",):
                self.assertTrue(any(self.fails(each.name, others) for each in concerned), row.kind)
            else:
                for each in concerned:
                    self.assertTrue(self.fails(each.name, others), (row.kind, each.name))

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
        self.assertEqual(translated(), {each.id for each in SCENARIOS.values()})

    def test_kinds(self) -> None:
        """
        Each row is of a kind that the test knows, and each kind is in a table once.
        """
        derived = [case.instead.kind for case in CASES.values() if case.instead is not None]
        self.assertEqual({row.kind for row in TABLE}, {*KINDS, *derived})
        rows = {(row.kind, row.clients) for row in TABLE if row.kind in KINDS}
        self.assertEqual(len(rows) + len(derived), len(TABLE))

    def test_rows_name_scenarios(self) -> None:
        """
        A row is about scenarios that there are, or about all, and gives a reason.
        """
        self.assertEqual(set(SCENARIOS) & set(CASES), set())
        for row in TABLE:
            self.assertTrue(row.what and row.reason, row.kind)
            if row.scenarios != ("all",) and row.kind in KINDS:
                concerned = {each.id for each in SCENARIOS.values() if row.concerns(each)}
                self.assertEqual(concerned, {each.split("/")[-1] for each in row.scenarios})
            elif row.kind not in KINDS:
                self.assertLessEqual(set(row.scenarios), set(CASES))

    def test_constant_headers(self) -> None:
        """
        The headers that the table leaves out of the comparison are the ones that every request
        has, and Content-Length.
        """
        which = SCENARIOS["sequential"]
        expected = differences.expect(which, _translated(which), TABLE, SCENARIOS)
        seen, _ = _play(which, expected, {})
        for request in seen.requests:
            names = {name.lower() for name, _ in request.headers}
            own = {"content-type", "content-length"} if request.body else set[str]()
            self.assertEqual(
                names - {"content-type"},
                (expected.constant - {"content-length"}) | own - {"content-type"},
            )

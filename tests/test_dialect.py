"""What statuses mean."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.dialect import DIALECTS, Verdict, classify


class ClassifyTests(SynchronousTestCase):
    @given(st.integers(-1000, 10000), st.booleans(), st.sampled_from(sorted(DIALECTS)))
    def test_is_total(self, status: int, test: bool, name: str) -> None:
        """Every number has a verdict, and only a listed one means stored."""
        dialect = DIALECTS[name]
        permanent = dialect.permanent if dialect.tests_fail or not test else frozenset()
        verdict = classify(status, stored=dialect.stored, permanent=permanent, test=test)
        self.assertEqual(verdict is Verdict.STORED, status in dialect.stored)
        self.assertEqual(verdict is Verdict.REJECTED, status in permanent)

    def test_as_resumable_js(self) -> None:
        """200 and 201 are success, eight are permanent, redirects too; all else tries again."""
        dialect = DIALECTS["resumable"]
        found: dict[Verdict, list[int]] = {}
        for status in range(200, 600):
            verdict = classify(status, stored=dialect.stored, permanent=dialect.permanent)
            found.setdefault(verdict, []).append(status)
        self.assertEqual(found[Verdict.STORED], [200, 201])
        self.assertEqual(found[Verdict.REJECTED], [400, 401, 403, 404, 409, 415, 500, 501])
        self.assertEqual(found[Verdict.REDIRECTED], list(range(300, 400)))
        self.assertIn(204, found[Verdict.RETRY])

    def test_as_flow_js(self) -> None:
        """202 is success too, four or five are permanent, of tests as well."""
        for name, permanent, query_first in (
            ("flow", [404, 413, 415, 500, 501], True),
            ("simple", [404, 415, 500, 501], False),
        ):
            dialect = DIALECTS[name]
            found: dict[Verdict, list[int]] = {}
            for status in range(200, 600):
                verdict = classify(status, stored=dialect.stored, permanent=dialect.permanent)
                found.setdefault(verdict, []).append(status)
            self.assertEqual(found[Verdict.STORED], [200, 201, 202])
            self.assertEqual(found[Verdict.REJECTED], permanent)
            self.assertEqual((dialect.custom_query_first, dialect.in_url), (query_first, False))
            for flag in ("tests_fail", "tests_merged", "appended", "type_from_file"):
                self.assertTrue(getattr(dialect, flag), flag)
        dialect = DIALECTS["resumable"]
        self.assertEqual((dialect.custom_query_first, dialect.in_url), (False, True))
        for flag in ("tests_fail", "tests_merged", "appended", "type_from_file"):
            self.assertFalse(getattr(dialect, flag), flag)

    def test_absent(self) -> None:
        """404 says that a chunk is absent, unless that would fail its file."""
        found = {name: dialect.absent for name, dialect in DIALECTS.items()}
        self.assertEqual(found, {"resumable": 404, "flow": 204, "simple": 204})
        self.assertEqual(evolve(DIALECTS["flow"], permanent=frozenset((500,))).absent, 404)

    def test_an_upload_is_asked_if_not_told(self) -> None:
        """A status that is not listed is something to try again, not a chunk to send."""
        none: frozenset[int] = frozenset()
        self.assertIs(classify(404, stored=none, permanent=none), Verdict.RETRY)
        for status, verdict in (
            (299, Verdict.RETRY),
            (300, Verdict.REDIRECTED),
            (399, Verdict.REDIRECTED),
            (400, Verdict.RETRY),
        ):
            self.assertIs(classify(status, stored=none, permanent=none), verdict)

    def test_tests_never_fail_a_file(self) -> None:
        """Whatever a test is answered, the chunk is sent if it is not there."""
        dialect = DIALECTS["resumable"]
        for status in (204, 302, 400, 404, 500, 503):
            verdict = classify(status, stored=dialect.stored, permanent=frozenset(), test=True)
            self.assertIs(verdict, Verdict.ABSENT)

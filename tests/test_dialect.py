"""What statuses mean."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.dialect import DIALECTS, Verdict, classify


class ClassifyTests(SynchronousTestCase):
    @given(st.integers(-1000, 10000), st.booleans(), st.sampled_from(sorted(DIALECTS)))
    def test_is_total(self, status: int, test: bool, name: str) -> None:
        """Every number has a verdict, and only a listed one means stored."""
        dialect = DIALECTS[name]
        permanent = dialect.test_permanent if test else dialect.permanent
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
        """202 is success too, five are permanent, of tests as well."""
        for name in ("flow", "simple"):
            dialect = DIALECTS[name]
            found: dict[Verdict, list[int]] = {}
            for status in range(200, 600):
                verdict = classify(status, stored=dialect.stored, permanent=dialect.permanent)
                found.setdefault(verdict, []).append(status)
            self.assertEqual(found[Verdict.STORED], [200, 201, 202])
            self.assertEqual(found[Verdict.REJECTED], [404, 413, 415, 500, 501])
            self.assertEqual(dialect.test_permanent, dialect.permanent)
            self.assertEqual((dialect.custom_query_first, dialect.in_url), (True, False))
        dialect = DIALECTS["resumable"]
        self.assertEqual((dialect.custom_query_first, dialect.in_url), (False, True))
        self.assertEqual(dialect.test_permanent, frozenset())

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
            verdict = classify(
                status, stored=dialect.stored, permanent=dialect.test_permanent, test=True
            )
            self.assertIs(verdict, Verdict.ABSENT)

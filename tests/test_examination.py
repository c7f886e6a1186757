"""Tests for what the doctor finds: each with a server that is so and one that is not."""

from __future__ import annotations

from itertools import count
from typing import Any
from urllib.parse import urljoin

from twisted.internet import reactor as installed
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.ssl import Certificate, PrivateCertificate
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from twisted.web.server import Request

from tests.authority import Authority
from txresumable import ConnectionBroken, InvalidOption, TLSRejected, TransportError
from txresumable._engine.client import make_client
from txresumable.doctor import examine
from txresumable.doctor.cleanup import clean_up
from txresumable.doctor.limit import MOST
from txresumable.doctor.specimen import Specimens
from txresumable.doctor.visit import Visit
from txresumable.doctor.wire import Wire
from txresumable.options import Options
from txresumable.receiver import Store, make_site
from txresumable.testing import FakeClient, Response

from .doctor_rig import TARGET, DoctorTestCase, Gone, Pretender

reactor: Any = installed


class ReceiverTests(DoctorTestCase):
    """Whether it is a receiver."""

    def test_receiver(self) -> None:
        """A chunk that is there after it was sent, and was not before, proves one."""
        diagnosis = self.examine()
        self.assertTrue(diagnosis.is_receiver)
        self.assertEqual(diagnosis.finding("receiver").value, "yes")
        self.assertIn("is there then (200)", diagnosis.finding("receiver").how)
        self.assertEqual(diagnosis.options, {"dialect": "resumable", "method": "multipart"})
        self.assertEqual(diagnosis.target, TARGET)

    def test_refuses(self) -> None:
        """One that refuses all uploads is none, and the finding says what to look at."""
        for status, part in (
            (401, "it wants credentials"),
            (403, "it wants credentials"),
            (407, "it wants credentials"),
            (402, "in each dialect and format, with 402"),
            (400, "in each dialect and format, with 400"),
            (299, "in each dialect and format, with 299"),
            (300, "was redirected with 300 to nowhere"),
            (399, "was redirected with 399 to nowhere"),
            (404, "with 404: see target"),
            (405, "with 405: see target and upload_method"),
            (501, "with 501: see target and upload_method"),
            (500, "in each dialect and format, with 500"),
        ):
            diagnosis = self.examine(uploads_all=status)
            self.assertFalse(diagnosis.is_receiver)
            finding = diagnosis.finding("receiver")
            self.assertEqual((finding.value, finding.options), ("no", {}))
            self.assertIn(part, finding.how)
            self.assertEqual(diagnosis.options, {})
            self.assertEqual(diagnosis.left, ())

    def test_redirects(self) -> None:
        """One that redirects is none; where to is said, without a secret."""
        moved = Response(302, b"", {"Location": "https://other.example/up?key=SECRET"})
        diagnosis = self.examine(everything=moved)
        self.assertFalse(diagnosis.is_receiver)
        self.assertIn("with 302 to https://other.example/up:", diagnosis.finding("receiver").how)
        self.assertEqual(diagnosis.finding("redirects").value, "302 to https://other.example/up")

    def test_home_page(self) -> None:
        """A page that is the response to everything is no receiver."""
        diagnosis = self.examine(everything=200)
        self.assertFalse(diagnosis.is_receiver)
        self.assertIn("a form with nothing in it, with 200", diagnosis.finding("receiver").how)

    def test_cannot_be_asked(self) -> None:
        """One that refuses only what is no chunk is one, also if it cannot be asked."""
        for tests in (405, 200):
            diagnosis = self.examine(tests=tests)
            self.assertTrue(diagnosis.is_receiver)
            self.assertIn("a form with nothing in it was not", diagnosis.finding("receiver").how)
            self.assertIs(diagnosis.options["test_chunks"], False)

    def test_goes_away(self) -> None:
        """If there is no response to the first request, there is nothing to say of the server."""
        examining = self.start(Gone(self.clock))
        self.finish(examining)
        self.failureResultOf(examining, TransportError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_goes_away_later(self) -> None:
        """What was found until then is told, and what was not is said to be unknown."""
        server = Gone(self.clock)
        server.after = 30
        diagnosis = self.diagnosis(server)
        self.assertEqual(diagnosis.finding("resumes").value, "yes")
        limit = diagnosis.finding("checksum")
        self.assertEqual((limit.value, limit.options), (None, {}))
        self.assertIn("there was no response: ", limit.how)


class DialectTests(DoctorTestCase):
    """Which names of parameters it knows."""

    def test_dialects(self) -> None:
        """The one with which a chunk is there after it was sent."""
        for dialect, absent in (("resumable", 404), ("flow", 204), ("simple", 204)):
            finding = self.found("dialect", dialect=dialect, absent=absent)
            self.assertEqual((finding.value, finding.options), (dialect, {"dialect": dialect}))
            self.assertIn("is there then", finding.how)
            first = self.server.uploads[0].parameters
            self.assertEqual(first["resumableTotalChunks"], "3")
            self.assertEqual(first["resumableTotalSize"], str(3 * 16 * 1024))

    def test_no_more(self) -> None:
        """Once a chunk is there, nothing else is tried."""
        self.assertTrue(self.examine().is_receiver)
        for each in self.server.sent:
            self.assertNotIn("flowChunkNumber", each.parameters)
            self.assertNotIn("chunkNumber", each.parameters)
            self.assertTrue(all(part.content[:5] != b"data:" for part in each.parts))

    def test_by_acceptance(self) -> None:
        """If chunks cannot be asked for, the only one that is accepted."""
        finding = self.found("dialect", dialect="flow", tests=405)
        self.assertEqual(finding.value, "flow")
        self.assertIn("with no other ones", finding.how)

    def test_several(self) -> None:
        """If several are accepted, which it is cannot be seen."""
        finding = self.found("dialect", dialect=None, tests=405)
        self.assertEqual((finding.value, finding.options), (None, {"dialect": "resumable"}))
        self.assertEqual(finding.how, "resumable was accepted, and so was flow, simple")

    def test_given(self) -> None:
        """What is given is not looked for."""
        server = Pretender(self.clock, dialect="flow", absent=204)
        diagnosis = self.diagnosis(server, dialect="flow")
        self.assertEqual(diagnosis.finding("dialect").value, "flow")
        self.assertFalse(any("resumableIdentifier" in each.url for each in server.sent))
        self.assertFalse(self.diagnosis(server, dialect="simple").is_receiver)


class FormatTests(DoctorTestCase):
    """How it takes a chunk."""

    def test_form(self) -> None:
        """A form, if one without the part is refused, also where a bare chunk is taken."""
        for formats in (("form",), ("form", "bare"), ("form", "base64")):
            finding = self.found("format", formats=formats)
            self.assertEqual(
                (finding.value, finding.options), ("multipart", {"method": "multipart"})
            )
            self.assertIn("one whose part has another name is not (400", finding.how)

    def test_loose(self) -> None:
        """A form, if the name of its part makes no difference, but a bare chunk is refused."""
        finding = self.found("format", formats=("loose",))
        self.assertEqual((finding.value, finding.options), ("multipart", {"method": "multipart"}))
        self.assertIn("whatever the name of its part is; a bare chunk is not", finding.how)

    def test_bare(self) -> None:
        """A bare chunk, if forms are refused."""
        finding = self.found("format", formats=("bare",))
        self.assertEqual((finding.value, finding.options), ("octet", {"method": "octet"}))
        self.assertIn("other formats were refused", finding.how)

    def test_whatever(self) -> None:
        """A bare chunk, if forms are stored as they are, with all that is around the chunk."""
        diagnosis = self.examine(formats=("body",))
        finding = diagnosis.finding("format")
        self.assertEqual((finding.value, finding.options), ("octet", {"method": "octet"}))
        self.assertIn("nothing in them is looked at", finding.how)
        self.assertEqual(diagnosis.finding("parameters").value, "URL")

    def test_base64(self) -> None:
        """A field with text, if nothing else is taken."""
        finding = self.found("format", formats=("base64",))
        self.assertEqual(finding.value, "base64")
        self.assertEqual(finding.options, {"method": "multipart", "chunk_format": "base64"})


class TestTests(DoctorTestCase):
    """How it responds to tests."""

    def test_absent(self) -> None:
        """The status of what is not there; it is fine if the dialect takes it for that."""
        for absent in (404, 204, 500):
            finding = self.found("absent", absent=absent)
            self.assertEqual((finding.value, finding.options), (str(absent), {}))

    def test_fatal(self) -> None:
        """Where the dialect takes that status for an error, it is not to be one."""
        finding = self.found("absent", dialect="flow", absent=404)
        self.assertEqual(finding.value, "404")
        self.assertEqual(finding.options, {"permanent_errors": [413, 415, 500, 501]})
        finding = self.found("absent", dialect="flow", absent=204)
        self.assertEqual(finding.options, {})
        finding = self.found("absent", dialect="flow", tests=500)
        self.assertEqual((finding.value, finding.options), ("500", {}))

    def test_says_yes(self) -> None:
        """One that says that everything is there is not to be asked."""
        finding = self.found("absent", tests=200)
        self.assertEqual((finding.value, finding.options), (None, {"test_chunks": False}))

    def test_resumes(self) -> None:
        """It resumes if it reports what was sent, and takes that once more."""
        finding = self.found("resumes")
        self.assertEqual((finding.value, finding.options), ("yes", {}))
        self.assertIn("chunk 1 once more: 200", finding.how)
        finding = self.found("resumes", twice=False)
        self.assertEqual(finding.value, "yes, but no chunk twice")
        self.assertIn("chunk 1 once more: 409", finding.how)

    def test_does_not_resume(self) -> None:
        """It does not if it accepts a chunk and says that it is not there."""
        finding = self.found("resumes", loses=True)
        self.assertEqual((finding.value, finding.options), ("no", {"test_chunks": False}))
        finding = self.found("resumes", tests=200)
        self.assertIs(finding.value, None)

    def test_list(self) -> None:
        """A list of all chunks makes most tests needless."""
        finding = self.found("list", lists=True)
        self.assertEqual((finding.value, finding.options), ("yes", {"test_chunks": "adaptive"}))
        finding = self.found("list")
        self.assertEqual((finding.value, finding.options), ("no", {}))

    def test_redirects(self) -> None:
        """Redirects of tests are told."""
        self.assertEqual(self.found("redirects").value, "none")
        self.assertEqual(self.found("redirects", tests=302).value, "302 to nowhere")


class ParameterTests(DoctorTestCase):
    """Where it reads parameters."""

    def test_places(self) -> None:
        """The places in which they are enough, or both at once."""
        for places, expected in (
            (("url", "body"), "URL or body"),
            (("url",), "URL"),
            (("body",), "body"),
            (("both",), "URL and body"),
        ):
            self.assertEqual(self.found("parameters", places=places).value, expected)

    def test_by_acceptance(self) -> None:
        """What is accepted counts if the server cannot be asked."""
        finding = self.found("parameters", places=("url",), tests=405)
        self.assertEqual(finding.value, "URL")
        self.assertIn("in the URL only: accepted (200); in the body only: refused", finding.how)


class RuleTests(DoctorTestCase):
    """How many chunks it expects."""

    def test_refused(self) -> None:
        """The rule whose number of chunks is not refused."""
        for force, value in ((False, "floor"), (True, "ceil")):
            finding = self.found("rule", rules=(force,))
            self.assertEqual((finding.value, finding.options), (value, {"force_chunk_size": force}))

    def test_complete(self) -> None:
        """The rule with which a file is complete, if nothing is refused."""
        for force, value in ((False, "floor"), (True, "ceil")):
            for shows in ("word", "digest", "gone"):
                finding = self.found("rule", counts=force, shows=shows)
                expected = (value, {"force_chunk_size": force})
                self.assertEqual((finding.value, finding.options), expected)

    def test_either(self) -> None:
        """Both, if files are complete with both."""
        for shows in ("word", "digest", "gone"):
            finding = self.found("rule", shows=shows)
            self.assertEqual((finding.value, finding.options), ("either", {}))

    def test_cannot_be_asked(self) -> None:
        """Responses show it also where tests are refused."""
        for force, value in ((False, "floor"), (True, "ceil")):
            for shows in ("word", "digest"):
                diagnosis = self.examine(counts=force, shows=shows, tests=405)
                self.assertEqual(diagnosis.finding("rule").value, value)
                self.assertEqual(diagnosis.finding("order").value, "any")

    def test_unknown(self) -> None:
        """If nothing is refused and nothing shows that a file is complete, it cannot be seen."""
        for tests in (None, 405):
            finding = self.found("rule", shows="", tests=tests)
            self.assertEqual((finding.value, finding.options), (None, {}))
            self.assertIn("nothing shows that it is complete", finding.how)

    def test_neither(self) -> None:
        """If no whole file is accepted, it cannot be seen, and why is said."""
        finding = self.found("rule", remainders=False)
        self.assertEqual((finding.value, finding.options), (None, {}))
        self.assertIn("a whole file was not accepted: ", finding.how)
        self.assertIn("chunk 1 was refused with 400 'a remainder'", finding.how)
        diagnosis = self.examine(early=True)
        self.assertIs(diagnosis.finding("order").value, None)
        self.assertIn("chunks were gone before the last", diagnosis.finding("order").how)


class OrderTests(DoctorTestCase):
    """In which order it needs chunks."""

    def test_any(self) -> None:
        """Any, if a file is complete whichever chunk comes last."""
        for shows in ("word", "digest", "gone"):
            finding = self.found("order", shows=shows)
            self.assertEqual((finding.value, finding.options), ("any", {}))
        self.assertEqual(
            self.found("order", shows="gone").how,
            "chunks 1, 2, 3: chunk 1 was there before it, and is not after it; "
            "chunks 3, 1, 2: chunk 3 was there before it, and is not after it; "
            "chunks 2, 1, 3: chunk 2 was there before it, and is not after it",
        )

    def test_last(self) -> None:
        """The last one last, if it is refused before, or the file is never complete."""
        for refuses in (True, False):
            for shows in ("word", "digest", "gone"):
                finding = self.found(
                    "order", needs_order="last", refuses_order=refuses, shows=shows
                )
                self.assertEqual(finding.value, "the last chunk last")
                self.assertEqual(finding.options, {"last_chunk_alone": True})

    def test_in_order(self) -> None:
        """One after the other, if no other order is taken."""
        for refuses in (True, False):
            finding = self.found("order", needs_order="all", refuses_order=refuses)
            self.assertEqual((finding.value, finding.options), ("in order", {"in_order": True}))

    def test_refusals_alone(self) -> None:
        """What is refused is seen also where nothing shows that a file is complete."""
        for needs, options in (("last", {"last_chunk_alone": True}), ("all", {"in_order": True})):
            finding = self.found("order", needs_order=needs, shows="")
            self.assertEqual(finding.options, options)

    def test_unknown(self) -> None:
        """What is accepted and shows nothing is not claimed."""
        finding = self.found("order", needs_order="all", refuses_order=False, shows="")
        self.assertEqual((finding.value, finding.options), (None, {}))


class MultipleTests(DoctorTestCase):
    """Files that are multiples of a chunk."""

    def test_fail(self) -> None:
        """If they are refused, a size of chunks follows of which hardly any file is a multiple."""
        for needs in ("", "all"):
            finding = self.found("multiples", multiples=False, needs_order=needs)
            self.assertEqual((finding.value, finding.options), ("fail", {"chunk_size": 1048573}))
        self.assertIn("chunk 3 was refused with 500 'a multiple'", finding.how)

    def test_others(self) -> None:
        """If others are refused as well, it is not for that."""
        finding = self.found("multiples", multiples=False, remainders=False)
        self.assertEqual((finding.value, finding.options), (None, {}))

    def test_accepted(self) -> None:
        """If they are accepted, nothing follows."""
        finding = self.found("multiples")
        self.assertEqual((finding.value, finding.options), ("accepted", {}))


class RaceTests(DoctorTestCase):
    """What comes of two chunks at once."""

    def test_last(self) -> None:
        """With the last two it fails if one is refused, or if the file is not complete then."""
        for races, shows, part in (
            ("refused", "word", "chunk 4 was refused with 500 'it broke'"),
            ("refused", "", "chunk 4 was refused with 500 'it broke'"),
            ("broken", "word", "there was no response to chunk 4 ("),
            ("nothing", "word", "nothing shows that the file is complete"),
            ("nothing", "digest", "nothing shows that the file is complete"),
            ("nothing", "gone", "nothing shows that the file is complete"),
        ):
            finding = self.found("race", races=races, shows=shows)
            self.assertEqual(finding.value, "fails")
            self.assertEqual(finding.options, {"last_chunk_alone": True})
            self.assertIn(part, finding.how)

    def test_first(self) -> None:
        """With the first two it fails if one is refused, also if the last chunk comes alone."""
        for needs in ("", "last"):
            for races, part in (
                ("refused", "chunk 2 was refused with 500 'it broke'"),
                ("broken", "there was no response to chunk 2 ("),
            ):
                finding = self.found("race", races=races, at="first", needs_order=needs)
                self.assertEqual((finding.value, finding.options), ("fails", {"in_order": True}))
                self.assertIn(part, finding.how)

    def test_no_proof(self) -> None:
        """If it goes well, nothing is claimed."""
        for shows, part in (
            ("word", "complete each time, which is no proof"),
            ("gone", "complete each time, which is no proof"),
            ("digest", "complete each time, which is no proof"),
            ("", "accepted each time, which is no proof"),
        ):
            finding = self.found("race", shows=shows)
            self.assertEqual((finding.value, finding.options), (None, {}))
            self.assertEqual(
                finding.how,
                f"the first two and the last two of four chunks at once, 3 times: {part}",
            )

    def test_last_alone(self) -> None:
        """Where the last chunk comes alone, the last two are not tried."""
        finding = self.found("race", needs_order="last")
        self.assertEqual((finding.value, finding.options), (None, {}))
        self.assertIn("the first two of four chunks at once, 3 times: accepted", finding.how)

    def test_not_tried(self) -> None:
        """Where chunks come in order, it is not tried."""
        self.assertIn("not tried", self.found("race", needs_order="all").how)


class LimitTests(DoctorTestCase):
    """How large a request may be."""

    most = MOST

    def limit(self, **habits: object) -> tuple[int, dict[str, object]]:
        finding = self.found("limit", **habits)
        assert finding.value is not None
        return int(finding.value.removesuffix(" bytes")), dict(finding.options)

    def test_none(self) -> None:
        """A chunk of 8 MiB is the largest that is tried."""
        finding = self.found("limit")
        self.assertEqual((finding.value, finding.options), ("8 MiB or more", {}))
        self.assertEqual(max(each.length for each in self.server.sent if each.is_upload) >> 20, 8)

    def test_found(self) -> None:
        """It is found to some KiB, and the last chunk, which may be twice as large, fits."""
        for most in (1 << 20, 300_000, 100_000):
            found, options = self.limit(most=most)
            self.assertLessEqual(found, most)
            self.assertLess(most - found, 6 * 1024)
            chunk_size = options["chunk_size"]
            assert isinstance(chunk_size, int)
            self.assertLess(2 * chunk_size + 8 * 1024, most)
            self.assertGreater(2.3 * chunk_size + 16 * 1024, most)

    def test_ceil(self) -> None:
        """With the other rule no chunk is larger than that."""
        found, options = self.limit(most=500_000, rules=(True,))
        self.assertGreater(found, 490_000)
        self.assertEqual(options, {"chunk_size": 480_000})

    def test_enough(self) -> None:
        """If the default fits, it stays."""
        self.assertEqual(self.limit(most=3 << 20)[1], {})
        self.assertEqual(self.limit(most=(1 << 20) + 65536, rules=(True,))[1], {})

    def test_why(self) -> None:
        """What happens to a larger one is told: a status, no response, or a chunk that is lost."""
        for over, part in ((413, ": 413"), (0, ": no response ("), (200, ": 200, but it is not")):
            finding = self.found("limit", most=1 << 20, over=over)
            self.assertIn(part, finding.how)
            self.assertIn("chunk_size", finding.options)


class OtherTests(DoctorTestCase):
    """Digests, folders, cookies, and what is left."""

    def test_checksum(self) -> None:
        """Digests are compared if a wrong one is refused and the right one is not."""
        finding = self.found("checksum", digests=True)
        self.assertEqual((finding.value, finding.options), ("sha256", {"checksum": "sha256"}))
        finding = self.found("checksum")
        self.assertEqual((finding.value, finding.options), ("no", {}))

    def test_folders(self) -> None:
        """Folders are kept if the response says so, and else that cannot be seen."""
        self.assertEqual(self.found("folders", folders="named").value, "kept")
        self.assertEqual(self.found("folders", folders="refused").value, "refused")
        self.assertIs(self.found("folders").value, None)

    def test_cookies(self) -> None:
        """None are said to be needed that were not seen."""
        self.assertEqual(self.found("cookies").value, "none")

    def test_left(self) -> None:
        """What cannot be removed is named, once."""
        diagnosis = self.examine()
        self.assertEqual(sorted(diagnosis.left), sorted(self.server.files))
        self.assertTrue(all(each.startswith("txresumable-doctor-") for each in diagnosis.left))
        self.assertEqual(self.server.deleted, [])

    def test_removed(self) -> None:
        """What has a URL of its own is deleted there, if that is on the same server."""
        for location in ("/files/*", "?id=*"):
            diagnosis = self.examine(location=location)
            self.assertEqual(diagnosis.left, ())
            urls = [
                urljoin(TARGET, location.replace("*", str(number)))
                for number in range(len(self.server.files))
            ]
            self.assertEqual(sorted(self.server.deleted), sorted(urls))
        for habits in (
            {"location": "/files/*", "deletes": 405},
            {"location": "http://other.example/files/*"},
            {"location": "/files#*"},
        ):
            diagnosis = self.examine(**habits)
            self.assertEqual(sorted(diagnosis.left), sorted(self.server.files))
        self.assertEqual(self.server.deleted, [])

    def test_target_is_not_deleted(self) -> None:
        """A URL of the target, or of a folder that it is in, is not that of a file."""
        target = "http://server.example/a/upload"
        for location, is_deleted in (
            (target, False),
            ("/a/upload/", False),
            ("/a", False),
            ("/", False),
            ("http://server.example", False),
            ("/a/up", True),
            ("/a/upload/1", True),
            ("?id=1", True),
        ):
            specimens, client = Specimens(), FakeClient()
            options = Options(target=target)
            wire = Wire(make_client(self.clock, self.clock, client, options, 1), self.clock, {})
            wire.stored[specimens.make(1).name] = location
            cleaning = clean_up(Visit(wire, options), specimens, forgets=False)
            cleaned = Deferred.fromCoroutine(cleaning)
            if is_deleted:
                self.assertEqual(client.waiting[0].method, "DELETE")
                client.respond(204)
            self.assertEqual(len(self.successResultOf(cleaned)), not is_deleted, location)

    def test_forgotten(self) -> None:
        """A receiver like ours, and no other, is told to forget what is unfinished."""
        diagnosis = self.examine(lists=True, deletes=0)
        self.assertEqual(sorted(diagnosis.left), sorted(self.server.files))
        self.assertTrue(all(file.complete for file in self.server.files.values()))
        self.assertGreater(len(self.server.deleted), len(diagnosis.left))
        diagnosis = self.examine(lists=True, deletes=405)
        self.assertEqual(sorted(diagnosis.left), sorted(self.server.files))

    def test_given(self) -> None:
        """The names of what was given are told, and not the values."""
        server = Pretender(self.clock)
        diagnosis = self.diagnosis(server, query={"folder": "SECRET"}, headers={})
        self.assertEqual(diagnosis.given, ("query",))
        self.assertNotIn("SECRET", repr(diagnosis))
        examining = examine(f"{TARGET}?key=SECRET", reactor=self.clock, client=server)
        self.finish(examining)
        diagnosis = self.successResultOf(examining)
        self.assertEqual(
            (diagnosis.target, diagnosis.given), (TARGET, ("the query of the target",))
        )
        self.assertNotIn("SECRET", repr(diagnosis))
        for each in server.sent:
            self.assertIn("SECRET", (each.parameters.get("folder"), each.parameters.get("key")))


class SessionTests(TestCase):
    """Real connections, and our receiver, also with sessions."""

    timeout = 60

    def serve(self, *, needed: bool) -> str:
        """
        A receiver that begins a session with each request that has no cookie.

        :param needed: whether each session has its own files.
        """
        sessions = count()

        def owner(request: Request) -> str:
            session = request.getCookie(b"session") or b"%d" % next(sessions)
            request.addCookie(b"session", session)
            return session.decode() if needed else ""

        return self.listen(owner=owner)

    def listen(self, context: Any = None, **options: Any) -> str:
        """A receiver."""
        store = Store(self.mktemp(), reactor=reactor)
        site = make_site(store, reactor=reactor, **options)
        if context is None:
            port = reactor.listenTCP(0, site, interface="127.0.0.1")
        else:
            port = reactor.listenSSL(0, site, context, interface="127.0.0.1")
        self.addCleanup(store.close)
        self.addCleanup(site.drop_connections)
        self.addCleanup(port.stopListening)
        scheme = "http" if context is None else "https"
        return f"{scheme}://localhost:{port.getHost().port}/"

    async def test_needed(self) -> None:
        """Cookies are needed if it works with them only."""
        diagnosis = await examine(self.serve(needed=True))
        finding = diagnosis.finding("cookies")
        self.assertEqual((finding.value, finding.options), ("needed", {"with_credentials": True}))
        self.assertEqual(diagnosis.finding("resumes").value, "yes")
        self.assertNotIn("test_chunks=False", repr(diagnosis.options))

    async def test_not_needed(self) -> None:
        """They are not if it works without."""
        finding = (await examine(self.serve(needed=False))).finding("cookies")
        self.assertEqual((finding.value, finding.options), ("not needed", {}))
        self.assertIn("session were set, and are not needed", finding.how)

    async def test_given(self) -> None:
        """If they are sent back on demand, whether that is needed is not looked for."""
        target = self.serve(needed=True)
        finding = (await examine(target, with_credentials=True)).finding("cookies")
        self.assertEqual((finding.value, finding.options), (None, {}))

    async def test_tls(self) -> None:
        """Certificates are verified as they are for uploads."""
        authority = Authority("localhost")
        context = PrivateCertificate.loadPEM(authority.issue("localhost")).options()
        target = self.listen(context)
        trusted = Certificate.loadPEM(authority.certificate)
        self.assertTrue((await examine(target, trust_root=trusted)).is_receiver)
        await self.assertFailure(examine(target), TLSRejected)

    async def test_receivers(self) -> None:
        """Our receiver is one in each dialect."""
        for dialect, absent in (("resumable", "404"), ("flow", "204"), ("simple", "204")):
            diagnosis = await examine(self.listen(dialect=dialect))
            self.assertEqual(
                diagnosis.options,
                {
                    "dialect": dialect,
                    "method": "multipart",
                    "checksum": "sha256",
                    "test_chunks": "adaptive",
                },
            )
            self.assertEqual(diagnosis.finding("absent").value, absent)
            self.assertEqual(diagnosis.finding("rule").value, "either")
            self.assertEqual(diagnosis.finding("order").value, "any")

    async def test_unknown(self) -> None:
        """If it cannot be asked, whether they are needed cannot be seen; browsers send them."""
        diagnosis = await examine(self.serve(needed=True), test_method="PATCH")
        finding = diagnosis.finding("cookies")
        self.assertEqual((finding.value, finding.options), (None, {"with_credentials": True}))
        self.assertIs(diagnosis.options["test_chunks"], False)


class CallTests(DoctorTestCase):
    """How it is called."""

    def test_functions(self) -> None:
        """Functions cannot be asked, as there are no files."""
        for name in ("target", "test_target", "headers", "query"):
            options = {"target": TARGET, name: lambda *_: {}}
            error = self.assertRaises(InvalidOption, examine, reactor=Clock(), **options)
            self.assertEqual(error.option, name)

    def test_invalid(self) -> None:
        """An invalid option is refused at once."""
        self.assertRaises(InvalidOption, examine, TARGET, reactor=Clock(), dialect="tus")

    def test_cancelled(self) -> None:
        """Cancelling it ends the request that is under way, and there is no other."""
        server = Pretender(self.clock)
        examining = self.start(server)
        self.clock.advance(0.015)
        examining.cancel()
        self.failureResultOf(examining, CancelledError)
        sent = len(server.sent)
        self.assertTrue(server.sent[-1].given_up)
        self.clock.advance(10)
        self.assertEqual(len(server.sent), sent)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_race_cancelled(self) -> None:
        """So it is with two at once."""
        server = Pretender(self.clock)
        examining = self.start(server)
        while len(server.waiting) < 2:
            self.clock.advance(0.0025)
        both = server.waiting
        examining.cancel()
        self.failureResultOf(examining, CancelledError)
        self.assertTrue(all(each.given_up for each in both))

    def test_names(self) -> None:
        """A finding that was not made has no name."""
        self.assertRaises(KeyError, self.examine(everything=404).finding, "rule")

    def test_broken(self) -> None:
        """The kinds of errors are those of uploads."""
        self.assertTrue(issubclass(ConnectionBroken, TransportError))

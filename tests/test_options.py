from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from txresumable._protocol.dialect import DIALECTS
from txresumable._protocol.request import RequestEncoder
from txresumable._validators import check_headers, query_pairs
from txresumable.errors import InvalidOption
from txresumable.identifiers import safe
from txresumable.options import MIB, Options

from .test_retry import failed


class OptionsTests(SynchronousTestCase):
    def refuses(self, option: str, value: object, **others: Any) -> str:
        """The message, which names option and value."""
        try:
            Options(**{"target": "http://h/u", option: value, **others})
        except InvalidOption as error:
            self.assertEqual(error.option, option)
            self.assertIn(option, str(error))
            return str(error)
        raise self.failureException(f"{option}={value!r} was taken")

    def test_options_that_exclude_each_other(self) -> None:
        """One that another makes meaningless is refused, and not ignored."""
        said = self.refuses("chunk_retry_interval", 2.0, retry_policy=lambda failure: 1.0)
        self.assertIn("retry_policy", said)
        said = self.refuses("test_target", "http://h/t?key=SECRET", test_chunks=False)
        self.assertIn("test_chunks", said)
        self.assertNotIn("SECRET", said)

    def test_defaults(self) -> None:
        """What resumable.py's README and resumable.js say."""
        options = Options(target="https://example.com/upload")
        self.assertEqual(options.chunk_size, MIB)
        self.assertEqual(options.simultaneous_uploads, 3)
        self.assertEqual(options.headers, {})
        self.assertIs(options.test_chunks, True)
        self.assertEqual(options.max_chunk_retries, 100)
        self.assertEqual(options.permanent, {400, 401, 403, 404, 409, 415, 500, 501})
        self.assertEqual(options.min_file_size, 1)
        self.assertEqual((options.connect_timeout, options.stall_timeout), (30, 60))

    def test_all_defaults(self) -> None:
        """No default changes unnoticed."""
        options = Options(target="http://h")
        found = {name: getattr(options, name) for name in Options.__slots__ if name[:1] != "_"}
        unset = {name for name, value in found.items() if value is None}
        self.assertEqual(
            {name: value for name, value in found.items() if value is not None},
            {
                "target": "http://h",
                "test_method": "GET",
                "upload_method": "POST",
                "headers": {},
                "query": {},
                "again": False,
                "with_credentials": False,
                "insecure_credentials": "warn",
                "dialect": "resumable",
                "method": "multipart",
                "chunk_format": "blob",
                "parameter_namespace": "",
                "chunk_size": 1048576,
                "force_chunk_size": False,
                "simultaneous_uploads": 3,
                "max_simultaneous_uploads": 32,
                "prioritize_first_and_last_chunk": False,
                "small_files_first": False,
                "test_chunks": True,
                "generate_unique_identifier": safe,
                "source_check": "strict",
                "when_changed": "fail",
                "min_age": 0.0,
                "links": "skip",
                "keep_completed": True,
                "min_file_size": 1,
                "file_type": (),
                "max_chunk_retries": 100,
                "connect_timeout": 30.0,
                "stall_timeout": 60.0,
                "max_offline": 86400.0,
                "throttle_progress_callbacks": 0.5,
            },
        )
        self.assertLessEqual(
            {
                "server",
                "test_target",
                "checksum",
                "max_files",
                "max_file_size",
                "set_chunk_type_from_file",
                "success_statuses",
                "permanent_errors",
                "chunk_retry_interval",
                "retry_policy",
                "chunk_timeout",
                "max_rate",
                "lend_slots",
                "preprocess",
                "preprocess_file",
            },
            unset,
        )

    def test_bounds(self) -> None:
        """The least and the most that each option takes."""
        for option, value in [
            ("chunk_size", 1),
            ("simultaneous_uploads", 1),
            ("simultaneous_uploads", "auto"),
            ("max_simultaneous_uploads", 1),
            ("lend_slots", True),
            ("simultaneous_tests", 1),
            ("simultaneous_tests", "auto"),
            ("simultaneous_tests", None),
            ("max_chunk_retries", 0),
            ("min_file_size", 0),
            ("max_file_size", 1),
            ("max_file_size", None),
            ("max_files", 1),
            ("max_files", None),
            ("connect_timeout", 0.001),
            ("stall_timeout", 0.001),
            ("chunk_timeout", 0),
            ("chunk_timeout", None),
            ("chunk_retry_interval", 0),
            ("chunk_retry_interval", None),
            ("throttle_progress_callbacks", 0),
            ("max_offline", 0),
            ("max_rate", 0.5),
            ("max_rate", None),
            ("permanent_errors", frozenset((100, 599))),
            ("permanent_errors", None),
            ("success_statuses", frozenset((200, 299, 400, 599))),
            ("success_statuses", None),
        ]:
            taken = getattr(Options(target="http://h", **{option: value}), option)
            self.assertEqual(taken, value, option)
        for option in ("connect_timeout", "stall_timeout"):
            self.refuses(option, 0.0009)
        for option in ("max_offline", "throttle_progress_callbacks", "chunk_timeout"):
            self.refuses(option, -0.001)
        for option in ("max_offline", "throttle_progress_callbacks"):
            self.refuses(option, None)
        for option in ("chunk_retry_interval", "stall_timeout", "chunk_timeout", "max_offline"):
            for endless in (float("inf"), 10**400):  # the latter is no float
                self.assertIn("finite", self.refuses(option, endless))
        self.assertEqual(
            Options(target="http://h", min_file_size=0, max_file_size=0).max_file_size, 0
        )

    def test_hooks(self) -> None:
        """What is to be called is callable, or nothing."""
        for option in (
            "preprocess",
            "preprocess_file",
            "generate_unique_identifier",
            "max_files_error_callback",
            "retry_policy",
        ):
            self.assertIn("callable", self.refuses(option, "a text"))
            self.assertIs(getattr(Options(target="http://h", **{option: len}), option), len)
        self.refuses("generate_unique_identifier", None)  # there is always one
        for option in ("headers", "query"):
            self.assertIn("a mapping or a function of file and chunk", self.refuses(option, 5))
            self.assertIs(getattr(Options(target="http://h", **{option: len}), option), len)

    def test_query(self) -> None:
        """A query that has no text is refused as the options are made."""
        self.refuses("query", {"a": object()})
        self.refuses("query", {b"a": 1})

    def test_texts(self) -> None:
        """Methods are tokens; a namespace is text; types are extensions and media types."""
        for option in ("test_method", "upload_method"):
            for value in ("", "GET /", 5, None, b"GET", "P\u00d6ST"):
                self.refuses(option, value)
            self.assertEqual(getattr(Options(target="http://h", **{option: "PUT"}), option), "PUT")
        self.refuses("parameter_namespace", None)
        for value in ("", " ", [""], [5], ["png", None], None, 5, b"png"):
            self.refuses("file_type", value)
        for value, taken in [(" JPG ", ("jpg",)), (["a", ".B"], ("a", ".b")), ([], ())]:
            self.assertEqual(Options(target="http://h", file_type=value).file_type, taken)

    def test_encoder(self) -> None:
        """How requests are written follows from the options."""
        plain = Options(target="http://h").encoder
        self.assertEqual(plain, RequestEncoder(chunk_size=MIB))
        told = Options(
            target="http://h",
            dialect="simple",
            chunk_size=7,
            parameter_namespace="ns",
            chunk_format="base64",
            set_chunk_type_from_file=True,
            checksum="sha256",
            file_parameter_name="f",
        ).encoder
        self.assertEqual(
            told,
            RequestEncoder(
                names=evolve(DIALECTS["simple"].names, file="f"),
                namespace="ns",
                chunk_size=7,
                base64=True,
                type_from_file=True,
                checksum=True,
                tests_merged=True,
                custom_query_first=False,
                in_url=False,
            ),
        )
        self.assertTrue(Options(target="http://h", method="octet").encoder.octet)
        flow = Options(target="http://h", dialect="flow").encoder
        self.assertEqual((flow.custom_query_first, flow.tests_merged), (True, True))

    def test_types_of_chunks(self) -> None:
        """With the dialects of flow.js a chunk has its file's type, unless an option differs."""
        for dialect, chosen, part, octets in (
            ("resumable", None, False, False),
            ("resumable", True, True, False),
            ("flow", None, True, True),
            ("simple", None, True, True),
            ("flow", False, False, False),
        ):
            options = Options(target="http://h", dialect=dialect, set_chunk_type_from_file=chosen)
            self.assertEqual(options.encoder.type_from_file, part, (dialect, chosen))
            options = evolve(options, method="octet")
            self.assertEqual(options.encoder.type_from_file, octets, (dialect, chosen))

    def test_policy(self) -> None:
        """Waits are random and grow, if no interval and no policy is given."""
        self.assertEqual(Options(target="http://h").policy(failed(1, 200.0)), 200.0)
        self.assertEqual(Options(target="http://h", chunk_retry_interval=0).policy(failed(9)), 0)

    def test_numbers(self) -> None:
        """Numbers that cannot be are refused."""
        for option, values in {
            "chunk_size": (0, -1, 1.5, "1", True, None),
            "simultaneous_uploads": (0, -3, 2.0, "many", True),
            "max_simultaneous_uploads": (0, "auto", None),
            "lend_slots": (1, "auto"),
            "simultaneous_tests": (0, 1.0, "many", True),
            "max_chunk_retries": (-1, "5", 1.0, None),
            "min_file_size": (-1, None),
            "max_file_size": (-1, "1"),
            "max_files": (0, 1.5),
            "connect_timeout": (0, -1, "30", float("nan"), float("inf"), None),
            "stall_timeout": (0, float("inf")),
            "chunk_timeout": (-1, "x"),
            "chunk_retry_interval": (-0.1, True),
            "throttle_progress_callbacks": (-1, None),
            "max_rate": (0, -5, True),
        }.items():
            for value in values:
                self.assertIn(repr(value), self.refuses(option, value))
        self.assertIn("whole number of at least 0", self.refuses("max_file_size", -1))

    def test_choices(self) -> None:
        """A word that is none of the choices is refused with the choices."""
        self.assertIn("'multipart', 'octet'", self.refuses("method", "binary"))
        self.assertIn("'blob', 'base64'", self.refuses("chunk_format", "hex"))
        self.assertIn("True, False, 'adaptive'", self.refuses("test_chunks", 1))
        for tests in (True, False, "adaptive"):
            self.assertIs(Options(target="http://h", test_chunks=tests).test_chunks, tests)
        self.assertIn("'sha256'", self.refuses("checksum", "md5"))
        self.assertIn("'flow'", self.refuses("dialect", "tus"))
        self.assertIn("'refuse'", self.refuses("insecure_credentials", "never"))
        self.refuses("force_chunk_size", 1)
        self.refuses("with_credentials", "yes")

    def test_targets(self) -> None:
        """A target is a whole URL with a host, or a function."""
        for value in (
            "",
            "/upload",
            "example.com/upload",
            "ftp://example.com/",
            "http://",
            "http://:80/",
            "http://h:0/",
            "http://h:99999/",
            "http://user:secret@h/",
            "http://h/\r\nX: y",
            "http://a b/",
            "http://a\x7fb/",
            "http://a\x80b/",
            b"http://h/",
            None,
            5,
        ):
            self.refuses("target", value)
        for value in (
            "http://h",
            "https://h:8/u?x=1",
            "http://[::1]:80/",
            "http://h/a b?\x7f",
            lambda pairs: "",
        ):
            Options(target=value)
        Options(target="http://h", test_target="/")
        self.refuses("test_target", "/test")

    def test_headers(self) -> None:
        """Headers cannot inject others, nor change the framing."""
        for headers in (
            {"X Y": "z"},
            {"X": "a\r\nEvil: b"},
            {"X": "a\nb"},
            {"X": "\0"},
            {"": "x"},
            {"Content-Length": "5"},
            {"transfer-encoding": "chunked"},
            {"Host": "other"},
            {b"X": "y"},
            {"X": 5},
        ):
            self.assertRaises(InvalidOption, Options, target="http://h", headers=headers)
        self.refuses("headers", "X: y")
        Options(target="http://h", headers={"X-Token": "é"})
        headers = {"X": "y"}
        self.assertIs(check_headers(headers), headers)
        self.refuses("headers", {"content-TYPE": "text/plain"})  # would lose the form's boundary
        Options(target="http://h", headers={"Content-Type": "text/plain"}, method="octet")
        self.assertRaises(InvalidOption, check_headers, [("X", "y")])

    def test_what_is_refused_is_not_shown(self) -> None:
        """What is given as headers or query may be a secret, in whatever form it is given."""
        for option, value in (
            ("headers", {"Authorization": "s3cret\n"}),
            ("headers", {"Authorization: s3cret": ""}),
            ("headers", {("Authorization", "s3cret"): ""}),
            ("headers", [("Authorization", "s3cret")]),
            ("headers", "Authorization: s3cret"),
            ("headers", Headers({"Authorization": ["s3cret"]})),
            ("target", b"http://h/u?token=s3cret"),
            ("query", [("token", "s3cret")]),
            ("query", "token=s3cret"),
            ("query", {"token": {"s3cret": 1}}),
            ("query", {("token", "s3cret", b""): 1}),
            ("query", {"token": b"s3cret"}),
        ):
            given: Any = {"target": "http://h", option: value}
            error = self.assertRaises(InvalidOption, Options, **given)
            self.assertNotIn("s3cret", str(error) + repr(error) + repr(error.value))
            self.assertIn(option, str(error))

    def test_secrets_are_not_in_the_repr(self) -> None:
        """Headers, query and certificates stay out of what may be logged."""
        options = Options(
            target="http://h/u?key=k3y",
            test_target=len,
            headers={"Authorization": "s3cret"},
            query={"token": "t0ken"},
            client_certificate="c3rt",
            proxy="http://anna:w0rd@proxy.example",
        )
        shown = repr(options)
        for secret in ("k3y", "s3cret", "t0ken", "c3rt", "w0rd"):
            self.assertNotIn(secret, shown)
        self.assertIn("target='http://h/u", shown)
        self.assertIn(f"test_target={len!r}", shown)

    def test_proxies(self) -> None:
        """A proxy is an http:// URL or a function; of any other value only the scheme is shown."""
        for value in (None, "http://proxy.example:3128", "http://a:b@proxy.example", len):
            self.assertIs(Options(target="http://h", proxy=value).proxy, value)
        for value, shown in (
            ("socks5://anna:s3cret@proxy.example", "'socks5://...'"),
            ("anna:s3cret@proxy.example", "'...'"),
            ("s3cret@http://proxy.example", "'...'"),
            (5, "<class 'int'>"),
        ):
            self.assertTrue(self.refuses("proxy", value).endswith(f", not {shown}"))

    def test_statuses(self) -> None:
        """What is a success and what is permanent are HTTP statuses."""
        for option in ("permanent_errors", "success_statuses"):
            for status in (42, 99, 600):
                self.refuses(option, [404, status])
            for value in ("404", b"404", 404, [[404]]):
                self.assertIn("a collection", self.refuses(option, value))
        self.assertEqual(Options(target="http://h", permanent_errors=[]).permanent, frozenset())

    def test_success(self) -> None:
        """Something is a success, but no redirect, and nothing before the response itself."""
        self.refuses("success_statuses", [])
        for status in (100, 199, 300, 399):
            self.assertIn("a redirect", self.refuses("success_statuses", [200, status]))
        options = Options(target="http://h", dialect="flow", success_statuses=[200, 409])
        self.assertEqual(options.stored, {200, 409})
        self.assertEqual(Options(target="http://h", dialect="flow").stored, {200, 201, 202})

    def test_permanent_of_tests(self) -> None:
        """With the dialects of flow.js what is permanent is so for tests too."""
        for dialect in ("flow", "simple"):
            options = Options(target="http://h", dialect=dialect)
            self.assertEqual(options.test_permanent, options.permanent)
            options = Options(target="http://h", dialect=dialect, permanent_errors=[500])
            self.assertEqual(options.test_permanent, {500})
        options = Options(target="http://h", permanent_errors=[500])
        self.assertEqual(options.test_permanent, frozenset())

    def test_what_excludes_each_other(self) -> None:
        """An octet body cannot hold a data: URL, and the largest size is not below the least."""
        self.refuses("chunk_format", "base64", method="octet")
        self.refuses("max_file_size", 5, min_file_size=10)

    def test_names(self) -> None:
        """Parameters are renamed one by one, over the dialect's names; the file's keeps one."""
        options = Options(target="http://h", dialect="flow", chunk_number_parameter_name="n")
        self.assertEqual(options.names.chunk_number, "n")
        self.assertEqual(options.names.total_size, "flowTotalSize")
        self.refuses("type_parameter_name", 5)
        self.refuses("file_parameter_name", "")

    def test_unknown_option(self) -> None:
        """A misspelt option is named."""
        error = self.assertRaises(TypeError, Options, target="http://h", chunksize=5)
        self.assertIn("chunksize", str(error))

    def test_retry_policy(self) -> None:
        """A fixed interval replaces the back-off, and so does a policy."""
        self.assertEqual(Options(target="http://h", chunk_retry_interval=2).policy(failed(9)), 2)
        options = Options(target="http://h", retry_policy=lambda failed: 7.0)
        self.assertEqual(options.policy(failed(1)), 7)

    def test_is_frozen(self) -> None:
        """Options do not change under an upload."""
        options = Options(target="http://h")
        self.assertRaises(AttributeError, setattr, options, "chunk_size", 5)

    @given(st.dictionaries(st.text(), st.text()))
    def test_header_check_is_total(self, headers: dict[str, str]) -> None:
        """Any headers are either taken without a line break in them or refused by our error."""
        try:
            check_headers(headers)
        except InvalidOption:
            return
        for name, value in headers.items():
            self.assertFalse(set("\r\n\0: ") & set(name))
            self.assertFalse(set("\r\n\0") & set(value))


class QueryPairsTests(SynchronousTestCase):
    def test_values_as_in_javascript(self) -> None:
        """Values become text as JavaScript's String() writes them."""
        query = {"a": True, "b": None, "c": [1, None, "x"], "d": 1.0, "e": 1.5, "f": -3, "g": ""}
        values = [value for _, value in query_pairs(query)]
        self.assertEqual(values, ["true", "null", "1,,x", "1", "1.5", "-3", ""])

    def test_refuses_what_has_no_text(self) -> None:
        """An object that would be sent as its repr is refused."""
        self.assertRaises(InvalidOption, query_pairs, {"a": object()})
        self.assertRaises(InvalidOption, query_pairs, [("a", "b")])

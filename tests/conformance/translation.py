"""
The options of each recorded scenario, translated by hand from the JavaScript of the recording.

A scenario that is missing here fails.  Nothing is added or left out that the recording does not
have; where Python has no word for what JavaScript says, a comment tells.
"""

from collections.abc import Callable
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from .scenario import Scenario


@frozen
class Page:
    """
    What the page around resumable.js offered to the options.

    :ivar origin: scheme and host, which the page's URLs were relative to.
    :ivar clock: for ``setTimeout``.
    :ivar observed: what hooks count, as the recording has it.
    """

    origin: str
    clock: IReactorTime
    observed: dict[str, Any] = field(factory=dict)

    def note(self, name: str, value: Any) -> None:
        """
        Append to one of the page's lists.

        :param name: which.
        :param value: what.
        """
        self.observed.setdefault(name, []).append(value)


_ORDER = ("in_order", "last_chunk_alone")

Options = dict[str, Any]
Translation = Callable[[Page], Options]


def _plain(**options: Any) -> Translation:
    """
    The options that nearly all scenarios share, and some of its own.
    """
    return lambda page: {
        "target": page.origin + "/u",
        "chunk_size": 1000,
        "simultaneous_uploads": 1,
        "in_order": False,
        "last_chunk_alone": False,
        **options,
    }


def _default(page: Page) -> Options:
    return {"target": page.origin + "/u", "last_chunk_alone": False}


def _test_target(page: Page) -> Options:
    return _plain(test_target=page.origin + "/t")(page)


def _query_function(page: Page) -> Options:
    def query(file: Any, chunk: Any) -> dict[str, object]:
        page.observed["query_calls"] = page.observed.get("query_calls", 0) + 1
        return {"off": chunk.offset, "name": file.file_name, "call": page.observed["query_calls"]}

    return _plain(query=query)(page)


def _headers_function(file: Any, chunk: Any) -> dict[str, str]:
    return {"X-Name": file.file_name, "X-Off": str(chunk.offset)}


def _empty_default(page: Page) -> Options:
    def refused(file: Any, count: int) -> None:
        page.note("rejected", f"minFileSize {count}")

    return _plain(min_file_size_error_callback=refused)(page)


def _target_query(page: Page) -> Options:
    return _plain(target=page.origin + "/u?a=1&b=x%20y")(page)


def _target_fragment(page: Page) -> Options:
    return _plain(target=page.origin + "/u#frag")(page)


def _target_function(page: Page) -> Options:
    def target(pairs: list[str]) -> str:
        page.note("target_args", [pairs])
        return page.origin + "/fn?only=this"

    return _plain(target=target)(page)


def _identifier_promise(page: Page) -> Options:
    def identify(file: Any) -> Deferred[str]:
        return deferLater(page.clock, 0.05, lambda: "later")

    return _plain(generate_unique_identifier=identify)(page)


def _other_origin(page: Page) -> Options:
    # window.OTHER: the page's server under a second name.
    other = page.origin.replace("127.0.0.1", "localhost")
    return _plain(target=other + "/u", with_credentials=True)(page)


def _three_at_once(page: Page) -> Options:
    return {"target": page.origin + "/u", "chunk_size": 1000, "last_chunk_alone": False}


def _five_at_once(page: Page) -> Options:
    return {**_three_at_once(page), "simultaneous_uploads": 5}


def _retry_parallel(page: Page) -> Options:
    return {**_three_at_once(page), "chunk_retry_interval": 0.4, "max_chunk_retries": 5}


def _target_query_octet(page: Page) -> Options:
    return _plain(target=page.origin + "/u?a=1", method="octet")(page)


def _target_open(page: Page) -> Options:
    return _plain(target=page.origin + "/u?")(page)


def _target_escaping(page: Page) -> Options:
    return _plain(target=page.origin + "/p q/é?sig=it's&%2B=")(page)


def _target_function_octet(page: Page) -> Options:
    return _plain(target=lambda pairs: page.origin + "/fn?only=this", method="octet")(page)


def _first_and_last(page: Page) -> Options:
    options = _plain(prioritize_first_and_last_chunk=True)(page)
    return {name: value for name, value in options.items() if name not in _ORDER}


def _upload_on_added(page: Page) -> Options:
    return _plain(chunk_size=100)(page)


def _upload_at_once(page: Page) -> Options:
    return {"target": page.origin + "/u", "chunk_size": 100, "test_chunks": False}


def _preprocess(page: Page) -> Options:
    def preprocess(chunk: Any) -> Deferred[None]:
        # `tested` is the original's own; that no test came before is to be seen from the requests.
        page.note("preprocess", f"{chunk.offset}:false")
        return deferLater(page.clock, 0.02, lambda: None)

    return _plain(preprocess=preprocess)(page)


_AWKWARD_QUERY = {
    "upload token": "a b&c=d/é+%",
    "n": 1,
    "b": True,
    "z": None,
    "u": "undefined",  # Python has no such value; in JavaScript it is sent as its name.
    "arr": [1, 2],
    "empty": "",
}

_BOTH_QUERIES = {"a b": "é", "totalSize": "77", "flowTotalSize": "78", "chunkNumber": "79"}

_LINES_QUERY = {"k\n": "a\nb\rc\r\nd"}
_NUMBERS_QUERY = {"b": "1", "10": "2", "2": "3", "01": "4", "f": 1.5e30, "t": -0.25}

_TABLE: dict[str, Translation] = {
    "default": _default,
    "sequential": _plain(),
    "octet": _plain(method="octet"),
    "put": _plain(upload_method="PUT", test_method="HEAD"),
    "namespace": _plain(parameter_namespace="ns_", query={"token": "t"}),
    "test-target": _test_target,
    "test-target-slash": _plain(test_target="/"),
    "query-object": _plain(query=_AWKWARD_QUERY),
    "query-function": _query_function,
    "headers-object": _plain(headers={"X-Tok": "abc", "X-Csrf-Token": "q=="}),
    "headers-function": _plain(headers=_headers_function),
    "force-chunk-size": _plain(force_chunk_size=True),
    "empty-min0": _plain(min_file_size=0),
    "empty-default": _empty_default,
    "chunk-type": _plain(set_chunk_type_from_file=True),
    "no-type": _plain(),
    "base64": _plain(chunk_format="base64"),
    "target-query": _target_query,
    "target-fragment": _target_fragment,
    "target-function": _target_function,
    "names-unicode": _plain(),
    "names-quote": _plain(),
    "relative-path": _plain(),
    "test-off": _plain(test_chunks=False),
    "identifier-function": _plain(
        generate_unique_identifier=lambda file: f"id with /../ & é {file.size}"
    ),
    "identifier-promise": _identifier_promise,
    "with-credentials-cross-origin": _other_origin,
    "retry-503-twice": _plain(),
    "retry-503-interval": _plain(chunk_retry_interval=0.3, max_chunk_retries=5),
    "retry-always-503-max3": _plain(max_chunk_retries=3),
    "retry-dropped": _plain(max_chunk_retries=5),
    "retry-after-header": _plain(max_chunk_retries=3),
    "timeout": _plain(chunk_timeout=0.2, max_chunk_retries=5),
    "timeout-test": _plain(chunk_timeout=0.2, max_chunk_retries=5),
    "permanent-404": _three_at_once,
    "pause-resume": _three_at_once,
    "upload-on-added": _upload_on_added,
    "upload-at-once": _upload_at_once,
    "preprocess": _preprocess,
    "query-overrides": _plain(query={"resumableTotalSize": "77", "flowTotalSize": "77"}),
    "empty-min0-octet": _plain(min_file_size=0, method="octet"),
    "target-query-octet": _target_query_octet,
    "names-slash": _plain(),
    "names-lone-surrogate": _plain(chunk_size=10000),
    "directory-input": _plain(),
    "two-files": _three_at_once,
    "identifier-collision": _plain(),
    "retry-503-parallel": _retry_parallel,
    "retry-always-503-max0": _plain(max_chunk_retries=0),
    "permanent-404-two-files": _plain(),
    "pause-during-test": _three_at_once,
    "file-retry": _plain(),
    "complete-already": _plain(),
    "success-statuses": _plain(success_statuses=[200, 206], max_chunk_retries=2),
    "permanent-errors": _plain(permanent_errors=[413, 500]),
    "permanent-errors-test": _plain(permanent_errors=[403]),
    "query-both": _plain(query=_BOTH_QUERIES),
    "query-both-octet": _plain(query=_BOTH_QUERIES, method="octet"),
    **{
        f"type-{kind}{octet}": _plain(method="octet" if octet else "multipart")
        for kind in ("none", "text-plain", "multipart-form-data", "text-plain-charset-utf-8")
        for octet in ("", "-octet")
    },
    "target-function-octet": _target_function_octet,
    "empty": _plain(),
    "simultaneous": _plain(simultaneous_uploads=2),
    "first-and-last": _first_and_last,
    "file-parameter-name": _plain(file_parameter_name='a "b"'),
    **{
        f"query-{kind}{octet}": _plain(query=query, method="octet" if octet else "multipart")
        for kind, query in (("lines", _LINES_QUERY), ("numbers", _NUMBERS_QUERY))
        for octet in ("", "-octet")
    },
    "put-octet": _plain(upload_method="PUT", method="octet"),
    "headers-type-octet": _plain(
        headers={"Content-Type": "text/x-own", "X-Tok": "a"}, method="octet"
    ),
    "target-open": _target_open,
    "target-escaping": _target_escaping,
    **{
        f"names-{kind}{octet}": _plain(method="octet" if octet else "multipart")
        for kind in ("lines", "control", "spaces", "emoji")
        for octet in ("", "-octet")
    },
    "throttle-simultaneous": _five_at_once,
    **{
        f"sizes-{rule}-{size}": _plain(test_chunks=False, force_chunk_size=rule == "force")
        for rule, sizes in {
            "floor": (1, 999, 1000, 1001, 2000, 2001, 2999, 3000, 10500),
            "force": (1, 999, 1000, 1001, 1999, 2000, 2999, 3000, 10500),
        }.items()
        for size in sizes
    },
    **{
        f"get-{status}": _plain()
        for status in (200, 201, 204, 302, 400, 401, 403, 404, 409, 415, 500, 501, 503)
    },
    **{
        f"post-{status}": _plain(max_chunk_retries=2)
        for status in (
            *(
                200,
                201,
                202,
                204,
                206,
                301,
                302,
                303,
                307,
                400,
                401,
                402,
                403,
                404,
                405,
                408,
                410,
                411,
                413,
                415,
                416,
            ),
            *(423, 429, 500, 502, 503, 504, 507),
        )
    },
}


_SPECIAL: dict[str, Translation] = {
    # What is undefined simple-uploader.js leaves out.
    "simple/query-object": _plain(
        query={name: value for name, value in _AWKWARD_QUERY.items() if value != "undefined"}
    ),
}
"""What one of the libraries understands otherwise."""


def translate(scenario: Scenario, page: Page) -> Options:
    """
    The options of one scenario.

    :param scenario: which.
    :param page: what the page offers to them.
    """
    translation = _SPECIAL.get(scenario.name, _TABLE[scenario.id])
    return {"dialect": scenario.client, **translation(page)}


def translated() -> set[str]:
    """
    The ids of all scenarios that are translated.
    """
    return set(_TABLE)

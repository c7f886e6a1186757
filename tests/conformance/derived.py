"""
Scenarios that nobody recorded: what resumable.js would send, worked out by hand from its source
and from the standards that a browser follows (URL, Fetch, multipart/form-data of HTML,
ECMAScript's ``String()``).

Targets and parts are written out as they stand on the wire wherever they are the point of a
case; the helpers below only spare the nine parameters of a case that is about something else.
"""

from collections.abc import Callable, Iterable
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from .scenario import Reply, SampleFile
from .session import Driver, Session
from .translation import Page

Part = tuple[tuple[str, ...], bytes]
Options = Callable[[Page], dict[str, Any]]

OCTETS = "application/octet-stream"


@frozen
class Sent:
    """
    One request that is expected.

    :ivar request: method and target.
    :ivar body: parts (header lines and content), or bytes, or nothing.
    :ivar headers: those that the library sets, in lower case, without Content-Type.
    """

    request: str
    body: tuple[Part, ...] | bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()


@frozen
class Case:
    """
    One scenario.

    :ivar why: what of resumable.js it is about.
    :ivar answers: from method, target and how often that was asked before, to a reply.
    :ivar sent: what is expected, in order.
    :ivar events: what is expected, in order; ``None`` if the case is not about events.
    :ivar driver: what the page does besides adding its files.
    :ivar seen: what hooks are to have seen.
    """

    id: str
    why: str
    options: Options
    files: tuple[SampleFile, ...]
    sent: tuple[Sent, ...]
    events: tuple[tuple[str, ...], ...] | None = None
    answers: Callable[[str, str, int], Reply] = field(
        default=lambda method, target, before: Reply(404 if method == "GET" else 200)
    )
    driver: Driver = field(factory=Driver)
    seen: dict[str, Any] = field(factory=dict)


def sample(name: str, size: int, kind: str = "a/b", relative_path: str | None = None) -> SampleFile:
    """
    A file whose bytes are 0, 1, 2 and so on.
    """
    return SampleFile(name, size, kind, relative_path, bytes(range(size)))


def options(**chosen: Any) -> Options:
    """
    Chunks of ten bytes, one at a time, and what a case is about.
    """
    return lambda page: {
        "target": page.origin + "/u",
        "chunk_size": 10,
        "simultaneous_uploads": 1,
        **chosen,
    }


def nine(
    number: int,
    current: int,
    total: int,
    chunks: int,
    name: str = "f",
    identifier: str | None = None,
) -> list[tuple[str, str]]:
    """
    The nine parameters of a chunk of a file of type ``a/b`` whose name needs no escaping in a body.
    """
    return [
        ("resumableChunkNumber", str(number)),
        ("resumableChunkSize", "10"),
        ("resumableCurrentChunkSize", str(current)),
        ("resumableTotalSize", str(total)),
        ("resumableType", "a/b"),
        ("resumableIdentifier", identifier or f"{total}-{name}"),
        ("resumableFilename", name),
        ("resumableRelativePath", name),
        ("resumableTotalChunks", str(chunks)),
    ]


def url(pairs: Iterable[tuple[str, str]]) -> str:
    """
    Pairs that need no escaping but for the slash of the type.
    """
    return "&".join(f"{name}={value.replace('/', '%2F')}" for name, value in pairs)


def fields(pairs: Iterable[tuple[str, str]]) -> tuple[Part, ...]:
    """
    Pairs that need no escaping, as parts.
    """
    return tuple(
        ((f'Content-Disposition: form-data; name="{name}"',), value.encode())
        for name, value in pairs
    )


def file_part(content: bytes, name: str = "f", part: str = "file", kind: str = OCTETS) -> Part:
    """
    The part that holds a chunk.
    """
    return (
        (
            f'Content-Disposition: form-data; name="{part}"; filename="{name}"',
            f"Content-Type: {kind}",
        ),
        content,
    )


def asked(number: int, current: int, total: int, chunks: int, name: str = "f") -> Sent:
    """
    An ordinary test.
    """
    return Sent("GET /u?" + url(nine(number, current, total, chunks, name)))


def uploaded(number: int, current: int, total: int, chunks: int, name: str = "f") -> Sent:
    """
    An ordinary upload of a ``sample`` file's chunk.
    """
    pairs = nine(number, current, total, chunks, name)
    start = (number - 1) * 10
    content = bytes(range(total))[start : start + current]
    return Sent("POST /u?" + url(pairs), (*fields(pairs), file_part(content, name)))


def both(number: int, current: int, total: int, chunks: int, name: str = "f") -> tuple[Sent, Sent]:
    """
    A test and the upload after it.
    """
    return asked(number, current, total, chunks, name), uploaded(
        number, current, total, chunks, name
    )


def chunk(number: int, name: str) -> Sent:
    """
    An upload of one of the four chunks of a file of 40 bytes.
    """
    return uploaded(number, 10, 40, 4, name)


def _events(*names: str) -> tuple[tuple[str, ...], ...]:
    """
    Events from words: ``fileRetry f`` is one with a file, ``fileSuccess f:ok`` one with an answer.
    """
    return tuple(tuple(part for word in name.split() for part in word.split(":")) for name in names)


_ADDED = ("fileAdded f", "filesAdded", "uploadStart")


def _answers(*statuses: int) -> Callable[[str, str, int], Reply]:
    """
    Tests are answered 404; uploads with these, then 200.
    """
    left = list(statuses)

    def answer(method: str, target: str, before: int) -> Reply:
        if method == "GET":
            return Reply(404)
        return Reply(left.pop(0) if left else 200)

    return answer


def _prioritized() -> Case:
    order = [(1, "a"), (4, "a"), (1, "b"), (4, "b"), (2, "a"), (3, "a"), (2, "b"), (3, "b")]
    return Case(
        "first-and-last",
        "uploadNextChunk: first and last of each file, file after file, and then the rest",
        options(prioritize_first_and_last_chunk=True, test_chunks=False),
        (sample("a", 40), sample("b", 40)),
        tuple(chunk(number, name) for number, name in order),
    )


def _prioritized_single() -> Case:
    return Case(
        "first-and-last-of-one",
        "a file of one chunk has a first chunk and no last",
        options(prioritize_first_and_last_chunk=True, test_chunks=False),
        (sample("a", 19), sample("b", 40)),
        (uploaded(1, 19, 19, 1, "a"), chunk(1, "b"), chunk(4, "b"), chunk(2, "b"), chunk(3, "b")),
    )


def _renamed() -> Case:
    pairs = [
        ("no", "1"),
        ("size", "10"),
        ("now", "12"),
        ("all", "12"),
        ("kind", "a/b"),
        ("id", "12-f"),
        ("name", "f"),
        ("path", "f"),
        ("count", "1"),
    ]
    return Case(
        "renamed",
        "every parameter has a name of its own",
        options(
            chunk_number_parameter_name="no",
            chunk_size_parameter_name="size",
            current_chunk_size_parameter_name="now",
            total_size_parameter_name="all",
            type_parameter_name="kind",
            identifier_parameter_name="id",
            file_name_parameter_name="name",
            relative_path_parameter_name="path",
            total_chunks_parameter_name="count",
            file_parameter_name="chunk",
        ),
        (sample("f", 12),),
        (
            Sent("GET /u?" + url(pairs)),
            Sent(
                "POST /u?" + url(pairs),
                (*fields(pairs), file_part(bytes(range(12)), part="chunk")),
            ),
        ),
    )


def _dropped() -> Case:
    pairs = [("resumableChunkNumber", "1"), ("resumableIdentifier", "12-f")]
    return Case(
        "dropped",
        "filter(): a parameter whose name is empty is not sent",
        options(
            chunk_size_parameter_name="",
            current_chunk_size_parameter_name="",
            total_size_parameter_name="",
            type_parameter_name="",
            file_name_parameter_name="",
            relative_path_parameter_name="",
            total_chunks_parameter_name="",
        ),
        (sample("f", 12),),
        (
            Sent("GET /u?" + url(pairs)),
            Sent("POST /u?" + url(pairs), (*fields(pairs), file_part(bytes(range(12))))),
        ),
    )


def _escaped_names() -> Case:
    # In tests the nine names are not encoded (what the URL layer escapes is), in uploads they are.
    query = {"t[é]": "1"}
    test = "up%5Bt%5B%C3%A9%5D=1&up[n%20%22%27%3C%3E]=1&up[id(%C3%A9)/?]=12-f"
    upload = "up%5Bn%20%22%27%3C%3E%5D=1&up%5Bid(%C3%A9)%2F%3F%5D=12-f&up%5Bt%5B%C3%A9%5D=1"
    parts = (
        (('Content-Disposition: form-data; name="up[n %22\'<>]"',), b"1"),
        (('Content-Disposition: form-data; name="up[id(é)/?]"',), b"12-f"),
        (('Content-Disposition: form-data; name="up[t[é]"',), b"1"),
        file_part(bytes(range(12)), part="up[file"),
    )
    return Case(
        "escaped-names",
        "test() leaves the nine names as they are, send() encodes them; the namespace likewise",
        options(
            parameter_namespace="up[",
            chunk_number_parameter_name="n \"'<>]",
            identifier_parameter_name="id(é)/?]",
            chunk_size_parameter_name="",
            current_chunk_size_parameter_name="",
            total_size_parameter_name="",
            type_parameter_name="",
            file_name_parameter_name="",
            relative_path_parameter_name="",
            total_chunks_parameter_name="",
            query=query,
        ),
        (sample("f", 12),),
        (Sent("GET /u?" + test), Sent("POST /u?" + upload, parts)),
    )


def _replaced() -> Case:
    custom = [("resumableType", "mine"), ("z", "1")]
    standard = nine(1, 12, 12, 1)
    merged = [(name, "mine" if name == "resumableType" else value) for name, value in standard]
    merged.append(("z", "1"))
    return Case(
        "replaced",
        "a custom name equal to a standard one: twice in a test, in place in an upload",
        options(query=dict(custom)),
        (sample("f", 12),),
        (
            Sent("GET /u?" + url(custom + standard)),
            Sent("POST /u?" + url(merged), (*fields(merged), file_part(bytes(range(12))))),
        ),
    )


def _one_name_twice() -> Case:
    test = [("n", "1"), ("n", "12-f")]
    return Case(
        "one-name-twice",
        "two parameters of one name: both in a test; in an upload the last value, in the first place",
        options(
            chunk_number_parameter_name="n",
            identifier_parameter_name="n",
            chunk_size_parameter_name="",
            current_chunk_size_parameter_name="",
            total_size_parameter_name="",
            type_parameter_name="",
            file_name_parameter_name="",
            relative_path_parameter_name="",
            total_chunks_parameter_name="",
        ),
        (sample("f", 12),),
        (
            Sent("GET /u?" + url(test)),
            Sent("POST /u?n=12-f", (*fields([("n", "12-f")]), file_part(bytes(range(12))))),
        ),
    )


def _query_values() -> Case:
    query: dict[Any, object] = {
        "t": True,
        "f": False,
        "none": None,
        "int": -3,
        "float": 1.0,
        "half": 0.5,
        "tiny": 1e-07,
        "huge": 1e21,
        "list": [1, "a b", None, True, [2, 3]],
        "empty": [],
        "text": "-_.!~*'()",
        10: "ten",
        9: "nine",
    }
    # Whole numbers are walked first, by size, as in any JavaScript object.
    custom = [
        ("9", "nine", "nine"),
        ("10", "ten", "ten"),
        ("t", "true", "true"),
        ("f", "false", "false"),
        ("none", "null", "null"),
        ("int", "-3", "-3"),
        ("float", "1", "1"),
        ("half", "0.5", "0.5"),
        ("tiny", "1e-7", "1e-7"),
        ("huge", "1e+21", "1e%2B21"),
        ("list", "1,a b,,true,2,3", "1%2Ca%20b%2C%2Ctrue%2C2%2C3"),
        ("empty", "", ""),
        ("text", "-_.!~*'()", "-_.!~*%27()"),
    ]
    first = [(name, raw) for name, raw, _ in custom[:2]]
    rest = [(name, raw) for name, raw, _ in custom[2:]]
    standard = nine(1, 12, 12, 1)
    test = "&".join(f"{name}={encoded}" for name, _, encoded in custom)
    head = "&".join(f"{name}={encoded}" for name, _, encoded in custom[:2])
    tail = "&".join(f"{name}={encoded}" for name, _, encoded in custom[2:])
    return Case(
        "query-values",
        "String() of what a query holds, and the order in which an object is walked",
        options(query=query),
        (sample("f", 12),),
        (
            Sent(f"GET /u?{test}&{url(standard)}"),
            Sent(
                f"POST /u?{head}&{url(standard)}&{tail}",
                (*fields(first + standard + rest), file_part(bytes(range(12)))),
            ),
        ),
    )


def _query_function() -> Case:
    def query(file: Any, chunk: Any) -> dict[str, object]:
        return {"of": file.unique_identifier, "from": chunk.start_byte, "to": chunk.end_byte}

    def pairs(start: int, end: int) -> list[tuple[str, str]]:
        return [("n.of", "25-f"), ("n.from", str(start)), ("n.to", str(end))]

    sent = []
    for number, start, end in ((1, 0, 10), (2, 10, 25)):
        standard = [("n." + name, value) for name, value in nine(number, end - start, 25, 2)]
        custom = pairs(start, end)
        sent.append(Sent("GET /u?" + url(custom + standard)))
        sent.append(
            Sent(
                "POST /u?" + url(standard + custom),
                (*fields(standard + custom), file_part(bytes(range(25))[start:end], part="n.file")),
            )
        )
    return Case(
        "query-function",
        "a query function of file and chunk, under a namespace",
        options(query=query, parameter_namespace="n."),
        (sample("f", 25),),
        tuple(sent),
    )


def _octet_namespace() -> Case:
    standard = [("n_" + name, value) for name, value in nine(1, 12, 12, 1)]
    return Case(
        "octet-namespace",
        "octet: the bare chunk, its parameters in the URL only",
        options(method="octet", parameter_namespace="n_", query={"q": "1"}, headers={"X-A": "b"}),
        (sample("f", 12),),
        (
            Sent("GET /u?n_q=1&" + url(standard), headers=(("x-a", "b"),)),
            Sent("POST /u?" + url(standard) + "&n_q=1", bytes(range(12)), (("x-a", "b"),)),
        ),
    )


def _octet_empty() -> Case:
    return Case(
        "octet-empty",
        "an empty file as a bare chunk",
        options(method="octet", min_file_size=0, test_chunks=False),
        (sample("f", 0),),
        (Sent("POST /u?" + url(nine(1, 0, 0, 1)), b""),),
    )


def _base64() -> Case:
    standard = nine(1, 10, 20, 2)
    second = nine(2, 10, 20, 2)

    def part(text: bytes) -> Part:
        return (('Content-Disposition: form-data; name="file"',), b"data:a/b;base64," + text)

    return Case(
        "base64-type",
        "readAsDataURL of a slice that keeps its file's type",
        options(chunk_format="base64", set_chunk_type_from_file=True, test_chunks=False),
        (sample("f", 20),),
        (
            Sent("POST /u?" + url(standard), (*fields(standard), part(b"AAECAwQFBgcICQ=="))),
            Sent("POST /u?" + url(second), (*fields(second), part(b"CgsMDQ4PEBESEw=="))),
        ),
    )


def _chunk_types() -> Case:
    def sent(name: str, size: int, kind: str, part_type: str) -> Sent:
        pairs = nine(1, size, size, 1, name)
        pairs[4] = ("resumableType", kind)
        encoded = (
            url(pairs).replace(";", "%3B").replace(" ", "%20").replace("charset=", "charset%3D")
        )
        return Sent(
            "POST /u?" + encoded,
            (*fields(pairs), file_part(bytes(range(size)), name, kind=part_type)),
        )

    return Case(
        "chunk-types",
        "setChunkTypeFromFile with no type and with a parameter",
        options(set_chunk_type_from_file=True, test_chunks=False),
        (sample("a", 12, ""), sample("b", 12, "text/plain; charset=utf-8")),
        (
            sent("a", 12, "", OCTETS),
            sent("b", 12, "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ),
    )


def _hostile_name() -> Case:
    name = "a\r\nb\nc\rd\"e\\f%g\udc80h-_.!~*'()é"
    encoded = "a%0D%0Ab%0Ac%0Dd%22e%5Cf%25g%EF%BF%BDh-_.!~*%27()%C3%A9"
    folded = "a\r\nb\r\nc\r\nd\"e\\f%g\ufffdh-_.!~*'()é".encode()
    quoted = "a%0D%0Ab%0Ac%0Dd%22e\\f%g\ufffdh-_.!~*'()é"
    standard = nine(1, 12, 12, 1, "NAME", "12-abcdefgh-_")
    body = tuple(
        (head, folded if content == b"NAME" else content) for head, content in fields(standard)
    )
    target = url(standard).replace("NAME", encoded)
    return Case(
        "hostile-name",
        "line breaks, quotes, a lone surrogate and what encodeURIComponent leaves alone, in a name",
        options(),
        (sample(name, 12),),
        (
            Sent("GET /u?" + target),
            Sent("POST /u?" + target, (*body, file_part(bytes(range(12)), quoted))),
        ),
    )


def _hostile_query() -> Case:
    query = {'a"\nb': 'c"\rd\ue000'}
    encoded = "a%22%0Ab=c%22%0Dd%EE%80%80"
    standard = nine(1, 12, 12, 1)
    part = (
        ('Content-Disposition: form-data; name="a%22%0D%0Ab"',),
        'c"\r\nd\ue000'.encode(),
    )
    return Case(
        "hostile-query",
        "line breaks and quotes in a custom name and value",
        options(query=query),
        (sample("f", 12),),
        (
            Sent(f"GET /u?{encoded}&{url(standard)}"),
            Sent(
                f"POST /u?{url(standard)}&{encoded}",
                (*fields(standard), part, file_part(bytes(range(12)))),
            ),
        ),
    )


def _relative_path() -> Case:
    standard = nine(1, 12, 12, 1, "f", "12-dtt-_f")
    standard[7] = ("resumableRelativePath", "d é/t.t-_/f")
    target = url(standard).replace(" ", "%20").replace("é", "%C3%A9")
    return Case(
        "relative-path",
        "the identifier is of the relative path, the part has the file's name",
        options(),
        (sample("f", 12, relative_path="d é/t.t-_/f"),),
        (
            Sent("GET /u?" + target),
            Sent("POST /u?" + target, (*fields(standard), file_part(bytes(range(12))))),
        ),
    )


def _targets() -> Case:
    standard = url(nine(1, 12, 12, 1))
    upload = uploaded(1, 12, 12, 1)
    prefix = "/p%20q/%C3%A9?sig=it%27s%20%22%C3%A9%22&%2B="
    return Case(
        "target-escaping",
        "xhr.open() escapes what a target must not hold, and leaves what is escaped",
        lambda page: {
            **options()(page),
            "target": page.origin + '/p q/é?sig=it\'s "é"&%2B=',
            "test_target": page.origin + "/t?",
        },
        (sample("f", 12),),
        (Sent(f"GET /t?&{standard}"), Sent(f"POST {prefix}&{standard}", upload.body)),
    )


def _bare_target() -> Case:
    standard = url(nine(1, 12, 12, 1))
    return Case(
        "target-without-a-path",
        "the root of a host",
        lambda page: {**options(test_chunks=False)(page), "target": page.origin},
        (sample("f", 12),),
        (Sent(f"POST /?{standard}", uploaded(1, 12, 12, 1).body),),
    )


def _target_functions() -> Case:
    standard = nine(1, 12, 12, 1)
    custom = [("q", "a/b")]

    def options_of(page: Page) -> dict[str, Any]:
        return {
            **options(query=dict(custom))(page),
            "target": lambda pairs: page.origin + "/up?" + "&".join(reversed(pairs)),
            "test_target": lambda pairs: (
                page.origin + "/test/" + pairs[-1] + "?n=" + str(len(pairs))
            ),
        }

    return Case(
        "target-functions",
        "getTarget(): a function gets the encoded pairs, and what it returns is all",
        options_of,
        (sample("f", 12),),
        (
            Sent("GET /test/resumableTotalChunks=1?n=10"),
            Sent(
                "POST /up?" + url(reversed(standard + custom)),
                (*fields(standard + custom), file_part(bytes(range(12)))),
            ),
        ),
    )


def _methods() -> Case:
    standard = nine(1, 12, 12, 1)
    return Case(
        "methods",
        "testMethod and uploadMethod are used as they are",
        options(test_method="OPTIONS", upload_method="PATCH"),
        (sample("f", 12),),
        (
            Sent("OPTIONS /u?" + url(standard)),
            Sent("PATCH /u?" + url(standard), (*fields(standard), file_part(bytes(range(12))))),
        ),
        answers=lambda method, target, before: Reply(404 if method == "OPTIONS" else 200),
    )


def _several_files() -> Case:
    return Case(
        "several-files",
        "file after file, chunk after chunk; complete once",
        options(test_chunks=False),
        (sample("a", 20), sample("b", 12), sample("c", 20)),
        (
            uploaded(1, 10, 20, 2, "a"),
            uploaded(2, 10, 20, 2, "a"),
            uploaded(1, 12, 12, 1, "b"),
            uploaded(1, 10, 20, 2, "c"),
            uploaded(2, 10, 20, 2, "c"),
        ),
        _events(
            *("fileAdded a", "fileAdded b", "fileAdded c", "filesAdded", "uploadStart"),
            *("fileSuccess a:ok", "fileSuccess b:ok", "fileSuccess c:ok", "complete"),
        ),
    )


def _next_file_after_an_error() -> Case:
    return Case(
        "next-file-after-an-error",
        "a permanent error ends its file; the next one runs",
        options(test_chunks=False),
        (sample("a", 30), sample("b", 12)),
        (uploaded(1, 10, 30, 3, "a"), uploaded(2, 10, 30, 3, "a"), uploaded(1, 12, 12, 1, "b")),
        _events(
            *("fileAdded a", "fileAdded b", "filesAdded", "uploadStart"),
            *("fileError a:no", "error a:no", "fileSuccess b:ok", "complete"),
        ),
        lambda method, target, before: (
            Reply(415, text="no")
            if "resumableChunkNumber=2" in target and "resumableFilename=a" in target
            else Reply(200)
        ),
    )


def _permanent_errors() -> Case:
    return Case(
        "permanent-errors",
        "permanentErrors replaces the list: 404 and 500 are tried again, 503 is the end",
        options(permanent_errors=[503], test_chunks=False),
        (sample("f", 12),),
        (uploaded(1, 12, 12, 1),) * 3,
        _events(*_ADDED, "fileRetry f", "fileRetry f", "fileError f:ok", "error f:ok", "complete"),
        _answers(404, 500, 503),
    )


def _no_retries() -> Case:
    return Case(
        "no-retries",
        "maxChunkRetries 0: one attempt",
        options(max_chunk_retries=0, test_chunks=False),
        (sample("f", 12),),
        (uploaded(1, 12, 12, 1),),
        _events(*_ADDED, "fileError f:ok", "error f:ok", "complete"),
        _answers(503),
    )


def _retried_in_order() -> Case:
    return Case(
        "retried-in-order",
        "a chunk that is tried again, one at a time: its attempts come before the next chunk",
        options(chunk_retry_interval=0),
        (sample("f", 20),),
        (
            *both(1, 10, 20, 2),
            uploaded(1, 10, 20, 2),
            uploaded(1, 10, 20, 2),
            *both(2, 10, 20, 2),
        ),
        _events(*_ADDED, "fileRetry f", "fileRetry f", "fileSuccess f:ok", "complete"),
        _answers(503, 429),
    )


def _all_there() -> Case:
    return Case(
        "all-there",
        "tests that say that all is there: nothing is uploaded, and the file succeeds",
        options(),
        (sample("f", 30),),
        tuple(asked(number, 10, 30, 3) for number in (1, 2, 3)),
        _events(*_ADDED, "fileSuccess f:201", "complete"),
        lambda method, target, before: Reply(201, text="201"),
    )


def _half_there() -> Case:
    return Case(
        "half-there",
        "tests decide for each chunk",
        options(),
        (sample("f", 30),),
        (asked(1, 10, 30, 3), *both(2, 10, 30, 3), asked(3, 10, 30, 3)),
        _events(*_ADDED, "fileSuccess f:ok", "complete"),
        lambda method, target, before: Reply(
            404 if method == "GET" and "resumableChunkNumber=2" in target else 200
        ),
    )


def _file_types() -> Case:
    accepted = ("a.JPG", "b.tar.gz", "c.x", "d.y")
    kinds = {"c.x": "image/png", "d.y": "text/html"}
    refused = (
        sample("jpg", 12),
        sample("e.gz", 12),
        sample("f.z", 12, "text/plain"),
        sample("g.xjpg", 12),
    )

    def sent(name: str) -> Sent:
        kind = kinds.get(name, "a/b")
        pairs = nine(1, 12, 12, 1, name, "12-" + name.replace(".", ""))
        pairs[4] = ("resumableType", kind)
        return Sent("POST /u?" + url(pairs), (*fields(pairs), file_part(bytes(range(12)), name)))

    return Case(
        "file-types",
        "fileType: an extension, one with its dot, a type, and a type with a wildcard",
        options(file_type=["jpg", ".tar.gz", "image/*", "text/html"], test_chunks=False),
        (*(sample(name, 12, kinds.get(name, "a/b")) for name in accepted), *refused),
        tuple(sent(name) for name in accepted),
    )


def _file_sizes() -> Case:
    return Case(
        "file-sizes",
        "minFileSize and maxFileSize are the least and the largest that are taken",
        options(min_file_size=11, max_file_size=13, test_chunks=False),
        (sample("a", 10), sample("b", 11), sample("c", 13), sample("d", 14)),
        (uploaded(1, 11, 11, 1, "b"), uploaded(1, 13, 13, 1, "c")),
    )


def _headers() -> Case:
    def headers(file: Any, chunk: Any) -> dict[str, str]:
        return {"X-Name": file.file_name, "X-Number": str(chunk.offset + 1)}

    def with_headers(sent: Sent, number: int) -> Sent:
        return Sent(sent.request, sent.body, (("x-name", "f"), ("x-number", str(number))))

    return Case(
        "headers-function",
        "asked for each request, tests and retries too",
        options(headers=headers, chunk_retry_interval=0),
        (sample("f", 20),),
        tuple(
            with_headers(sent, number)
            for number, sent in (
                (1, asked(1, 10, 20, 2)),
                (1, uploaded(1, 10, 20, 2)),
                (1, uploaded(1, 10, 20, 2)),
                (2, asked(2, 10, 20, 2)),
                (2, uploaded(2, 10, 20, 2)),
            )
        ),
        answers=_answers(503),
    )


def _tried_once_more() -> Case:
    def retry(session: Session) -> None:
        tried: list[Any] = []

        def again(failed: list[Any]) -> None:
            if not tried:
                tried.append(failed)
                session.again(session.uploader.files[0])

        session.uploader.completed.register(again)

    return Case(
        "tried-once-more",
        "file.retry() after a permanent error: bootstrap() makes new chunks, which are tested",
        options(),
        (sample("f", 20),),
        (*both(1, 10, 20, 2), *both(1, 10, 20, 2), *both(2, 10, 20, 2)),
        _events(
            *(*_ADDED, "fileError f:ok", "error f:ok", "complete"),
            *("uploadStart", "fileSuccess f:ok", "complete"),
        ),
        _answers(415),
        Driver(before=retry),
    )


def _marked() -> Case:
    return Case(
        "marked",
        "markChunksCompleted() from fileAdded: the first chunks are taken for sent",
        options(),
        (sample("f", 40),),
        (*both(3, 10, 40, 4), *both(4, 10, 40, 4)),
        _events(*_ADDED, "fileSuccess f:ok", "complete"),
        driver=Driver(on_added=lambda session, file: file.mark_chunks_completed(2)),
    )


def _too_many_files() -> Case:
    def options_of(page: Page) -> dict[str, Any]:
        def refused(files: Any, count: int) -> None:
            page.note("refused", ([file.file_name for file in files], count))

        return options(max_files=2, max_files_error_callback=refused)(page)

    return Case(
        "too-many-files",
        "maxFiles: none of too many is taken, and the callback hears of all",
        options_of,
        (sample("a", 12), sample("b", 12), sample("c", 12)),
        (),
        (),
        seen={"refused": [(["a", "b", "c"], 0)]},
    )


def _enough_files() -> Case:
    return Case(
        "enough-files",
        "maxFiles: as many as are allowed",
        options(max_files=2, test_chunks=False),
        (sample("a", 12), sample("b", 12)),
        (uploaded(1, 12, 12, 1, "a"), uploaded(1, 12, 12, 1, "b")),
    )


def _refusals_counted() -> Case:
    def options_of(page: Page) -> dict[str, Any]:
        def callback(rule: str) -> Callable[[Any, int], None]:
            return lambda file, count: page.note(rule, (file.file_name, count))

        return options(
            file_type=["ok"],
            max_file_size=20,
            test_chunks=False,
            file_type_error_callback=callback("type"),
            min_file_size_error_callback=callback("small"),
            max_file_size_error_callback=callback("large"),
        )(page)

    return Case(
        "refusals-counted",
        "each callback hears how many files were refused before; the type is looked at first",
        options_of,
        (sample("a.no", 0), sample("b.ok", 0), sample("c.ok", 21), sample("d.ok", 12)),
        (
            Sent(
                "POST /u?" + url(nine(1, 12, 12, 1, "d.ok", "12-dok")),
                (
                    *fields(nine(1, 12, 12, 1, "d.ok", "12-dok")),
                    file_part(bytes(range(12)), "d.ok"),
                ),
            ),
        ),
        seen={"type": [("a.no", 0)], "small": [("b.ok", 1)], "large": [("c.ok", 2)]},
    )


def _same_file_twice() -> Case:
    return Case(
        "same-file-twice",
        "addFile() skips a file whose identifier is there",
        options(test_chunks=False),
        (sample("f", 20), sample("f", 20)),
        (uploaded(1, 10, 20, 2), uploaded(2, 10, 20, 2)),
        _events(*_ADDED, "fileSuccess f:ok", "complete"),
    )


def _preprocessed_once() -> Case:
    def options_of(page: Page) -> dict[str, Any]:
        return options(
            preprocess=lambda chunk: page.note("preprocess", chunk.number),
            chunk_retry_interval=0,
        )(page)

    return Case(
        "preprocessed-once",
        "preprocess: before a chunk's first request, and not again for a retry",
        options_of,
        (sample("f", 20),),
        (*both(1, 10, 20, 2), uploaded(1, 10, 20, 2), *both(2, 10, 20, 2)),
        answers=_answers(503),
        seen={"preprocess": [1, 2]},
    )


def _preprocessed_file() -> Case:
    def options_of(page: Page) -> dict[str, Any]:
        def preprocess(file: Any) -> Deferred[None]:
            page.note("preprocess", file.file_name)
            return deferLater(page.clock, 0.1, lambda: None)

        return options(preprocess_file=preprocess)(page)

    return Case(
        "preprocessed-file",
        "preprocessFile: before a file's first request, as long as it takes",
        options_of,
        (sample("f", 20),),
        (*both(1, 10, 20, 2), *both(2, 10, 20, 2)),
        _events(*_ADDED, "fileSuccess f:ok", "complete"),
        seen={"preprocess": ["f"]},
    )


def _three_at_once() -> Case:
    return Case(
        "three-at-once",
        "simultaneousUploads: three slots, over the end of a file",
        options(simultaneous_uploads=3, test_chunks=False),
        (sample("a", 40), sample("b", 20)),
        (
            *(chunk(number, "a") for number in (1, 2, 3, 4)),
            uploaded(1, 10, 20, 2, "b"),
            uploaded(2, 10, 20, 2, "b"),
        ),
        _events(
            *("fileAdded a", "fileAdded b", "filesAdded", "uploadStart"),
            *("fileSuccess a:ok", "fileSuccess b:ok", "complete"),
        ),
    )


def _timed_out() -> Case:
    return Case(
        "timed-out",
        "xhrTimeout of an upload counts as a failure; with tests off nothing is asked again",
        options(chunk_timeout=0.2, test_chunks=False, chunk_retry_interval=0),
        (sample("f", 12),),
        (uploaded(1, 12, 12, 1),) * 2,
        _events(*_ADDED, "fileRetry f", "fileSuccess f:ok", "complete"),
        lambda method, target, before: Reply(200, delay=0.0 if before else 0.3),
    )


def _unanswered_test() -> Case:
    return Case(
        "unanswered-test",
        "testHandler() on an error: the chunk is sent, and it is no retry",
        options(),
        (sample("f", 12),),
        both(1, 12, 12, 1),
        _events(*_ADDED, "fileSuccess f:ok", "complete"),
        lambda method, target, before: Reply(0 if method == "GET" else 200),
    )


def _other_query() -> Case:
    standard, second = nine(1, 10, 20, 2), nine(2, 10, 20, 2)

    def change(session: Session, file: Any) -> None:
        file.chunk_completed.register(lambda chunk: session.uploader.update_query({"b": 2}))

    return Case(
        "other-query",
        "updateQuery(): from the next request on",
        options(query={"a": 1}, test_chunks=False),
        (sample("f", 20),),
        (
            Sent(
                f"POST /u?{url(standard)}&a=1",
                (*fields([*standard, ("a", "1")]), file_part(bytes(range(10)))),
            ),
            Sent(
                f"POST /u?{url(second)}&b=2",
                (*fields([*second, ("b", "2")]), file_part(bytes(range(10, 20)))),
            ),
        ),
        driver=Driver(on_added=change),
    )


def _file_cancelled() -> Case:
    return Case(
        "file-cancelled",
        "file.cancel(): its request in flight is aborted, the next file goes on",
        options(test_chunks=False),
        (sample("a", 40), sample("b", 12)),
        (chunk(1, "a"), uploaded(1, 12, 12, 1, "b")),
        _events(
            *("fileAdded a", "fileAdded b", "filesAdded", "uploadStart"),
            *("fileSuccess b:ok", "complete"),
        ),
        lambda method, target, before: Reply(200, delay=1.0 if "Filename=a" in target else 0.0),
        Driver(
            start=lambda session: session.network.callLater(
                0.5, lambda: session.uploader.files[0].cancel()
            )
        ),
    )


def _file_suspended() -> Case:
    def suspend(session: Session, file: Any) -> None:
        if file.file_name == "a":
            file.suspend()
            session.network.callLater(1.0, file.resume)

    return Case(
        "file-suspended",
        "file.pause(true): the others go on, and it goes last",
        options(test_chunks=False),
        (sample("a", 20), sample("b", 12)),
        (
            uploaded(1, 12, 12, 1, "b"),
            uploaded(1, 10, 20, 2, "a"),
            uploaded(2, 10, 20, 2, "a"),
        ),
        driver=Driver(on_added=suspend),
    )


def cases() -> list[Case]:
    """
    Every derived scenario.
    """
    return [
        _prioritized(),
        _prioritized_single(),
        _renamed(),
        _dropped(),
        _escaped_names(),
        _replaced(),
        _one_name_twice(),
        _query_values(),
        _query_function(),
        _octet_namespace(),
        _octet_empty(),
        _base64(),
        _chunk_types(),
        _hostile_name(),
        _hostile_query(),
        _relative_path(),
        _targets(),
        _bare_target(),
        _target_functions(),
        _methods(),
        _several_files(),
        _next_file_after_an_error(),
        _permanent_errors(),
        _no_retries(),
        _retried_in_order(),
        _all_there(),
        _half_there(),
        _file_types(),
        _file_sizes(),
        _headers(),
        _tried_once_more(),
        _marked(),
        _too_many_files(),
        _enough_files(),
        _refusals_counted(),
        _same_file_twice(),
        _preprocessed_once(),
        _preprocessed_file(),
        _three_at_once(),
        _timed_out(),
        _unanswered_test(),
        _other_query(),
        _file_cancelled(),
        _file_suspended(),
    ]

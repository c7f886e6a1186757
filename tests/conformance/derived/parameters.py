"""
Parameters: their names, their values and where they stand.
"""

from typing import Any

from ..session import Driver, Session
from .case import (
    Case,
    Sent,
    fields,
    file_part,
    nine,
    options,
    sample,
    url,
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
        "two parameters of one name: both in a test, one in an upload",
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
        "query-of-a-chunk",
        "a query function of file and chunk, under a namespace",
        options(query=query, parameter_namespace="n."),
        (sample("f", 25),),
        tuple(sent),
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
        "relative-path-identifier",
        "the identifier is of the relative path, the part has the file's name",
        options(),
        (sample("f", 12, relative_path="d é/t.t-_/f"),),
        (
            Sent("GET /u?" + target),
            Sent("POST /u?" + target, (*fields(standard), file_part(bytes(range(12))))),
        ),
    )


def cases() -> list[Case]:
    """
    All of this module.
    """
    return [
        _renamed(),
        _dropped(),
        _escaped_names(),
        _replaced(),
        _one_name_twice(),
        _query_values(),
        _query_function(),
        _other_query(),
        _hostile_name(),
        _hostile_query(),
        _relative_path(),
    ]

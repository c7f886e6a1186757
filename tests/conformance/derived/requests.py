"""
Requests around the parameters: targets, methods, headers and bodies.
"""

from typing import Any

from ..scenario import Response
from ..translation import Page
from .case import (
    OCTETS,
    Case,
    Part,
    Sent,
    answers,
    asked,
    both,
    fields,
    file_part,
    nine,
    options,
    sample,
    uploaded,
    url,
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
        answers=lambda method, target, before: Response(404 if method == "OPTIONS" else 200),
    )


def _headers() -> Case:
    def headers(file: Any, chunk: Any) -> dict[str, str]:
        return {"X-Name": file.file_name, "X-Number": str(chunk.offset + 1)}

    def with_headers(sent: Sent, number: int) -> Sent:
        return Sent(sent.request, sent.body, (("x-name", "f"), ("x-number", str(number))))

    return Case(
        "headers-each-time",
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
        answers=answers(503),
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


def _base64_empty() -> Case:
    standard = nine(1, 0, 0, 1)
    part = (
        ('Content-Disposition: form-data; name="file"',),
        b"data:application/octet-stream;base64,",
    )
    return Case(
        "base64-empty",
        "readAsDataURL of nothing",
        options(chunk_format="base64", min_file_size=0, test_chunks=False),
        (sample("f", 0),),
        (Sent("POST /u?" + url(standard), (*fields(standard), part)),),
    )


def _cookies(kept: bool) -> Case:
    test, upload = both(1, 12, 12, 1)
    cookie = (("cookie", "sid=1; b=2"),)
    return Case(
        "cookies-kept" if kept else "cookies-not-kept",
        "withCredentials on another origin: cookies are kept and sent back, or not at all",
        options(with_credentials=kept),
        (sample("f", 12),),
        (test, Sent(upload.request, upload.body, cookie if kept else ())),
        answers=lambda method, target, before: Response(
            404 if method == "GET" else 200,
            (("Set-Cookie", "sid=1; Path=/; HttpOnly"), ("Set-Cookie", "b=2")),
        ),
    )


def cases() -> list[Case]:
    """
    All of this module.
    """
    return [
        _targets(),
        _bare_target(),
        _target_functions(),
        _methods(),
        _headers(),
        _octet_namespace(),
        _octet_empty(),
        _base64(),
        _base64_empty(),
        _chunk_types(),
        _cookies(kept=True),
        _cookies(kept=False),
    ]

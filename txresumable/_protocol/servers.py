"""
What servers that others wrote need: options by the server's name, for the option ``server``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import field, frozen

__all__ = ["PRIME", "SERVERS", "Server", "needed_by", "unless_needed"]

PRIME = 1048573
"""The largest prime below 1 MiB: hardly any file is a multiple of it."""


_TRY_500_AGAIN = frozenset((400, 401, 403, 404, 409, 415, 501))


def _fixed(options: Mapping[str, object]) -> Mapping[str, object]:
    return MappingProxyType(dict(options))


@frozen(kw_only=True)
class Server:
    """
    What is known about a server.

    :ivar title: what it is, and which part of it.
    :ivar options: what :class:`~txresumable.Resumable` is to be given for it.
    :ivar tried: whether uploads to it were tried with these options; else they are from reading its
        source only.
    :ivar note: what no option changes, or what it needs besides.
    """

    title: str
    options: Mapping[str, object] = field(converter=_fixed)
    tried: bool = False
    note: str = ""


SERVERS: Mapping[str, Server] = MappingProxyType(
    {
        "txresumable": Server(
            title="twistd resumable-receive",
            options={"checksum": "sha256", "test_chunks": "adaptive"},
            tried=True,
        ),
        "node-sample": Server(
            title="samples/Node.js of resumable.js",
            options={"force_chunk_size": False, "last_chunk_alone": True},
            tried=True,
            note="It may respond with 200 to what it did not take, and say so in the body only.",
        ),
        "flask-sample": Server(
            title="samples/python-flask of resumable.js",
            options={"last_chunk_alone": True, "permanent_errors": _TRY_500_AGAIN},
            tried=True,
            note="With several workers it responds with 500 where two of them make one folder. It "
            "appends to a file of the same name that is there already: one that is sent again, as "
            "its end was not heard of, is there twice over.",
        ),
        "flask-page": Server(
            title="samples/Backend on Flask.md of resumable.js",
            options={"force_chunk_size": False, "in_order": True, "chunk_size": PRIME},
            tried=True,
            note="A file of two or more chunks whose size is a multiple of chunk_size fails. It "
            "appends to a file of the same name that is there already.",
        ),
        "php-sample": Server(
            title="samples/Backend on PHP.md of resumable.js",
            options={
                "force_chunk_size": False,
                "last_chunk_alone": True,
                "expect_response": "writing chunk",
            },
            tried=True,
            note="It sums up sizes, those of its folders included, so that a small last chunk "
            "would be missed. It responds with 200 also to what it could not store, such as chunks "
            "that are larger than upload_max_filesize (2 MiB).",
        ),
        "java-sample-1.1": Server(
            title="samples/java of resumable.js 1.1.0, as npm has it",
            options={
                "method": "octet",
                "force_chunk_size": False,
                "chunk_size": PRIME,
                "expect_response": "All finished",
            },
            tried=True,
            note="A file of two or more chunks whose size is a multiple of chunk_size is cut short "
            "without an error. It knows what it has in memory only.",
        ),
        "java-sample": Server(
            title="samples/java of resumable.js, the newest",
            options={
                "method": "octet",
                "force_chunk_size": True,
                "test_chunks": False,
                "last_chunk_alone": True,
                "expect_response": "All finished",
            },
            note="With tests a file whose name is there already would count as uploaded. It does "
            "not resume.",
        ),
        "rails-sample": Server(
            title="samples/Backend on Ruby On Rails.md of resumable.js",
            options={"force_chunk_size": False, "in_order": True, "chunk_size": PRIME},
            note="A file of two or more chunks whose size is a multiple of chunk_size fails. It "
            "needs X-CSRF-Token and a cookie in headers.",
        ),
        "aspnet-sample": Server(
            title="samples/DotNET of resumable.js",
            options={"last_chunk_alone": True},
            note="It replaces a file of the same name.",
        ),
        "aolserver-sample": Server(
            title="samples/Backend on AOLserver and OpenACS.md of resumable.js",
            options={"force_chunk_size": False, "last_chunk_alone": True},
            note="It never reports a last chunk that is larger than chunk_size as stored.",
        ),
        "dilab": Server(
            title="dilab/resumable.php",
            options={"last_chunk_alone": True},
            note="A file whose name is there already is accepted and thrown away.",
        ),
        "filegator": Server(
            title="FileGator",
            options={
                "query": {"resumableRelativePath": "/"},
                "last_chunk_alone": True,
                "expect_response": "Stored",
            },
            note="The folder that files go to is resumableRelativePath: give it in query. It needs "
            "X-CSRF-Token and the cookie of a session in headers.",
        ),
        "openrelik": Server(
            title="OpenRelik",
            options={
                "test_chunks": False,
                "last_chunk_alone": True,
                "relative_path_parameter_name": "",
            },
            note="It needs folder_id in query, and a token in headers. It does not resume, and "
            "takes a relative path for a number.",
        ),
        "qiita": Server(
            title="Qiita",
            options={"test_chunks": False, "in_order": True},
            note="It needs study_id in query, and the cookie of a session in headers. It looks for "
            "chunks where it does not put them, so that it does not resume.",
        ),
        "laravel-chunk-upload": Server(
            title="pionl/laravel-chunk-upload",
            options={"test_chunks": False, "simultaneous_uploads": 1, "with_credentials": True},
            note="A session's chunks are found by the same session only. With the cookie of a "
            "session in headers, several chunks at once do no harm. It keeps 40 characters of an "
            "identifier.",
        ),
        "laravel-upload-handler": Server(
            title="coding-socks/laravel-upload-handler, handler resumable-js",
            options={"force_chunk_size": True, "last_chunk_alone": True},
            note="It refuses files without a media type: add_file(type=...).",
        ),
        "django-resumable": Server(
            title="django-resumable 0.2",
            options={"last_chunk_alone": True},
            tried=True,
            note="It needs X-CSRFToken and its cookie in headers. It knows a file by its size and "
            "name alone.",
        ),
        "django-resumable-async-upload": Server(
            title="django-resumable-async-upload 0.1",
            options={"last_chunk_alone": True},
            tried=True,
            note="It needs content_type_id and field_name in query, X-CSRFToken and the cookies of "
            "a session in headers. It knows a file by its size and name alone.",
        ),
        "django-admin-resumable": Server(
            title="django-admin-resumable-js",
            options={"last_chunk_alone": True},
            note="It needs content_type_id and field_name in query, X-CSRFToken and the cookies of "
            "a member of the staff in headers. It knows a file by its size and name alone.",
        ),
        "dash-uploader": Server(
            title="dash-uploader 0.6",
            options={"last_chunk_alone": True, "permanent_errors": _TRY_500_AGAIN},
            tried=True,
            note="With several workers it responds with 500 where two of them make one folder. It "
            "needs upload_id in query if it is configured with use_upload_id.",
        ),
        "dash-uploader-0.7": Server(
            title="dash-uploader 0.7.0a2",
            options={
                "dialect": "flow",
                "test_chunks": False,
                "last_chunk_alone": True,
                "permanent_errors": frozenset((404, 413, 415, 501)),
            },
            tried=True,
            note="With several workers it responds with 500 where two of them make one folder, and "
            "to every test, so that it does not resume. It needs upload_id in query if it is "
            "configured with use_upload_id.",
        ),
        "dash-uploader-ng": Server(
            title="dash-uploader-ng 1.3",
            options={"dialect": "flow", "last_chunk_alone": True},
            tried=True,
        ),
        "flow-node-sample": Server(
            title="samples/Node.js of flow.js",
            options={"dialect": "flow", "force_chunk_size": False, "last_chunk_alone": True},
            tried=True,
        ),
        "flow-php-server": Server(
            title="flowjs/flow-php-server",
            options={"dialect": "flow", "last_chunk_alone": True},
            note="Programs after its older page respond with 404 to a test of what is absent: "
            "these need permanent_errors without 404.",
        ),
        "flowjs": Server(
            title="flowjs 0.1, a package for Python",
            options={"dialect": "flow", "last_chunk_alone": True},
            tried=True,
        ),
        "simple-uploader": Server(
            title="a receiver as the page of simple-uploader.js describes it",
            options={"dialect": "simple", "last_chunk_alone": True},
            tried=True,
        ),
        "nginx": Server(
            title="any server behind nginx with its default limits",
            options={"chunk_size": 500_000},
            tried=True,
            note="It refuses bodies of more than 1 MiB, and the last chunk may be twice as large "
            "as chunk_size. Beside another name, give chunk_size itself.",
        ),
    }
)
"""The servers by name."""


def needed_by(server: object) -> Mapping[str, object]:
    """
    The options that a server needs.

    :param server: its name; anything else needs none.
    """
    known = SERVERS.get(server) if isinstance(server, str) else None
    return {} if known is None else known.options


def unless_needed(defaults: Mapping[str, object], server: object) -> dict[str, object]:
    """
    Options that are used where no others are given.

    :param defaults: some.
    :param server: the name of a server, whose own go before them; anything else has none.
    :returns: those that remain.
    """
    needed = needed_by(server)
    return {name: value for name, value in defaults.items() if name not in needed}

"""What the doctor finds about receivers that other people wrote."""

from __future__ import annotations

from . import scenarios
from .receivers import (
    DASH_UPLOADER,
    DJANGO_ASYNC,
    DJANGO_RESUMABLE,
    FLOWJS_NODE,
    FLOWJS_TORNADO,
    RESUMABLEJS_JAVA,
    RESUMABLEJS_NODE,
    RESUMABLEJS_PHP,
    SIMPLE_UPLOADER,
)


class ResumableJsNodeTests(scenarios.Examined):
    """It counts chunks by one rule, and says "done"."""

    receiver = RESUMABLEJS_NODE
    expected = ("resumable", "404", "body", "floor", "any")
    prescribed = {"dialect": "resumable", "method": "multipart", "force_chunk_size": False}


class FlowJsNodeTests(scenarios.Examined):
    """So does this one."""

    receiver = FLOWJS_NODE
    expected = ("flow", "204", "body", "floor", "any")
    prescribed = {"dialect": "flow", "method": "multipart", "force_chunk_size": False}


class FlowJsTornadoTests(scenarios.Examined):
    """It reads parameters wherever they are, and removes the chunks of what is complete."""

    receiver = FLOWJS_TORNADO
    expected = ("flow", "204", "URL or body", "either", "any")
    prescribed = {"dialect": "flow", "method": "multipart"}


class DashUploaderTests(scenarios.Examined):
    """It removes the chunks of what is complete."""

    receiver = DASH_UPLOADER
    expected = ("flow", "204", "body", "either", "any")
    prescribed = {"dialect": "flow", "method": "multipart"}


class DjangoAsyncTests(scenarios.Examined):
    """It removes the chunks of what is complete."""

    receiver = DJANGO_ASYNC
    expected = ("resumable", "204", "body", "either", "any")
    prescribed = {"dialect": "resumable", "method": "multipart"}


class DjangoResumableTests(scenarios.Examined):
    """Nothing shows that a file is complete, and nothing is claimed of it."""

    receiver = DJANGO_RESUMABLE
    expected = ("resumable", "404", "body", None, None)
    prescribed = {"dialect": "resumable", "method": "multipart"}


class SimpleUploaderTests(scenarios.Examined):
    """So it is here."""

    receiver = SIMPLE_UPLOADER
    expected = ("simple", "204", "body", None, None)
    prescribed = {"dialect": "simple", "method": "multipart"}


class ResumableJsPhpTests(scenarios.Examined):
    """By the ceil rule it is complete too early, and PHP throws larger chunks away, with 200."""

    receiver = RESUMABLEJS_PHP
    expected = ("resumable", "404", "body", "floor", "any")
    besides = {"limit": "2093088 bytes"}
    prescribed = {
        "dialect": "resumable",
        "method": "multipart",
        "force_chunk_size": False,
        "chunk_size": 1_000_000,
    }


class ResumableJsJavaTests(scenarios.Examined):
    """It stores forms as they are, and files of whole chunks without the last of them."""

    receiver = RESUMABLEJS_JAVA
    expected = ("resumable", "404", "URL", "floor", "any")
    besides = {"format": "octet", "multiples": "fail"}
    prescribed = {
        "dialect": "resumable",
        "method": "octet",
        "force_chunk_size": False,
        "chunk_size": 1048573,
    }

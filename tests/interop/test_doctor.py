"""What the doctor finds about receivers that other people wrote."""

from __future__ import annotations

from txresumable.doctor import examine

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
from .web_servers import CommandTestCase, file_server, nginx


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


class NoReceiverTests(CommandTestCase):
    """Servers of files, and of a page for whatever is asked."""

    parts = ("nginx",)

    async def assert_none(self, url: str, how: str) -> None:
        """It is found to be no receiver, and why."""
        diagnosis = await examine(url)
        self.assertFalse(diagnosis.is_receiver)
        self.assertEqual(diagnosis.options, {})
        self.assertEqual(diagnosis.finding("receiver").how, how)

    async def test_files(self) -> None:
        """What serves files takes no uploads, be the file there or not."""
        pages = self.folder / "pages"
        pages.mkdir()
        (pages / "index.html").write_text("<title>Welcome</title>\n")
        see = "uploads were refused with {}: see target and upload_method"
        python = await file_server(self, pages)
        one_page = await nginx(self, f"root {pages}; try_files $uri /index.html;")
        for path in ("/", "/upload"):
            await self.assert_none(python.url + path, see.format(501))
            await self.assert_none(one_page.url + path, see.format(405))

    async def test_accepts_anything(self) -> None:
        """What responds with 200 to all that comes is none."""
        server = await nginx(self, "location / { return 200 welcome; }")
        how = "it accepted also a form with nothing in it, with 200 'welcome'"
        await self.assert_none(f"{server.url}/upload", how)

    async def test_redirects(self) -> None:
        """What redirects is none, and where to is told."""
        server = await nginx(self, "location / { return 301 https://example.com$request_uri; }")
        how = "an upload was redirected with 301 to https://example.com/upload: see target"
        await self.assert_none(f"{server.url}/upload", how)


class BehindNginxTests(CommandTestCase):
    """Our receiver behind nginx."""

    parts = ("nginx",)

    async def test_limit(self) -> None:
        """The default limit is found, and a size of chunks with which a file arrives."""
        server = await nginx(self, f"location / {{ proxy_pass {self.target}; }}")
        diagnosis = await examine(f"{server.url}/upload")
        finding = diagnosis.finding("limit")
        self.assertIn(": 413 '413 Request Entity Too Large'", finding.how)
        self.assertEqual(finding.options, {"chunk_size": 510_000})
        content = self.file("some.bin", 2 * 510_000 - 1)
        ended = await self.upload(f"{server.url}/", "some.bin", "--chunk-size", "510000").ended
        self.assertEqual(ended.status, 0, ended.errors)
        self.assertEqual(self.received("some.bin"), content)

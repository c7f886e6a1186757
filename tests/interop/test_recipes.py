"""The recipes about a server, as they stand, against that server."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from inspect import CO_COROUTINE
from typing import Any

from twisted.internet.defer import ensureDeferred

from tests.examples import ROOT, Example, examples
from txresumable import ChunkRejected, Resumable

from . import scenarios
from .receivers import (
    DASH_UPLOADER,
    DASH_UPLOADER_06,
    DASH_UPLOADER_07,
    DJANGO_RESUMABLE,
)


def recipes(url: str) -> Iterator[Example]:
    """The examples in ``docs/recipes.rst`` that upload to a URL."""
    return (each for each in examples(ROOT / "docs" / "recipes.rst") if url in each.code)


class RecipeTestCase(scenarios.ReceiverTestCase):
    """
    A recipe.

    :cvar url: what stands in it for where uploads go.
    :cvar pages: what stands in it for other pages of the server, and their paths below that.
    """

    url: str
    pages: Mapping[str, str] = {}

    async def run_recipe(self) -> None:
        """Run it in the test's folder, and close its uploader."""
        (example,) = recipes(self.url)
        text = example.padded
        for place, path in self.pages.items():
            text = text.replace(place, self.server.url + path)
        text = text.replace(self.url, self.server.url)
        code = compile(text, str(example.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        self.assertTrue(code.co_flags & CO_COROUTINE)
        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)
        names: dict[str, Any] = {}
        try:
            await ensureDeferred(eval(code, names))
        finally:
            await names["uploader"].close()


class DjangoTests(RecipeTestCase):
    """Django's CSRF protection: PyPI's ``django-resumable`` behind it."""

    receiver = DJANGO_RESUMABLE
    url = "https://example.com/django"
    pages = {"https://example.com/django-page": "page/"}

    async def test_recipe(self) -> None:
        """The token is got from a page, and with it a file arrives."""
        path, digest = self.random_file(1000, "a.dat")
        await self.run_recipe()
        self.assertEqual(self.server.stored(), {f"1000_{path.name}": digest})

    async def test_without_the_token(self) -> None:
        """Without it nothing is accepted."""
        path, _ = self.random_file(1000)
        uploader = self.uploader(headers={})
        error = await self.assertFailure(uploader.add_file(path), ChunkRejected)
        self.assertEqual(error.status, 403)


class _Dash:
    """
    The same recipe for each of several receivers.

    :cvar tests: whether chunks are tested.
    """

    tests = True

    async def test_recipe(self: Any) -> None:
        """A file of eleven chunks arrives as it is, and no chunk is tested twice."""
        path, digest = self.random_file(11 * scenarios.MIB + 1, "a.dat")
        await self.run_recipe()
        await self.server.stop()
        self.assertEqual(self.server.stored(), {path.name: digest})
        each = dict.fromkeys(range(1, 12), 1)
        # The first three may meet where the folder of the file is made, and are sent again.
        sent = self.server.requests("POST")
        self.assertEqual((set(sent), max(sent[chunk] for chunk in range(4, 12))), (set(each), 1))
        self.assertEqual(dict(self.server.requests("GET")), each if self.tests else {})


class Dash06Tests(_Dash, RecipeTestCase):
    """dash-uploader 0.6, which speaks resumable.js; absent is 500."""

    receiver = DASH_UPLOADER_06
    url = "https://example.com/dash-0.6"

    async def test_absent(self) -> None:
        """What it says of a chunk that it does not have."""
        self.random_file(1000, "a.dat")
        await self.run_recipe()
        await self.server.stop()
        self.assertEqual(self.server.statuses("GET"), {500})


class Dash07Tests(_Dash, RecipeTestCase):
    """dash-uploader 0.7, which speaks flow.js and fails at a test."""

    receiver = DASH_UPLOADER_07
    options = {"server": "dash-uploader-0.7", "query": {"upload_id": "1"}}
    slots = 1
    url = "https://example.com/dash-0.7"
    tests = False

    async def test_tests_fail(self) -> None:
        """With tests the upload would fail by the first, as flow.js fails then."""
        path, _ = self.random_file(1000)
        uploader = Resumable(self.server.url, dialect="flow", query={"upload_id": "1"})
        self.addCleanup(uploader.close)
        error = await self.assertFailure(uploader.add_file(path), ChunkRejected)
        self.assertEqual((error.status, error.of_test), (500, True))


class DashNGTests(_Dash, RecipeTestCase):
    """dash-uploader-ng, which speaks flow.js."""

    receiver = DASH_UPLOADER
    url = "https://example.com/dash-ng"

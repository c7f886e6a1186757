"""Uploads to two applications for Django, behind its sessions and its CSRF protection."""

from __future__ import annotations

from attrs import evolve

from . import scenarios
from .receivers import DJANGO_ASYNC, DJANGO_RESUMABLE
from .scenarios import KIB


class DjangoAsyncTests(scenarios.Uploads):
    """
    PyPI's ``django-resumable-async-upload``: absent is 204, with a body.

    It knows a file by its size and name alone, and takes the name for a pattern, so that a file
    whose name has square brackets is never finished.  It sums up sizes to see whether a file is
    complete: two requests at once may both find that it is, so that its host answers one at a time.
    """

    receiver = DJANGO_ASYNC
    options = {"server": "django-resumable-async-upload"}

    def stored_name(self, name: str, size: int) -> str:
        """Django's cleaning of names: spaces are underscores, and most signs are left out."""
        return f"{size}_naïve_q__文件_1_ü20.bin"


class DjangoAsyncKeptConnectionTests(scenarios.Uploads):
    """
    The same on kept connections, where its 204 is a trap.

    A 204 has no body, so that the 15 bytes that it sends nevertheless come where a client looks for
    the next reply.  One chunk at a time, since each connection has a thread.
    """

    receiver = evolve(DJANGO_ASYNC, flags=("--threads",))
    options = {"server": "django-resumable-async-upload"}
    slots = 1

    async def test_body_of_204_is_not_taken_for_a_reply(self) -> None:
        """No chunk is sent twice for what is left over of a reply that may not have a body."""
        path, digest = self.random_file(10 * 10_000)
        await self.upload(path, chunk_size=10_000, max_chunk_retries=0)
        self.assertEqual(self.server.statuses("GET"), {204})
        self.assertEqual(list(self.server.stored().values()), [digest])
        self.assert_each_sent_once(10)


class DjangoResumableTests(scenarios.RememberedUploads):
    """
    PyPI's ``django-resumable``: absent is 404.

    What is said of the other one holds for it too; and chunks and finished files share a folder.
    """

    receiver = DJANGO_RESUMABLE
    options = {"server": "django-resumable"}

    def stored_name(self, name: str, size: int) -> str:
        """The name as it was sent."""
        return f"{size}_{name}"

    async def test_other_bytes_under_one_name(self) -> None:
        """A file that changed, but not its size, is mixed with what is there of the old one."""
        for name, tests in (("a.bin", True), ("b.bin", False)):
            path, old = self.random_file(20 * 16 * KIB, name)
            await self.interrupted_upload(path, after=5)
            path, new = self.random_file(20 * 16 * KIB, name)
            await self.start_server()
            file = await self.upload(path, chunk_size=16 * KIB, test_chunks=tests)
            self.assertEqual(file.chunks_found, 5 if tests else 0)
            stored = self.server.stored()[self.stored_name(name, file.size)]
            self.assertNotIn(stored, (old, new))
            await self.start_server()


class DjangoResumableKeptConnectionTests(scenarios.RememberedUploads):
    """The same on kept connections; one chunk at a time, since each connection has a thread."""

    receiver = evolve(DJANGO_RESUMABLE, flags=("--threads",))
    options = {"server": "django-resumable"}
    slots = 1

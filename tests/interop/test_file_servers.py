"""The command and servers that are no receivers: files, and a page for whatever is asked."""

from __future__ import annotations

from tests.processes import Ended

from .web_servers import CommandTestCase, WebServer, file_server, nginx

NOT_A_RECEIVER = (
    "some.bin: {url} responds with 200 to a test for a file that does not exist: "
    "it is no receiver, or "
)


class NotAReceiver(CommandTestCase):
    """
    A folder with a page in it, which some server serves.
    """

    def setUp(self) -> None:
        super().setUp()
        self.file("some.bin", 3_000_000)
        self.pages = self.folder / "pages"
        self.pages.mkdir()
        (self.pages / "index.html").write_text("<title>Welcome</title>\n")

    async def refused(self, url: str, *arguments: str, status: int = 4) -> Ended:
        """An upload of which nothing is there at the end, and what the command says of it."""
        ended = await self.upload(url, "some.bin", *arguments).ended
        self.assertEqual(
            (ended.status, ended.output), (status, "0 of 1 files uploaded: 0 chunks sent\n")
        )
        return ended

    async def assert_no_receiver(self, url: str) -> None:
        """The upload fails, and the command says that this is no receiver."""
        ended = await self.refused(url)
        self.assertTrue(ended.errors.startswith(NOT_A_RECEIVER.format(url=url)), ended.errors)


class PythonTests(NotAReceiver):
    """``python -m http.server``."""

    async def test_page(self) -> None:
        """The address of a page that is there is no receiver's."""
        server = await file_server(self, self.pages)
        await self.assert_no_receiver(f"{server.url}/")
        await self.assert_no_receiver(f"{server.url}/index.html")

    async def test_nothing_there(self) -> None:
        """Where nothing is, the refusal of the upload itself is what is said."""
        server = await file_server(self, self.pages)
        ended = await self.refused(f"{server.url}/upload")
        self.assertEqual(
            ended.errors,
            f"some.bin: chunk 1 was refused with 501 by {server.url}/upload: Error response "
            "(the server takes no POST there: see target and upload_method)\n",
        )


class NginxTests(NotAReceiver):
    """nginx with nothing but files, and with an application of one page."""

    parts = ("nginx",)

    async def files(self) -> WebServer:
        """Files and nothing else."""
        return await nginx(self, f"root {self.pages};")

    async def test_page(self) -> None:
        """The address of a page that is there is no receiver's, and nothing is sent to it."""
        server = await self.files()
        await self.assert_no_receiver(f"{server.url}/")
        self.assertEqual(server.requests("POST"), [])

    async def test_application_of_one_page(self) -> None:
        """Where every address has the page, no address is a receiver's."""
        server = await nginx(self, f"root {self.pages}; try_files $uri /index.html;")
        await self.assert_no_receiver(f"{server.url}/upload")
        self.assertEqual(server.requests("POST"), [])

    async def test_nothing_there(self) -> None:
        """What is not there is refused at once, and the advice names the option."""
        server = await self.files()
        ended = await self.refused(f"{server.url}/upload", "--chunk-size", "100000")
        self.assertRegex(
            ended.errors,
            r"^some\.bin: chunk \d+ was refused with 404 by "
            rf"{server.url}/upload: 404 Not Found \(see whether target is the right URL\)\n$",
        )

    async def test_without_tests(self) -> None:
        """Without tests a page refuses the upload itself, three times; there is advice for that."""
        server = await self.files()
        options = ("--test-chunks", "no", "--chunk-size", "500000", "--simultaneous-uploads", "1")
        ended = await self.refused(f"{server.url}/index.html", *options, status=1)
        self.assertEqual(
            ended.errors.splitlines()[-1],
            "some.bin: chunk 1 failed 3 times, the last time: chunk 1 was refused with 405 by "
            f"{server.url}/index.html: 405 Not Allowed "
            "(the server takes no POST there: see target and upload_method)",
        )
        self.assertEqual(server.statuses("POST"), [405, 405, 405])
        self.assertEqual(server.requests("GET"), [])

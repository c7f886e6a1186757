"""aiohttp with raw bodies: as many tasks as there may be requests."""

import asyncio
import ssl
from collections.abc import Iterator

import aiohttp
from job import Job, Meter, Piece
from yarl import URL


async def send(session: aiohttp.ClientSession, job: Job, pieces: Iterator[Piece]) -> None:
    """Send chunk after chunk until there are none left."""
    for piece in pieces:
        url = URL(piece.url, encoded=True)
        if job.test_chunks:
            async with session.get(url) as response:
                await response.read()
                if response.status == 200:
                    continue
        async with session.post(url, data=piece.read()) as response:
            await response.read()
            response.raise_for_status()


async def main(job: Job) -> None:
    """Send everything."""
    context = ssl.create_default_context(cafile=job.certificate) if job.secure else True
    meter = Meter()
    meter.start()
    connector = aiohttp.TCPConnector(limit=job.at_once, ssl=context)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        pieces = job.pieces()
        await asyncio.gather(*(send(session, job, pieces) for _ in range(job.at_once)))
    meter.stop()


asyncio.run(main(Job.read()))

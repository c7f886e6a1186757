"""treq as its documentation shows it: ``treq.post(url, data=..., files=...)``."""

from collections.abc import Iterator
from io import BytesIO

import treq
from job import Job, Meter
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorCore
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.task import react
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool


def numbered(job: Job) -> Iterator[tuple[dict[str, str], bytes]]:
    """The parameters and the bytes of each chunk."""
    for path in job.files:
        first = job.parameters(path, 1)
        with open(path, "rb", buffering=0) as file:
            for number in range(1, int(first["resumableTotalChunks"]) + 1):
                data = b"" if "/scan" in job.url else file.read(job.chunk_size)
                yield {**first, "resumableChunkNumber": str(number)}, data


async def send(
    job: Job, chunks: Iterator[tuple[dict[str, str], bytes]], options: dict[str, object]
) -> None:
    """Send chunk after chunk until there are none left."""
    for parameters, data in chunks:
        if job.test_chunks:
            response = await treq.get(job.url, params=parameters, **options)
            await response.content()
            if response.code == 200:
                continue
        part = (parameters["resumableFilename"], "application/octet-stream", BytesIO(data))
        response = await treq.post(job.url, data=parameters, files={"file": part}, **options)
        await response.content()
        if response.code != 200:
            raise SystemExit(f"status {response.code}")


async def main(reactor: IReactorCore) -> None:
    """Send everything."""
    options: dict[str, object] = {"reactor": reactor}
    if job.secure:
        with open(job.certificate) as file:
            roots = trustRootFromCertificates([Certificate.loadPEM(file.read())])
        agent = Agent(reactor, BrowserLikePolicyForHTTPS(roots), pool=HTTPConnectionPool(reactor))
        options = {"agent": agent}
    meter = Meter()
    meter.start()
    chunks = numbered(job)
    await gatherResults(
        [Deferred.fromCoroutine(send(job, chunks, options)) for _ in range(job.at_once)]
    )
    meter.stop()


job = Job.read()
react(lambda reactor: Deferred.fromCoroutine(main(reactor)))

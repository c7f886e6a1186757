"""txresumable, by its public API and with its defaults."""

from typing import Any

from job import Job, Meter
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.task import react

from txresumable import Resumable


async def main(reactor: IReactorCore) -> None:
    """Send everything."""
    options: dict[str, Any] = {"chunk_size": job.chunk_size, "test_chunks": job.test_chunks}
    if job.test_chunks and "/fresh" in job.url:
        options["test_chunks"] = "adaptive"
    if job.secure:
        with open(job.certificate) as file:
            options["trust_root"] = trustRootFromCertificates([Certificate.loadPEM(file.read())])
    meter = Meter()
    meter.start()
    async with Resumable(
        job.url, reactor=reactor, simultaneous_uploads=job.at_once, **options
    ) as uploader:
        for path in job.files:
            uploader.add_file(path)
    meter.stop()


job = Job.read()
react(lambda reactor: Deferred.fromCoroutine(main(reactor)))

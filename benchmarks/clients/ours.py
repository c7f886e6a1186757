"""
txresumable, by its public API and with its defaults.

An argument is the value of ``simultaneous_uploads``, where that is not the number of the job.
"""

import os
import sys
from typing import Any

from job import Job, Meter
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorCore
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.task import react

from txresumable import Resumable


async def main(reactor: IReactorCore) -> None:
    """Send everything."""
    options: dict[str, Any] = {"chunk_size": job.chunk_size, "test_chunks": job.test_chunks}
    if job.test_chunks and not job.url.endswith("/scan"):
        options["test_chunks"] = "adaptive"
    if job.secure:
        with open(job.certificate) as file:
            options["trust_root"] = trustRootFromCertificates([Certificate.loadPEM(file.read())])
    meter = Meter()
    meter.start()
    options["simultaneous_uploads"] = sys.argv[1] if sys.argv[1:] else job.at_once
    if job.smallest_first:
        options |= {"small_files_first": True}
    async with Resumable(job.url, reactor=reactor, **options) as uploader:
        uploads = [uploader.add_file(path) for path in job.files]
        if len(set(map(os.path.getsize, job.files))) > 1:
            gatherResults(uploads[1:]).addCallback(lambda _: meter.small_are_there())
    meter.stop()


job = Job.read()
react(lambda reactor: Deferred.fromCoroutine(main(reactor)))

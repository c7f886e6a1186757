"""resumable 0.1.1, the thread-based client."""

from job import Job, Meter
from resumable import Resumable


def run(job: Job) -> None:
    """Send everything."""
    with Resumable(
        job.url,
        chunk_size=job.chunk_size,
        simultaneous_uploads=job.at_once,
        test_chunks=job.test_chunks,
    ) as session:
        for path in job.files:
            session.add_file(path)


job = Job.read()
meter = Meter()
meter.start()
run(job)
meter.stop()

"""tuspy, for another protocol: a file's chunks go one by one, files go side by side."""

from concurrent.futures import ThreadPoolExecutor

from job import Job, Meter
from tusclient.client import TusClient


def run(job: Job) -> None:
    """Send everything."""
    client = TusClient(job.url)
    with ThreadPoolExecutor(job.at_once) as executor:
        for _ in executor.map(
            lambda path: client.uploader(path, chunk_size=job.chunk_size).upload(), job.files
        ):
            pass


job = Job.read()
meter = Meter()
meter.start()
run(job)
meter.stop()

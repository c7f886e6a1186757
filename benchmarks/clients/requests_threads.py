"""requests with raw bodies: as many threads as there may be requests, a session each."""

import threading
from concurrent.futures import ThreadPoolExecutor

import requests
from job import Job, Meter, Piece


class Sender:
    """Sends chunks, each thread over its own session."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.local = threading.local()

    def send(self, piece: Piece) -> None:
        """Send one chunk."""
        session = getattr(self.local, "session", None)
        if session is None:
            session = self.local.session = requests.Session()
        if self.job.test_chunks and session.get(piece.url).status_code == 200:
            return
        session.post(piece.url, data=piece.read()).raise_for_status()


class Lines:
    """Hands the chunks to whoever asks next."""

    def __init__(self, job: Job) -> None:
        self.lock = threading.Lock()
        self.pieces = job.pieces()

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> Piece:
        with self.lock:
            return next(self.pieces)


def run(job: Job) -> None:
    """Send everything."""
    sender, lines = Sender(job), Lines(job)

    def work() -> None:
        for piece in lines:
            sender.send(piece)

    with ThreadPoolExecutor(job.at_once) as executor:
        for future in [executor.submit(work) for _ in range(job.at_once)]:
            future.result()


job = Job.read()
meter = Meter()
meter.start()
run(job)
meter.stop()

"""
What users get wrong, a fault in each line that is marked: a type checker has to find it there.
"""

from __future__ import annotations

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from txresumable import SERVERS, RateLimiter, Resumable, ResumableChunk, ResumableFile
from txresumable.push import NewJob, PushService, PushSettings
from txresumable.receiver import ObjectStore, S3Objects, Store, make_site, probe
from txresumable.service import UploadService
from txresumable.testing import FakeClient, MemoryJobs

URL = "https://example.com/upload"


class LikeAgent:
    """What Twisted's agents are like, since they have types."""

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None
    ) -> Deferred[IResponse]:
        return Deferred()


class Session:
    """A client that blocks."""

    def request(self, method: str, url: str, **options: object) -> int:
        return 200


def of_file(file: ResumableFile) -> None: ...
def of_chunk(chunk: ResumableChunk) -> None: ...
def of_failure(failure: Failure) -> None: ...
def of_file_and_chunk(file: ResumableFile, chunk: ResumableChunk) -> str:
    return file.file_name


def by_attempt(attempt: int, requested: float | None) -> float:
    return requested or attempt


def options() -> None:
    Resumable(URL, chunksize=1024)  # fault: no such option
    Resumable(URL, chunk_size="1 MiB")  # fault: a size is a number of bytes
    Resumable(URL, small_files_first="yes")  # fault: True or False
    Resumable(URL, in_order="yes")  # fault: True, False or None
    Resumable(URL, last_chunk_alone="no")  # fault: True, False or None
    Resumable(URL, links=True)  # fault: "skip" or "follow"
    Resumable(URL, when_changed="retry")  # fault: "fail" or "wait"
    Resumable(URL, server=SERVERS["dilab"])  # fault: the name of a server
    Resumable(URL, method="PUT")  # fault: how a chunk is sent, not the HTTP method
    Resumable(URL, headers={"X-Version": 1})  # fault: a header's value is text
    Resumable(URL, headers=of_file_and_chunk)  # fault: the hook returns no mapping
    Resumable(URL, query={"user": object()})  # fault: not a value of a query
    Resumable(URL, preprocess=of_file_and_chunk)  # fault: the hook gets a chunk alone
    Resumable(URL, retry_policy=by_attempt)  # fault: a policy gets a FailedAttempt
    Resumable(URL, file_type=5)  # fault: an extension, a type, or several
    Resumable(URL, proxy=of_file_and_chunk)  # fault: the function gets an origin
    Resumable(5)  # fault: a target is a URL or a function
    Resumable(URL, client=LikeAgent())  # fault: an agent is not an HTTPClient
    Resumable(URL, client=Session())  # fault: the client blocks
    Resumable(URL, reactor="epoll")  # fault: not a reactor


def files(uploader: Resumable) -> None:
    uploader.add_file(5)  # fault: not a file
    with open("a.txt") as text:
        uploader.add_file(text)  # fault: open as text
    uploader.add_file("a.dat", name="b.dat")  # fault: the argument is file_name
    uploader.add_files([{"source": b"", "filename": "b.dat"}])  # fault: the same in a mapping
    uploader.add_files([{"file_name": "b.dat"}])  # fault: no source
    uploader.add_files(b"content")  # fault: one file where several are taken
    uploader.feed(["a.dat", 5])  # fault: one of them is not a file
    uploader.feed(["a.dat"], ahead="8")  # fault: a number of files


def observers(uploader: Resumable, file: ResumableFile) -> None:
    uploader.file_error.register(of_failure)  # fault: it gets the file first
    uploader.file_completed.register(of_file_and_chunk)  # fault: it gets a file alone
    file.chunk_completed.register(of_file)  # fault: a file's signal carries the chunk
    file.completed.register(of_chunk)  # fault: no arguments
    uploader.chunk_retry.register(of_file_and_chunk)  # fault: there are four
    uploader.chunk_completed.register("print")  # fault: not a function


async def results(uploader: Resumable) -> None:
    uploader.add_file("a.dat").size  # fault: that of the file, not of the handle
    name: str = await uploader.add_file("a.dat")  # fault: fires with the file
    count: list[int] = await uploader.feed(["a.dat"])  # fault: fires with how many
    waiting: Deferred[str] = uploader.join()  # fault: fires with None
    uploader.add_directory("photos")[0].cancel()  # fault: a Deferred of the list
    with uploader:  # fault: an asynchronous context manager
        pass
    print(name, count, waiting)


def others(client: HTTPClient) -> None:
    UploadService(URL, ["a.dat"])  # fault: takes an uploader
    RateLimiter("1 MB/s")  # fault: bytes a second
    make_site(Store("uploads"), origin="*")  # fault: the argument is origins
    make_site(Store("uploads"), page="page.html")  # fault: a flag, and no page of one's own
    make_site(Store("uploads"), authorize=lambda request: True)  # fault: there is a file, too
    ObjectStore("uploads")  # fault: takes a bucket, not its name
    ObjectStore(S3Objects("uploads"), memory="64M")  # fault: bytes, and no text
    S3Objects("uploads", endpoint=9000)  # fault: a URL, and no port
    probe("uploads")  # fault: likewise
    FakeClient().respond("200")  # fault: a status is a number
    Resumable(URL, client=client, reactor=Clock)  # fault: the class, not an instance


def queues(settings: PushSettings) -> None:
    NewJob(folder="scans", path="a.dcm")  # fault: a path is bytes
    PushService(settings, jobs=MemoryJobs(Clock()))  # fault: what makes one at each start

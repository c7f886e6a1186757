"""
What users do as it is meant: no type checker has anything to say.
"""

from __future__ import annotations

import gzip
import io
import mmap
import tempfile
import zipfile
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from functools import partial
from pathlib import Path

from treq.client import HTTPClient
from twisted.application.service import MultiService
from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.interfaces import IReactorTime, IStreamServerEndpoint
from twisted.internet.task import Clock, react
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IAgent
from twisted.web.server import Request

from txresumable import (
    Client,
    FileArguments,
    FilesFailed,
    RateLimiter,
    Reactor,
    Resumable,
    ResumableChunk,
    ResumableFile,
    ResumableOptions,
    Signal,
    Source,
    Upload,
)
from txresumable.doctor import Diagnosis, examine
from txresumable.identifiers import content
from txresumable.push import NewJob, PostgreSQLJobs, PushService, PushSettings
from txresumable.receiver import (
    AnnouncedFile,
    Chunk,
    Entry,
    Login,
    ObjectStore,
    ReceivedFile,
    ReceiverService,
    Refused,
    S3Objects,
    Store,
    Unfit,
    UploadStore,
    make_site,
    probe,
)
from txresumable.retry import FailedAttempt, full_jitter
from txresumable.service import Report, UploadService
from txresumable.testing import (
    Bucket,
    FakeClient,
    FakeObjects,
    MemoryJobs,
    ScriptedReceiver,
    SentRequest,
    StorageForecast,
)

URL = "https://example.com/upload"


# Options -----------------------------------------------------------------------------------------


def token(file: ResumableFile, chunk: ResumableChunk) -> dict[str, str]:
    renewed = chunk.refused == 401
    return {"Authorization": f"Bearer {file.unique_identifier}-{chunk.number}-{renewed}"}


async def token_later(file: ResumableFile, chunk: ResumableChunk) -> Mapping[str, str]:
    return token(file, chunk)


def token_deferred(file: ResumableFile, chunk: ResumableChunk) -> Deferred[dict[str, str]]:
    return succeed(token(file, chunk))


async def scan(file: ResumableFile) -> None:
    await file.content_digest()


async def signed(parameters: list[str]) -> str:
    return f"{URL}?{'&'.join(parameters)}"


def patient(failed: FailedAttempt) -> float | None:
    return None if failed.attempts > 3 else failed.requested or 10.0


def by_origin(origin: str) -> str | None:
    return None if origin.endswith(".example.com:443") else "http://proxy.example.com:3128"


def too_many(files: list[ResumableFile], before: int) -> None:
    print(len(files), before)


async def prescribed() -> Resumable:
    diagnosis: Diagnosis = await examine(URL, headers={"X-Version": "1"}, reactor=reactor)
    return Resumable(diagnosis.target, **diagnosis.options)


def options() -> list[Resumable]:
    common: ResumableOptions = {"chunk_size": 1024, "headers": {"X-Version": "1"}}
    limiter = RateLimiter(1e6, reactor=reactor)
    return [
        Resumable(URL, **common),
        Resumable(URL, max_rate=limiter),
        Resumable(URL, server="node-sample"),
        Resumable(URL, headers=token, query={"owner": "lab", "count": 2, "tags": ["a", "b"]}),
        Resumable(URL, headers=token_later, query=lambda file, chunk: {"number": chunk.number}),
        Resumable(URL, headers=token_deferred, preprocess_file=scan, file_type="jpg"),
        Resumable(signed, test_target=URL, generate_unique_identifier=content, file_type=["jpg"]),
        Resumable(
            URL,
            generate_unique_identifier=lambda file: file.relative_path,
            preprocess=lambda chunk: chunk.file.content_digest(),
            success_statuses={200, 204},
            permanent_errors=[400, 403],
            max_files=3,
            max_files_error_callback=too_many,
            test_chunks="adaptive",
            simultaneous_uploads="auto",
            in_order=True,
            small_files_first=True,
            last_chunk_alone=None,
            retry_policy=full_jitter(),
        ),
        Resumable(URL, retry_policy=patient, again=True),
        Resumable(URL, links="follow", source_check="size", when_changed="wait", min_age=60),
        Resumable(URL, proxy="http://proxy.example.com:3128"),
        Resumable(URL, proxy=by_origin),
    ]


# Clients and reactors ----------------------------------------------------------------------------


def clients(agent: IAgent, chosen: Client, time: IReactorTime, other: Reactor) -> list[Resumable]:
    return [
        Resumable(URL, client=HTTPClient(agent), reactor=reactor),
        Resumable(URL, client=FakeClient(), reactor=Clock()),
        Resumable(URL, client=ScriptedReceiver(), reactor=time),
        Resumable(URL, client=chosen, reactor=other),
    ]


class UploadTests(SynchronousTestCase):
    def test_stored(self) -> None:
        client, clock = FakeClient(), Clock()
        uploader = Resumable(URL, client=client, reactor=clock)
        upload = uploader.add_file(b"content", file_name="a.txt")
        client.respond(404)
        clock.advance(1)
        request: SentRequest = client.respond(200)
        file: ResumableFile = self.successResultOf(upload)
        self.assertEqual((file.file_name, request.content), ("a.txt", b"content"))

    def test_receiver(self) -> None:
        receiver = ScriptedReceiver(rule=lambda request: 503 if request.is_upload else None)
        Resumable(URL, client=receiver, reactor=Clock()).add_file(b"a", file_name="a")
        receiver.script.append(200)
        self.assertEqual(receiver.files, {})


# Files -------------------------------------------------------------------------------------------


def sources(archive: zipfile.ZipFile) -> Iterator[Source]:
    yield from ("a.dat", Path("a.dat"), FilePath("a.dat"), b"a", bytearray(b"a"), memoryview(b"a"))
    yield io.BytesIO(b"a")
    yield open("a.dat", "rb")
    yield gzip.open("a.gz")
    yield archive.open("a.dat")
    yield tempfile.TemporaryFile()
    yield tempfile.NamedTemporaryFile()
    yield tempfile.SpooledTemporaryFile()
    yield mmap.mmap(-1, 10)


def named(uploader: Resumable) -> list[Upload]:
    given: FileArguments = {"source": b"a", "file_name": "a.txt", "type": "text/plain"}
    paths = ["a.dat", "b.dat"]
    return [
        *uploader.add_files(paths),
        *uploader.add_files(["a.dat", given]),
        *uploader.add_files([{"source": path, "relative_path": path} for path in paths]),
    ]


async def listed() -> AsyncIterator[Source | FileArguments]:
    yield "a.dat"
    yield {"source": b"b", "file_name": "b.dat"}


def later(uploader: Resumable, names: Deferred[list[str]]) -> list[Deferred[int]]:
    return [
        uploader.feed(listed(), stop_on_error=True),
        uploader.feed(names),
        uploader.feed([succeed("a.dat"), succeed("b.dat")]),
    ]


async def many(uploader: Resumable, archive: zipfile.ZipFile) -> int:
    try:
        stored: int = await uploader.feed(sources(archive), ahead=8)
    except FilesFailed as failed:
        for file in failed.files:
            file.retry()
            await file.when_completed()
        return len(failed.files)
    return stored


# Observers ---------------------------------------------------------------------------------------


class Progress:
    def __init__(self, uploader: Resumable) -> None:
        self.uploader = uploader
        uploader.progress.register(self.show)
        uploader.file_error.register(self.failed)
        uploader.file_added.register(lambda file: print(file.size))
        uploader.files_added.register(self.added)
        uploader.chunk_completed.register(partial(self.stored, "chunk"))
        uploader.chunk_retry.register(self.retry)
        uploader.offline.register(lambda: print("offline"))
        uploader.catch_all.register(self.any)

    def show(self) -> None:
        print(f"{self.uploader.fraction_completed:.0%}")

    def failed(self, file: ResumableFile, failure: Failure) -> None:
        print(file.file_name, failure.value)

    def added(self, added: list[ResumableFile], skipped: list[ResumableFile]) -> None:
        print(len(added), len(skipped))

    def stored(self, what: str, file: ResumableFile, chunk: ResumableChunk) -> None:
        print(what, file.file_name, chunk.number)

    def retry(
        self, file: ResumableFile, chunk: ResumableChunk, failure: Failure, delay: float
    ) -> None:
        print(file.file_name, chunk.number, failure.value, delay)

    def any(self, name: str, *arguments: object) -> None:
        print(name, arguments)


def decorated(uploader: Resumable) -> None:
    @uploader.file_completed.register
    async def done(file: ResumableFile) -> None:
        print(await file.content_digest())

    uploader.file_completed.unregister(done)
    signal: Signal[[ResumableFile]] = uploader.file_completed
    signal.register(print)


# Programs ----------------------------------------------------------------------------------------


async def main(reactor: IReactorTime, path: str) -> None:
    async with Resumable(URL, reactor=reactor) as uploader:
        upload = uploader.add_file(path)
        upload.chunk_completed.register(lambda chunk: print(chunk.number))
        upload.addErrback(lambda failure: print(failure.value))
        for each in await uploader.add_directory("photos"):
            file = await each
            print(file.relative_path)


@inlineCallbacks
def by_yielding(reactor: IReactorTime) -> Generator[Deferred[ResumableFile], ResumableFile, None]:
    file = yield Resumable(URL, reactor=reactor).add_file("a.dat")
    print(file.file_name)


def run() -> None:
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, "a.dat")))


async def received(file: ReceivedFile) -> None:
    print(file.path)


def owner(request: Request) -> str:
    return str(request.getHeader("X-User"))


class OwnStore:
    """A store that keeps its files elsewhere."""

    async def find(self, owner: str, chunk: Chunk, *, again: bool = False) -> Entry | None:
        return None

    async def begin(self, owner: str, chunk: Chunk, *, again: bool = False) -> Entry:
        raise Refused(507, f"there is no room for {chunk.file_name}")

    async def abandon(self, owner: str, chunk: Chunk) -> bool:
        return False

    def check(self) -> Deferred[None]:
        return succeed(None)

    def recover(self) -> Deferred[None]:
        return succeed(None)

    def sweep(self) -> Deferred[int]:
        return succeed(0)

    def close(self) -> Deferred[None]:
        return succeed(None)


async def owner_later(request: Request) -> str:
    return owner(request)


async def begun(file: AnnouncedFile) -> None:
    if file.parameters.get("album") == "closed":
        raise Refused(403, "this album is closed")


def allowed(request: Request, file: AnnouncedFile) -> bool:
    return file.size < 2**30 or file.owner == "ada"


def services() -> MultiService:
    services = MultiService()
    service = UploadService(
        Resumable(URL), ["a.dat", Path("photos"), FilePath("b.dat")], reactor=reactor
    )
    service.setServiceParent(services)
    service.when_done().addCallback(reported)
    make_site(Store("uploads"), origins=["https://example.com"], owner=owner, dialect="flow")
    make_site(Store("uploads"), page=True)
    make_site(Store("uploads", on_started=begun, on_complete=received), parameters=["album"])
    make_site(OwnStore(), owner=owner_later, authorize=allowed)
    make_site(Store("uploads", choose_name=lambda file: file.identifier), owner=Login())
    return services


async def in_bucket(endpoint: IStreamServerEndpoint) -> ReceiverService:
    objects = S3Objects("uploads", endpoint="https://s3.example.com", region="us-east-1")
    try:
        await probe(objects, "some/where/")
    except Unfit as error:
        print(error.reason)
    store = ObjectStore(
        objects,
        prefix="some/where/",
        location=lambda key: f"https://files.example.com/{key}",
        memory=256 << 20,
        expire=86400,
        on_started=begun,
        on_complete=received,
    )
    kept: UploadStore = store
    forgotten: int = await store.sweep()
    print(forgotten, store.unfinished, objects.bucket)
    simulated = FakeObjects(Bucket(Clock()), forecast=StorageForecast(rate=0.1))
    await probe(simulated)
    make_site(ObjectStore(simulated, reactor=Clock()))
    service = ReceiverService(endpoint, make_site(store), store=kept, grace=30)
    service.abort()
    return service


def queues(settings: PushSettings) -> list[PushService]:
    jobs = PostgreSQLJobs("host=db dbname=uploads", reactor=reactor)
    jobs.add([NewJob(folder="scans", path=b"a.dcm")]).addCallback(added)
    return [
        PushService(settings, jobs=lambda: MemoryJobs(Clock())),
        PushService(settings, jobs=lambda: jobs),
    ]


def added(count: int) -> None:
    print(count)


def reported(report: Report) -> None:
    print([failed.path for failed in report.failed])

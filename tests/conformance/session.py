"""
One run of our client against the scripted server, and everything that could be seen of it.
"""

from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txresumable import Resumable

from .exchange import Request
from .memory import MemoryNetwork
from .scenario import SampleFile, well_formed
from .server import Answerer, ScriptedServer
from .translation import Page

ORIGIN = "http://127.0.0.1:8000"

#: Ours on the left, resumable.js's on the right: the events that the recording kept.
EVENTS = {
    "file_added": "fileAdded",
    "files_added": "filesAdded",
    "upload_start": "uploadStart",
    "file_completed": "fileSuccess",
    "chunk_retry": "fileRetry",
    "file_error": "fileError",
    "error": "error",
    "completed": "complete",
    "paused": "pause",
    "cancelled": "cancel",
}


@define
class Session:
    """
    What happened.

    :ivar requests: in the order in which they arrived.
    :ivar events: in the form of the recording.
    :ivar chunks: name, identifier, path and chunk ranges of each file at the end.
    :ivar progress: the uploader's at the end.
    """

    network: MemoryNetwork
    uploader: Resumable
    requests: list[Request] = field(factory=list)
    events: list[tuple[str, ...]] = field(factory=list)
    chunks: list[dict[str, Any]] = field(factory=list)
    progress: float = 0.0
    failures: list[Failure] = field(factory=list)
    waiting: int = 0

    def wait_for(self, ending: Deferred[Any]) -> None:
        """
        Go on until something has come to its end.

        :param ending: fires or fails then.
        """
        self.waiting += 1
        ending.addBoth(self._ended)

    def _ended(self, result: Any) -> None:
        self.waiting -= 1
        if isinstance(result, Failure):
            self.failures.append(result)

    def again(self, file: Any) -> None:
        """
        Upload a file once more.

        :param file: one that failed.
        """
        file.retry()
        self.wait_for(file.when_completed())


@frozen
class Driver:
    """
    What the page does besides adding its files.

    :ivar before: called before anything is added.
    :ivar start: called when the files have been added.
    :ivar on_added: called with each file that was added.
    """

    before: Callable[[Session], object] = lambda session: None
    start: Callable[[Session], object] = lambda session: None
    on_added: Callable[[Session, Any], object] = lambda session, file: None


def run(
    files: Iterable[SampleFile],
    script: Answerer,
    options: Callable[[Page], dict[str, Any]],
    driver: Driver = Driver(),
) -> tuple[Session, Page]:
    """
    Upload files to the scripted server until nothing is left to do.

    :param files: what to upload.
    :param script: what the server answers.
    :param options: from the page to the uploader's options.
    :param driver: what else to do.
    :return: what happened, and the page that saw it.
    """
    log: list[Request] = []
    network = MemoryNetwork(lambda clock: ScriptedServer(clock, script, log))
    page = Page(ORIGIN, network)
    uploader = Resumable(reactor=network, **options(page))
    session = Session(network, uploader, log)
    _listen(session)
    uploader.file_added.register(lambda file: driver.on_added(session, file))
    driver.before(session)
    handles = uploader.add_files(map(arguments, files))
    for handle in handles:
        session.wait_for(handle)
    driver.start(session)
    network.run(lambda: not session.waiting)
    _finish(session)
    return session, page


def arguments(file: SampleFile) -> dict[str, Any]:
    """
    A file as ``add_files`` takes it.

    :param file: the file.
    """
    return {
        "source": file.content,
        "file_name": file.name,
        "relative_path": file.relative_path,
        "type": file.type,
    }


def _finish(session: Session) -> None:
    """
    Note how things stand, and end the uploader: nothing may be left of it.
    """
    for file in session.uploader.files:
        session.chunks.append(
            {
                "name": well_formed(file.file_name),
                "identifier": file.unique_identifier,
                "relativePath": well_formed(file.relative_path),
                "ranges": [[chunk.start_byte, chunk.end_byte] for chunk in file.chunks],
            }
        )
    session.progress = session.uploader.fraction_completed
    closed: list[Any] = []
    session.uploader.close().addBoth(closed.append)
    session.network.run(lambda: bool(closed))
    session.network.run(lambda: not session.network.open_connections)
    left = session.network.getDelayedCalls()
    assert not left, f"left behind: {left}"


def _listen(session: Session) -> None:
    for ours, theirs in EVENTS.items():
        getattr(session.uploader, ours).register(_recorder(session, theirs))


def _recorder(session: Session, name: str) -> Callable[..., None]:
    def heard(*args: Any) -> None:
        session.events.append((name, *map(well_formed, _details(name, args))))

    return heard


def _details(name: str, args: tuple[Any, ...]) -> tuple[str, ...]:
    """
    What the recording keeps of an event: the file's name, and the server's answer.
    """
    if name in ("fileAdded", "fileRetry"):
        return (args[0].file_name,)
    if name == "fileSuccess":
        return (args[0].file_name, args[0].response)
    if name == "fileError":
        return (args[0].file_name, _answer(args[1]))
    if name == "error":
        return (args[1].file_name, _answer(args[0]))
    return ()


def _answer(failure: Failure) -> str:
    error: Any = failure.value
    error = getattr(error, "last", error)
    return getattr(error, "body", "")

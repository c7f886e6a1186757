"""
The scripted server behind a real socket.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks
from twisted.internet.protocol import Factory

from txresumable import Resumable

from .exchange import Request
from .scenario import SampleFile
from .server import Answerer, ScriptedServer
from .session import arguments
from .translation import Page


class _Servers(Factory):
    """
    The server's ends of all connections, and when the last of them is closed.
    """

    noisy = False

    def __init__(self, script: Answerer) -> None:
        self.script = script
        self.log: list[Request] = []
        self.open: set[ScriptedServer] = set()
        self.emptied: Deferred[None] | None = None

    def buildProtocol(self, addr: Any) -> ScriptedServer:
        server = _Server(reactor, self.script, self.log)
        server.servers = self
        self.open.add(server)
        return server

    def closed(self) -> Deferred[None]:
        """
        Fires when no connection is left.
        """
        self.emptied = Deferred()
        self.check()
        return self.emptied

    def check(self) -> None:
        """
        Tell, if that is so.
        """
        if self.emptied is not None and not self.open and not self.emptied.called:
            self.emptied.callback(None)


class _Server(ScriptedServer):
    servers: _Servers

    def connectionLost(self, reason: Any = None) -> None:
        super().connectionLost(reason)
        self.servers.open.discard(self)
        self.servers.check()


@inlineCallbacks
def upload_over_loopback(
    files: Sequence[SampleFile], script: Answerer, options: Callable[[Page], dict[str, Any]]
) -> Generator[Any, Any, list[Request]]:
    """
    Upload files to the scripted server, over TCP.

    :param files: what to upload.
    :param script: what the server answers.
    :param options: from the page to the uploader's options.
    :return: what the server was asked, when all is over and closed.
    """
    servers = _Servers(script)
    port = reactor.listenTCP(0, servers, interface="127.0.0.1")
    page = Page(f"http://127.0.0.1:{port.getHost().port}", reactor)
    uploader = Resumable(reactor=reactor, **options(page))
    handles = uploader.add_files(map(arguments, files))
    yield DeferredList(handles, consumeErrors=True)
    yield uploader.close()
    yield port.stopListening()
    yield servers.closed()
    return servers.log

"""
``twistd resumable-receive``: its options, and the service that they make.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable
from typing import Any

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import IService, MultiService
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from .._protocol.dialect import DIALECTS
from ..errors import InvalidOption
from .access_log import AccessLog
from .arguments import EXISTING, as_existing, as_hosts, as_mode, as_origins, as_parameters
from .login import Login
from .observers import make_metrics, on_complete, on_response
from .passwords import PasswordFile, TokenFile
from .permission import one_owner
from .process import ReceiverProcess
from .site import make_site
from .status import make_status_site
from .store import Disk, Store
from .store.folder import Folder
from .values import lasting, number, octal, size, span
from .webhook import secret_of

__all__ = ["Options", "makeService"]

_READ = {
    "quota": size,
    "max-file-size": size,
    "max-unfinished-size": size,
    "on-complete-timeout": span,
    "expire": span,
}
_SECURE = ("ssl", "tls", "le", "txsni")


class Options(UsageOptions):
    """The options of ``twistd resumable-receive``."""

    synopsis = "[--port PORT | --listen ENDPOINT] [--directory DIR] [options]"
    longdesc = "Receive files that resumable.js, or txresumable, uploads in chunks."
    optParameters = [
        ["directory", "d", ".", "Where finished files go; made if need be."],
        ["port", "p", None, "The TCP port, on the loopback interface.  [default: 8080]"],
        ["listen", "l", None, "Where to listen, as Twisted's endpoint string, instead of --port."],
        ["dialect", None, "resumable", "The protocol: " + ", ".join(sorted(DIALECTS)) + "."],
        ["max-file-size", None, "0", "Refuse bigger files: bytes, or 20M, 4G; 0 for any.", size],
        ["max-chunks", None, 1048576, "Refuse files of more chunks.", number],
        ["max-unfinished", None, 10000, "How many unfinished uploads there may be.", number],
        ["max-unfinished-size", None, "0", "How big they may be together; 0 for any.", size],
        [
            "max-connections",
            None,
            256,
            "How many connections one address may have; 0 for any.",
            number,
        ],
        [
            "max-total-connections",
            None,
            None,
            "How many connections there may be.  [default: as open files allow]",
            number,
        ],
        ["min-rate", None, 256, "End connections that send fewer bytes a second.", number],
        ["existing", None, "suffix", "If a name is taken: " + ", ".join(EXISTING) + "."],
        ["mode", None, None, "The permissions of files, such as 0640.  [default: as umask says]"],
        ["tokens", None, None, "Who may upload: a file with NAME:TOKEN in each line."],
        ["htpasswd", None, None, "Who may upload: a file as Apache's htpasswd -B writes it."],
        ["on-complete", None, None, "A command to run for each file, with its path as argument."],
        ["on-complete-url", None, None, "Where to send a POST request for each file."],
        ["on-complete-secret", None, None, "A file with the secret that these are signed with."],
        ["on-complete-timeout", None, "5m", "How long a client waits for that.", span],
        ["status", None, None, "Where /healthz and /metrics are, as an endpoint string."],
        ["access-log", None, None, "A file for a line for each request."],
        ["quota", None, "0", "How big all files of an owner may be together; 0 for any.", size],
        ["remember", None, None, "Forget what was received after so long.  [default: --expire]"],
        ["expire", None, "7d", "Forget uploads idle for so long: 15m, 12h, 7d; 0: never.", span],
    ]
    optFlags = [
        ["page", None, "Show browsers a page to drop files on."],
        ["no-fsync", None, "Do not wait for the disk: a power cut may lose what was stored."],
        ["flat", None, "Put all files into the directory itself, whatever folders they come from."],
        [
            "received-once",
            None,
            "Refuse what was received before and was taken from the directory since.",
        ],
    ]
    compData: Any = None

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self["origins"] = []
        self["hosts"] = []
        self["checkers"] = []
        self["parameters"] = []
        self["secret"] = None

    def opt_origin(self, origin: str) -> None:
        """
        An origin whose web pages may upload, such as https://example.com; * for all.  May be
        given again.
        """
        _checked(as_origins, "origin", origin)
        self["origins"].append(origin)

    def opt_host(self, host: str) -> None:
        """
        A name of the receiver, such as files.example.com: requests to others are refused, and web
        pages from there may upload.  May be given again.
        """
        _checked(as_hosts, "host", host)
        self["hosts"].append(host)

    def opt_parameter(self, name: str) -> None:
        """
        A parameter of a client's that is kept with its file, for --on-complete.  May be given
        again.
        """
        self["parameters"].append(name)

    def postOptions(self) -> None:
        """
        Check everything, while a mistake can still be reported to whoever made it.

        :raises UsageError: naming the option; also if the directory cannot be used, or is used
            by another receiver, or the endpoint is none.
        """
        if self["remember"] is not None:
            self._check(lasting, "remember")
        for name, read in _READ.items():
            if isinstance(self[name], str):
                self[name] = read(self[name])
        if self["dialect"] not in DIALECTS:
            raise UsageError(f"--dialect: must be one of {', '.join(sorted(DIALECTS))}")
        self._check(as_existing, "existing")
        names = DIALECTS[self["dialect"]].names
        for name in self["parameters"]:
            _checked(lambda given: as_parameters(given, names), "parameter", name)
        if self["mode"] is not None:
            self._check(lambda text: as_mode(octal(text)), "mode")
        if self["listen"] is not None and self["port"] is not None:
            raise UsageError("give --port or --listen, not both")
        if self["listen"] is None:
            try:
                port = number("8080" if self["port"] is None else self["port"])
                if port > 65535:
                    raise ValueError("must be at most 65535")
            except ValueError as error:
                raise UsageError(f"--port {self['port']}: {error}")
            self["listen"] = f"tcp:{port}:interface=127.0.0.1"
        for name, checker in (("tokens", TokenFile), ("htpasswd", PasswordFile)):
            if self[name] is not None:
                self._add_checker(name, checker)
        self._check_hooks()
        self["endpoint"] = self._endpoint("listen")
        if self["status"] is not None:
            self["status-endpoint"] = self._endpoint("status")
        if self["access-log"] is not None:
            try:
                AccessLog(self["access-log"]).close()
            except OSError as error:
                raise UsageError(f"--access-log {self['access-log']}: {error.strerror}")
        try:
            Folder(os.path.abspath(self["directory"]), Disk()).close()
        except OSError as error:
            raise _unusable(self["directory"], error)

    def _check(self, check: Callable[[str], Any], name: str) -> None:
        self[name] = _checked(check, name, self[name])

    def _check_hooks(self) -> None:
        """What is to be done with each file."""
        if self["on-complete-timeout"] is None:
            raise UsageError("--on-complete-timeout 0: must be at least a second")
        if self["on-complete"] is not None:
            try:
                program = shlex.split(self["on-complete"])[:1]
            except ValueError as error:
                raise UsageError(f"--on-complete {self['on-complete']}: {error}")
            if not program or shutil.which(program[0]) is None:
                raise UsageError(f"--on-complete {self['on-complete']}: there is no such command")
        url, secret = self["on-complete-url"], self["on-complete-secret"]
        if url is not None and re.match(r"https?://[^/\s]+(/\S*)?\Z", url) is None:
            raise UsageError(f"--on-complete-url {url}: must be like https://example.com/received")
        if secret is not None:
            if url is None:
                raise UsageError("--on-complete-secret is for --on-complete-url")
            try:
                with open(secret, "rb") as file:
                    self["secret"] = secret_of(file.read())
            except OSError as error:
                raise UsageError(f"--on-complete-secret {secret}: {error.strerror}")
            except ValueError as error:
                raise UsageError(f"--on-complete-secret {secret}: {error}")

    def _add_checker(self, name: str, checker: Callable[[str], ICredentialsChecker]) -> None:
        try:
            self["checkers"].append(checker(os.path.abspath(self[name])))
        except OSError as error:
            raise UsageError(f"--{name} {self[name]}: {error.strerror}")
        except ValueError as error:
            raise UsageError(f"--{name} {self[name]}: {error}")

    def _endpoint(self, name: str) -> IStreamServerEndpoint:
        from twisted.internet import reactor

        try:
            endpoint: IStreamServerEndpoint = serverFromString(reactor, self[name])
        except (ValueError, TypeError, KeyError, LookupError, OSError) as error:
            raise UsageError(f"--{name} {self[name]}: {error}")
        return endpoint


def _checked(check: Callable[[str], Any], name: str, given: str) -> Any:
    try:
        return check(given)
    except InvalidOption as error:
        raise UsageError(f"--{name} {given}: {error.reason}")
    except ValueError as error:
        raise UsageError(f"--{name} {given}: {error}")


def _unusable(directory: str, error: OSError) -> UsageError:
    why = error.strerror
    if isinstance(error, BlockingIOError):
        why = "another receiver uses it"
    elif isinstance(error, FileExistsError):
        why = "it is not a directory"
    return UsageError(f"--directory {directory}: {why}")


def makeService(options: Options) -> IService:
    """
    The service that the options ask for.

    :raises UsageError: if the directory can be used no more.
    """
    from twisted.internet import reactor

    metrics = None if options["status"] is None else make_metrics()
    try:
        store = Store(
            options["directory"],
            reactor=reactor,
            max_file_size=options["max-file-size"],
            max_chunks=options["max-chunks"],
            max_unfinished=options["max-unfinished"],
            max_unfinished_size=options["max-unfinished-size"],
            quota=options["quota"],
            expire=options["expire"],
            remember=options["remember"],
            fsync=not options["no-fsync"],
            received_once=bool(options["received-once"]),
            keep_folders=not options["flat"],
            existing=options["existing"],
            mode=options["mode"],
            on_complete=on_complete(options, reactor, metrics),
            on_complete_timeout=options["on-complete-timeout"],
        )
    except OSError as error:
        raise _unusable(options["directory"], error)
    site = make_site(
        store,
        reactor=reactor,
        origins=options["origins"],
        hosts=options["hosts"],
        parameters=options["parameters"],
        owner=Login(*options["checkers"]) if options["checkers"] else one_owner,
        dialect=options["dialect"],
        page=bool(options["page"]),
        max_connections=options["max-connections"],
        max_total_connections=options["max-total-connections"],
        min_rate=options["min-rate"],
        on_response=on_response(options, metrics),
    )
    secure = options["listen"].partition(":")[0] in _SECURE
    scheme = "https" if secure else "http"
    endpoint = options["endpoint"]
    process = ReceiverProcess(endpoint, site, store=store, reactor=reactor, scheme=scheme)
    if options["status"] is None:
        return process
    if metrics is not None:
        metrics.watch(store, site)
    shown = None if metrics is None else metrics.resource()
    status = make_status_site(store, metrics=shown, reactor=reactor)
    services: Any = MultiService()
    services.addService(process)
    services.addService(StreamServerEndpointService(options["status-endpoint"], status))
    made: IService = services
    return made

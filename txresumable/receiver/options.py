"""
The options of ``twistd resumable-receive``.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from .._protocol.dialect import DIALECTS
from .access_log import AccessLog
from .arguments import as_hosts, as_origins, as_parameters
from .passwords import PasswordFile, TokenFile
from .storage import STORAGE, STORAGE_FLAGS, check_storage
from .values import checked, lasting, number, size, span
from .webhook import secret_of

__all__ = ["Options"]

_READ = {
    "max-file-size": size,
    "max-unfinished-size": size,
    "on-complete-timeout": span,
    "expire": span,
    "grace": span,
    "sweep": span,
}


class Options(UsageOptions):
    """The options of ``twistd resumable-receive``."""

    synopsis = "[--port PORT | --listen ENDPOINT] [--directory DIR | --store URL] [options]"
    longdesc = "Receive files that resumable.js, or txresumable, uploads in chunks."
    optParameters = [
        *STORAGE,
        ["port", "p", None, "The TCP port, on the loopback interface.  [default: 8080]"],
        ["listen", "l", None, "Where to listen, as Twisted's endpoint string, instead of --port."],
        ["dialect", None, "resumable", "The protocol: " + ", ".join(sorted(DIALECTS)) + "."],
        ["max-file-size", None, "0", "Refuse bigger files: bytes, or 20M, 4G; 0 for any.", size],
        ["max-chunks", None, 1048576, "Refuse files of more chunks.", number],
        ["max-unfinished", None, 10000, "How many unfinished uploads an owner may have.", number],
        ["max-unfinished-size", None, "0", "How large these may be together; 0 for any.", size],
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
        ["grace", None, "20s", "How long requests may go on once it is told to stop.", span],
        ["tokens", None, None, "Who may upload: a file with NAME:TOKEN in each line."],
        ["htpasswd", None, None, "Who may upload: a file as Apache's htpasswd -B writes it."],
        ["on-complete", None, None, "A command to run for each file, with its path as argument."],
        ["on-complete-url", None, None, "Where to send a POST request for each file."],
        ["on-complete-secret", None, None, "A file with the secret that signs these requests."],
        ["on-complete-timeout", None, "5m", "How long a client waits for --on-complete.", span],
        ["status", None, None, "Where /healthz and /metrics are, as an endpoint string."],
        ["access-log", None, None, "A file that each request is logged to."],
        ["remember", None, None, "How long to know what was received.  [default: --expire]"],
        ["expire", None, "7d", "Forget uploads idle for so long: 15m, 12h, 7d; 0: never.", span],
        ["sweep", None, "10m", "How often to look for what has expired; 0: others do.", span],
    ]
    optFlags = [
        ["page", None, "Show browsers a page to drop files on."],
        *STORAGE_FLAGS,
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
        checked(as_origins, "origin", origin)
        self["origins"].append(origin)

    def opt_host(self, host: str) -> None:
        """
        A name of the receiver, such as files.example.com: requests to others are refused, and web
        pages from there may upload.  May be given again.
        """
        checked(as_hosts, "host", host)
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
            self["remember"] = checked(lasting, "remember", self["remember"])
        for name, read in _READ.items():
            if isinstance(self[name], str):
                self[name] = read(self[name])
        if self["sweep"] is None and self["store"] is None:
            raise UsageError("--sweep 0: is for --store, where another receiver sweeps")
        if self["dialect"] not in DIALECTS:
            raise UsageError(f"--dialect: must be one of {', '.join(sorted(DIALECTS))}")
        names = DIALECTS[self["dialect"]].names
        for name in self["parameters"]:
            checked(lambda given: as_parameters(given, names), "parameter", name)
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
        check_storage(self)

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

"""
``twistd resumable-upload``: its options, and the service that they make.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.application.app import ServerOptions
from twisted.application.service import IService
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from .._runtime.shutdown import (
    abort_on_signal,
    end_anyway,
    end_once_stopped,
    exit_with,
    hold_hangups,
    stop_reactor,
)
from ..errors import ResumableError
from ..service.report import Report
from ..service.upload import UploadService
from ..uploader import Resumable
from .argument import Argument, BadArgument
from .arguments import ARGUMENTS, TARGET, read_options
from .environment import more_given
from .exit_status import RUNNING, USAGE, upload_status

__all__ = ["Options", "UploadProcess", "makeService"]


_OPTIONAL = [argument for argument in ARGUMENTS if argument is not TARGET]


class Options(UsageOptions):
    """The options of ``twistd resumable-upload``: those of the client."""

    synopsis = "--target URL [options] FILE... | --config FILE"
    longdesc = (
        "Upload files, and folders with all that is below them, to a server that speaks the "
        "protocol of resumable.js, then exit with 0, or a status that says why files failed, as "
        "the command does. Started again, it resumes with the chunks that the server does not "
        "have. SIZE may end in K, M, G or T, SECONDS in ms, s, m, h or d; FUNCTION is a Python "
        "function as package.module:function. Each option but --target can be in the "
        "environment, as TXRESUMABLE_CHUNK_SIZE for --chunk-size."
    )
    compData: Any = None

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._given: list[tuple[Argument, Any]] = []
        self["config"] = None

    def opt_config(self, path: str) -> None:
        """
        Watch the folders of this configuration file, and upload what is dropped into them; no other
        option, and no file, can be given with it.
        """
        hold_hangups()  # until there is a service that reads the file again
        self["config"] = os.path.abspath(path)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Read a command line.

        :param options: its words; those of this process by default.
        :raises UsageError: naming what cannot be.
        """
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except UsageError:
            if isinstance(self.parent, ServerOptions):
                exit_with(USAGE)  # the twistd of Twisted 24.10 would end with 0
            raise

    def parseArgs(self, *files: str) -> None:
        """
        What to upload.

        :param files: paths.
        """
        for path in files:
            if path.startswith("--") and not os.path.lexists(path):
                raise UsageError(f"{path}: options go before the files")
        # A daemon changes its working directory.
        self["files"] = [os.path.abspath(path) for path in files]

    def postOptions(self) -> None:
        """
        Check all options now, while errors can still be shown on the terminal.

        :raises UsageError: naming the option and its value.
        """
        if self["config"] is not None:
            self._read_config()
            return
        try:
            self["client"] = read_options(more_given(self._given, _OPTIONAL, os.environ))
        except BadArgument as error:
            raise UsageError(str(error))
        if not self["files"]:
            raise UsageError("name at least one file to upload")

    def _read_config(self) -> None:
        if self._given or self["files"]:
            raise UsageError("--config goes with no other option and no file")
        try:
            from .config import BadConfig, load
            from .push.process import check_free
        except ImportError as error:
            raise UsageError(f"--config needs {error.name}: pip install 'txresumable[push]'")
        try:
            self["settings"] = load(self["config"])
        except BadConfig as error:
            if error.may_pass:  # ends it with 1
                raise SystemExit(str(error))
            raise UsageError(str(error))
        try:
            check_free(self["settings"])
        except ResumableError as error:
            exit_with(RUNNING)
            raise SystemExit(str(error))


def _handler(argument: Argument) -> Callable[[Any, str], None]:
    def given(self: Any, value: str) -> None:
        self._given.append((argument, value))

    given.__doc__ = argument.text
    return given


def _switch(argument: Argument, on: bool) -> Callable[[Any], None]:
    def given(self: Any) -> None:
        self._given.append((argument, on))

    given.__doc__ = argument.text if on else f"The opposite of --{argument.name}, the default."
    return given


for _argument in ARGUMENTS:
    _name = _argument.name.replace("-", "_")
    if _argument.is_switch:
        setattr(Options, f"opt_{_name}", _switch(_argument, True))
        setattr(Options, f"opt_no_{_name}", _switch(_argument, False))
    else:
        setattr(Options, f"opt_{_name}", _handler(_argument))


class UploadProcess(UploadService):
    """
    An upload that a process is for: when it is done, the process ends, with 0 or with 1.  A
    signal lets it finish what is under way; a second one does not.
    """

    def __init__(
        self,
        uploader: Resumable,
        paths: Iterable[str],
        *,
        reactor: Any,
        exit_with: Callable[[int], object] = exit_with,
        abort_on_signal: Callable[..., object] = abort_on_signal,
        end_anyway: Callable[[int], object] = end_anyway,
    ) -> None:
        super().__init__(uploader, paths, reactor=reactor)
        self._exit_with = exit_with
        self._abort_on_signal = abort_on_signal
        self._end_anyway = end_anyway
        self._status = 1

    def startService(self) -> None:
        """Begin to upload."""
        super().startService()
        end_once_stopped(self._reactor, self.stopService, lambda: self._end_anyway(self._status))
        self._abort_on_signal(self._reactor, self.abort, self._end_anyway)
        self.when_done().addCallback(self._over)

    def _over(self, report: Report) -> None:
        self._status = upload_status(report)
        if self._status:
            self._exit_with(self._status)
        self._reactor.callWhenRunning(self._end)

    def _end(self) -> None:
        if self.running:
            stop_reactor(self._reactor)


def makeService(options: Options) -> IService:
    """
    The service that the options ask for.

    :param options: parsed.
    """
    from twisted.internet import reactor

    if options["config"] is not None:
        from .push.process import PushProcess, make_push, tell_daemon

        push = make_push(options["config"], options["settings"], reactor)
        waiting = tell_daemon({} if options.parent is None else options.parent)
        process: IService = PushProcess(push, reactor=reactor, waiting=waiting)
        return process
    uploader = Resumable(reactor=reactor, **options["client"])
    return UploadProcess(uploader, options["files"], reactor=reactor)

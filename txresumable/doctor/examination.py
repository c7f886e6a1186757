"""
One examination: which checks are made, in which order, and what is left after them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import evolve
from twisted.internet.defer import Deferred

from .._engine.client import make_client
from .._http.given import Client
from .._protocol.url import without_query
from .._runtime.clock import steady
from .._runtime.reactor import Reactor
from ..errors import InvalidOption, TransportError
from ..options import Options, ResumableOptions
from . import checks
from .checks import Patient
from .cleanup import clean_up
from .diagnosis import Diagnosis, Finding
from .kind import Outcome, Trial, find_kind
from .limit import find_limit
from .order import find_multiples, find_order, find_rule
from .race import find_race
from .specimen import Specimens
from .verdict import judge
from .visit import Visit
from .wire import Wire

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["examine"]

_SEVERAL = 2
"""Connections: the last two chunks of a file are sent at once."""


def examine(
    target: str,
    *,
    reactor: Reactor | None = None,
    client: Client | None = None,
    **options: Unpack[ResumableOptions],
) -> Deferred[Diagnosis]:
    """
    Find out how a server wants to be uploaded to.

    Files of some KiB are uploaded to it, and chunks of up to 8 MiB; their names begin with
    ``txresumable-doctor-``.  What the server gives a URL of its own (201 with ``Location``) is
    deleted there, and our receiver is told to forget what is unfinished; all else is left.

    :param target: the URL that files would be uploaded to.
    :param reactor: the installed one by default.
    :param client: as :class:`~txresumable.Resumable` takes it.
    :param options: those of requests, as :class:`~txresumable.Resumable` takes them; ``dialect``,
        ``method`` and ``chunk_format`` are found if they are not given.
    :returns: a Deferred that fires with a :class:`Diagnosis`, whatever the server does as long as
        it responds.  It fails with a :class:`~txresumable.errors.TransportError` or
        :class:`~txresumable.errors.TLSRejected` if there is no response to the first request, and
        with :class:`~txresumable.errors.InsecureCredentials` as uploads do.  Cancelling it ends the
        request that is under way, and makes no more.
    :raises InvalidOption: if an option has an invalid value, or is a function where a value is
        needed.
    """
    if reactor is None:
        from twisted.internet import reactor
    chosen = Options(target=target, **options)
    for name in ("target", "test_target", "headers", "query"):
        if callable(getattr(chosen, name)):
            raise InvalidOption(name, getattr(chosen, name), "must be a value here")
    given: dict[str, Any] = {**options}
    return Deferred.fromCoroutine(_Examination(reactor, client, chosen, given).run())


class _Examination:
    """One, from the first request to the last."""

    def __init__(
        self, reactor: Any, client: Any, options: Options, given: Mapping[str, Any]
    ) -> None:
        self._reactor = reactor
        self._client = client
        self._clock = steady(reactor)
        self._options = options
        self._given = given
        self._specimens = Specimens()
        self._wires: list[Wire] = []

    async def run(self) -> Diagnosis:
        """See :func:`examine`."""
        left: list[str] = []
        try:
            trials, cookies = await self._find_kind()
            verdict = await judge(trials, self._specimens)
            findings = [*verdict.findings]
            if verdict.trial is not None:
                findings += await self._check(Patient(verdict.trial, self._specimens))
                findings += [cookies]
            findings += [self._find_redirects()]
            visit = trials[0].visit if verdict.trial is None else verdict.trial.visit
            for wire in self._wires:
                way = evolve(visit, wire=wire)
                left += await clean_up(way, self._specimens, forgets=_lists(findings))
        finally:
            for wire in self._wires:
                await wire.close()
        return Diagnosis(
            target=without_query(str(self._options.target)),
            is_receiver=verdict.trial is not None,
            findings=tuple(findings),
            given=tuple(self._needed()),
            left=tuple(left),
        )

    def _needed(self) -> Iterator[str]:
        """What was given and is not among the options that follow."""
        if urlsplit(str(self._options.target)).query:
            yield "the query of the target"
        yield from (name for name, value in self._given.items() if value)

    def _visit(self, cookies: bool) -> Visit:
        options = self._options
        if cookies:
            options = Visit(self._wires[0], options).otherwise(with_credentials=True).options
        client = make_client(self._reactor, self._clock, self._client, options, _SEVERAL)
        headers: Any = options.headers
        self._wires.append(Wire(client, self._clock, headers))
        return Visit(self._wires[-1], options)

    async def _find_kind(self) -> tuple[list[Trial], Finding]:
        """The trials, with cookies if it does not work without."""
        trials = await find_kind(self._visit(False), self._specimens, self._given)
        names = ", ".join(self._wires[0].cookies)
        if not names:
            return trials, Finding("cookies", "none", "no response set any")
        if self._options.with_credentials or self._client is not None:
            return trials, Finding("cookies", None, f"{names} were set; not tried without them")
        if _best(trials) is Outcome.PROVEN:
            how = f"{names} were set, and are not needed: they were not sent back"
            return trials, Finding("cookies", "not needed", how)
        again = await find_kind(self._visit(True), self._specimens, self._given)
        found = {"with_credentials": True}
        if _best(again) > _best(trials):
            how = f"{names} were set; without them no chunk was found to be there, with them it was"
            return again, Finding("cookies", "needed", how, found)
        how = f"{names} were set; chunks cannot be asked for, so they are sent back to be sure"
        return again, Finding("cookies", None, how, found)

    async def _check(self, patient: Patient) -> list[Finding]:
        absent = checks.find_absent(patient)
        findings = [
            absent,
            await _looked("resumes", checks.find_resuming(patient)),
            await _looked("parameters", checks.find_parameters(patient)),
            await _looked("rule", find_rule(patient)),
        ]
        force = findings[-1].options.get("force_chunk_size", self._options.force_chunk_size)
        order = await _looked("order", find_order(patient, bool(force)))
        return [
            *findings,
            await _looked("multiples", find_multiples(patient, bool(force))),
            order,
            await _looked("race", find_race(patient, bool(force), order)),
            await _looked("limit", find_limit(patient, bool(force))),
            await _looked("checksum", checks.find_checksum(patient)),
            checks.find_list(patient),
            await _looked("folders", checks.find_folders(patient)),
        ]

    def _find_redirects(self) -> Finding:
        seen = [each for wire in self._wires for each in wire.redirects]
        if not seen:
            return Finding("redirects", "none", "no response was one")
        shown = ", ".join(f"{code} to {to or 'nowhere'}" for code, to in seen)
        return Finding("redirects", shown, "uploads do not follow redirects: see target")


def _lists(findings: list[Finding]) -> bool:
    """Whether the server has shown itself as a receiver like ours."""
    return any(finding.name == "list" and finding.value == "yes" for finding in findings)


def _best(trials: list[Trial]) -> Outcome:
    return max(trial.outcome for trial in trials)


async def _looked(name: str, looking: Awaitable[Finding]) -> Finding:
    """A finding, also if the server stops to respond while it is looked for."""
    try:
        return await looking
    except TransportError as error:
        return Finding(name, None, f"there was no response: {error}")

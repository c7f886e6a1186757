"""
What the trials say: whether it is a receiver, of which dialect, and how it takes a chunk.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from .._protocol.url import without_query
from .diagnosis import Finding
from .kind import Outcome, Trial, try_out
from .specimen import Specimens

__all__ = ["Verdict", "judge"]

_DENIED = (401, 403, 407)
_NO_SUCH_METHOD = (405, 501)


@frozen
class Verdict:
    """
    What the trials say.

    :ivar trial: the way to go on with; nothing if it is no receiver.
    :ivar findings: what was found.
    """

    trial: Trial | None
    findings: tuple[Finding, ...]


async def judge(trials: Sequence[Trial], specimens: Specimens) -> Verdict:
    """
    Find out from trials what a server is.

    :param trials: as :func:`~txresumable.doctor.kind.find_kind` returns them.
    :param specimens: for one more, if that is needed.
    """
    best = max(trials, key=lambda trial: trial.outcome)  # the first of these
    if best.outcome is Outcome.REFUSED:
        return Verdict(None, (_refused(trials),))
    if best.outcome is Outcome.ACCEPTED:
        nonsense = await best.visit.nonsense()
        if best.visit.holds(nonsense):
            how = f"it accepted also a form with nothing in it, with {nonsense.said}"
            return Verdict(None, (Finding("receiver", "no", how),))
    is_receiver = Finding("receiver", "yes", _seen(best))
    best, method = await _find_method(best, specimens)
    return Verdict(best, (is_receiver, _find_dialect(best, trials), method))


def _refused(trials: Sequence[Trial]) -> Finding:
    first = trials[0].sent
    location = first.header("Location")
    codes = sorted({trial.sent.code for trial in trials})
    shown = ", ".join(map(str, codes))
    if 300 <= first.code < 400:
        where = without_query(location or "") or "nowhere"
        how = f"an upload was redirected with {first.code} to {where}: see target"
    elif all(code in _DENIED for code in codes):
        how = f"uploads were refused with {shown}: it wants credentials, see headers"
    elif codes == [404]:
        how = "uploads were refused with 404: see target"
    elif all(code in _NO_SUCH_METHOD for code in codes):
        how = f"uploads were refused with {shown}: see target and upload_method"
    else:
        how = f"uploads were refused in each dialect and format, with {shown}"
    return Finding("receiver", "no", how)


def _seen(trial: Trial) -> str:
    if trial.outcome is Outcome.PROVEN:
        return f"chunk 1 of 3 was sent, and is there then ({trial.after.code})"
    return f"chunk 1 of 3 was accepted ({trial.sent.code}), a form with nothing in it was not"


def _find_dialect(best: Trial, trials: Sequence[Trial]) -> Finding:
    options = best.visit.options
    how = f"chunk 1 of 3 was accepted with its names ({best.sent.code})"
    found = {"dialect": options.dialect}
    if best.outcome is Outcome.PROVEN:
        return Finding("dialect", options.dialect, f"{how}, and is there then", found)
    same = (options.method, options.chunk_format)
    others = [
        trial.visit.options.dialect
        for trial in trials
        if trial is not best
        and trial.outcome is Outcome.ACCEPTED
        and (trial.visit.options.method, trial.visit.options.chunk_format) == same
    ]
    if others:
        how = f"{options.dialect} was accepted, and so was {', '.join(others)}"
        return Finding("dialect", None, how, found)
    return Finding("dialect", options.dialect, f"{how}, and with no other ones", found)


async def _find_method(best: Trial, specimens: Specimens) -> tuple[Trial, Finding]:
    """How a chunk is sent, and the trial of that."""
    visit = best.visit
    options = visit.options
    name = "base64" if options.chunk_format == "base64" else options.method
    found: dict[str, object] = {"method": options.method}
    if name == "base64":
        found["chunk_format"] = name
    if name != "multipart":
        how = f"other formats were refused, this one was accepted ({best.sent.code})"
        return best, Finding("format", name, how, found)
    misnamed = await try_out(visit, specimens, part=f"not-{options.names.file}")
    if misnamed.outcome < best.outcome:
        how = f"a form is taken; one whose part has another name is not ({misnamed.sent.said})"
        return best, Finding("format", name, how, found)
    bare = await try_out(visit.otherwise(method="octet"), specimens)
    if bare.outcome < best.outcome:
        how = "a form is taken, whatever the name of its part is; a bare chunk is not"
        return best, Finding("format", name, how, found)
    how = "a bare chunk is taken; forms are too, but nothing in them is looked at"
    return bare, Finding("format", "octet", how, {"method": "octet"})

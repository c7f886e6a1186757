"""
What is asked of a server that takes chunks: tests, parameters, digests, folders.
"""

from __future__ import annotations

from hashlib import sha256

from attrs import frozen

from .diagnosis import Finding
from .kind import Outcome, Trial, try_out
from .specimen import CHUNK, Specimens
from .visit import Visit

__all__ = [
    "Patient",
    "find_absent",
    "find_checksum",
    "find_folders",
    "find_list",
    "find_parameters",
    "find_resuming",
]

_FOLDER = "txresumable-doctor"


@frozen
class Patient:
    """
    A server that takes chunks.

    :ivar trial: of the way in which it does.
    :ivar specimens: the files that it is examined with.
    """

    trial: Trial
    specimens: Specimens

    @property
    def visit(self) -> Visit:
        """The way."""
        return self.trial.visit

    @property
    def can_ask(self) -> bool:
        """Whether it can be asked which chunks it has."""
        return self.trial.outcome is Outcome.PROVEN


def find_absent(patient: Patient) -> Finding:
    """How it says that it does not have a chunk."""
    trial, options = patient.trial, patient.visit.options
    if not trial.can_ask:
        how = f"a test of a file that does not exist says that it is there ({trial.before.code})"
        return Finding("absent", None, how, {"test_chunks": False})
    code = trial.before.code
    how = f"a test of a file that does not exist was responded to with {trial.before.said}"
    if code not in options.test_permanent:
        return Finding("absent", str(code), how)
    how += f", which fails a file in the dialect {options.dialect}"
    others = sorted(options.test_permanent - {code})
    return Finding(
        "absent", str(code), how, {"permanent_errors": others} if patient.can_ask else {}
    )


async def find_resuming(patient: Patient) -> Finding:
    """Whether an upload can go on where it ended."""
    trial, visit = patient.trial, patient.visit
    if not patient.can_ask:
        value = None if not trial.can_ask else "no"
        how = f"chunk 1 was accepted, and a test of it was responded to with {trial.after.said}"
        return Finding("resumes", value, how, {"test_chunks": False})
    specimen = patient.specimens.make(3 * CHUNK)
    await visit.upload(specimen, 1)
    again = await visit.upload(specimen, 1)
    how = (
        f"chunk 1 was sent, and is there ({trial.after.code}); chunk 2 was not, and is not "
        f"({trial.other.code}); chunk 1 once more: {again.code}"
    )
    return Finding("resumes", "yes" if visit.holds(again) else "yes, but no chunk twice", how)


async def find_parameters(patient: Patient) -> Finding:
    """Where it reads parameters from."""
    visit, specimens = patient.visit, patient.specimens
    if visit.options.method == "octet":
        return Finding("parameters", "URL", "a bare chunk has no other place for them")
    url = await try_out(visit, specimens, in_url=True, in_body=False)
    body = await try_out(visit, specimens, in_url=False, in_body=True)
    enough = patient.trial.outcome
    places = [place for place, trial in (("URL", url), ("body", body)) if trial.outcome >= enough]
    how = f"chunk 1 with them in the URL only: {_shown(url)}; in the body only: {_shown(body)}"
    return Finding("parameters", " or ".join(places) or "URL and body", how)


def _shown(trial: Trial) -> str:
    there = {Outcome.PROVEN: "there", Outcome.ACCEPTED: "accepted", Outcome.REFUSED: "refused"}
    return f"{there[trial.outcome]} ({trial.sent.code})"


async def find_checksum(patient: Patient) -> Finding:
    """Whether it compares digests."""
    visit = patient.visit
    specimen = patient.specimens.make(3 * CHUNK)
    content = specimen.chunk(1)
    wrong = await visit.upload(specimen, 1, checksum=sha256(content + b"!").hexdigest())
    if visit.holds(wrong):
        return Finding(
            "checksum", "no", f"a chunk with a wrong SHA-256 was accepted ({wrong.code})"
        )
    right = await visit.upload(specimen, 1, checksum=sha256(content).hexdigest())
    if not visit.holds(right):
        return Finding("checksum", "no", f"a chunk with its SHA-256 was refused ({right.said})")
    how = f"a chunk with a wrong SHA-256 was refused ({wrong.code}), with the right one it was not"
    return Finding("checksum", "sha256", how, {"checksum": "sha256"})


def find_list(patient: Patient) -> Finding:
    """Whether it tells of all chunks at once."""
    if patient.can_ask and patient.trial.after.header("Resumable-Stored") is not None:
        how = "a test was responded to with all chunks that are there (Resumable-Stored)"
        return Finding("list", "yes", how, {"test_chunks": "adaptive"})
    return Finding("list", "no", "no response had Resumable-Stored")


async def find_folders(patient: Patient) -> Finding:
    """Whether it keeps folders."""
    visit = patient.visit
    specimen = patient.specimens.make(CHUNK, folder=_FOLDER)
    reply = await visit.upload(specimen, 1)
    if not visit.holds(reply):
        how = f"a file in a folder was refused with {reply.said}"
        return Finding("folders", "refused", how)
    shown = f"{reply.response.text} {reply.header('Location') or ''}".replace("\\/", "/")
    if specimen.facts.relative_path in shown:
        return Finding("folders", "kept", "the response names the file with its folder")
    how = "a file in a folder was accepted; the response does not say where it is"
    return Finding("folders", None, how)

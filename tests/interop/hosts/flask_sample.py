"""
A receiver that works as the two Flask samples of resumable.js do, under gunicorn: absent is 404.

Both keep a chunk in a file of its own, and append all of them to the finished file, which they do
not empty before: ``all`` when every chunk is there, which two requests may find at once; ``last``
when a chunk comes that ends within one chunk's size of the end, as if all others had to be there.
Neither is ready for another worker that makes the folder for the chunks at the same time: that is
500.

``renaming`` is ``all`` as it should be: what is written has a name of its own until it is whole, so
that whatever comes twice, at once or later, takes the place of the same.
"""

# mypy: ignore-errors
from __future__ import annotations

import contextlib
import os
import sys
import uuid
from pathlib import Path

from flask import Flask, abort, request
from gunicorn_site import Site
from report import folders

stored, chunks = folders("stored", "chunks")
app = Flask(__name__)


@app.get("/upload")
def test():
    """Whether a chunk is there."""
    return (
        "OK"
        if chunk(request.args, int(request.args["resumableChunkNumber"])).is_file()
        else abort(404)
    )


@app.post("/upload")
def upload():
    """Take a chunk."""
    fields = request.form
    number = int(fields["resumableChunkNumber"])
    path = chunk(fields, number)
    if "renaming" in sys.argv:
        return upload_and_rename(fields, path)
    if not path.parent.is_dir():
        path.parent.mkdir()
    request.files["file"].save(path)
    if "last" in sys.argv:
        end = number * int(fields["resumableChunkSize"]) + int(fields["resumableCurrentChunkSize"])
        if end >= int(fields["resumableTotalSize"]):
            finish(fields, number)
    elif all(chunk(fields, each).exists() for each in range(1, total(fields) + 1)):
        finish(fields, total(fields))
    return "OK"


def upload_and_rename(fields, path: Path):
    """Take a chunk, and put the file together, under other names first."""
    paths = [chunk(fields, each) for each in range(1, total(fields) + 1)]
    one, whole = (chunks / f"{uuid.uuid4()}.part" for _ in range(2))
    request.files["file"].save(one)
    while True:
        path.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # as it was just removed
            os.replace(one, path)
            break
    try:
        with whole.open("wb") as file:
            for each in paths:
                file.write(each.read_bytes())
    except FileNotFoundError:  # one is missing still, or another request has done all of this
        whole.unlink()
        return "OK"
    os.replace(whole, stored / fields["resumableFilename"])
    for each in paths:
        each.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        path.parent.rmdir()
    return "OK"


def finish(fields, count: int) -> None:
    """Append the chunks to the finished file, one after the other."""
    with (stored / fields["resumableFilename"]).open("ab") as file:
        for path in (chunk(fields, number) for number in range(1, count + 1)):
            file.write(path.read_bytes())
            path.unlink()
    path.parent.rmdir()


def total(fields) -> int:
    """How many chunks there are."""
    return int(fields["resumableTotalChunks"])


def chunk(fields, number: int) -> Path:
    """The file of a chunk."""
    return (
        chunks / fields["resumableIdentifier"] / f"{fields['resumableFilename']}_part_{number:03}"
    )


if __name__ == "__main__":
    Site(app, "resumable").run()

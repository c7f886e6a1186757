"""
libcurl's multi interface by pycurl: raw bodies, read by a callback, or forms.

With libcurl's own size of the buffer for uploads (64 KiB), or with the one that is given. With
``form`` libcurl writes the same form as resumable.js sends: nine fields, which are in the URL as
well, and the chunk as a file, which is read into memory for it.
"""

import os
import sys
from typing import Any

import pycurl
from job import Job, Meter, Piece

FORM = "form" in sys.argv[1:]
BUFFER = int(sys.argv[1]) if len(sys.argv) > 1 and not FORM else 64 * 1024


class Transfer:
    """One easy handle, which sends one request after another."""

    def __init__(self, job: Job) -> None:
        self.curl = curl = pycurl.Curl()
        curl.setopt(pycurl.CAINFO, job.certificate)
        curl.setopt(pycurl.WRITEFUNCTION, len)
        if FORM:
            curl.setopt(pycurl.HTTPHEADER, ["Expect:"])
        else:
            curl.setopt(pycurl.READFUNCTION, self.read)
            curl.setopt(pycurl.HTTPHEADER, ["Expect:", "Content-Type: application/octet-stream"])
        curl.setopt(pycurl.UPLOAD_BUFFERSIZE, BUFFER)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        self.testing = False

    def begin(self, piece: Piece, testing: bool) -> None:
        """Set the handle up for a chunk's test, or for the chunk itself."""
        self.piece, self.testing = piece, testing
        self.position, self.end = piece.offset, piece.offset + piece.size
        self.curl.setopt(pycurl.URL, piece.url)
        if testing:
            self.curl.setopt(pycurl.HTTPGET, 1)
        elif FORM:
            self.curl.setopt(pycurl.HTTPPOST, self.form(piece))
        else:
            self.curl.setopt(pycurl.POST, 1)
            self.curl.setopt(pycurl.POSTFIELDSIZE_LARGE, piece.size)

    def form(self, piece: Piece) -> list[tuple[str, Any]]:
        """The parts of a body; libcurl neither copies the chunk nor encodes anything before."""
        number, name = piece.offset // piece.size + 1, dict(piece.fields)["resumableFilename"]
        part = (
            *(pycurl.FORM_BUFFER, name),
            *(pycurl.FORM_BUFFERPTR, piece.read()),
            *(pycurl.FORM_CONTENTTYPE, "application/octet-stream"),
        )
        return [("resumableChunkNumber", str(number)), *piece.fields, ("file", part)]

    def read(self, most: int) -> bytes:
        """The next bytes of the body."""
        data = os.pread(self.piece.descriptor, min(most, self.end - self.position), self.position)
        self.position += len(data)
        return data


def run(job: Job) -> None:
    """Send everything."""
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAXCONNECTS, job.at_once)
    pieces = job.pieces()
    transfers = {}
    for _, piece in zip(range(job.at_once), pieces, strict=False):
        transfer = Transfer(job)
        transfers[transfer.curl] = transfer
        transfer.begin(piece, job.test_chunks)
        multi.add_handle(transfer.curl)
    running = len(transfers)
    while running:
        multi.perform()
        _, good, bad = multi.info_read()
        if bad:
            raise SystemExit(f"libcurl failed: {bad}")
        for curl in good:
            transfer = transfers[curl]
            status = curl.getinfo(pycurl.RESPONSE_CODE)
            multi.remove_handle(curl)
            if transfer.testing and status != 200:
                transfer.begin(transfer.piece, False)
            elif status == 200 and (piece := next(pieces, None)):
                transfer.begin(piece, job.test_chunks)
            elif status == 200:
                running -= 1
                continue
            else:
                raise SystemExit(f"status {status}")
            multi.add_handle(curl)
        if not good:
            multi.select(1.0)


job = Job.read()
meter = Meter()
meter.start()
run(job)
meter.stop()

"""
PyPI's ``dash-uploader-ng``, which speaks flow.js, on a bare Flask application: absent is 204.

Werkzeug's server answers one request at a time and closes each connection; with ``--threads`` it
keeps connections and answers each in a thread of its own.
"""

# mypy: ignore-errors
from __future__ import annotations

import logging
import sys

import dash_uploader_ng
from flask import Flask, request
from report import folders, say, say_request
from werkzeug.serving import make_server

(stored,) = folders("stored")
app = Flask(__name__)
dash_uploader_ng.configure_upload(app, str(stored), use_upload_id=False, upload_api="/upload")


@app.after_request
def report(response):
    """Tell about each request before its reply is sent."""
    say_request(request, response, "flow")
    return response


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded="--threads" in sys.argv)
    say(port=server.server_port)
    server.serve_forever()

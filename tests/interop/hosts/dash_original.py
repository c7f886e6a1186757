"""
PyPI's ``dash-uploader``, as its page shows: 0.6 speaks resumable.js, and 0.7 flow.js.

It has a folder for each upload component, from which files are moved when they are whole. Each
request is answered in a thread of its own.
"""

# mypy: ignore-errors
from __future__ import annotations

import logging

import dash
import dash_uploader
from flask import request
from report import folders, say, say_request
from werkzeug.serving import make_server

stored, uploads = folders("stored", "uploads")
prefix = "resumable" if dash_uploader.__version__.startswith("0.6") else "flow"
app = dash.Dash()
app.layout = dash.html.Div()
dash_uploader.configure_upload(app, str(uploads), upload_api="/upload")


@app.server.after_request
def report(response):
    """Tell about each request, and move what is whole, before its reply is sent."""
    for path in uploads.glob("*/*"):
        if path.is_file():
            path.rename(stored / path.name)
    say_request(request, response, prefix)
    return response


if __name__ == "__main__":
    for name in ("werkzeug", "dash_uploader", "dash_uploader.httprequesthandler"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    server = make_server("127.0.0.1", 0, app.server, threaded=True)
    say(port=server.server_port)
    server.serve_forever()

"""
PyPI's ``dash-uploader`` under gunicorn: 0.6.1 speaks resumable.js, and 0.7 speaks flow.js.

The GET of 0.6 answers an absent chunk with 404, but that is logged as an error and lost: the reply
is 500.  That of 0.7 looks for a file in every request, so that its reply is always 500.
"""

# mypy: ignore-errors
from __future__ import annotations

import sys

import dash
import dash_uploader
from gunicorn_site import Site
from report import folders

(stored,) = folders("stored")
app = dash.Dash(__name__)
app.layout = dash.html.Div()
dash_uploader.configure_upload(app, str(stored), use_upload_id=False, upload_api="/upload")

if __name__ == "__main__":
    Site(app.server, sys.argv[2]).run()

"""
PyPI's ``dash-uploader`` 0.6.1, which speaks resumable.js, under gunicorn.

Its GET answers an absent chunk with 404, but that is logged as an error and lost: the reply is 500.
"""

# mypy: ignore-errors
from __future__ import annotations

import dash
import dash_uploader
from gunicorn_site import Site
from report import folders

(stored,) = folders("stored")
app = dash.Dash(__name__)
app.layout = dash.html.Div()
dash_uploader.configure_upload(app, str(stored), use_upload_id=False, upload_api="/upload")

if __name__ == "__main__":
    Site(app.server, "resumable").run()

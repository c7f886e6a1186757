"""
What the two Django hosts share: settings, a report of each request, and Django's own WSGI server.

That server answers one request at a time and closes each connection, as one synchronous worker of
a usual deployment does; with ``--threads`` it keeps connections and answers each in a thread of
its own.
"""

# mypy: ignore-errors
from __future__ import annotations

import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler, WSGIServer
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest
from django.middleware.csrf import get_token
from report import say


def configure(root: Path, *, apps=(), middleware=(), **others) -> None:
    """Configure Django; the module that is run is also the one with the routes."""
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1", "localhost"],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(root / "db.sqlite3")}
        },
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
            *apps,
        ],
        MIDDLEWARE=[
            "django_site.report_requests",
            # tells a reply's length, without which no connection is kept
            "django.middleware.common.CommonMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            *middleware,
        ],
        ROOT_URLCONF="__main__",
        SECRET_KEY="not a secret: this site lives for one test",
        USE_TZ=True,
        **others,
    )
    django.setup()


def report_requests(get_response):
    """Tell about each request before its reply is sent."""

    def middleware(request):
        response = get_response(request)
        fields = request.GET if request.method == "GET" else request.POST
        chunk = int(fields.get("resumableChunkNumber", 0))
        say(
            method=request.method,
            chunk=chunk,
            status=response.status_code,
            text=response.content.decode("utf-8", "replace")[:200],
            file_name=fields.get("resumableFilename"),
        )
        return response

    return middleware


def csrf_headers(**cookies: str) -> dict[str, str]:
    """The headers of a client that has been given a form: a token and its cookie."""
    request = HttpRequest()
    token = get_token(request)
    cookies["csrftoken"] = request.META["CSRF_COOKIE"]
    return {
        "X-CSRFToken": token,
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
    }


class QuietHandler(WSGIRequestHandler):
    """Does not log requests, which are reported already."""

    def log_message(self, *args) -> None:
        pass


def serve(**ready: object) -> None:
    """Say where the site is, with what clients must send, and serve it from then on."""
    server = (ThreadedWSGIServer if "--threads" in sys.argv else WSGIServer)(
        ("127.0.0.1", 0), QuietHandler
    )
    server.set_app(get_wsgi_application())
    say(port=server.server_port, **ready)
    server.serve_forever()

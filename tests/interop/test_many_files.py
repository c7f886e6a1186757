"""
Several files at once to every receiver, again and again.

``INTEROP_RUNS`` says how often; ``make interop`` prints the figures.
"""

from __future__ import annotations

from attrs import evolve

from . import scenarios
from .receivers import (
    DASH_FLOW,
    DASH_RESUMABLE,
    DASH_UPLOADER,
    DJANGO_ASYNC,
    DJANGO_RESUMABLE,
    FLASK_ALL,
    FLASK_LAST,
    FLOWJS_NODE,
    FLOWJS_TORNADO,
    RESUMABLEJS_JAVA,
    RESUMABLEJS_NODE,
    RESUMABLEJS_PHP,
    SIMPLE_UPLOADER,
)


class FlaskAllTests(scenarios.ManyFiles):
    """The Flask sample that looks whether all chunks are there, in four processes."""

    receiver = FLASK_ALL
    options = {"server": "flask-sample"}


class FlaskAllByDefaultTests(scenarios.ManyFiles):
    """The same for a client that does not know what it is: 500 is an error."""

    receiver = FLASK_ALL
    fails = True


class FlaskLastTests(scenarios.ManyFiles):
    """The other one, which takes the last chunk for the end."""

    receiver = FLASK_LAST
    options = {"server": "flask-page"}


class FlaskThreadsTests(scenarios.ManyFiles):
    """The first one with four threads in each process, and persistent connections."""

    receiver = evolve(FLASK_ALL, flags=("all", "--threads"))
    options = {"server": "flask-sample"}


class DashUploaderTests(scenarios.ManyFiles):
    """PyPI's ``dash-uploader`` 0.6.1 in four processes."""

    receiver = DASH_RESUMABLE
    options = {"server": "dash-uploader"}


class DashUploaderByDefaultTests(scenarios.ManyFiles):
    """The same for a client that does not know what it is."""

    receiver = DASH_RESUMABLE
    fails = True


class DashUploaderFlowTests(scenarios.ManyFiles):
    """PyPI's ``dash-uploader`` 0.7.0a2, which speaks flow.js, in four processes."""

    receiver = DASH_FLOW
    options = {"server": "dash-uploader-0.7"}


class DashUploaderNgTests(scenarios.ManyFiles):
    """PyPI's ``dash-uploader-ng``, each connection in a thread."""

    receiver = evolve(DASH_UPLOADER, flags=("--threads",))
    options = {"server": "dash-uploader-ng"}


class DjangoAsyncTests(scenarios.ManyFiles):
    """PyPI's ``django-resumable-async-upload``, each connection in a thread."""

    receiver = evolve(DJANGO_ASYNC, flags=("--threads",))
    options = {"server": "django-resumable-async-upload"}


class DjangoResumableTests(scenarios.ManyFiles):
    """PyPI's ``django-resumable``, each connection in a thread."""

    receiver = evolve(DJANGO_RESUMABLE, flags=("--threads",))
    options = {"server": "django-resumable"}


class FlowJsNodeTests(scenarios.ManyFiles):
    """npm's ``@flowjs/flow.js``."""

    receiver = FLOWJS_NODE
    options = {"server": "flow-node-sample"}


class FlowJsTornadoTests(scenarios.ManyFiles):
    """PyPI's ``flowjs`` in Tornado."""

    receiver = FLOWJS_TORNADO
    options = {"server": "flowjs"}


class ResumableJsJavaTests(scenarios.ManyFiles):
    """The servlet that comes with npm's ``resumablejs``."""

    receiver = RESUMABLEJS_JAVA
    options = {"server": "java-sample-1.1"}


class ResumableJsNodeTests(scenarios.ManyFiles):
    """npm's ``resumablejs``."""

    receiver = RESUMABLEJS_NODE
    options = {"server": "node-sample"}


class ResumableJsPhpTests(scenarios.ManyFiles):
    """The PHP sample that comes with it, in four processes."""

    receiver = RESUMABLEJS_PHP
    options = {"server": "php-sample"}


class SimpleUploaderTests(scenarios.ManyFiles):
    """The receiver after simple-uploader.js's page."""

    receiver = SIMPLE_UPLOADER
    options = {"server": "simple-uploader"}

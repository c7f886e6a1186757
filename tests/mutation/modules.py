"""
Which tests have to notice faults in which module; the quickest come first.
"""

from __future__ import annotations

__all__ = ["TESTS"]

TESTS: dict[str, tuple[str, ...]] = {
    "_protocol/layout": ("tests.test_layout",),
    "_protocol/dialect": ("tests.test_dialect",),
    "_protocol/ranges": ("tests.test_ranges",),
    "_protocol/url": ("tests.test_url",),
    "_protocol/encoding": ("tests.test_encoding", "tests.test_request"),
    "_protocol/request": ("tests.test_request",),
    "_protocol/outline": ("tests.test_request",),
    "_protocol/template": ("tests.test_request",),
    "retry": ("tests.test_retry",),
    "identifiers": ("tests.test_identifiers",),
    "_source/directory": ("tests.test_directory",),
    "_source/mediatype": ("tests.test_mediatype",),
    "_source/scratch": ("tests.test_scratch",),
    "_source/source": ("tests.test_source",),
    "_source/descriptor": ("tests.test_source",),
    "_source/identity": ("tests.test_source",),
    "_source/fileobject": ("tests.test_source",),
    "_engine/relay": ("tests.test_relay",),
    "_engine/filters": ("tests.test_rules",),
    "options": ("tests.test_options",),
    "_policy/limiter": ("tests.test_limiter",),
    "_policy/slots": ("tests.test_slots",),
    "_policy/concurrency": ("tests.test_concurrency",),
    "_policy/outage": ("tests.test_outage",),
    "_engine/queue": ("tests.test_queue",),
    "_engine/turn": ("tests.test_turn",),
    "_runtime/observers": ("tests.test_observers",),
    "_engine/feed": ("tests.test_feed",),
    "uploader": (
        "tests.test_steering",
        "tests.test_turn",
        "tests.test_dispatcher",
        "tests.test_uploader",
        "tests.test_intake",
        "tests.test_outage",
        "tests.test_delivery",
        "tests.test_file",
        "tests.test_feed",
    ),
    "_engine/scheduler": (
        "tests.test_dispatcher",
        "tests.test_turn",
        "tests.test_uploader",
        "tests.test_outage",
        "tests.test_delivery",
    ),
    "_engine/ledger": ("tests.test_file", "tests.test_uploader"),
    "_engine/file": (
        "tests.test_file",
        "tests.test_upload",
        "tests.test_outage",
        "tests.test_delivery",
        "tests.test_dispatcher",
        "tests.test_uploader",
    ),
    "_engine/chunk": ("tests.test_file", "tests.test_uploader"),
    "_engine/attempt": ("tests.test_delivery", "tests.test_uploader", "tests.test_intake"),
    "_engine/admission": ("tests.test_intake", "tests.test_steering", "tests.test_uploader"),
}

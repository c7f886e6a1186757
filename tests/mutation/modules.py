"""
Which tests have to notice faults in which module; the quickest come first.
"""

from __future__ import annotations

__all__ = ["TESTS"]

TESTS: dict[str, tuple[str, ...]] = {
    "chunks": ("tests.test_chunks",),
    "protocol": ("tests.test_protocol",),
    "escaping": ("tests.test_protocol",),
    "rendering": ("tests.test_protocol",),
    "retry": ("tests.test_retry",),
    "identifiers": ("tests.test_identifiers",),
    "mediatype": ("tests.test_mediatype",),
    "rules": ("tests.test_rules",),
    "options": ("tests.test_options",),
    "limiter": ("tests.test_limiter",),
    "slots": ("tests.test_slots",),
    "concurrency": ("tests.test_concurrency",),
    "outage": ("tests.test_outage",),
    "queue": ("tests.test_queue",),
    "observers": ("tests.test_observers",),
    "feed": ("tests.test_feed",),
    "uploader": (
        "tests.test_steering",
        "tests.test_dispatcher",
        "tests.test_uploader",
        "tests.test_intake",
        "tests.test_outage",
        "tests.test_delivery",
        "tests.test_file",
        "tests.test_feed",
    ),
    "dispatcher": (
        "tests.test_dispatcher",
        "tests.test_uploader",
        "tests.test_outage",
        "tests.test_delivery",
    ),
    "course": ("tests.test_file", "tests.test_uploader"),
    "file": (
        "tests.test_file",
        "tests.test_upload",
        "tests.test_outage",
        "tests.test_delivery",
        "tests.test_dispatcher",
        "tests.test_uploader",
    ),
    "chunk": ("tests.test_file", "tests.test_uploader"),
    "delivery": ("tests.test_delivery", "tests.test_uploader", "tests.test_intake"),
    "intake": ("tests.test_intake", "tests.test_steering", "tests.test_uploader"),
}

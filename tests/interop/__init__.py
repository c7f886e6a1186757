"""
Uploads to receivers that other people wrote, over loopback TCP, compared byte for byte.

``python -m tests.interop`` fetches the receivers and runs these tests; ``python -m
tests.interop.install`` only fetches them.  Where they have not been fetched the tests are skipped,
unless ``CI`` or ``INTEROP_REQUIRED`` is set: then each of them fails.
"""

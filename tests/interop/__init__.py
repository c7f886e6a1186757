"""
Uploads to receivers that other people wrote, and to ours from clients that other people wrote, over
loopback TCP, compared byte for byte.

``python -m tests.interop`` fetches them and runs these tests; ``python -m tests.interop.install``
only fetches them.  A browser is fetched in CI (where ``CI`` is set), or with ``python -m
tests.interop.install --browser``.  Where something has not been fetched its tests are skipped;
under ``python -m tests.interop``, which sets ``INTEROP_REQUIRED``, each of them fails instead.
"""

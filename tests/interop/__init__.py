"""
Uploads to receivers that other people wrote, and to ours from clients that other people wrote, over
loopback TCP, compared byte for byte.

``python -m tests.interop`` fetches them and runs these tests; ``python -m tests.interop.install``
only fetches them, and programs of the system (a browser, nginx) only with ``--system``, or in CI,
where ``CI`` is set.  Where something has not been fetched its tests are skipped;
under ``python -m tests.interop``, which sets ``INTEROP_REQUIRED``, each of them fails instead.
"""

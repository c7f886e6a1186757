"""
Uploads to receivers that other people wrote, over loopback TCP, compared byte for byte.

``python -m tests.interop`` fetches the receivers and runs these tests; ``python -m
tests.interop.install`` only fetches them.  Where they have not been fetched the tests are skipped;
under ``python -m tests.interop``, which sets ``INTEROP_REQUIRED``, each of them fails instead.
"""

"""The tests of txresumable; `trial tests` runs them all."""

import os

from hypothesis import HealthCheck, settings

# Servers and clients of the tests are on loopback, which no proxy knows.
for _name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[_name]

# The same examples in every run, and no clock: the machine may be busy with other things.
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

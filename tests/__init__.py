"""The tests of txresumable; `trial tests` runs them all."""

from hypothesis import HealthCheck, settings

# The same examples in every run, and no clock: the machine may be busy with other things.
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

"""Property tests are bounded by their number of examples, not by the clock of a busy machine."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "normalizers",
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("normalizers")

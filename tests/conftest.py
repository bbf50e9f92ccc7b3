"""Property tests try the same examples in every run, so that a change and not the day decides whether they pass.

`EASEL_EXPLORE=1 make test` tries new ones.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "easel",
    deadline=None,  # bounded by the number of examples, not by the clock of a busy machine
    database=None,
    derandomize="EASEL_EXPLORE" not in os.environ,  # noqa: TID251 - a switch of the tests, not a setting
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("easel")

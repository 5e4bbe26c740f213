"""Settings that all tests share."""

import os

from hypothesis import settings

# A time limit for each example would fail on a busy machine rather than on a wrong program.
# In continuous integration the examples are always the same: a failure belongs to the change.
settings.register_profile("skmlp", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("skmlp")

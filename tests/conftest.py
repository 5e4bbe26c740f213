"""Settings that all tests share."""

import os
import signal

import pytest
from hypothesis import settings

# A time limit for each example would fail on a busy machine rather than on a wrong program.
# In continuous integration the examples are always the same: a failure belongs to the change.
settings.register_profile("skmlp", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("skmlp")


@pytest.fixture
def interactive_session():
    """Give Ctrl-C its usual meaning; a test run in the background may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    after = signal.signal(signal.SIGINT, before)
    assert after is signal.default_int_handler

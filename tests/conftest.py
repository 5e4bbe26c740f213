"""Settings that all tests share."""

import os
import signal
import tracemalloc

import pytest
from hypothesis import settings

# A time limit for each example would fail on a busy machine rather than on a wrong program.
# In continuous integration the examples are always the same: a failure belongs to the change.
settings.register_profile("skmlp", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("skmlp")


@pytest.fixture
def traced():
    """Return a function that returns a call's result, and the bytes it had allocated at its peak.

    Of Python's and NumPy's memory, which is the same in every run; not of that of libraries in C.
    """

    def call(function, *arguments):
        tracemalloc.start()
        try:
            result = function(*arguments)
            return result, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return call


@pytest.fixture
def interactive_session():
    """Give Ctrl-C its usual meaning; a test run in the background may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    after = signal.signal(signal.SIGINT, before)
    assert after is signal.default_int_handler

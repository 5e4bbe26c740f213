"""The tests of the compiled road need it."""

import pytest

collect_ignore_glob = []
try:
    from skmlp._fast import _executor  # noqa: F401
except ImportError:
    collect_ignore_glob = ["test_executor.py", "test_epochs.py", "test_program.py"]


@pytest.fixture
def on_road(monkeypatch):
    """Return a function that fits a copy of a model on a road and returns it."""
    from sklearn.base import clone

    def fit(road, model, *data):
        monkeypatch.setenv("SKMLP_ROAD", road)
        fitted = clone(model).fit(*data)
        assert fitted.road_ == road
        return fitted

    return fit

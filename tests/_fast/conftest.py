"""What the tests of the compiled road share."""

import pytest
from sklearn.base import clone


@pytest.fixture
def on_road(monkeypatch):
    """Return a function that fits a copy of a model on a road and returns it."""

    def fit(road, model, *data):
        monkeypatch.setenv("SKMLP_ROAD", road)
        fitted = clone(model).fit(*data)
        assert fitted.road_ == road
        return fitted

    return fit

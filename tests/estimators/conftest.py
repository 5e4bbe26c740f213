"""Data and solvers that the tests of the estimators share. No estimator may write to the data."""

import numpy as np
import pytest
from sklearn.datasets import load_iris


def read_only(*arrays):
    for array in arrays:
        array.flags.writeable = False
    return arrays


@pytest.fixture(params=["newton", "lbfgs", "sgd"])
def solver(request):
    return request.param


@pytest.fixture(scope="session")
def iris():
    """The flowers as they are: three classes, sorted, features of different scale."""
    return read_only(*load_iris(return_X_y=True))


@pytest.fixture(scope="session")
def clouds():
    """Three classes of different size that overlap, 4 features of about unit scale."""
    rng = np.random.default_rng(0)
    y = rng.choice(3, size=150, p=[0.5, 0.3, 0.2])
    X = rng.normal(size=(3, 4))[y] + rng.normal(size=(150, 4))
    return read_only(X, y)


@pytest.fixture(scope="session")
def two_clouds(clouds):
    """The first two of the clouds."""
    X, y = clouds
    return read_only(X[y < 2], y[y < 2])


@pytest.fixture
def readable_road(monkeypatch):
    """Keep to NumPy: what a test watches or counts there is not called on the compiled road."""
    monkeypatch.setenv("SKMLP_ROAD", "readable")

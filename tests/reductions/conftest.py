"""Data and bases that the tests of the reductions share. No estimator may write to the data."""

from typing import ClassVar

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from skmlp import (
    ECOCClassifier,
    OneVsAllClassifier,
    OneVsOneClassifier,
    TreeReductionClassifier,
)


def read_only(*arrays):
    for array in arrays:
        array.flags.writeable = False
    return arrays


@pytest.fixture(
    params=[OneVsAllClassifier, OneVsOneClassifier, ECOCClassifier, TreeReductionClassifier],
    ids=lambda reduction: reduction.__name__,
)
def reduction(request):
    return request.param


@pytest.fixture
def undemanding(reduction):
    """Return parameters with which the reduction asks nothing of the rows."""
    return {"tree": "balanced"} if reduction is TreeReductionClassifier else {}


@pytest.fixture(scope="session")
def groups():
    """Four classes of different size that overlap, 5 features of about unit scale."""
    rng = np.random.default_rng(0)
    y = rng.choice(4, size=160, p=[0.4, 0.3, 0.2, 0.1])
    X = 0.8 * rng.normal(size=(4, 5))[y] + rng.normal(size=(160, 5))
    return read_only(X, y)


@pytest.fixture(scope="session")
def two_groups(groups):
    """The first two of the groups."""
    X, y = groups
    return read_only(X[y < 2], y[y < 2])


@pytest.fixture(scope="session")
def words():
    """Short texts that name their class, and the names."""
    rng = np.random.default_rng(0)
    names = rng.choice(["ant", "bee", "cat"], size=60)
    return [
        f"{rng.choice(['a', 'the'])} {name} {rng.choice(['sat', 'ran'])}" for name in names
    ], names


@pytest.fixture
def spy():
    """Return a new kind of naive Bayes that notes what it is given.

    Attributes of the class: `fits` are the tuples of X, y and sample_weight of each fit, `asked`
    the rows of each question.
    """

    class Spy(GaussianNB):
        fits: ClassVar = []
        asked: ClassVar = []

        def fit(self, X, y, sample_weight=None):
            self.fits.append((X, y, sample_weight))
            return super().fit(X, y, sample_weight)

        def predict_proba(self, X):
            self.asked.append(X)
            return super().predict_proba(X)

    return Spy

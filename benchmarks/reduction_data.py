"""Rows for the benchmarks of the reductions: scaled, and not too many."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler

from benchmarks import datasets

# The penalty C of LogisticRegression: its default, and that for text.
STRENGTH, TEXT_STRENGTH = 1.0, 10.0
MOST_TEST_ROWS = 10_000


@dataclass(frozen=True)
class Split:
    """Training and test rows."""

    X: Any
    y: np.ndarray
    X_test: Any
    y_test: np.ndarray

    @property
    def n_classes(self):
        """Number of classes that have rows to train on."""
        return len(np.unique(self.y))

    @property
    def is_text(self):
        """Whether the rows are sparse."""
        return sp.issparse(self.X)

    @property
    def strength(self):
        """The penalty C that suits the rows."""
        return TEXT_STRENGTH if self.is_text else STRENGTH


def prepared(name, folder, most_rows, seed=0):
    """Return scaled training rows, so many at most, and test rows; other seeds take others."""
    data = datasets.load(name, folder, seed=seed)
    rng = np.random.default_rng(seed)
    train = rng.permutation(data.train)[:most_rows]
    test = rng.permutation(data.test)[:MOST_TEST_ROWS]
    test = test[np.isin(data.y[test], data.y[train])]
    scaler = TfidfTransformer(sublinear_tf=True) if sp.issparse(data.X) else StandardScaler()
    X = scaler.fit_transform(data.X[train].astype(np.float32))
    X_test = scaler.transform(data.X[test].astype(np.float32))
    return Split(X, data.y[train], X_test, data.y[test])


def alpha_for(n_samples, strength):
    """Return the penalty of SoftmaxRegression that equals the C of LogisticRegression."""
    return 1 / (2 * n_samples * strength)

"""Vowpal Wabbit as a classifier: one class against the rest, logistic loss, plain steps."""

import tempfile
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import vowpalwabbit


class Wabbit:
    """Passes over a cache in Vowpal Wabbit's own format, made before any clock is on.

    Parameters
    ----------
    X, y : array or CSR array, and ndarray
        The rows to train on; ``fit`` takes no others.
    n_epochs : int
        Passes over the rows.
    rate : float
        Learning rate. A constant one did better on text than the adaptive ones.
    alpha : float
        L2 penalty of a step.
    fit_intercept : bool
        Whether the model has an intercept.
    """

    def __init__(self, X, y, *, n_epochs, rate, alpha, fit_intercept=True):
        self.classes, codes = np.unique(y, return_inverse=True)
        n_bits = max(18, int(np.ceil(np.log2(X.shape[1] * len(self.classes)))) + 1)
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "rows.txt"
        # Each pass goes through the rows in the same order.
        order = np.random.default_rng(0).permutation(len(codes))
        with path.open("w") as file:
            for code, features in zip(codes[order], texts(X[order]), strict=True):
                file.write(f"{code + 1} | {features}\n")
        self.model = (
            f"--oaa {len(self.classes)} --loss_function logistic --sgd -l {rate} --power_t 0 "
            f"--l2 {alpha} -b {n_bits} --quiet" + ("" if fit_intercept else " --noconstant")
        )
        self.source = f"-d {path} --cache_file {path}.cache"
        self.passes = f"--passes {n_epochs} --holdout_off"
        vowpalwabbit.Workspace(f"{self.model} {self.source} -k").finish()

    def fit(self, X, y):
        """Train from the beginning."""
        self.workspace = vowpalwabbit.Workspace(f"{self.model} {self.source} {self.passes}")

    def predict(self, X):
        """Return the most likely class of each row."""
        answers = [self.workspace.predict(f"| {features}") for features in texts(X)]
        return self.classes[np.array(answers) - 1]


def texts(X):
    """Yield rows in the format of Vowpal Wabbit."""
    X = sp.csr_array(X)
    for i in range(X.shape[0]):
        part = slice(X.indptr[i], X.indptr[i + 1])
        pairs = zip(X.indices[part].tolist(), X.data[part].tolist(), strict=True)
        yield " ".join(f"{j}:{value:.6g}" for j, value in pairs)

"""Real data sets for the benchmarks, from scikit-learn or from a folder of ``.npz`` files.

A file ``NAME.npz`` holds ``y`` (class numbers), ``X`` or the four arrays of a CSR matrix
(``X_data``, ``X_indices``, ``X_indptr``, ``X_shape``), and optionally ``n_train`` (the customary
split: the first rows train) or ``groups`` (rows that must not be split). The dense sets are the
well-known ones of the UCI repository and Fashion-MNIST; OpenML has them all, for instance
``sklearn.datasets.fetch_openml("satimage")``, and ``numpy.savez`` writes such a file.
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import scipy.sparse as sp
import sklearn.datasets

BUNDLED = ("iris", "wine", "breast_cancer", "digits")
DENSE = ("zoo", "glass", "vehicle", "vowel", "satimage", "letter", "shuttle", "fashion_mnist")
TEXT = ("debian_sections", "wordnet")


def load(name, folder=None):
    """Return X, y, and the row numbers of a training and a test set."""
    if name in BUNDLED:
        X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
        arrays = {}
    else:
        path = Path(folder or ".") / f"{name}.npz"
        if not path.exists():
            raise SystemExit(f"{path} is missing. Give its folder as --data.\n\n{__doc__}")
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        X, y = arrays.get("X"), arrays["y"]
        if X is None:
            parts = tuple(arrays[f"X_{part}"] for part in ("data", "indices", "indptr"))
            X = sp.csr_array(parts, shape=tuple(arrays["X_shape"]))
    train, test = split(len(y), arrays.get("n_train"), arrays.get("groups"))
    return SimpleNamespace(name=name, X=X, y=y, train=train, test=test)


def split(n_samples, n_train=None, groups=None, share=0.2, seed=0):
    """Return training and test rows: the customary ones, else whole groups, else at random."""
    rows = np.arange(n_samples)
    if n_train is not None:
        return rows[:n_train], rows[n_train:]
    rng = np.random.default_rng(seed)
    if groups is not None:
        names = rng.permutation(np.unique(groups))
        is_test = np.isin(groups, names[: round(share * len(names))])
    else:
        is_test = np.zeros(n_samples, bool)
        is_test[rng.permutation(n_samples)[: round(share * n_samples)]] = True
    return rows[~is_test], rows[is_test]

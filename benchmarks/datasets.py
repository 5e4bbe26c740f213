"""Real data sets for the benchmarks, from scikit-learn or from a folder of ``.npz`` files (--data).

A file ``NAME.npz`` holds ``y`` (class numbers), ``X`` or the four arrays of a CSR matrix
(``X_data``, ``X_indices``, ``X_indptr``, ``X_shape``), and optionally ``n_train`` (the customary
split: the first rows train) or ``groups`` (rows that must not be split). The dense sets are the
well-known ones of the UCI repository and Fashion-MNIST; OpenML has them all, for instance
``sklearn.datasets.fetch_openml("satimage")``, and ``numpy.savez`` writes such a file.

A file without ``n_train`` and ``groups`` may have other labels of the same rows: ``y_TARGET`` has
the class number of each row, or -1 for a row that has none and is left out. Where these classes
have a hierarchy, ``class_path_TARGET`` has a row for each class: the numbers of the nodes on the
way from the root to it, of which the last is its own, and -1 to the end of the row. ``wordnet`` has
the target ``hypernym``: word counts of the glosses of nouns, and what kind of thing each noun is.
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import scipy.sparse as sp
import sklearn.datasets

BUNDLED = ("iris", "wine", "breast_cancer", "digits")
DENSE = ("zoo", "glass", "vehicle", "vowel", "satimage", "letter", "shuttle", "fashion_mnist")
TEXT = ("debian_sections", "wordnet")
# Those that take minutes, and all with more than ten thousand rows, where one split tells enough.
BIG = ("fashion_mnist", *TEXT)
LARGE = ("letter", "shuttle", *BIG)


def load(name, folder=None, target=None, seed=0):
    """Return X, y, the row numbers of a training and a test set, and the paths of the classes."""
    suffix = f"_{target}" if target else ""
    if name in BUNDLED:
        X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
        arrays = {}
    else:
        path = Path(folder or ".") / f"{name}.npz"
        if not path.exists():
            raise SystemExit(f"{path} is missing. Give its folder as --data.\n\n{__doc__}")
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        X, y = arrays.get("X"), arrays["y" + suffix]
        if X is None:
            # liblinear takes indices of 32 bits only.
            indices, indptr = (
                arrays[f"X_{part}"].astype(np.int32) for part in ("indices", "indptr")
            )
            X = sp.csr_array((arrays["X_data"], indices, indptr), shape=tuple(arrays["X_shape"]))
        if target:
            X, y = X[y >= 0], y[y >= 0]
    train, test = split(len(y), arrays.get("n_train"), arrays.get("groups"), seed=seed)
    class_path = arrays.get("class_path" + suffix)
    return SimpleNamespace(name=name, X=X, y=y, train=train, test=test, class_path=class_path)


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

"""Between the vector theta of a linear objective and the arrays ``coef_`` and ``intercept_``."""

from dataclasses import dataclass

import numpy as np


@dataclass
class ScoreColumns:
    """Which classes have a column of scores, and where theta keeps it.

    Two classes share one column. Of more, those in `present` have one each; the others have no
    row to learn from, and their best probability is 0.

    Attributes
    ----------
    n_classes, n_features : int
        Sizes.
    present : ndarray of int
        Ascending indices of the classes that have a column, unless there are two classes.
    fit_intercept : bool
        Whether theta holds intercepts.
    dtype : dtype
        Of ``coef_`` and ``intercept_``.
    """

    n_classes: int
    n_features: int
    present: np.ndarray
    fit_intercept: bool
    dtype: np.dtype

    @property
    def n_outputs(self):
        """Number of score columns."""
        return 1 if self.n_classes == 2 else len(self.present)

    @property
    def rows(self):
        """Rows of ``coef_`` that theta holds."""
        return np.arange(1) if self.n_classes == 2 else self.present

    @property
    def n_rows(self):
        """Number of rows of ``coef_``."""
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def absent_score(self):
        """Score of a class without a column: the lowest finite number, as scikit-learn has it."""
        return np.finfo(self.dtype).min

    def codes(self, codes):
        """Return the targets of the loss: column of each class index, or 0 and 1.

        Rows of a class without a column have no weight; they get any column.
        """
        if self.n_classes == 2 or len(self.present) == self.n_classes:
            return codes
        return np.minimum(np.searchsorted(self.present, codes), len(self.present) - 1)

    def unpack(self, theta):
        """Return theta as a dict of ``coef_`` and ``intercept_``."""
        n_weights = self.n_features * self.n_outputs
        coef = np.zeros((self.n_rows, self.n_features), self.dtype)
        coef[self.rows] = theta[:n_weights].reshape(self.n_features, self.n_outputs).T
        intercept = np.zeros(self.n_rows, self.dtype)
        if self.fit_intercept:
            intercept[:] = self.absent_score
            intercept[self.rows] = theta[n_weights:]
        return {"coef_": coef, "intercept_": intercept}

    def pack(self, coef=None, intercept=None):
        """Return theta, in double precision, that starts from given arrays or from zero."""
        if coef is None:
            return np.zeros((self.n_features + self.fit_intercept) * self.n_outputs)
        weights = coef[self.rows].T.astype(np.float64).ravel()
        if not self.fit_intercept:
            return weights
        intercept = np.where(intercept == self.absent_score, 0, intercept)[self.rows]
        return np.concatenate([weights, intercept.astype(np.float64)])

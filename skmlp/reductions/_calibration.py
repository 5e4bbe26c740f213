"""Cross-validation for the calibration of a learner."""

import numpy as np
from sklearn.model_selection import StratifiedKFold


class CalibrationFolds:
    """Stratified folds, as many as the rarest label has rows, up to a number.

    Parameters
    ----------
    most : int
        Largest number of folds.
    name : str
        The parameter that asks for them.
    """

    def __init__(self, most, name):
        self.most = most
        self.name = name

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds."""
        rarest = min(np.unique(y, return_counts=True)[1])
        if rarest < 2:
            raise ValueError(
                f"{self.name} must be left at its default where a label has a single row: "
                "cross-validation needs two."
            )
        return min(self.most, rarest)

    def split(self, X, y, groups=None):
        """Return the folds."""
        return StratifiedKFold(self.get_n_splits(X, y)).split(X, y)

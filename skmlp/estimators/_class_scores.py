"""From raw scores to classes and probabilities: the same for every model with a softmax."""

import numpy as np
from scipy.special import expit, log_expit
from sklearn.utils import check_random_state

from skmlp.nn.losses import log_softmax, softmax


class ClassScores:
    """Mixin of classifiers whose ``decision_function`` returns scores of classes in ``classes_``.

    Two classes have one score, that of the second against the first.
    """

    def predict(self, X):
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels.
        """
        F = self.decision_function(X)
        return self.classes_[(F > 0).astype(int) if F.ndim == 1 else F.argmax(axis=1)]

    def predict_proba(self, X):
        """Return the probability of every class.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
            Probabilities in the order of ``classes_``; each row sums to one.
        """
        F = self.decision_function(X)
        return np.column_stack([expit(-F), expit(F)]) if F.ndim == 1 else softmax(F)

    def predict_log_proba(self, X):
        """Return the logarithm of the probabilities, finite where they underflow to 0.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        log_P : ndarray of shape (n_samples, n_classes)
            Natural logarithms in the order of ``classes_``.
        """
        F = self.decision_function(X)
        return np.column_stack([log_expit(-F), log_expit(F)]) if F.ndim == 1 else log_softmax(F)

    def sample_predict(self, X, random_state=None):
        """Draw a class for each row with the probabilities of the model.

        This is the randomized prediction. It is wrong more often than `predict`, but over many
        rows the classes appear as often as they should.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Rows.
        random_state : int, RandomState instance or None, default=None
            Source of the randomness.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels.
        """
        P = self.predict_proba(X)
        u = check_random_state(random_state).uniform(size=(len(P), 1))
        # The first class at which the cumulative probability exceeds u; the last sum is 1 up to
        # rounding and is left out of the comparison.
        return self.classes_[(np.cumsum(P, axis=1)[:, :-1] <= u).sum(axis=1)]

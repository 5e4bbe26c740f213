"""From rows to classes: the methods of a fitted reduction, in terms of a few of its own."""

import numpy as np

from skmlp._sklearn import count_rows, take_rows
from skmlp._spec import check_integer
from skmlp.reductions._available import available_if

# Numbers in the array of margins of a block of rows.
BLOCK = 1 << 22


def has_probabilities(model):
    """Raise an AttributeError unless the learners have probabilities."""
    if not model._has_probabilities():
        raise AttributeError(
            f"predict_proba needs an estimator that has it, got {model.estimator!r}. "
            "Set calibrate='sigmoid' to turn margins into probabilities."
        )


class ClassPredictions:
    """Mixin of the reductions.

    A reduction answers for a block of rows and the classes that had rows to learn from:
    `_margins_of_block`, `_scores_of_block` and `_probabilities_of_block`. `_margin_of_two` is the
    score of the second of two classes.
    """

    def margins(self, X):
        """Compute what every learner says.

        Parameters
        ----------
        X : array-like, sparse array or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        margins : ndarray of shape (n_samples, n_problems)
            Positive for the classes with +1 in the column of `code_`. From an estimator without
            ``decision_function``, twice its probability minus one; from one that has only
            ``predict``, -1 or +1. For a code of more than two symbols there is one column for
            each symbol of each problem.
        """
        return self._margins(self._check_rows(X))

    def decision_function(self, X):
        """Compute the scores of the classes, of which `predict` takes the largest.

        Parameters
        ----------
        X : array-like, sparse array or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            What `decoding` makes of what the learners say. Of two classes, the margin of the
            second against the first; of several labels a row, their margins. A class that had no
            row to learn from has the lowest finite score.
        """
        return self._decision(self._check_rows(X))

    def predict(self, X):
        """Return the class of each row.

        Parameters
        ----------
        X : array-like, sparse array or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,), or (n_samples, n_classes) for several labels a row
            The label with the best score; or, if y was a matrix of indicators, 1 where a margin is
            positive.
        """
        return self._predicted(self._check_rows(X))

    def predict_top_k(self, X, k):
        """Return the k best classes of each row, best first.

        Parameters
        ----------
        X : array-like, sparse array or data frame of shape (n_samples, n_features)
            Rows.
        k : int
            How many; at most the number of classes that had rows to learn from.

        Returns
        -------
        y : ndarray of shape (n_samples, k)
            Labels in the order of their scores; of equal ones the first in `classes_`.
        """
        X = self._check_rows(X)
        check_integer("k", k, 1)
        if k > len(self.present_):
            raise ValueError(
                f"k must be at most the number of classes, {len(self.present_)}, got {k}."
            )
        best = self._in_blocks(X, lambda block: self._top_k_of_block(block, k))
        return self.classes_[self.present_[best]]

    @available_if(has_probabilities)
    def predict_proba(self, X):
        """Return the probability of every class.

        Parameters
        ----------
        X : array-like, sparse array or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`; each row sums to one, unless several labels
            a row are possible.
        """
        X = self._check_rows(X)
        return self._all_classes(self._in_blocks(X, self._probabilities_of_block), 0)

    @available_if(has_probabilities)
    def predict_log_proba(self, X):
        """Return the logarithm of the probabilities; minus infinity for a probability of 0.

        Parameters
        ----------
        X : array-like, sparse array or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        log_P : ndarray of shape (n_samples, n_classes)
            Natural logarithms in the order of `classes_`.
        """
        X = self._check_rows(X)
        return self._all_classes(self._in_blocks(X, self._log_probabilities_of_block), -np.inf)

    def _is_two_class(self):
        """Return whether one margin says it all."""
        return len(self.classes_) == len(self.present_) == 2

    def _decision(self, X):
        return self._margin_of_two(X) if self._is_two_class() else self._scores(X)

    def _scores(self, X):
        """Return the scores of all classes, shape (n_samples, n_classes)."""
        return self._all_classes(self._in_blocks(X, self._scores_of_block))

    def _margins(self, X):
        return self._in_blocks(X, self._margins_of_block)

    def _log_scores_of_block(self, X):
        """Return the log-probabilities as scores, which are finite."""
        return np.maximum(self._log_probabilities_of_block(X), np.finfo(np.float32).min)

    def _log_probabilities_of_block(self, X):
        with np.errstate(divide="ignore"):
            return np.log(self._probabilities_of_block(X))

    def _top_k_of_block(self, X, k):
        return np.argsort(-self._scores_of_block(X), axis=1, kind="stable")[:, :k]

    def _all_classes(self, columns, fill=None):
        """Return columns for all classes, given those of the classes that had rows."""
        n_classes = len(self.classes_)
        if columns.shape[1] == n_classes:
            return columns
        fill = np.finfo(columns.dtype).min if fill is None else fill
        scores = np.full((len(columns), n_classes), fill, columns.dtype)
        scores[:, self.present_] = columns
        return scores

    def _block_size(self):
        """Return how many rows are answered for at a time."""
        return max(BLOCK // len(self.estimators_), 256)

    def _in_blocks(self, X, answer):
        """Return the answers to blocks of rows of X, put together."""
        n_samples = count_rows(X)
        size = self._block_size()
        if n_samples <= size:
            return answer(X)
        parts = [
            answer(take_rows(X, slice(start, min(start + size, n_samples))))
            for start in range(0, n_samples, size)
        ]
        return np.concatenate(parts)

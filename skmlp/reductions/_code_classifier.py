"""Classifiers on a code matrix: margins of problems are decoded to classes."""

from typing import ClassVar

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_consistent_length

from skmlp._sklearn import count_rows
from skmlp._spec import check_option, resolve
from skmlp.estimators._base import TunableObjects, random_generator
from skmlp.estimators._targets import check_row_weights, encode_labels
from skmlp.reductions._learners import margins_of, probabilities_of
from skmlp.reductions._problems import CodeProblems
from skmlp.reductions._reduction import ReductionClassifier
from skmlp.reductions.code import KaryCode
from skmlp.reductions.decoding import (
    DECODERS,
    Decoder,
    break_ties,
    get_decoder,
    performance_weights,
)

# Margins that stay in the cache from their making to their decoding.
CACHED = 1 << 17
DECODINGS = DECODERS | {"probability": lambda: None}


class CodeClassifier(TunableObjects, ReductionClassifier):
    """Base of the classifiers on a code matrix.

    A subclass makes the code in `_make_code` and probabilities of classes from those of the
    learners in `_couple`.
    """

    _objects: ClassVar = {"decoding": get_decoder}

    def _check_parameters(self):
        super()._check_parameters()
        check_option("tie_break", self.tie_break, ("first", "random"))
        if self._decoder() is None and not self._offers_probabilities():
            raise ValueError(
                "decoding must not be 'probability' for an estimator without predict_proba unless "
                f"calibrate is set, got {self.estimator!r}."
            )

    def _decoder(self):
        """Return the decoder, or None where the most probable class wins."""
        return resolve("decoding", self.decoding, DECODINGS, Decoder)

    def _design(self, X, y, weight, rng):
        """Make the code and return its problems."""
        self.code_ = self._make_code(len(self.present_), rng)
        self.n_problems_ = self.code_.n_problems
        self.decoding_weights_ = None
        return self._same_design(y)

    def _same_design(self, y):
        """Return the problems of other rows."""
        return CodeProblems(self.code_, y)

    def _make_code(self, n_classes, rng):
        raise NotImplementedError(f"{type(self).__name__} must define _make_code.")

    def _couple(self, R):
        raise NotImplementedError(f"{type(self).__name__} must define _couple.")

    def _is_kary(self):
        return isinstance(self.code_, KaryCode)

    def _binary_code(self):
        """Return the code that the columns of the margins belong to."""
        return self.code_.binary if self._is_kary() else self.code_

    def _fit_rest(self, X, y, params):
        decoder, code = self._decoder(), self._binary_code()
        if decoder is not None and decoder.needs_weights:
            margins = self._margins(self._check_rows(X))
            weight = params.get("sample_weight")
            weights = performance_weights(code, margins, y, weight)
            if self.decoding_weights_ is not None:
                absent = np.setdiff1d(np.arange(code.n_classes), y)
                weights[absent] = self.decoding_weights_[absent]
            self.decoding_weights_ = weights
        if decoder is not None:
            # A decoder that is not made for the code says so now, not in a prediction.
            self._decoded(np.zeros((1, code.n_problems)))

    def _answers(self, X, question, opposite):
        """Return one column for each column of the binary code."""
        answers = self._ask(X, question)
        if self._is_kary():
            answers = [a if a.ndim == 2 else np.column_stack([opposite(a), a]) for a in answers]
        return np.column_stack(answers)

    def _margins_of_block(self, X):
        if self._stack is not None and not self._is_kary():
            return self._stack.margins(X)
        return self._answers(X, margins_of, lambda f: -f)

    def _block_size(self):
        # What costs one product is best taken through the cache.
        if self._stack is not None:
            return max(CACHED // self.n_problems_, 64)
        return super()._block_size()

    def _probabilities(self, X):
        """Return the probability of the label of each column of the binary code."""
        if self._stack is not None and self._stack.logistic and not self._is_kary():
            return self._stack.probabilities(X)
        return self._answers(X, probabilities_of, lambda p: 1 - p)

    def _scores_of_block(self, X):
        """Return the scores of the classes that had rows, shape (n_samples, n_present)."""
        if self._decoder() is None:
            return self._log_scores_of_block(X)
        return self._decoded(self._margins_of_block(X))

    def _scores(self, X):
        decoder = self._decoder()
        if decoder is None or decoder.row_by_row:
            return super()._scores(X)
        return self._all_classes(self._decoded(self._margins(X)))

    def _decoded(self, margins):
        """Return the scores that the decoder makes of margins."""
        weights = self.decoding_weights_
        return self._decoder().scores(self._binary_code(), margins, weights=weights)

    def _margin_of_two(self, X):
        return self._margins(X)[:, -1]

    def _predicted(self, X):
        rng = random_generator(self.random_state) if self.tie_break == "random" else None
        return self.classes_[break_ties(self._scores(X), rng)]

    def _probabilities_of_block(self, X):
        R = self._probabilities(X)
        if len(self.present_) == 2:
            r = R[:, -1]
            return np.column_stack([1 - r, r])
        return self._couple(R)

    def score_problems(self, X, y, sample_weight=None):
        """Return how often each learner is right about rows of its own classes.

        A learner that is hardly better than chance says which classes are hard to tell apart.

        Parameters
        ----------
        X : array-like, sparse array or data frame of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their labels, among `classes_`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        accuracy : ndarray of shape (n_problems,)
            Weighted share of right answers; NaN for a problem without a row in X.
        """
        X = self._check_rows(X)
        check_consistent_length(X, y)
        weight = check_row_weights(sample_weight, count_rows(X))
        _, codes = encode_labels(column_or_1d(y), self.classes_)
        weight[~np.isin(codes, self.present_)] = 0
        # A row without weight may be of any class.
        codes = np.where(weight > 0, np.searchsorted(self.present_, codes), 0)
        problems = self._same_design(codes)
        said = self._said(self._margins(X))
        right, total = np.zeros((2, self.n_problems_))
        for p in range(self.n_problems_):
            rows = slice(None) if problems.rows(p) is None else problems.rows(p)
            total[p] = weight[rows].sum()
            right[p] = weight[rows] @ (said[rows, p] == problems.targets(p, rows))
        with np.errstate(invalid="ignore"):
            return right / total

    def _said(self, margins):
        """Return the label that each learner predicts, shape (n_samples, n_problems)."""
        if not self._is_kary():
            return (margins > 0).astype(int)
        ends = np.cumsum(self.code_.symbols)
        return np.column_stack(
            [part.argmax(axis=1) for part in np.split(margins, ends[:-1], axis=1)]
        )

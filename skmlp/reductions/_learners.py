"""What the fitted learners of the problems say of rows: margins and probabilities.

A learner of two labels has one margin, positive for label 1. A learner of more labels has one
margin a label. Whatever a base estimator offers is turned into that here, and nowhere else.
"""

from copy import copy
from functools import cached_property
from time import perf_counter

import numpy as np
import scipy.sparse as sp
from joblib import effective_n_jobs
from scipy.special import expit
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_array

from skmlp._sklearn import count_rows, is_linear
from skmlp.estimators._rows import FLOATS

# Seconds of work from which on it pays to start workers for a prediction.
WORTH_WORKERS = 0.5


class ConstantLearner:
    """A learner that has seen no row: it always says how common each label is.

    Parameters
    ----------
    shares : array-like of shape (n_labels,)
        Share of each label.
    """

    def __init__(self, shares):
        self.shares = np.asarray(shares, dtype=np.float64)
        self.classes_ = np.arange(len(self.shares))

    def predict_proba(self, X):
        """Return the shares for every row."""
        return np.tile(self.shares, (count_rows(X), 1))


def margins_of(learner, X):
    """Return the margins of rows: from decision_function, or else probabilities, or else labels.

    Probabilities p of a label become 2 p - 1, labels -1 and +1.

    Returns
    -------
    margins : ndarray of shape (n_samples,) for two labels, or (n_samples, n_labels)
    """
    if hasattr(learner, "decision_function"):
        margins = np.asarray(learner.decision_function(X))
        if margins.ndim == 2 and getattr(learner, "decision_function_shape", "ovr") == "ovo":
            raise ValueError(
                "estimator must have one score a label, decision_function_shape='ovr', "
                f"got {learner!r}."
            )
        return margins
    if hasattr(learner, "predict_proba"):
        P = np.asarray(learner.predict_proba(X))
        return P[:, 1] - P[:, 0] if P.shape[1] == 2 else 2 * P - 1
    labels = np.asarray(learner.predict(X))[:, None]
    said = np.where(labels == learner.classes_, 1.0, -1.0)
    return said[:, 1] if said.shape[1] == 2 else said


def probabilities_of(learner, X):
    """Return the probability of label 1 of two, shape (n_samples,), or of every label of more."""
    P = np.asarray(learner.predict_proba(X))
    return P[:, 1] if P.shape[1] == 2 else P


def ask_all(learners, X, question, n_jobs):
    """Ask all learners about the same rows, side by side where that pays.

    Parameters
    ----------
    learners : list of estimator
        Whom to ask.
    X : array-like of shape (n_samples, n_features)
        Rows.
    question : callable
        `margins_of` or `probabilities_of`.
    n_jobs : int or None
        As everywhere in scikit-learn.

    Returns
    -------
    answers : list of ndarray
        One for each learner.
    """
    start = perf_counter()
    first = question(learners[0], X)
    seconds = (perf_counter() - start) * (len(learners) - 1)
    rest = learners[1:]
    n_workers = min(effective_n_jobs(n_jobs), len(rest))
    if n_workers < 2 or seconds < WORTH_WORKERS:
        return [first, *(question(learner, X) for learner in rest)]
    pieces = np.array_split(np.arange(len(rest)), n_workers)
    answers = Parallel(n_jobs=n_jobs)(
        delayed(ask_piece)([rest[i] for i in piece], X, question) for piece in pieces
    )
    return [first, *(answer for piece in answers for answer in piece)]


def ask_piece(learners, X, question):
    """Ask some learners."""
    return [question(learner, X) for learner in learners]


def log_probabilities_of(learner, X):
    """Return the logarithms of the probabilities of labels 0 and 1, shape (n_samples, 2).

    Of a probability close to 1, the other one's logarithm cannot be computed.
    """
    with np.errstate(divide="ignore"):
        return np.log(learner.predict_proba(X))


class LinearStack:
    """Linear learners of two labels, stacked: all their margins are one matrix product.

    Parameters
    ----------
    learners : list of estimator
        Each has ``coef_`` and ``intercept_``. Once the stack is made, at the first prediction,
        their weights are views of it.
    logistic : bool
        Whether the probability of label 1 is the logistic function of the margin.
    sparse : bool
        Whether rows are sparse: their products want the weights of a feature side by side, those
        of dense rows the weights of a problem.
    """

    def __init__(self, learners, logistic, sparse):
        self.learners = learners
        self.logistic = logistic
        self.sparse = sparse

    @cached_property
    def weights(self):
        """W of shape (n_features, n_problems) and b of shape (n_problems,)."""
        coefs = [np.ravel(learner.coef_) for learner in self.learners]
        b = np.concatenate([np.broadcast_to(learner.intercept_, 1) for learner in self.learners])
        shape, dtype = (len(coefs[0]), len(coefs)), np.result_type(*coefs, b)
        W = np.empty(shape, dtype, order="C" if self.sparse else "F")
        for learner, coef, column in zip(self.learners, coefs, W.T, strict=True):
            column[:] = coef
            learner.coef_ = column.reshape(np.shape(learner.coef_))
        return W, b

    def margins(self, X):
        """Return the margins of all problems, shape (n_samples, n_problems)."""
        W, b = self.weights
        F = np.asarray(X @ W)
        F += b
        return F

    def probabilities(self, X):
        """Return the probability of label 1 of all problems, shape (n_samples, n_problems)."""
        return expit(self.margins(X))

    def margins_at(self, problems, X):
        """Return the margin of one problem for each row, shape (n_samples,)."""
        W, b = self.weights
        if sp.issparse(X):
            row = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
            terms = X.data * W[X.indices, problems[row]]
            return np.bincount(row, terms, minlength=X.shape[0]) + b[problems]
        return np.einsum("ij,ij->i", X, W.T[problems]) + b[problems]


def stack_linear(learners, X):
    """Stack learners that are linear in the features; return None if they are not.

    scikit-learn's linear classifiers say so by their class, others by an attribute
    ``linear_margins = True``. The first learner is asked about some rows, so that a subclass with
    a rule of its own is not taken for linear.

    Parameters
    ----------
    learners : list of estimator
        All of one class and with the same parameters.
    X : array-like, sparse array or data frame of shape (n_some, n_features)
        A few rows, as the learners take them.
    """
    first = learners[0]
    declared = is_linear(first) or getattr(first, "linear_margins", False)
    if not declared or not all(is_one_row(getattr(f, "coef_", None)) for f in learners):
        return None
    array = check_array(X, accept_sparse="csr", dtype=FLOATS)
    w, b = np.ravel(first.coef_), np.ravel(first.intercept_)[0]
    if not np.allclose(array @ w + b, margins_of(first, X), rtol=1e-4, atol=1e-6):
        return None
    logistic = hasattr(first, "predict_proba") and is_logistic(first, w, b)
    return LinearStack(learners, logistic, sparse=sp.issparse(array))


def is_logistic(learner, w, b):
    """Return whether the probability of label 1 is the logistic function of the margin.

    Where margins are large, any probability is 0 or 1. So the learner, with weights w and intercept
    b, is asked about rows that have small margins: multiples of w.
    """
    w, b = w.astype(np.float64), float(b)
    square = w @ w
    if not 0 < square < np.inf:
        return False
    margins = np.array([-3.0, -1.0, 0.0, 0.5, 2.0])
    rows = ((margins - b) / square)[:, None] * w
    nameless = copy(learner)
    vars(nameless).pop("feature_names_in_", None)
    return np.allclose(probabilities_of(nameless, rows), expit(margins), rtol=1e-3, atol=1e-4)


def is_one_row(coef):
    """Return whether there is one vector of weights, as of a model of two classes."""
    return coef is not None and np.size(coef) > 0 and np.atleast_2d(coef).shape[0] == 1

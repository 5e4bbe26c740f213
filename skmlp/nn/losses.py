"""Losses of raw scores, each with its derivative beside it.

A loss never sees a probability: it takes the raw scores ``F`` (logits) of a model, so that the
stable form of its logarithm lives in one place. The way back from scores to what a user asks for
(probabilities, or the predicted value) is `Loss.inverse_link`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from skmlp._spec import Spec

Array = np.ndarray[Any, np.dtype[Any]]


def _as_scores(F: ArrayLike, name: str) -> Array:
    """Return F as a floating array, float32 and float64 as they are."""
    scores = np.asarray(F)
    if scores.dtype.kind in "biu":
        scores = scores.astype(np.float64)
    if scores.dtype.kind != "f" or scores.ndim == 0:
        raise ValueError(
            f"{name} must be a real array of one or more dimensions, "
            f"got dtype {scores.dtype} and shape {scores.shape}."
        )
    return scores


def softmax(F: ArrayLike) -> Array:
    r"""Turn scores into probabilities: exponentiate, then divide by the sum.

    Adding one constant to all scores of a row changes nothing, so the largest is subtracted first
    and no exponential can overflow.

    .. math:: P_k = \frac{\exp F_k}{\sum_j \exp F_j}

    Parameters
    ----------
    F : array-like of shape (..., n_classes)
        Raw scores. Classes are along the last axis.

    Returns
    -------
    P : ndarray of shape (..., n_classes)
        Probabilities; each row sums to one. float32 stays float32.

    See Also
    --------
    log_softmax : The logarithm, exact where a probability underflows.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp import softmax
    >>> softmax([[0.0, np.log(3.0)], [1e4, -1e4]])
    array([[0.25, 0.75],
           [1.  , 0.  ]])
    """
    scores = _as_scores(F, "F")
    P: Array = np.exp(scores - scores.max(axis=-1, keepdims=True))
    P /= P.sum(axis=-1, keepdims=True)
    return P


def log_softmax(F: ArrayLike) -> Array:
    r"""Logarithm of the softmax, finite where the probability itself underflows to zero.

    .. math:: \ln P_k = F_k - \ln \sum_j \exp F_j

    Parameters
    ----------
    F : array-like of shape (..., n_classes)
        Raw scores. Classes are along the last axis.

    Returns
    -------
    log_P : ndarray of shape (..., n_classes)
        Log-probabilities, in nats.

    Examples
    --------
    >>> from skmlp import log_softmax
    >>> log_softmax([[2e4, 0.0]])
    array([[     0., -20000.]])
    """
    scores = _as_scores(F, "F")
    D: Array = scores - scores.max(axis=-1, keepdims=True)
    D -= np.log(np.exp(D).sum(axis=-1, keepdims=True))
    return D


def cross_entropy(F: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    r"""Mean multiclass logistic loss of raw scores, in nats.

    It asks how far the score of the true class is ahead of all others, and it bounds the 0-1
    loss: a row that is classified wrongly costs at least :math:`\ln 2`.

    .. math::
        \frac{\sum_i s_i \ln\bigl(1 + \sum_{k \ne y_i} e^{F_{ik} - F_{i y_i}}\bigr)}{\sum_i s_i},
        \qquad [\operatorname{argmax} F_i \ne y_i] \le \log_2(\text{the same})

    Parameters
    ----------
    F : array-like of shape (n_samples, n_classes) or (n_samples,)
        Raw scores of any model, such as what ``decision_function`` returns. One column, or one
        dimension, is the two-class case: the score of class 1 against class 0.
    y : array-like of shape (n_samples,)
        Index of the true class of each row: an integer from 0 to n_classes - 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows, not negative and not all zero. None weighs all alike.

    Returns
    -------
    loss : float
        The weighted mean.

    Raises
    ------
    ValueError
        If shapes do not fit, a class index is out of range, or weights are negative or sum to 0.

    Examples
    --------
    >>> from skmlp import cross_entropy
    >>> cross_entropy([[0.0, 0.0], [5.0, -5.0]], [0, 0]).__round__(6)
    0.346596
    """
    scores = _as_scores(F, "F")
    scores = scores.reshape(-1, 1) if scores.ndim == 1 else scores
    labels = np.asarray(y)
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or not len(labels):
        raise ValueError(
            f"y must have one class index for each row of F, got y of shape {labels.shape} "
            f"and F of shape {scores.shape}."
        )
    n_classes = max(scores.shape[1], 2)
    if labels.dtype.kind not in "biu" or labels.min() < 0 or labels.max() >= n_classes:
        raise ValueError(f"y must hold integers from 0 to {n_classes - 1}, got {y!r}.")
    weight = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight, float)
    if weight.shape != labels.shape or not (weight >= 0).all() or not 0 < weight.sum() < np.inf:
        raise ValueError(
            "sample_weight must be None or one finite number >= 0 for each row, not all zero, "
            f"got {sample_weight!r}."
        )
    loss = LogisticCrossEntropy() if scores.shape[1] == 1 else SoftmaxCrossEntropy()
    losses, _ = loss.evaluate(scores, labels.astype(np.intp))
    return float(weight @ losses / weight.sum())


@dataclass
class Loss(Spec):
    """Base of the losses: a smooth convex function of the raw scores of one row.

    A subclass gives three things: `evaluate` (value and first derivative), `curvature` (second
    derivative) and `inverse_link`.
    """

    coupled: ClassVar[bool] = False

    def evaluate(self, F: Array, y: Array) -> tuple[Array, Array]:
        """Return the loss of every row and its derivative in the scores.

        Parameters
        ----------
        F : ndarray of shape (n_samples, n_outputs)
            Raw scores; left as they are.
        y : ndarray
            The targets, as the subclass wants them.

        Returns
        -------
        losses : ndarray of shape (n_samples,)
            Loss of each row.
        residual : ndarray of shape (n_samples, n_outputs)
            Derivative of each row's loss in that row's scores; a new array.
        """
        raise NotImplementedError

    def curvature(self, P: Array) -> Array:
        """Return D, which makes up the second derivative of each row's loss in its scores.

        That matrix is ``diag(D_i) - D_i D_i^T`` where the loss is `coupled`, else ``diag(D_i)``.

        Parameters
        ----------
        P : ndarray of shape (n_samples, n_outputs)
            ``inverse_link(F)`` at the scores in question.

        Returns
        -------
        D : ndarray of shape (n_samples, n_outputs)
            Not negative. May be P itself.
        """
        raise NotImplementedError

    def inverse_link(self, F: Array) -> Array:
        """Return the prediction that belongs to the scores: probabilities, or the value."""
        raise NotImplementedError

    def prediction(self, residual: Array, y: Array) -> Array:
        """Return ``inverse_link(F)`` given what `evaluate` returned: no exponential again.

        Parameters
        ----------
        residual : ndarray of shape (n_samples, n_outputs)
            Derivative of each row's loss in its scores; left as it is.
        y : ndarray
            The targets.
        """
        raise NotImplementedError

    def value_and_gradient(self, F: Array, y: Array, weight: Array) -> tuple[float, Array]:
        """Return the weighted sum of the losses and its derivative in F.

        Parameters
        ----------
        F : ndarray of shape (n_samples, n_outputs)
            Raw scores.
        y : ndarray
            The targets.
        weight : ndarray of shape (n_samples,)
            Weights of the rows. They usually sum to one, which makes the value a mean.

        Returns
        -------
        value : float
            Sum over rows of weight times loss, added up in double precision.
        dF : ndarray of shape (n_samples, n_outputs)
            Its derivative in F, in the dtype of F.
        """
        losses, dF = self.evaluate(F, y)
        dF *= weight[:, None].astype(F.dtype, copy=False)
        double = np.float64
        return float(np.dot(weight.astype(double), losses.astype(double))), dF


@dataclass
class SoftmaxCrossEntropy(Loss):
    r"""Multiclass logistic loss: the negative log-probability of the true class.

    .. math::
        \ell(F, y) = \ln\Bigl(1 + \sum_{k \ne y} e^{F_k - F_y}\Bigr), \qquad
        \frac{\partial \ell}{\partial F} = P - \mathrm{onehot}(y), \qquad
        \frac{\partial^2 \ell}{\partial F^2} = \operatorname{diag}(P) - P P^T

    ``y`` holds class indices of shape (n_samples,).

    Notes
    -----
    With :math:`D_k = F_k - F_y` and :math:`m = \max(0, \max_k D_k)` the loss is
    :math:`m + \operatorname{log1p}(\sum_{k \ne y} e^{D_k - m} + \operatorname{expm1}(-m))`. No
    exponential overflows, and neither the loss nor the derivative at the true class,
    :math:`P_y - 1`, is a difference of nearly equal numbers. Cost: O(n_samples n_classes).
    """

    coupled: ClassVar[bool] = True

    def evaluate(self, F: Array, y: Array) -> tuple[Array, Array]:
        rows = np.arange(len(F))
        E = F - F[rows, y][:, None]
        E[rows, y] = -np.inf
        # One maximum over all scores is quick; the maximum of each row is not, and seldom needed.
        m = np.zeros(len(F), F.dtype)
        if E.max(initial=0) > np.log(np.finfo(F.dtype).max) / 2:
            m = np.maximum(E.max(axis=1), 0)
            E -= m[:, None]
        np.exp(E, out=E)
        others = E @ np.ones(E.shape[1], E.dtype)
        losses = m + np.log1p(others + np.expm1(-m))
        total = others + np.exp(-m)
        E /= total[:, None]
        E[rows, y] = -others / total
        return losses, E

    def prediction(self, residual: Array, y: Array) -> Array:
        P = residual.copy()
        P[np.arange(len(P)), y] += 1
        return P

    def curvature(self, P: Array) -> Array:
        return P

    def inverse_link(self, F: Array) -> Array:
        return softmax(F)


@dataclass
class LogisticCrossEntropy(Loss):
    r"""Binary logistic loss of each output on its own, summed over outputs.

    One column of scores is the two-class case of `SoftmaxCrossEntropy`, with
    :math:`F = F_1 - F_0`; several columns are independent yes-or-no questions (multilabel).

    .. math::
        \ell(F, y) = \ln(1 + e^{F}) - y F, \qquad
        \frac{\partial \ell}{\partial F} = P - y, \qquad
        \frac{\partial^2 \ell}{\partial F^2} = P (1 - P), \qquad P = \frac{1}{1 + e^{-F}}

    ``y`` holds 0 and 1, of shape (n_samples,) or (n_samples, n_outputs).
    """

    def evaluate(self, F: Array, y: Array) -> tuple[Array, Array]:
        sign = 2 * y.reshape(F.shape).astype(F.dtype) - 1
        margin = sign * F
        # ln(1 + e^-margin), split so that the exponential never overflows.
        losses = np.maximum(-margin, 0) + np.log1p(np.exp(-np.abs(margin)))
        return losses.sum(axis=1), -sign * expit(-margin)

    def prediction(self, residual: Array, y: Array) -> Array:
        return np.asarray(residual + y.reshape(residual.shape).astype(residual.dtype))

    def curvature(self, P: Array) -> Array:
        return np.asarray(P * (1 - P))

    def inverse_link(self, F: Array) -> Array:
        return np.asarray(expit(F))


@dataclass
class SquaredLoss(Loss):
    r"""Squared distance between scores and targets, summed over outputs, without one half.

    .. math::
        \ell(F, y) = \lVert F - y \rVert^2, \qquad
        \frac{\partial \ell}{\partial F} = 2 (F - y), \qquad
        \frac{\partial^2 \ell}{\partial F^2} = 2

    ``y`` has shape (n_samples,) or (n_samples, n_outputs).
    """

    def evaluate(self, F: Array, y: Array) -> tuple[Array, Array]:
        R = F - y.reshape(F.shape).astype(F.dtype, copy=False)
        losses = np.einsum("ij,ij->i", R, R)
        R *= 2
        return losses, R

    def prediction(self, residual: Array, y: Array) -> Array:
        return np.asarray(residual / 2 + y.reshape(residual.shape).astype(residual.dtype))

    def curvature(self, P: Array) -> Array:
        return np.full_like(P, 2)

    def inverse_link(self, F: Array) -> Array:
        return F

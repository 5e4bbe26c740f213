"""What a loss is, and the losses of classification, each with its derivative beside it.

A loss never sees a probability: it takes the raw scores ``F`` (logits) of a model, so that the
stable form of its logarithm lives in one place. The way back from scores to what a user asks for
(probabilities, or the predicted value) is `Loss.inverse_link`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from skmlp._spec import Spec, check_real

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
    """Base of the losses: a function of the raw scores of one row.

    A loss of your own gives two things: `evaluate` (value and first derivative) and
    `inverse_link`. All the rest has a default, except the second derivative: a loss that Newton's
    method is to minimize is smooth and convex, and gives `curvature` and `prediction` as well.

    Attributes
    ----------
    link : str
        Name of `inverse_link`; fitted networks show it as ``out_activation_``.
    coupled : bool
        Whether the second derivative of a row mixes its outputs; see `curvature`.

    Examples
    --------
    A loss that punishes large errors harder than the squared loss does:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from skmlp.nn.losses import Loss
    >>> @dataclass
    ... class FourthPower(Loss):
    ...     def evaluate(self, F, y):
    ...         R = F - y.reshape(F.shape)
    ...         return (R**4).sum(axis=1), 4 * R**3
    ...
    ...     def inverse_link(self, F):
    ...         return F
    >>> F, y = np.array([[1.0], [5.0]]), np.array([2.0, 3.0])
    >>> FourthPower().value_and_gradient(F, y, weight=np.array([0.5, 0.5]))
    (8.5, array([[-2.],
           [16.]]))
    """

    link: ClassVar[str] = "custom"
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
        raise NotImplementedError(f"{type(self).__name__} must define evaluate.")

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
        raise NotImplementedError(f"{type(self).__name__} must define curvature.")

    def inverse_link(self, F: Array) -> Array:
        """Return the prediction that belongs to the scores: probabilities, or the value."""
        raise NotImplementedError(f"{type(self).__name__} must define inverse_link.")

    def prediction(self, residual: Array, y: Array) -> Array:
        """Return ``inverse_link(F)`` given what `evaluate` returned: no exponential again.

        Parameters
        ----------
        residual : ndarray of shape (n_samples, n_outputs)
            Derivative of each row's loss in its scores; left as it is.
        y : ndarray
            The targets.
        """
        raise NotImplementedError(f"{type(self).__name__} must define prediction.")

    def check_targets(self, y: Array) -> None:
        """Raise ValueError if the loss is not defined for some targets; called once a fit."""

    def best_constant(self, y: Array, weight: Array, n_outputs: int) -> Array:
        """Return the scores to start from: of those that are the same for all rows, the best.

        A network whose output biases start here need not spend its first epochs on learning the
        mean. A loss that does not know better starts at zero.

        Parameters
        ----------
        y : ndarray
            The targets, as `evaluate` takes them.
        weight : ndarray of shape (n_samples,)
            Weights of the rows, not negative, not all zero.
        n_outputs : int
            Number of score columns, which class indices alone do not tell.

        Returns
        -------
        F : ndarray of shape (n_outputs,)
            Finite scores in double precision: a minimum of the weighted sum of the losses, or
            near it where the subclass says so.
        """
        return np.zeros(n_outputs)

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


def targets_like(y: Array, F: Array) -> Array:
    """Return the targets in shape and dtype of the scores; y itself if it has both."""
    return np.asarray(y.reshape(F.shape).astype(F.dtype, copy=False))


def weighted_mean(y: Array, weight: Array, n_outputs: int) -> Array:
    """Return the weighted mean of each output in double precision, shape (n_outputs,)."""
    columns = y.reshape(len(weight), n_outputs).astype(np.float64, copy=False)
    return np.asarray(np.average(columns, axis=0, weights=weight))


@dataclass
class _CrossEntropy(Loss):
    """Base of the losses whose targets are probabilities, which may be smoothed."""

    label_smoothing: float = 0.0

    def validate(self) -> None:
        """Check the parameters."""
        check_real("label_smoothing", self.label_smoothing, "[0, 1)")

    def smooth(self, T: Array, n_classes: int) -> Array:
        """Return (1 - s) T + s / n_classes in the dtype of T, and T itself if s is 0."""
        s = float(self.label_smoothing)
        return (1 - s) * T + s / n_classes if s else T


@dataclass
class SoftmaxCrossEntropy(_CrossEntropy):
    r"""Multiclass logistic loss: the negative log-probability of the true class.

    .. math::
        \ell(F, y) = \ln\Bigl(1 + \sum_{k \ne y} e^{F_k - F_y}\Bigr), \qquad
        \frac{\partial \ell}{\partial F} = P - \mathrm{onehot}(y), \qquad
        \frac{\partial^2 \ell}{\partial F^2} = \operatorname{diag}(P) - P P^T

    ``y`` holds class indices of shape (n_samples,), or class probabilities T of shape
    (n_samples, n_classes), whose rows sum to one: the loss is then the mean under T,

    .. math::
        \sum_k T_k \, \ell(F, k) = \ln \sum_k e^{F_k} - \sum_k T_k F_k, \qquad
        \frac{\partial}{\partial F} = P - T

    Parameters
    ----------
    label_smoothing : float, default=0.0
        The share s of each row's probability, in [0, 1), that is spread evenly over all C
        classes: targets become :math:`(1 - s) T + s / C`. The best scores are then finite, and
        the model less sure of itself.

    Notes
    -----
    With :math:`D_k = F_k - F_y` and :math:`m = \max(0, \max_k D_k)` the loss is
    :math:`m + \operatorname{log1p}(\sum_{k \ne y} e^{D_k - m} + \operatorname{expm1}(-m))`. No
    exponential overflows, and neither the loss nor the derivative at the true class,
    :math:`P_y - 1`, is a difference of nearly equal numbers.

    Soft targets are reduced to this: their loss is :math:`\ell(F, c) + \sum_k T_k (F_c - F_k)`
    for every class c. If c is the likeliest class, the loss is at least :math:`\ell(F, c) / C`,
    so no more than a factor C of precision cancels. Cost: O(n_samples n_classes).

    References
    ----------
    Szegedy, C., Vanhoucke, V., Ioffe, S., Shlens, J., and Wojna, Z. (2016). Rethinking the
    Inception architecture for computer vision. CVPR. (Label smoothing.)

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.losses import SoftmaxCrossEntropy
    >>> F = np.log([[0.5, 0.25, 0.25]])
    >>> loss = SoftmaxCrossEntropy()
    >>> loss.evaluate(F, np.array([0]))
    (array([0.69314718]), array([[-0.5 ,  0.25,  0.25]]))
    >>> loss.evaluate(F, np.array([[0.5, 0.5, 0.0]]))
    (array([1.03972077]), array([[ 0.  , -0.25,  0.25]]))
    """

    link: ClassVar[str] = "softmax"
    coupled: ClassVar[bool] = True

    def evaluate(self, F: Array, y: Array) -> tuple[Array, Array]:
        if y.ndim == 1 and not self.label_smoothing:
            return _negative_log_probability(F, y)
        rows = np.arange(len(F))
        top = y if y.ndim == 1 else y.argmax(axis=1)
        T = self._probabilities(y, F)
        losses, residual = _negative_log_probability(F, top)
        losses += np.einsum("ij,ij->i", T, F[rows, top][:, None] - F)
        # One from the other first: both may be near 1, and the derivative near 0.
        T[rows, top] -= 1
        residual -= T
        return losses, residual

    def prediction(self, residual: Array, y: Array) -> Array:
        if y.ndim == 1 and not self.label_smoothing:
            P = residual.copy()
            P[np.arange(len(P)), y] += 1
            return P
        return np.asarray(residual + self._probabilities(y, residual))

    def curvature(self, P: Array) -> Array:
        return P

    def inverse_link(self, F: Array) -> Array:
        return softmax(F)

    def best_constant(self, y: Array, weight: Array, n_outputs: int) -> Array:
        """Return the logarithm of the share of each class in the targets.

        A class that has less than half the weight of an average row counts as half a row.
        """
        if y.ndim == 1:
            share = np.bincount(y, weight, minlength=n_outputs) / weight.sum(dtype=np.float64)
        else:
            share = weighted_mean(y, weight, n_outputs)
        return _log_share(self.smooth(share, n_outputs), weight)

    def _probabilities(self, y: Array, like: Array) -> Array:
        """Return the smoothed targets as a new array, in shape and dtype those of `like`."""
        if y.ndim == 1:
            T = np.zeros_like(like)
            T[np.arange(len(T)), y] = 1
        else:
            T = y.reshape(like.shape).astype(like.dtype)
        return self.smooth(T, like.shape[1])


def _negative_log_probability(F: Array, y: Array) -> tuple[Array, Array]:
    """Return the softmax cross-entropy of class indices, and its derivative P - onehot(y)."""
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


@dataclass
class LogisticCrossEntropy(_CrossEntropy):
    r"""Binary logistic loss of each output on its own, summed over outputs.

    One column of scores is the two-class case of `SoftmaxCrossEntropy`, with
    :math:`F = F_1 - F_0`; several columns are independent yes-or-no questions (multilabel).

    .. math::
        \ell(F, y) = \ln(1 + e^{F}) - y F, \qquad
        \frac{\partial \ell}{\partial F} = P - y, \qquad
        \frac{\partial^2 \ell}{\partial F^2} = P (1 - P), \qquad P = \frac{1}{1 + e^{-F}}

    ``y`` holds 0 and 1, or probabilities in between, of shape (n_samples,) or
    (n_samples, n_outputs).

    Parameters
    ----------
    label_smoothing : float, default=0.0
        The share s of each target's probability, in [0, 1), that is spread evenly over yes and
        no: targets become :math:`(1 - s) y + s / 2`.

    Notes
    -----
    With :math:`E = e^{-|F|}` the loss is :math:`([F > 0] - y) F + \operatorname{log1p}(E)` and the
    derivative :math:`[F > 0] - y - \operatorname{sign}(F) E / (1 + E)`. The one exponential does
    not overflow, and :math:`[F > 0] - y` is exactly zero where F is on the side of a certain y.
    Cost: O(n_samples n_outputs).

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.losses import LogisticCrossEntropy
    >>> F = np.log([[3.0], [3.0]])
    >>> LogisticCrossEntropy().evaluate(F, np.array([1, 0.5]))
    (array([0.28768207, 0.83698822]), array([[-0.25],
           [ 0.25]]))
    """

    link: ClassVar[str] = "logistic"

    def evaluate(self, F: Array, y: Array) -> tuple[Array, Array]:
        E = np.exp(-np.abs(F))
        residual = ~np.signbit(F) - self._probabilities(y, F)
        losses = residual * F
        losses += np.log1p(E)
        E /= 1 + E
        residual -= np.copysign(E, F, out=E)
        return losses.sum(axis=1), residual

    def prediction(self, residual: Array, y: Array) -> Array:
        return np.asarray(residual + self._probabilities(y, residual))

    def curvature(self, P: Array) -> Array:
        return np.asarray(P * (1 - P))

    def inverse_link(self, F: Array) -> Array:
        return np.asarray(expit(F))

    def best_constant(self, y: Array, weight: Array, n_outputs: int) -> Array:
        """Return the log-odds of the weighted mean of the targets.

        A side that has less than half the weight of an average row counts as half a row.
        """
        share = self.smooth(weighted_mean(y, weight, n_outputs), 2)
        return _log_share(share, weight) - _log_share(1 - share, weight)

    def _probabilities(self, y: Array, like: Array) -> Array:
        """Return the smoothed targets in shape and dtype of `like`."""
        return self.smooth(targets_like(y, like), 2)


def _log_share(share: Array, weight: Array) -> Array:
    """Return the logarithm of shares of the rows, each of half an average row at least."""
    return np.asarray(np.log(np.maximum(share, 0.5 / np.count_nonzero(weight))))

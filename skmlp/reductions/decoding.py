r"""Decoders: from the margins of the problems to one score for each class.

Row k of a code matrix M is the word that the learners should spell for a row of class k. With
:math:`f_l(x)` the margin of learner l, positive for the classes at +1, a decoder says how well the
margins fit each word; the class with the largest score wins. Only products with M are needed, so
all rows are decoded at once.

References
----------
.. [1] Allwein, Schapire & Singer (2000). Reducing multiclass to binary: a unifying approach for
   margin classifiers. Journal of Machine Learning Research 1, 113-141.
.. [2] Escalera, Pujol & Radeva (2010). On the decoding process in ternary error-correcting output
   codes. IEEE Transactions on Pattern Analysis and Machine Intelligence 32(1), 120-134.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.special import log_expit

from skmlp._spec import Spec, check_bool, check_integer, check_option, resolve
from skmlp.reductions.code import CodeMatrix

Array = npt.NDArray[Any]

# With a smaller share of non-zeros a sparse product is faster than a dense one.
SPARSE = 0.05


def _hinge(z: Array) -> Array:
    return np.asarray(np.maximum(1 - z, 0))


def _exponential(z: Array) -> Array:
    return np.asarray(np.exp(-z))


def _logistic(z: Array) -> Array:
    return np.asarray(-log_expit(z))


def _linear(z: Array) -> Array:
    return np.negative(z)


def _squared(z: Array) -> Array:
    return np.asarray((1 - z) ** 2)


LOSSES: dict[str, Callable[[Array], Array]] = {
    "hinge": _hinge,
    "exponential": _exponential,
    "logistic": _logistic,
    "linear": _linear,
    "squared": _squared,
}


@dataclass
class Decoder(Spec):
    """Base of all decoders: margins of problems go in, scores of classes come out.

    A decoder of your own is a dataclass that overrides `scores`.

    Examples
    --------
    The cosine of the angle between the margins and each word:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from skmlp.reductions.code import CodeMatrix
    >>> from skmlp.reductions.decoding import Decoder
    >>> @dataclass
    ... class Cosine(Decoder):
    ...     def scores(self, code, margins, *, weights=None):
    ...         lengths = np.linalg.norm(code.M, axis=1)
    ...         return margins @ (code.M / lengths[:, None]).T
    >>> Cosine().scores(CodeMatrix.one_vs_one(3), np.array([[1.0, 3.0, 2.0]])).round(2)
    array([[-2.83, -0.71,  3.54]])
    """

    @property
    def row_by_row(self) -> bool:
        """Whether the scores of a row depend on its own margins alone, not on its position."""
        return True

    @property
    def needs_weights(self) -> bool:
        """Whether `scores` needs the weights that `performance_weights` computes."""
        return False

    def scores(
        self, code: CodeMatrix, margins: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
    ) -> Array:
        """Return the score of each class; the largest wins.

        Parameters
        ----------
        code : CodeMatrix
            The code, C classes and L problems.
        margins : array-like of shape (n_samples, n_problems)
            What the learners say: positive for the classes at +1, and 0 for "I cannot tell".
            They may be infinite, but not NaN.
        weights : array-like of shape (n_classes, n_problems) or None, default=None
            How much each learner counts for each class, if `needs_weights`; else not used.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes)
            In the precision of the margins: float32 stays float32.
        """
        raise NotImplementedError(f"{type(self).__name__} must define scores.")


@dataclass
class Votes(Decoder):
    r"""Count the problems that each class wins; margins decide between equal counts.

    .. math:: \tfrac12 \sum_l M_{kl} \operatorname{sign} f_l + \tfrac12 m
              + \frac{c_k}{3 (|c_k| + 1)}, \qquad c_k = \sum_l M_{kl} f_l

    with m the number of problems in which a class takes part, on average over the classes. A class
    gains one vote for a problem that it wins, none for one that it loses, and half a vote for one
    in which it sits out or the margin is zero. That half is the Hamming distance of Allwein et al.;
    the constant, the same for all classes, makes the sum the number of problems won where all
    classes take part in equally many, as in one-vs-one and dense codes. The last term lies between
    -1/3 and 1/3: it decides between equal counts, and never against a whole vote.

    On one-vs-one this is what `sklearn.multiclass.OneVsOneClassifier.decision_function` returns,
    except that a margin of exactly zero counts half a vote for both classes.

    Notes
    -----
    Cost: O(n_samples n_classes n_problems), or in proportion to the non-zeros of a sparse code.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.reductions.code import CodeMatrix
    >>> from skmlp.reductions.decoding import Votes
    >>> circle = np.array([[-1.0, 4.0, -2.0]])  # 0 beats 1, 2 beats 0, 1 beats 2.
    >>> Votes().scores(CodeMatrix.one_vs_one(3), circle)
    array([[0.75      , 1.16666667, 1.22222222]])
    """

    def scores(
        self, code: CodeMatrix, margins: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
    ) -> Array:
        f = _checked_margins(code, margins)
        # The sign of f is twice this, minus one: counts are exact in single precision.
        positive = (f > 0).astype(np.float32)
        positive[f == 0] = 0.5
        votes = _sum_over_problems(positive, code.M.astype(np.float32)).astype(f.dtype)
        votes += (np.count_nonzero(code.M) / len(code.M) - code.M.sum(axis=1)) / 2
        confidence = _sum_over_problems(_bounded(f), code.M.astype(f.dtype))
        votes += confidence / (3 * (np.abs(confidence) + 1))
        return votes


@dataclass
class LossDecoder(Decoder):
    r"""Average the loss that the margins would have suffered had the class been right.

    .. math:: -\frac{1}{|\{l : M_{kl} \ne 0\}|} \sum_{l : M_{kl} \ne 0} \ell(M_{kl} f_l)

    It uses how sure each learner is, not only its sign: take the loss that the learners minimize.
    With the logistic loss and a code without zeros, L times the score is the logarithm of
    :math:`\prod_l P(M_{kl} \mid f_l)`, the likelihood of the word if learners err independently.

    Parameters
    ----------
    loss : {"hinge", "exponential", "logistic", "linear", "squared"}, default="logistic"
        The loss :math:`\ell(z)`: :math:`\max(1 - z, 0)`, :math:`e^{-z}`, :math:`\ln(1 + e^{-z})`,
        :math:`-z` or :math:`(1 - z)^2`.
    normalize : bool, default=True
        Whether the average is over the problems in which the class takes part. If False, it is over
        all, and a problem in which the class sits out costs it :math:`\ell(0)`: this is the rule of
        Allwein et al., divided by L. Where classes have different numbers of zeros it is biased,
        since each zero costs the same whatever the learners say. Without zeros both are the same.
    weighted : bool, default=False
        Whether `weights` take the place of the average (Escalera et al.): rows that sum to one,
        large for learners that know the class well; see `performance_weights`. `normalize` is then
        without effect.

    Notes
    -----
    A loss too large for the number type counts as the largest number divided by four times the
    number of problems: sums stay finite. Cost as `Votes`.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.reductions.code import CodeMatrix
    >>> from skmlp.reductions.decoding import LossDecoder
    >>> code = CodeMatrix([[-1, -1], [1, 0], [-1, 1]])
    >>> margins = np.array([[-0.5, 2.0]])
    >>> LossDecoder("hinge").scores(code, margins)
    array([[-1.75, -1.5 , -0.25]])
    >>> LossDecoder("hinge", normalize=False).scores(code, margins)
    array([[-1.75, -1.25, -0.25]])
    """

    loss: str = "logistic"
    normalize: bool = True
    weighted: bool = False

    def validate(self) -> None:
        """Check the parameters."""
        check_option("loss", self.loss, tuple(LOSSES))
        check_bool("normalize", self.normalize)
        check_bool("weighted", self.weighted)

    @property
    def needs_weights(self) -> bool:
        return bool(self.weighted)

    def scores(
        self, code: CodeMatrix, margins: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
    ) -> Array:
        f = _checked_margins(code, margins)
        loss = LOSSES[self.loss]
        share = self._shares(code.M, weights).astype(f.dtype)
        with np.errstate(over="ignore"):
            risk = _sum_over_problems(_bounded(loss(f)), share * (code.M > 0))
            risk += _sum_over_problems(_bounded(loss(-f)), share * (code.M < 0))
        if not (self.normalize or self.weighted):
            risk += loss(np.zeros(1, f.dtype)) * (share * (code.M == 0)).sum(axis=1)
        return np.negative(risk)

    def _shares(self, M: Array, weights: npt.ArrayLike | None) -> Array:
        """Return how much each problem counts for each class; rows sum to one."""
        if self.weighted:
            given = None if weights is None else np.asarray(weights)
            if given is None or given.shape != M.shape:
                raise ValueError(f"weights must be an array of shape {M.shape}, got {weights!r}.")
            return given
        if self.normalize:
            return np.asarray((M != 0) / np.count_nonzero(M, axis=1, keepdims=True))
        return np.full(M.shape, 1 / M.shape[1])


@dataclass
class ArgmaxMargin(Decoder):
    """The margin of the learner of each class, for one-vs-all only: the surest one wins.

    With two classes there is one learner, and the scores are its margin with both signs.

    Examples
    --------
    >>> from skmlp.reductions.code import CodeMatrix
    >>> from skmlp.reductions.decoding import ArgmaxMargin
    >>> ArgmaxMargin().scores(CodeMatrix.one_vs_all(3), [[-0.5, 2.0, 0.25]])
    array([[-0.5 ,  2.  ,  0.25]])
    """

    def scores(
        self, code: CodeMatrix, margins: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
    ) -> Array:
        return _margins_of_classes(self, code, margins)


@dataclass
class RandomYes(Decoder):
    """One at random of the classes whose learner says yes, for one-vs-all only.

    ``score = [margin > 0] + U`` with U uniform in [0, 1). If no learner says yes, all classes are
    equally likely. The textbook's rule: it asks nothing but yes or no of the learners.

    Parameters
    ----------
    seed : int, default=0
        Seed of the generator that each call of `scores` makes anew: the same margins have the same
        scores, but a row's depend on its position.

    Examples
    --------
    >>> from skmlp.reductions.code import CodeMatrix
    >>> from skmlp.reductions.decoding import RandomYes
    >>> RandomYes().scores(CodeMatrix.one_vs_all(3), [[-0.5, 2.0, 0.25]]).round(2)
    array([[0.64, 1.27, 1.04]])
    """

    seed: int = 0

    @property
    def row_by_row(self) -> bool:
        return False

    def validate(self) -> None:
        """Check the parameters."""
        check_integer("seed", self.seed, 0)

    def scores(
        self, code: CodeMatrix, margins: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
    ) -> Array:
        f = _margins_of_classes(self, code, margins)
        chance = np.random.default_rng(self.seed).random(f.shape)
        return np.asarray((f > 0) + chance, f.dtype)


DECODERS: dict[str, Callable[[], Decoder]] = {
    "votes": Votes,
    **{loss: partial(LossDecoder, loss) for loss in LOSSES},
    "argmax": ArgmaxMargin,
    "random_yes": RandomYes,
}


def get_decoder(value: Decoder | str, name: str = "decoding") -> Decoder:
    """Return the decoder that a parameter stands for.

    Parameters
    ----------
    value : Decoder or str
        A decoder, which is validated and returned, or the name of a default one: a key of
        ``DECODERS``. The name of a loss is the `LossDecoder` of that loss.
    name : str, default="decoding"
        The parameter as the user wrote it, for the error message.

    Returns
    -------
    decoder : Decoder
        The decoder.

    Raises
    ------
    TypeError
        If `value` is neither a decoder nor a string.
    ValueError
        If it is a string but no valid name, or a decoder with a bad parameter.

    Examples
    --------
    >>> from skmlp.reductions.decoding import get_decoder
    >>> get_decoder("hinge")
    LossDecoder(loss='hinge', normalize=True, weighted=False)
    """
    return resolve(name, value, DECODERS, Decoder)


def performance_weights(
    code: CodeMatrix,
    margins: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
) -> Array:
    r"""Return how often each learner is right on each class, as weights for `LossDecoder`.

    .. math:: H_{kl} = [M_{kl} \ne 0] \,
              \frac{\sum_{i : y_i = k} s_i [M_{kl} f_l(x_i) > 0]}{\sum_{i : y_i = k} s_i},
              \qquad W_{kl} = \frac{H_{kl}}{\sum_j H_{kj}}

    so that each class is decoded with the learners that know it well, as Escalera, Pujol & Radeva
    proposed. A margin of zero counts as half right.

    Parameters
    ----------
    code : CodeMatrix
        The code.
    margins : array-like of shape (n_samples, n_problems)
        What the learners say of rows of known class, such as the training rows.
    y : array-like of int of shape (n_samples,)
        The classes, from 0 to n_classes - 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights s of the rows.

    Returns
    -------
    weights : ndarray of shape (n_classes, n_problems)
        Not negative; zero where the code is; each row sums to one. A class without rows, and one
        that no learner ever gets right, has equal weights for all problems in which it takes part.

    Notes
    -----
    Cost: O(n_samples n_problems).

    Examples
    --------
    >>> from skmlp.reductions.code import CodeMatrix
    >>> from skmlp.reductions.decoding import performance_weights
    >>> code = CodeMatrix([[-1, -1], [1, 0], [-1, 1]])
    >>> margins = [[-1.0, -2.0], [-1.0, 2.0], [3.0, 1.0], [-1.0, 1.0]]
    >>> performance_weights(code, margins, y=[0, 0, 1, 2])
    array([[0.66666667, 0.33333333],
           [1.        , 0.        ],
           [0.5       , 0.5       ]])
    """
    f = _checked_margins(code, margins)
    labels, weight = checked_rows(y, sample_weight, len(f), code.n_classes)
    by_class = scipy.sparse.csr_array(
        (weight, (labels, np.arange(len(f)))), shape=(code.n_classes, len(f))
    )
    total = by_class.sum(axis=1)
    mean_sign = by_class @ np.sign(f) / np.where(total > 0, total, 1)[:, None]
    takes_part = code.M != 0
    H = takes_part * (1 + code.M * mean_sign) / 2
    H = np.where(H.any(axis=1, keepdims=True), H, takes_part)
    return np.asarray(H / H.sum(axis=1, keepdims=True))


def break_ties(scores: Array, rng: np.random.Generator | None = None) -> Array:
    """Return the class with the largest score of each row.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Scores of a decoder.
    rng : Generator or None, default=None
        Draws one of the classes whose scores are exactly equal and the largest, each as likely as
        another. None takes the first of them.

    Returns
    -------
    winners : ndarray of int of shape (n_samples,)
        Indices of classes.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.reductions.decoding import break_ties
    >>> break_ties(np.array([[0.0, 1.0, 1.0], [3.0, 2.0, 2.0]]))
    array([1, 0])
    """
    if rng is None:
        return np.asarray(scores.argmax(axis=1))
    best = scores == scores.max(axis=1, keepdims=True)
    return np.asarray(np.where(best, rng.random(scores.shape), -1).argmax(axis=1))


def checked_rows(
    y: npt.ArrayLike, sample_weight: npt.ArrayLike | None, n_samples: int, n_classes: int
) -> tuple[Array, Array]:
    """Return the class and the weight of each row, or raise ValueError."""
    labels = np.asarray(y)
    if labels.shape != (n_samples,) or labels.dtype.kind not in "iu":
        raise ValueError(f"y must hold one integer for each of {n_samples} rows, got {y!r}.")
    if n_samples and (labels.min() < 0 or labels.max() >= n_classes):
        raise ValueError(f"y must hold integers from 0 to {n_classes - 1}, got {y!r}.")
    weight = np.ones(n_samples) if sample_weight is None else np.asarray(sample_weight, float)
    if weight.shape != labels.shape or not ((weight >= 0) & (weight < np.inf)).all():
        raise ValueError(
            "sample_weight must be None or one finite number >= 0 for each row, "
            f"got {sample_weight!r}."
        )
    return labels, weight


def _checked_margins(code: CodeMatrix, margins: npt.ArrayLike) -> Array:
    f = np.asarray(margins)
    if f.dtype.kind in "biu":
        f = f.astype(np.float64)
    if f.ndim != 2 or f.shape[1] != code.n_problems or f.dtype.kind != "f":
        raise ValueError(
            f"margins must be real numbers of shape (n_samples, {code.n_problems}), "
            f"got dtype {f.dtype} and shape {f.shape}."
        )
    if f.size and np.isnan(f.min()):
        raise ValueError(f"margins must not hold NaN, got {margins!r}.")
    return f


def _margins_of_classes(decoder: Decoder, code: CodeMatrix, margins: npt.ArrayLike) -> Array:
    """Return one margin for each class, or raise unless the code is one-vs-all."""
    if not code.is_one_vs_all:
        raise ValueError(f"code must be one-vs-all for {decoder!r}, got {code!r}.")
    f = _checked_margins(code, margins)
    return np.hstack([-f, f]) if code.n_classes == 2 else f


def _bounded(values: Array) -> Array:
    """Return the values, with those cut off whose sum over problems could overflow."""
    largest = np.finfo(values.dtype).max / (4 * values.shape[1])
    if not values.size or (values.max() <= largest and values.min() >= -largest):
        return values
    return np.clip(values, -largest, largest)


def _sum_over_problems(values: Array, coefficients: Array) -> Array:
    """Return for each row and class the sum over problems of value times coefficient."""
    if np.count_nonzero(coefficients) < SPARSE * coefficients.size:
        return np.asarray(values @ scipy.sparse.csc_array(coefficients).T)
    return np.asarray(values @ coefficients.T)

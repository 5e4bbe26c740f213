r"""Coupling: from the probabilities that the learners give to those of the classes.

The learner of a problem that sets the classes :math:`G^+` against :math:`G^-` estimates

.. math:: r = P(y \in G^+ \mid y \in G^+ \cup G^-,\, x)
            = \frac{\sum_{k \in G^+} p_k}{\sum_{k \in G^+ \cup G^-} p_k} .

That is one equation for the C probabilities p of the classes. There are usually more equations than
classes, and they contradict one another, as learners do; each function here solves them in a sense
of its own. Where the learners agree on some p, and all of them together determine it, all of these
functions return it, except for `fit_temperature`, which is for learners that have margins only.

Rows do not influence one another. All is computed in double precision, a block of rows at a time;
the answer has the precision of r.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import softmax

from skmlp._spec import check_integer
from skmlp.reductions import log_sums
from skmlp.reductions.code import CodeMatrix, KaryCode
from skmlp.reductions.decoding import checked_rows
from skmlp.reductions.log_sums import LogSums, divided_by_sum, minimize

Array = npt.NDArray[Any]

# Numbers in the largest array of a block of rows.
BLOCK = 2**18

# Bounds of the temperature in units of the mean difference between scores.
COLDEST, HOTTEST = 1e-3, 1e3


def wu_lin_weng(r: npt.ArrayLike, n_classes: int) -> Array:
    r"""Couple the probabilities of one-vs-one learners by least squares, exactly.

    The second method of Wu, Lin & Weng, which LIBSVM made the usual one: with
    :math:`r_{ij} = P(y = i \mid y \in \{i, j\}, x)` it asks for :math:`r_{ji} p_i = r_{ij} p_j`,

    .. math:: \min_p \; p^T Q p = \sum_{i < j} (r_{ji} p_i - r_{ij} p_j)^2
              \quad \text{subject to} \quad \sum_i p_i = 1, \qquad
              Q_{ii} = \sum_{s \ne i} r_{si}^2, \quad Q_{ij} = -r_{ij} r_{ji} .

    Parameters
    ----------
    r : array-like of shape (n_samples, n_classes * (n_classes - 1) / 2)
        Probability of the later of two classes, in the order of the columns of
        `CodeMatrix.one_vs_one`: pairs (0, 1), (0, 2), ..., (1, 2), ...
    n_classes : int
        Number of classes C, 2 or more.

    Returns
    -------
    P : ndarray of shape (n_samples, n_classes)
        Probabilities of the classes; rows sum to one.

    Raises
    ------
    ValueError
        If r has another shape, or holds anything but probabilities.

    Notes
    -----
    With a Lagrange multiplier :math:`\mu` for the sum, :math:`Q p = \mu e` where e is all ones, so
    that :math:`(Q + e e^T) p = (\mu + 1) e`: p is the solution of :math:`(Q + e e^T) u = e`,
    divided by its sum. The system is never singular, whatever r in [0, 1]. Take v with
    :math:`v^T (Q + e e^T) v = 0`. Then :math:`\sum_i v_i = 0` and :math:`r_{ji} v_i = r_{ij} v_j`
    for all pairs. If v were not zero, there were i and j with :math:`v_i > 0 > v_j`; hence
    :math:`r_{ji} = r_{ij} = 0`, but they sum to one.

    Nor is any :math:`p_i` negative. Absolute values make no term of the objective larger, and the
    sum no smaller than one; divided by it they are as good as p, so they are p, the only minimum.
    What rounding leaves below zero is set to zero.

    LIBSVM solves the same problem by an iteration that it stops early, when p is within about
    0.005 / C of the solution. Cost: O(C^3) a row.

    References
    ----------
    .. [1] Wu, Lin & Weng (2004). Probability estimates for multi-class classification by pairwise
       coupling. Journal of Machine Learning Research 5, 975-1005.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.reductions.coupling import wu_lin_weng
    >>> p = np.array([0.5, 0.3, 0.2])
    >>> r = np.array([[0.3 / 0.8, 0.2 / 0.7, 0.2 / 0.5]])
    >>> wu_lin_weng(r, 3)
    array([[0.5, 0.3, 0.2]])
    """
    check_integer("n_classes", n_classes, 2)
    C = int(n_classes)
    later, dtype = _checked_probabilities(r, C * (C - 1) // 2)
    first, second = np.triu_indices(C, 1)
    P = np.empty((len(later), C), dtype)
    for rows in _blocks(len(later), C * C):
        R = np.zeros((len(later[rows]), C, C))
        R[:, second, first] = later[rows]
        R[:, first, second] = 1 - later[rows]
        A = 1 - R * R.transpose(0, 2, 1)
        A[:, range(C), range(C)] += (R**2).sum(axis=1)
        u = np.linalg.solve(A, np.ones((C, 1)))[:, :, 0]
        P[rows] = divided_by_sum(np.maximum(u, 0))
    return P


def hastie_tibshirani(
    r: npt.ArrayLike, n_classes: int, weights: npt.ArrayLike | None = None
) -> Array:
    r"""Couple the probabilities of one-vs-one learners by maximum likelihood.

    Pairwise coupling as Hastie & Tibshirani proposed it. In the model of Bradley & Terry i beats j
    with probability :math:`p_i / (p_i + p_j)`. Had they met :math:`w_{ij}` times, and i won the
    share :math:`r_{ij}`, which p would make that likeliest?

    .. math:: \min_p \; -\sum_{i < j} w_{ij} \Bigl( r_{ij} \ln \frac{p_i}{p_i + p_j}
              + r_{ji} \ln \frac{p_j}{p_i + p_j} \Bigr)

    Parameters
    ----------
    r : array-like of shape (n_samples, n_classes * (n_classes - 1) / 2)
        Probability of the later of two classes, as for `wu_lin_weng`.
    n_classes : int
        Number of classes, 2 or more.
    weights : array-like of shape (n_classes * (n_classes - 1) / 2,), default=None
        How much each learner counts, such as the number of rows that it was trained on. None means
        that all count the same.

    Returns
    -------
    P : ndarray of shape (n_samples, n_classes)
        Probabilities of the classes; rows sum to one.

    See Also
    --------
    bradley_terry : The same for any code; what holds for it holds here.

    References
    ----------
    .. [1] Hastie & Tibshirani (1998). Classification by pairwise coupling. Annals of Statistics
       26(2), 451-471.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.reductions.coupling import hastie_tibshirani
    >>> r = np.array([[0.3 / 0.8, 0.2 / 0.7, 0.2 / 0.5]])
    >>> hastie_tibshirani(r, 3).round(6)
    array([[0.5, 0.3, 0.2]])
    """
    return bradley_terry(CodeMatrix.one_vs_one(n_classes), r, weights)


def bradley_terry(
    code: CodeMatrix | KaryCode, r: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Array:
    r"""Couple the probabilities of the learners of any code by maximum likelihood.

    The generalized model of Bradley & Terry by Huang, Weng & Lin. Problem l sets groups of classes
    against one another: two of them for a `CodeMatrix`, where zeros sit out, one for each symbol
    for a `KaryCode`. Of the probability :math:`s_l` of all classes that take part, group g has
    :math:`q_{lg}`; the learner says that its share is :math:`r_{lg}`:

    .. math:: \min_p \; J(p) = -\sum_l w_l \sum_g r_{lg} \ln \frac{q_{lg}}{s_l}, \qquad
              q_{lg} = \sum_{k \in g} p_k, \quad s_l = \sum_g q_{lg}, \quad \sum_k p_k = 1,

    the weighted sum of the divergences between what the learners say and what p says, up to a
    constant.

    Parameters
    ----------
    code : CodeMatrix or KaryCode
        The code, C classes and L problems.
    r : array-like of shape (n_samples, n_problems), or (n_samples, sum of code.symbols)
        For a `CodeMatrix`, probability of the classes at +1 against those at -1; for a `KaryCode`,
        probabilities of the symbols, problem by problem.
    weights : array-like of shape (n_problems,), default=None
        How much each learner counts, such as the number of rows that it was trained on. None means
        that all count the same.

    Returns
    -------
    P : ndarray of shape (n_samples, n_classes)
        Probabilities of the classes; rows sum to one.

    Raises
    ------
    ValueError
        If r or `weights` has another shape, or holds anything but probabilities or weights.

    Warns
    -----
    RuntimeWarning
        If some rows have not converged after 300 steps.

    Notes
    -----
    Without zeros in the code J is convex in p, and in one-vs-one codes it is convex in the
    logarithms of p; otherwise there may be several minima, and one of them is found. If learners
    contradict one another, the best p may be at the boundary: such probabilities come out tiny,
    not exactly zero. If the learners do not determine p (problems fewer than classes, or weights of
    zero), one of the best is returned. No probability is less than 1e-150.

    Zadrozny [2]_ was the first to couple learners of any code. The usual algorithm multiplies p by
    a ratio of sums in each step [1]_; for codes without zeros it often needs thousands of them. The
    steps here are damped Newton steps, a dozen on average. They end when they lower J by less than
    1e-16 times the sum of the weights, or change p by less than 1e-12; p is then exact to 1e-6 or
    better, unless the learners leave it all but undetermined.

    Cost of a step: O(C^2 (C + L)) a row, or O(C^3) for a code as sparse as one-vs-one.

    References
    ----------
    .. [1] Huang, Weng & Lin (2006). Generalized Bradley-Terry models and multi-class probability
       estimates. Journal of Machine Learning Research 7, 85-115.
    .. [2] Zadrozny (2002). Reducing multiclass to binary by coupling probability estimates.
       Advances in Neural Information Processing Systems 14.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.reductions.code import CodeMatrix
    >>> from skmlp.reductions.coupling import bradley_terry
    >>> code = CodeMatrix([[-1, -1, 0], [1, -1, -1], [-1, 1, 1]])
    >>> r = np.array([[0.3, 0.2, 0.4]])
    >>> bradley_terry(code, r).round(6)
    array([[0.5, 0.3, 0.2]])
    """
    groups, problem, shares, dtype = _groups_and_shares(code, r)
    w = _checked_weights(weights, code.n_problems)
    sums = LogSums(groups, problem)
    P = np.empty((len(shares), code.n_classes), dtype)
    unfinished = 0
    for rows in _blocks(len(shares), code.n_classes * max(sums.V.shape)):
        N = sums.coefficients(shares[rows] * w[problem])
        p, converged = minimize(sums, N)
        P[rows] = p
        unfinished += int(np.count_nonzero(~converged))
    if unfinished:
        warnings.warn(
            f"Coupling did not converge in {log_sums.MAX_STEPS} steps for {unfinished} of "
            f"{len(P)} rows.",
            RuntimeWarning,
            stacklevel=2,
        )
    return P


def normalize(r: npt.ArrayLike, prior: npt.ArrayLike | None = None) -> Array:
    r"""Couple the probabilities of one-vs-all learners: divide them by their sum.

    .. math:: P_k = \frac{r_k}{\sum_j r_j}

    Parameters
    ----------
    r : array-like of shape (n_samples, n_classes)
        Probability of each class against the rest.
    prior : array-like of shape (n_classes,), default=None
        Probabilities for rows where every learner says no with certainty. None means equal ones.

    Returns
    -------
    P : ndarray of shape (n_samples, n_classes)
        Probabilities of the classes; rows sum to one.

    Raises
    ------
    ValueError
        If r or `prior` does not hold probabilities.

    References
    ----------
    .. [1] Zadrozny & Elkan (2002). Transforming classifier scores into accurate multiclass
       probability estimates. KDD.

    Examples
    --------
    >>> from skmlp.reductions.coupling import normalize
    >>> normalize([[0.5, 0.25, 0.25], [0.5, 0.0, 0.75], [0.0, 0.0, 0.0]])
    array([[0.5       , 0.25      , 0.25      ],
           [0.4       , 0.        , 0.6       ],
           [0.33333333, 0.33333333, 0.33333333]])
    """
    R, dtype = _checked_probabilities(r)
    C = R.shape[1]
    rest = np.full(C, 1 / C) if prior is None else np.asarray(prior, float)
    if rest.shape != (C,) or not (rest >= 0).all() or not np.isclose(rest.sum(), 1):
        raise ValueError(f"prior must be None or {C} probabilities that sum to one, got {prior!r}.")
    return divided_by_sum(np.where(R.any(axis=1, keepdims=True), R, rest)).astype(dtype)


def fit_temperature(
    F: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
) -> float:
    r"""Return the temperature at which the softmax of scores suits the labels best.

    .. math:: \min_{T > 0} \; -\sum_i s_i \ln \frac{e^{F_{i y_i} / T}}{\sum_k e^{F_{ik} / T}}

    The scores may come from anywhere, such as the margins of one-vs-all learners, which have no
    common unit. Dividing them by T changes no ranking, only how sure the probabilities are.

    Parameters
    ----------
    F : array-like of shape (n_samples, n_classes)
        Finite scores of the classes; preferably for rows on which the learners were not trained.
    y : array-like of int of shape (n_samples,)
        The classes, from 0 to n_classes - 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights s of the rows.

    Returns
    -------
    T : float
        The temperature, in the unit of the scores. It is kept between 0.001 and 1000 times the mean
        absolute difference between the score of the true class and of another one: the lower bound
        is reached if the true class always has the largest score, the upper one if the scores are
        no better than chance. 1 if all those differences are zero.

    Raises
    ------
    ValueError
        If F, y or `sample_weight` has another shape or is not made of such numbers.

    Notes
    -----
    With :math:`\beta = 1 / T` and :math:`D_{ik} = F_{ik} - F_{i y_i}` the objective
    :math:`\sum_i s_i \ln \sum_k e^{\beta D_{ik}}` is convex in :math:`\beta`. Its derivative
    :math:`\sum_i s_i \sum_k P_{ik} D_{ik}`, a difference between what the softmax expects and what
    is true, increases, and Brent's method finds its zero. Cost: some ten times
    O(n_samples n_classes).

    References
    ----------
    .. [1] Guo, Pleiss, Sun & Weinberger (2017). On calibration of modern neural networks. ICML.

    Examples
    --------
    >>> from skmlp.reductions.coupling import fit_temperature
    >>> F = [[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [0.0, 2.0]]
    >>> T = fit_temperature(F, y=[0, 0, 0, 0])  # exp(2 / T) = 3: one in four is wrong.
    >>> round(T, 6)
    1.820478
    """
    scores = np.asarray(F, float)
    if scores.ndim != 2 or not np.isfinite(scores).all():
        raise ValueError(f"F must be finite and of shape (n_samples, n_classes), got {F!r}.")
    labels, weight = checked_rows(y, sample_weight, *scores.shape)
    D = scores - scores[np.arange(len(scores)), labels][:, None]
    unit = float(weight @ np.abs(D).sum(axis=1))
    if unit == 0:
        return 1.0
    unit /= float(weight.sum()) * (D.shape[1] - 1)

    def derivative(log_temperature: float) -> float:
        P = softmax(D / (unit * np.exp(log_temperature)), axis=1)
        return float(weight @ np.einsum("ik,ik->i", P, D))

    coldest, hottest = np.log(COLDEST), np.log(HOTTEST)
    if derivative(coldest) <= 0:
        return float(COLDEST * unit)
    if derivative(hottest) >= 0:
        return float(HOTTEST * unit)
    return float(unit * np.exp(brentq(derivative, coldest, hottest)))


def _groups_and_shares(
    code: CodeMatrix | KaryCode, r: npt.ArrayLike
) -> tuple[Array, Array, Array, Any]:
    """Return the classes of each group and its problem, its share in each row, and the dtype."""
    if isinstance(code, KaryCode):
        problem = np.repeat(np.arange(code.n_problems), code.symbols)
        shares, dtype = _checked_probabilities(r, len(problem))
        starts = np.cumsum(code.symbols) - code.symbols
        if not np.allclose(np.add.reduceat(shares, starts, axis=1), 1, atol=1e-3):
            raise ValueError(f"r must sum to one over the symbols of each problem, got {r!r}.")
        return code.binary.M.T > 0, problem, shares, dtype
    yes, dtype = _checked_probabilities(r, code.n_problems)
    problem = np.repeat(np.arange(code.n_problems), 2)
    groups = np.stack([code.M.T > 0, code.M.T < 0], axis=1).reshape(-1, code.n_classes)
    shares = np.stack([yes, 1 - yes], axis=2).reshape(len(yes), len(problem))
    return groups, problem, shares, dtype


def _checked_probabilities(r: npt.ArrayLike, n_columns: int | None = None) -> tuple[Array, Any]:
    """Return r in double precision, and the dtype for the answer."""
    R = np.asarray(r)
    dtype = R.dtype if R.dtype.kind == "f" else np.dtype(float)
    if R.dtype.kind not in "biuf" or R.ndim != 2 or n_columns not in (None, R.shape[1]):
        shape = f"(n_samples, {'n_classes' if n_columns is None else n_columns})"
        raise ValueError(
            f"r must be real numbers of shape {shape}, got dtype {R.dtype} and shape {R.shape}."
        )
    R = R.astype(float)
    if not ((R >= 0) & (R <= 1)).all():
        raise ValueError(f"r must hold probabilities from 0 to 1, got {r!r}.")
    return R, dtype


def _checked_weights(weights: npt.ArrayLike | None, n_problems: int) -> Array:
    """Return the weights of the problems, divided by their sum."""
    w = np.ones(n_problems) if weights is None else np.asarray(weights, float)
    if w.shape != (n_problems,) or not ((w >= 0) & (w < np.inf)).all() or not w.any():
        raise ValueError(
            f"weights must be None or {n_problems} finite numbers >= 0, not all zero, "
            f"got {weights!r}."
        )
    return np.asarray(w / w.sum())


def _blocks(n_rows: int, numbers_per_row: int) -> Iterator[slice]:
    size = max(1, BLOCK // numbers_per_row)
    return (slice(start, start + size) for start in range(0, n_rows, size))

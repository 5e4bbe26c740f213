"""Coupling against recoverable truth, slow references, LIBSVM, and identities between methods."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax
from sklearn.datasets import make_classification
from sklearn.svm import SVC

from skmlp.reductions import coupling, log_sums
from skmlp.reductions.code import CodeMatrix, KaryCode
from skmlp.reductions.coupling import (
    bradley_terry,
    fit_temperature,
    hastie_tibshirani,
    normalize,
    wu_lin_weng,
)


def generator(seed=0):
    return np.random.default_rng(seed)


def class_probabilities(n_classes, n_samples=50, spread=1.0, seed=0):
    """Random probabilities; a spread of 8 makes some of them less than 1e-12."""
    logits = generator(seed).normal(scale=spread, size=(n_samples, n_classes))
    return softmax(logits, axis=1)


def learners_that_know(code, P):
    """The probabilities of learners that agree on P."""
    if isinstance(code, KaryCode):
        return P @ (code.binary.M > 0)
    return (P @ (code.M > 0)) / (P @ (code.M != 0))


def learners_that_guess(code, n_samples=20, seed=0):
    """Probabilities of learners that know nothing of one another."""
    rng = generator(seed)
    if isinstance(code, KaryCode):
        parts = [rng.dirichlet(np.ones(size), n_samples) for size in code.symbols]
        return np.hstack(parts)
    return rng.random((n_samples, code.n_problems))


CODES = {
    "one_vs_one": CodeMatrix.one_vs_one(26),
    "one_vs_all": CodeMatrix.one_vs_all(26),
    "dense": CodeMatrix.random_dense(26, rng=generator()),
    "sparse": CodeMatrix.random_sparse(26, rng=generator()),
    "hadamard": CodeMatrix.hadamard(26),
    "kary": KaryCode.random(26, 10, rng=generator()),
    "small": CodeMatrix.exhaustive(4),
    "small_sparse": CodeMatrix([[-1, -1, 0, 1, 1], [1, 0, -1, 1, -1], [0, 1, 1, -1, 0]]),
    "two": CodeMatrix.one_vs_all(2),
    "binary_kary": KaryCode([[0, 1, 0], [1, 1, 0], [0, 0, 0], [1, 0, 1]]),
}
each_code = pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
each_spread = pytest.mark.parametrize("spread", [0.1, 1.0, 8.0])
each_size = pytest.mark.parametrize("n_classes", [2, 3, 10, 26])


# Recoverable truth.


@each_size
@each_spread
@pytest.mark.parametrize("method", [wu_lin_weng, hastie_tibshirani])
def test_pairs_that_agree_give_the_classes_back(method, n_classes, spread):
    P = class_probabilities(n_classes, spread=spread)
    r = learners_that_know(CodeMatrix.one_vs_one(n_classes), P)
    assert_allclose(method(r, n_classes), P, rtol=0, atol=1e-8)


@each_code
@each_spread
def test_columns_that_agree_give_the_classes_back(code, spread):
    P = class_probabilities(code.n_classes, spread=spread)
    assert_allclose(bradley_terry(code, learners_that_know(code, P)), P, rtol=0, atol=1e-6)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)], ids=["falling", "rising"])
def test_tiny_probabilities_come_back_too(order):
    P = np.array([[1.0, 1e-4, 1e-8, 1e-12, 1e-16]])[:, order]
    P /= P.sum()
    r = learners_that_know(CodeMatrix.one_vs_one(5), P)
    # Maximum likelihood finds each of them to many digits, least squares to many places.
    assert_allclose(hastie_tibshirani(r, 5), P, rtol=1e-9)
    assert_allclose(wu_lin_weng(r, 5), P, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("n_classes", [3, 26])
def test_one_vs_all_learners_that_agree_give_the_classes_back(n_classes):
    P = class_probabilities(n_classes)
    code = CodeMatrix.one_vs_all(n_classes)
    assert_allclose(normalize(learners_that_know(code, P)), P, rtol=1e-12)


# Slow and obvious references.


def pair_table(r, n_classes):
    """R[i, j] is the probability of i against j."""
    R = np.zeros((n_classes, n_classes))
    for column, (i, j) in enumerate(zip(*np.triu_indices(n_classes, 1), strict=True)):
        R[j, i], R[i, j] = r[column], 1 - r[column]
    return R


def wu_lin_weng_matrix(r, n_classes):
    R = pair_table(r, n_classes)
    Q = np.empty((n_classes, n_classes))
    for i in range(n_classes):
        for j in range(n_classes):
            others = [s for s in range(n_classes) if s != i]
            Q[i, j] = sum(R[s, i] ** 2 for s in others) if i == j else -R[j, i] * R[i, j]
    return Q


def wu_lin_weng_by_hand(r, n_classes):
    """Solve the bordered system of the paper for one row."""
    bordered = np.ones((n_classes + 1, n_classes + 1))
    bordered[:-1, :-1] = wu_lin_weng_matrix(r, n_classes)
    bordered[-1, -1] = 0
    return np.linalg.solve(bordered, np.append(np.zeros(n_classes), 1))[:-1]


def hastie_tibshirani_by_hand(r, n_classes, weights):
    """Iterate as in the paper until the expected pairs have the shares of the observed ones."""
    R, W = pair_table(r, n_classes), np.zeros((n_classes, n_classes))
    W[np.triu_indices(n_classes, 1)] = weights
    W += W.T
    p = np.full(n_classes, 1 / n_classes)
    for _ in range(1000):
        for i in range(n_classes):
            others = np.arange(n_classes) != i
            mu = p[i] / (p[i] + p[others])
            p[i] *= (W[i] * R[i])[others].sum() / (W[i][others] * mu).sum()
            p /= p.sum()
    return p


def bradley_terry_by_hand(groups, shares, weights, n_steps):
    """Multiply by the ratio of the paper, for one row; a group is a pair (problem, classes)."""
    n_classes = 1 + max(max(classes) for _, classes in groups)
    p = np.full(n_classes, 1 / n_classes)
    for _ in range(n_steps):
        gain, loss = np.zeros(n_classes), np.zeros(n_classes)
        for (problem, classes), share in zip(groups, shares, strict=True):
            everyone = [k for other, group in groups if other == problem for k in group]
            gain[classes] += weights[problem] * share / p[classes].sum()
            loss[classes] += weights[problem] / p[everyone].sum()
        p *= gain / loss
        p /= p.sum()
    return p


def groups_by_hand(code):
    if isinstance(code, KaryCode):
        for problem, column in enumerate(code.K.T):
            for symbol in range(column.max() + 1):
                yield problem, np.flatnonzero(column == symbol)
    else:
        for problem, column in enumerate(code.M.T):
            yield problem, np.flatnonzero(column > 0)
            yield problem, np.flatnonzero(column < 0)


def shares_by_hand(code, r):
    return r if isinstance(code, KaryCode) else [share for s in r for share in (s, 1 - s)]


@pytest.mark.parametrize("n_classes", [2, 3, 8])
def test_wu_lin_weng_solves_the_bordered_system(n_classes):
    r = learners_that_guess(CodeMatrix.one_vs_one(n_classes))
    expected = [wu_lin_weng_by_hand(row, n_classes) for row in r]
    assert_allclose(wu_lin_weng(r, n_classes), expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("n_classes", [3, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_hastie_tibshirani_equals_its_iteration(n_classes, weighted):
    code = CodeMatrix.one_vs_one(n_classes)
    r = learners_that_guess(code, 3)
    weights = generator(1).integers(1, 50, code.n_problems) if weighted else None
    by_hand = np.ones(code.n_problems) if weights is None else weights
    expected = [hastie_tibshirani_by_hand(row, n_classes, by_hand) for row in r]
    assert_allclose(hastie_tibshirani(r, n_classes, weights), expected, atol=1e-8)


SMALL_CODES = ["small", "small_sparse", "two", "binary_kary"]


@pytest.mark.parametrize("name", SMALL_CODES)
@pytest.mark.parametrize("weighted", [False, True])
def test_bradley_terry_equals_its_iteration(name, weighted):
    code = CODES[name]
    P = class_probabilities(code.n_classes, 3)
    # Learners that do not quite agree: the optimum is inside, where the iteration is quick.
    r = 0.8 * learners_that_know(code, P) + 0.2 * learners_that_guess(code, 3)
    weights = generator(1).integers(1, 50, code.n_problems) if weighted else None
    groups = list(groups_by_hand(code))
    by_hand = np.ones(code.n_problems) if weights is None else weights
    expected = [
        bradley_terry_by_hand(groups, shares_by_hand(code, row), by_hand, 1500) for row in r
    ]
    assert_allclose(bradley_terry(code, r, weights), expected, atol=1e-7)


def slopes_by_hand(code, r, p):
    """The derivative of J in p, for one row, if each problem has weight 1."""
    slopes = np.zeros(code.n_classes)
    groups = list(groups_by_hand(code))
    for (problem, classes), share in zip(groups, shares_by_hand(code, r), strict=True):
        everyone = [k for other, group in groups if other == problem for k in group]
        slopes[classes] += 1 / p[everyone].sum() - share / p[classes].sum()
    return slopes


@each_code
def test_bradley_terry_of_learners_that_guess_is_a_minimum(code):
    r = learners_that_guess(code)
    for row, p in zip(r, bradley_terry(code, r), strict=True):
        slopes = slopes_by_hand(code, row, p) / code.n_problems
        # J is flat in the probabilities that are not zero, and rises where one grows from zero.
        assert_allclose(p * slopes, 0, atol=1e-7)
        assert (slopes[p < 1e-12] > -1e-6).all()
        assert (np.abs(slopes[p > 1e-3]) < 1e-5).all()


def test_wu_lin_weng_is_the_least_of_all_probabilities():
    r = learners_that_guess(CodeMatrix.one_vs_one(6))
    others = generator(2).dirichlet(np.full(6, 0.5), 500)
    for row, p in zip(r, wu_lin_weng(r, 6), strict=True):
        Q = wu_lin_weng_matrix(row, 6)
        assert p @ Q @ p <= np.einsum("ni,ij,nj->n", others, Q, others).min() + 1e-15


# LIBSVM couples by the second method of Wu, Lin & Weng, too.


@pytest.mark.skipif("probability" not in SVC().get_params(), reason="scikit-learn is 1.11 or later")
@pytest.mark.filterwarnings("ignore:.*probability:FutureWarning")
@pytest.mark.parametrize("n_classes", [3, 5])
def test_wu_lin_weng_agrees_with_svc(n_classes):
    X, y = make_classification(
        400, n_informative=8, n_classes=n_classes, class_sep=0.6, random_state=0
    )
    svc = SVC(probability=True, decision_function_shape="ovo", random_state=0)
    svc.fit(X[:300], y[:300])
    # In scikit-learn's SVC a positive margin speaks for the earlier class of a pair. LIBSVM cuts
    # off pairwise probabilities below 1e-7.
    earlier = expit(-(svc.probA_ * svc.decision_function(X) + svc.probB_))
    r = 1 - np.clip(earlier, 1e-7, 1 - 1e-7)
    ours, theirs = wu_lin_weng(r, n_classes), svc.predict_proba(X)
    # LIBSVM iterates until no entry of d = Q p - (p^T Q p) e exceeds 0.005 / C. Let v be the
    # difference from the solution p*, where Q p* is a multiple of e. As v sums to zero,
    # v^T Q v = v^T d <= |v| |d|, so that |v| <= |d| / (smallest curvature of Q across e).
    across = np.linalg.svd(np.ones((1, n_classes)))[2][1:]
    for row, p, q in zip(r, ours, theirs, strict=True):
        Q = wu_lin_weng_matrix(row, n_classes)
        d = Q @ q - q @ Q @ q
        assert np.abs(d).max() < 0.005 / n_classes + 1e-12
        curvature = np.linalg.eigvalsh(across @ Q @ across.T)[0]
        assert np.linalg.norm(p - q) <= np.linalg.norm(d) / curvature + 1e-12
    # In the end that is not far.
    assert np.abs(ours - theirs).max() < 0.02


# Identities.


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_hastie_tibshirani_is_bradley_terry_of_pairs(n_classes):
    code = CodeMatrix.one_vs_one(n_classes)
    r = learners_that_guess(code)
    weights = np.arange(1, code.n_problems + 1)
    assert_array_equal(hastie_tibshirani(r, n_classes, weights), bradley_terry(code, r, weights))


@pytest.mark.parametrize("method", [wu_lin_weng, hastie_tibshirani])
def test_two_classes_are_one_pair(method):
    r = np.linspace(0, 1, 21)[:, None]
    assert_allclose(method(r, 2), np.hstack([1 - r, r]), atol=1e-12)


def test_two_symbols_are_a_binary_code():
    K = CODES["binary_kary"].K
    r = learners_that_guess(CodeMatrix(2 * K - 1))
    symbols = np.stack([1 - r, r], axis=2).reshape(len(r), -1)
    weights = [3, 1, 2]
    assert_allclose(
        bradley_terry(CODES["binary_kary"], symbols, weights),
        bradley_terry(CodeMatrix(2 * K - 1), r, weights),
        atol=1e-9,
    )


def test_a_single_learner_of_all_classes_is_believed():
    code, P = KaryCode(np.arange(5)[:, None]), class_probabilities(5, spread=3)
    assert_allclose(bradley_terry(code, P), P, atol=1e-9)


@pytest.mark.parametrize("name", ["one_vs_one", "dense"])
def test_a_weight_is_a_number_of_copies(name):
    code = CODES[name]
    r = learners_that_guess(code, 5)
    weights = generator(1).integers(0, 4, code.n_problems)
    copies = np.repeat(np.arange(code.n_problems), weights)
    expected = bradley_terry(CodeMatrix(code.M[:, copies]), r[:, copies])
    assert_allclose(bradley_terry(code, r, weights), expected, atol=1e-6)
    assert_allclose(bradley_terry(code, r, weights * 1e6), expected, atol=1e-6)


def test_learners_in_a_circle_make_all_classes_equal():
    # 0 beats 1, 1 beats 2, 2 beats 0, by the same odds.
    for r in (0.0, 0.1, 0.5):
        circle = [[r, 1 - r, r]]
        assert_allclose(wu_lin_weng(circle, 3), 1 / 3, rtol=1e-12)
        assert_allclose(hastie_tibshirani(circle, 3), 1 / 3, rtol=1e-9)


# Learners that are certain.


@each_code
def test_certain_learners_that_spell_a_word_make_its_class_certain(code):
    P = np.eye(code.n_classes)
    if isinstance(code, KaryCode):
        r = learners_that_know(code, P)
    else:
        r = np.where(code.M == 0, 0.5, code.M > 0)
    assert_allclose(bradley_terry(code, r), P, atol=1e-6)


@each_code
def test_certain_learners_that_contradict_one_another_give_probabilities(code):
    rng = generator()
    if isinstance(code, KaryCode):
        r = np.hstack([np.eye(size)[rng.integers(size, size=50)] for size in code.symbols])
    else:
        r = rng.integers(0, 2, (50, code.n_problems))
    P = bradley_terry(code, r)
    assert np.isfinite(P).all()
    assert (P >= 0).all()
    assert_allclose(P.sum(axis=1), 1, rtol=1e-12)


def test_certain_learners_that_put_all_classes_in_order_need_few_steps(monkeypatch):
    # The likelihood has no maximum: it grows as each class leaves the next further behind. A
    # warning that rows have not converged would be an error here.
    monkeypatch.setattr(log_sums, "MAX_STEPS", 60)
    P = hastie_tibshirani(np.zeros((1, 325)), 26)
    assert_allclose(P, np.eye(26)[:1], atol=1e-9)
    assert (np.diff(P) <= 0).all()


@each_size
def test_wu_lin_weng_of_certain_learners_is_never_singular(n_classes):
    # Every tournament of three, many of more.
    n_problems = n_classes * (n_classes - 1) // 2
    r = generator().integers(0, 2, (200, n_problems))
    if n_classes == 3:
        r = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    P = wu_lin_weng(r, n_classes)
    assert (P >= 0).all()
    assert_allclose(P.sum(axis=1), 1, rtol=1e-12)
    # Class 0, which wins all its games, has the largest probability.
    first, _ = np.triu_indices(n_classes, 1)
    assert wu_lin_weng([first > 0], n_classes).argmax() == 0


def test_learners_that_leave_classes_undetermined_treat_them_alike():
    # Nothing tells 0 from 1 or 2 from 3 but a learner that says one half.
    code = CodeMatrix([[-1, -1, 0], [-1, 1, 0], [1, 0, -1], [1, 0, 1]])
    expected = [[0.1, 0.1, 0.4, 0.4]]
    assert_allclose(bradley_terry(code, [[0.8, 0.5, 0.5]]), expected, atol=1e-9)
    # Weights of zero leave them undetermined altogether.
    P = bradley_terry(code, [[0.8, 0.3, 0.9]], weights=[1, 0, 0])
    assert_allclose([P[0, :2].sum(), P[0, 2:].sum()], [0.2, 0.8], atol=1e-9)


# Invariants.

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, n_classes=st.integers(2, 8), method=st.sampled_from(["least", "likely"]))
def test_relabelling_pairs_permutes_the_probabilities(seed, n_classes, method):
    couple = {"least": wu_lin_weng, "likely": hastie_tibshirani}[method]
    r = learners_that_guess(CodeMatrix.one_vs_one(n_classes), 1, seed)
    order = generator(seed).permutation(n_classes)
    relabelled = pair_table(r[0], n_classes)[np.ix_(order, order)]
    first, second = np.triu_indices(n_classes, 1)
    assert_allclose(
        couple(relabelled[second, first][None], n_classes),
        couple(r, n_classes)[:, order],
        atol=1e-6,
    )


@given(seed=seeds, n_classes=st.integers(3, 8))
def test_relabelling_permutes_the_probabilities(seed, n_classes):
    rng = generator(seed)
    code = CodeMatrix.random_dense(n_classes, rng=rng, n_draws=1)
    r = learners_that_guess(code, 3, seed)
    order, sign = rng.permutation(n_classes), rng.choice([-1, 1], code.n_problems)
    relabelled = bradley_terry(CodeMatrix(code.M[order] * sign), np.where(sign > 0, r, 1 - r))
    # The optimum need not be unique, but what it says of each problem is.
    assert_allclose(
        relabelled @ (code.M[order] > 0), bradley_terry(code, r) @ (code.M > 0), atol=1e-6
    )


@each_code
def test_rows_are_independent(code, monkeypatch):
    r = learners_that_guess(code, 30)
    together = bradley_terry(code, r)
    monkeypatch.setattr(coupling, "BLOCK", 4 * code.n_classes * 2 * r.shape[1])
    assert_allclose(bradley_terry(code, r), together, atol=1e-9)
    assert_allclose(bradley_terry(code, r[7:9]), together[7:9], atol=1e-9)


def test_pairs_are_independent_of_other_rows(monkeypatch):
    r = learners_that_guess(CodeMatrix.one_vs_one(6), 30)
    together = wu_lin_weng(r, 6)
    monkeypatch.setattr(coupling, "BLOCK", 7 * 36)
    assert_allclose(wu_lin_weng(r, 6), together, rtol=1e-13)


@each_code
def test_sparse_and_dense_products_agree(code, monkeypatch):
    r = learners_that_know(code, class_probabilities(code.n_classes))
    results = []
    for share in (0.0, 2.0):
        monkeypatch.setattr(log_sums, "SPARSE", share)
        results.append(bradley_terry(code, r))
    assert_allclose(*results, atol=1e-7)


@each_code
def test_no_rows_have_no_probabilities(code):
    r = learners_that_guess(code, 0)
    assert bradley_terry(code, r).shape == (0, code.n_classes)


# Numbers.


@pytest.mark.parametrize(
    "couple",
    [
        lambda r: wu_lin_weng(r, 3),
        lambda r: hastie_tibshirani(r, 3),
        lambda r: bradley_terry(CODES["one_vs_all"].take([0, 1, 2])[0], r),
        normalize,
    ],
    ids=["wu_lin_weng", "hastie_tibshirani", "bradley_terry", "normalize"],
)
def test_float32_goes_in_and_out(couple):
    r = generator().random((10, 3)).astype(np.float32)
    before = r.copy()
    assert couple(r).dtype == np.float32
    assert couple(r.astype(float)).dtype == np.float64
    assert couple(np.eye(3, dtype=int)).dtype == np.float64
    assert_allclose(couple(r), couple(r.astype(float)), atol=1e-6)
    assert_array_equal(r, before)


def test_rows_that_do_not_converge_are_announced(monkeypatch):
    monkeypatch.setattr(log_sums, "MAX_STEPS", 2)
    message = r"^Coupling did not converge in 2 steps for 20 of 20 rows\.$"
    with pytest.warns(RuntimeWarning, match=message):
        P = bradley_terry(CODES["dense"], learners_that_guess(CODES["dense"]))
    assert_allclose(P.sum(axis=1), 1, rtol=1e-12)


# One-vs-all: normalization and temperature.


def test_normalize_divides_by_the_sum():
    r = generator().random((10, 4))
    assert_allclose(normalize(r), [row / sum(row) for row in r], rtol=1e-14)


def test_rows_where_all_say_no_have_the_prior():
    r = np.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.0]])
    assert_allclose(normalize(r), [[1 / 3, 1 / 3, 1 / 3], [0, 1, 0]])
    assert_allclose(normalize(r, prior=[0.5, 0.3, 0.2]), [[0.5, 0.3, 0.2], [0, 1, 0]])
    assert_allclose(normalize(np.full((1, 3), 5e-324)), 1 / 3)


@pytest.mark.parametrize("prior", [[0.5, 0.5], [0.5, 0.4, 0.2], [1.5, -0.5, 0.0], [math.nan] * 3])
def test_a_prior_is_made_of_probabilities(prior):
    message = f"prior must be None or 3 probabilities that sum to one, got {prior!r}."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        normalize(np.ones((1, 3)), prior)


def scores_and_labels(temperature, n_classes=4, n_samples=200):
    """Every row with every label, weighted by the softmax at a temperature: its loss is least."""
    F = generator().normal(scale=3.0, size=(n_samples, n_classes))
    y = np.tile(np.arange(n_classes), n_samples)
    return np.repeat(F, n_classes, axis=0), y, softmax(F / temperature, axis=1).ravel()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 20.0])
@pytest.mark.parametrize("n_classes", [2, 4, 26])
def test_the_temperature_that_made_the_labels_is_found(temperature, n_classes):
    F, y, weight = scores_and_labels(temperature, n_classes)
    assert_allclose(fit_temperature(F, y, weight), temperature, rtol=1e-8)


def test_the_temperature_minimizes_the_cross_entropy():
    rng = generator(1)
    F, y, weight = rng.normal(size=(100, 5)), rng.integers(5, size=100), rng.random(100)
    F[np.arange(100), y] += 1

    def cross_entropy(log_temperature):
        log_P = log_softmax(F / np.exp(log_temperature), axis=1)
        return -weight @ log_P[np.arange(100), y]

    best = minimize_scalar(cross_entropy, bounds=(-5, 5), method="bounded", options={"xatol": 1e-9})
    assert_allclose(fit_temperature(F, y, weight), np.exp(best.x), rtol=1e-6)


def test_the_temperature_has_the_unit_of_the_scores():
    F, y, weight = scores_and_labels(2.0)
    assert_allclose(fit_temperature(1e-6 * F + 7, y, weight), 2e-6, rtol=1e-6)
    assert_allclose(fit_temperature(1e6 * F, y, weight), 2e6, rtol=1e-8)
    F[:, :] += generator().normal(size=(len(F), 1))
    assert_allclose(fit_temperature(F, y, weight), 2.0, rtol=1e-8)


def test_the_temperature_has_bounds():
    F = np.array([[3.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    # Mean difference from the true class: (2 + 3 + 1 + 1) / 4 if right, (2 + 1 + 1 + 0) / 4 if not.
    assert_allclose(fit_temperature(F, [0, 1]), 1.75e-3)
    assert_allclose(fit_temperature(F, [1, 2]), 1.0e3)
    assert fit_temperature(np.ones((4, 3)), [0, 1, 2, 0]) == 1
    assert fit_temperature(np.ones((4, 1)), [0, 0, 0, 0]) == 1


# Errors.


SHAPE = r"^r must be real numbers of shape \(n_samples, \S+\), got dtype "
RANGE = r"^r must hold probabilities from 0 to 1, got "


@pytest.mark.parametrize(
    ("r", "message"),
    [
        (np.ones((2, 4)), SHAPE + r"float64 and shape \(2, 4\)\.$"),
        (np.ones(3), SHAPE + r"float64 and shape \(3,\)\.$"),
        (np.array([["a", "b", "c"]]), SHAPE + r"<U1 and shape \(1, 3\)\.$"),
        ([[0.5, 1.1, 0.0]], RANGE + r"\[\[0\.5, 1\.1, 0\.0\]\]\.$"),
        ([[0.5, -1e-9, 0.0]], RANGE),
        ([[0.5, math.nan, 0.0]], RANGE),
    ],
    ids=["columns", "vector", "strings", "above", "below", "nan"],
)
def test_r_is_checked(r, message):
    with pytest.raises(ValueError, match=message):
        wu_lin_weng(r, 3)
    with pytest.raises(ValueError, match=message):
        hastie_tibshirani(r, 3)
    with pytest.raises(ValueError, match=message):
        bradley_terry(CodeMatrix.one_vs_all(3), r)
    if np.shape(r) != (2, 4):
        with pytest.raises(ValueError, match=message):
            normalize(r)


def test_symbols_of_a_problem_sum_to_one():
    code = CODES["binary_kary"]
    r = learners_that_guess(code, 2)
    assert_allclose(bradley_terry(code, r.astype(np.float32)), bradley_terry(code, r), atol=1e-5)
    r[1, 2] /= 2
    with pytest.raises(ValueError, match=r"^r must sum to one over the symbols of each problem, "):
        bradley_terry(code, r)


@pytest.mark.parametrize("n_classes", [1, 2.0])
def test_the_number_of_classes_is_checked(n_classes):
    error = ValueError if n_classes == 1 else TypeError
    for method in (wu_lin_weng, hastie_tibshirani):
        with pytest.raises(
            error, match=f"n_classes must be an integer of at least 2, got {n_classes}"
        ):
            method(np.ones((1, 1)), n_classes)


@pytest.mark.parametrize(
    "weights", [[1, 1], [1, 1, -1], [0, 0, 0], [1, 1, math.inf], [1, 1, math.nan]]
)
def test_weights_are_checked(weights):
    message = "weights must be None or 3 finite numbers >= 0, not all zero, got "
    with pytest.raises(ValueError, match=f"^{re.escape(message + repr(weights))}\\.$"):
        hastie_tibshirani(np.ones((1, 3)), 3, weights)


@pytest.mark.parametrize(
    ("F", "y", "message"),
    [
        (np.ones(3), [0, 1, 2], r"^F must be finite and of shape \(n_samples, n_classes\), got "),
        ([[1.0, math.inf]], [0], "^F must be finite"),
        (np.ones((2, 3)), [0, 3], r"^y must hold integers from 0 to 2, got \[0, 3\]\.$"),
        (np.ones((2, 3)), [0], r"^y must hold one integer for each of 2 rows, got \[0\]\.$"),
    ],
)
def test_scores_and_labels_are_checked(F, y, message):
    with pytest.raises(ValueError, match=message):
        fit_temperature(F, y)

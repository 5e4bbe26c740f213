"""What must not change a model, or must change it in a way that is known, on random problems."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmlp import SoftmaxRegression

few_examples = settings(max_examples=15)


@st.composite
def problems(draw):
    """Return rows and labels of two to four classes, each of which occurs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_classes = draw(st.integers(2, 4))
    n_samples, n_features = draw(st.integers(n_classes, 40)), draw(st.integers(1, 6))
    X = rng.normal(size=(n_samples, n_features)) * 10.0 ** rng.uniform(-1, 1, size=n_features)
    y = rng.permutation(
        np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=n_samples)])[:n_samples]
    )
    return X, y, rng


def fitted(X, y, sample_weight=None):
    return SoftmaxRegression(0.01, tol=1e-12).fit(X, y, sample_weight=sample_weight)


@few_examples
@given(problems())
def test_relabelling_permutes_the_classes(problem):
    X, y, rng = problem
    permutation = rng.permutation(y.max() + 1)
    model, relabelled = fitted(X, y), fitted(X, permutation[y])
    P = relabelled.predict_proba(X)[:, permutation]
    assert_allclose(P, model.predict_proba(X), atol=1e-6)


@few_examples
@given(problems())
def test_a_row_twice_is_a_row_of_weight_two(problem):
    X, y, rng = problem
    counts = rng.integers(1, 4, size=len(y))
    weighted = fitted(X, y, counts)
    repeated = fitted(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-6)
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-5)


@few_examples
@given(problems(), st.floats(-150, 150))
def test_the_scale_of_the_weights_does_not_matter(problem, exponent):
    X, y, rng = problem
    weight = rng.exponential(size=len(y))
    model, scaled = fitted(X, y, weight), fitted(X, y, 10.0**exponent * weight)
    assert_allclose(scaled.predict_proba(X), model.predict_proba(X), atol=1e-6)


@few_examples
@given(problems())
def test_the_order_of_the_rows_does_not_matter(problem):
    X, y, rng = problem
    order = rng.permutation(len(y))
    model, shuffled = fitted(X, y), fitted(X[order], y[order])
    assert_allclose(shuffled.predict_proba(X), model.predict_proba(X), atol=1e-6)


@few_examples
@given(problems(), st.floats(-3, 3))
def test_a_constant_feature_changes_nothing(problem, constant):
    X, y, _ = problem
    model, wider = fitted(X, y), fitted(np.c_[X, np.full(len(y), constant)], y)
    # The intercept does its work for free, so the penalty drives its weights to zero.
    P = wider.predict_proba(np.c_[X, np.full(len(y), constant)])
    assert_allclose(P, model.predict_proba(X), atol=1e-6)
    assert_allclose(wider.coef_[:, -1], 0, atol=1e-4)


@few_examples
@given(problems())
def test_a_shift_of_the_features_moves_into_the_intercept(problem):
    X, y, rng = problem
    shift = rng.normal(size=X.shape[1])
    model, shifted = fitted(X, y), fitted(X + shift, y)
    assert_allclose(shifted.coef_, model.coef_, atol=1e-5)
    assert_allclose(shifted.predict_proba(X + shift), model.predict_proba(X), atol=1e-6)

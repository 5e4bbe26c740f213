"""One model, many ways to fit it: scikit-learn's LogisticRegression, and each of our solvers."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from skmlp import SoftmaxRegression
from skmlp.optim import InverseScaling

ALPHA = 0.01
CONTAINERS = {"dense": np.asarray, "CSR": sp.csr_array, "CSC": sp.csc_array}


def logistic_regression(X, y, sample_weight=None, **options):
    """Return scikit-learn's model, whose C multiplies a sum where alpha is added to a mean."""
    total = len(y) if sample_weight is None else sample_weight.sum()
    model = LogisticRegression(
        C=1 / (2 * total * ALPHA), solver="newton-cholesky", tol=1e-12, **options
    )
    return model.fit(X, y, sample_weight)


def assert_same_model(model, reference, X, tolerance=1e-6):
    assert_allclose(model.coef_, reference.coef_, atol=tolerance)
    difference = np.broadcast_to(model.intercept_ - reference.intercept_, len(model.coef_))
    if len(difference) > 1:  # Adding one number to the intercepts of all classes changes nothing.
        difference = difference - difference.mean()
    assert_allclose(difference, 0, atol=tolerance)
    assert_allclose(model.predict_proba(X), reference.predict_proba(X), atol=tolerance)


@pytest.fixture(params=["newton", "lbfgs"])
def exact_model(request):
    return SoftmaxRegression(ALPHA, solver=request.param, tol=1e-15, max_iter=1000)


@pytest.fixture
def row_weight(clouds):
    return np.random.default_rng(1).exponential(size=len(clouds[1]))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("data", ["clouds", "two_clouds"])
def test_logistic_regression(data, container, fit_intercept, exact_model, request):
    X, y = request.getfixturevalue(data)
    X = CONTAINERS[container](X * (X > -0.5))
    model = exact_model.set_params(fit_intercept=fit_intercept).fit(X, y)
    reference = logistic_regression(X, y, fit_intercept=fit_intercept)
    assert_same_model(model, reference, X)


def test_logistic_regression_with_sample_weight(clouds, row_weight, exact_model):
    X, y = clouds
    model = exact_model.fit(X, y, sample_weight=row_weight)
    assert_same_model(model, logistic_regression(X, y, row_weight), X)


@pytest.mark.parametrize("class_weight", [{0: 0.3, 2: 5.0}, "balanced"])
def test_logistic_regression_with_class_weight(clouds, class_weight, exact_model):
    X, y = clouds
    factor = {0: 0.3, 1: 1.0, 2: 5.0}
    if class_weight == "balanced":
        factor = dict(enumerate(len(y) / (3 * np.bincount(y))))
    row_weight = np.array([factor[label] for label in y])
    model = exact_model.set_params(class_weight=class_weight).fit(X, y)
    assert_same_model(model, logistic_regression(X, y, row_weight), X)


def test_balanced_classes_have_the_same_total_weight(clouds, row_weight, exact_model):
    X, y = clouds
    share = row_weight / np.bincount(y, row_weight)[y]
    balanced = exact_model.set_params(class_weight="balanced").fit(X, y, sample_weight=row_weight)
    assert_same_model(balanced, logistic_regression(X, y, share), X)


def test_logistic_regression_in_float32(clouds, exact_model):
    X, y = clouds
    model = exact_model.set_params(tol=1e-6).fit(X.astype(np.float32), y)
    assert_same_model(model, logistic_regression(X, y), X, tolerance=1e-3)


@pytest.mark.parametrize("data", ["clouds", "two_clouds", "iris"])
def test_newton_and_lbfgs_agree(data, request):
    X, y = request.getfixturevalue(data)
    newton = SoftmaxRegression(1e-3, solver="newton", tol=1e-10).fit(X, y)
    lbfgs = SoftmaxRegression(1e-3, solver="lbfgs", tol=1e-10, max_iter=1000).fit(X, y)
    assert_allclose(lbfgs.predict_proba(X), newton.predict_proba(X), atol=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("shuffle", [True, "with_replacement"])
@pytest.mark.parametrize("data", ["clouds", "two_clouds"])
def test_sgd_nears_the_optimum_as_its_rate_decays(data, shuffle, request):
    X, y = request.getfixturevalue(data)
    optimum = SoftmaxRegression(ALPHA, tol=1e-12).fit(X, y)
    sgd = SoftmaxRegression(
        ALPHA,
        solver="sgd",
        optimizer="sgd",
        learning_rate=InverseScaling(1.0, power=1.0),
        batch_size=10,
        shuffle=shuffle,
        tol=0,
        n_iter_no_change=200,
        random_state=0,
    ).fit(X, y)
    assert sgd.loss_ - optimum.loss_ < 1e-3 * optimum.loss_
    assert np.abs(sgd.predict_proba(X) - optimum.predict_proba(X)).mean() < 0.01

"""Ctrl-C ends a fit early and leaves a model that can be used, and gone on with."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmlp import SoftmaxRegression
from skmlp.estimators._base import Recorder
from skmlp.nn.linear import LinearObjective


@pytest.fixture
def interrupt(monkeypatch):
    """Return a function that makes call number n of a method raise KeyboardInterrupt."""

    def arm(owner, name, n, patch=monkeypatch):
        method, calls = getattr(owner, name), iter(range(1, 10_000))

        def interrupted(*args, **kwargs):
            if next(calls) == n:
                raise KeyboardInterrupt
            return method(*args, **kwargs)

        patch.setattr(owner, name, interrupted)

    return arm


def assert_usable(model, X, n_iter):
    assert model.n_iter_ == len(model.loss_curve_) == n_iter
    assert not model.converged_
    P = model.predict_proba(X)
    assert np.isfinite(P).all()
    assert_allclose(P.sum(axis=1), 1, rtol=10 * np.finfo(P.dtype).eps)
    assert np.isfinite(model.loss_)


@pytest.mark.parametrize("n_done", [0, 1, 2])
def test_the_model_is_as_it_was_after_the_last_iteration(clouds, solver, n_done, interrupt):
    X, y = clouds
    interrupt(Recorder, "__call__", n_done + 1)
    model = SoftmaxRegression(solver=solver, random_state=0, warm_start=True)
    message = (
        rf"^SoftmaxRegression was interrupted after {n_done} iterations; the model can be used as "
        r"it is\. Call fit again with warm_start=True to go on\.$"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        model.fit(X, y)
    assert len(caught) == 1
    assert_usable(model, X, n_done)
    if solver == "sgd":
        # It was made, but before anybody could take note of it.
        assert model.coef_.any()
    elif n_done == 0:
        assert not model.coef_.any()
    else:
        assert model.loss_ == pytest.approx(model.loss_curve_[-1], rel=1e-12)

    model.fit(X, y)
    assert model.converged_
    best = SoftmaxRegression(solver="newton").fit(X, y).loss_
    assert model.loss_ < 1.01 * best


@pytest.mark.parametrize("n_done", [0, 2])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_in_the_middle_of_an_epoch(clouds, interrupt, readable_road, dtype, optimizer, n_done):
    """The steps until then are kept: they are those of a call with their rows."""
    X, y = clouds
    X, first = X.astype(dtype), slice(60)
    options = {"random_state": 0, "batch_size": 30, "shuffle": False, "optimizer": optimizer}
    expected = SoftmaxRegression(solver="sgd", **options)
    for _ in range(n_done):
        expected.partial_fit(X, y, classes=[0, 1, 2])
    expected.partial_fit(X[first], y[first], classes=[0, 1, 2])
    model = SoftmaxRegression(solver="sgd", warm_start=True, **options)
    with pytest.MonkeyPatch.context() as patch:
        # There are five batches in an epoch.
        interrupt(LinearObjective, "value_and_gradient", 5 * n_done + 3, patch)
        with pytest.warns(UserWarning, match=f"interrupted after {n_done} iterations"):
            model.fit(X, y)
    assert_usable(model, X, n_done)
    assert_allclose(model.coef_, expected.coef_, rtol=1e-5 if dtype is np.float32 else 1e-12)
    for each in (model, expected):
        each.partial_fit(X, y)
    assert_allclose(model.coef_, expected.coef_, rtol=1e-5 if dtype is np.float32 else 1e-12)
    assert model.n_iter_ == n_done + 1


@pytest.mark.parametrize("n_done", [0, 1])
def test_partial_fit_keeps_the_steps_that_were_made(clouds, interrupt, readable_road, n_done):
    X, y = clouds
    model = SoftmaxRegression(random_state=0, batch_size=30)
    for _ in range(n_done):
        model.partial_fit(X, y, classes=[0, 1, 2])
    interrupt(LinearObjective, "value_and_gradient", 3)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X, y, classes=[0, 1, 2])
    assert model.n_iter_ == len(model.loss_curve_) == n_done
    assert model._training.state["t"] == 5 * n_done + 2
    assert np.isfinite(model.predict_proba(X)).all()
    model.partial_fit(X, y)
    assert model.n_iter_ == n_done + 1


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_a_warm_start_is_kept_if_nothing_was_done(clouds, solver, interrupt):
    X, y = clouds
    model = SoftmaxRegression(solver=solver, tol=0.01, random_state=0, warm_start=True).fit(X, y)
    before = model.coef_.copy()
    interrupt(Recorder, "__call__", 1)
    with pytest.warns(UserWarning, match="interrupted after 0 iterations"):
        model.set_params(alpha=0.1).fit(X, y)
    assert_array_equal(model.coef_, before)


def test_the_warning_points_at_the_call(clouds, interrupt):
    interrupt(Recorder, "__call__", 1)
    with pytest.warns(UserWarning, match="interrupted") as caught:
        SoftmaxRegression().fit(*clouds)
    assert caught[0].filename == __file__

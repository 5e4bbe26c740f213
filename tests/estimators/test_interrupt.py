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

    def arm(owner, name, n):
        method, calls = getattr(owner, name), iter(range(1, 10_000))

        def interrupted(*args, **kwargs):
            if next(calls) == n:
                raise KeyboardInterrupt
            return method(*args, **kwargs)

        monkeypatch.setattr(owner, name, interrupted)

    return arm


def assert_usable(model, X, n_iter):
    assert model.n_iter_ == len(model.loss_curve_) == n_iter
    assert not model.converged_
    P = model.predict_proba(X)
    assert np.isfinite(P).all()
    assert_allclose(P.sum(axis=1), 1)
    assert np.isfinite(model.loss_)


@pytest.mark.parametrize("n_done", [0, 1, 2])
def test_the_model_is_as_it_was_after_the_last_iteration(clouds, solver, n_done, interrupt):
    X, y = clouds
    interrupt(Recorder, "__call__", n_done + 1)
    model = SoftmaxRegression(solver=solver, random_state=0, warm_start=True)
    message = (
        rf"^SoftmaxRegression was interrupted after {n_done} iterations; the model is as it was "
        r"then\. Call fit again with warm_start=True to go on\.$"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        model.fit(X, y)
    assert len(caught) == 1
    assert_usable(model, X, n_done)
    if n_done == 0:
        assert not model.coef_.any()
    elif solver != "sgd":
        assert model.loss_ == pytest.approx(model.loss_curve_[-1], rel=1e-12)

    model.fit(X, y)
    assert model.converged_
    best = SoftmaxRegression(solver="newton").fit(X, y).loss_
    assert model.loss_ < 1.01 * best


def test_in_the_middle_of_an_epoch(clouds, interrupt, readable_road):
    X, y = clouds
    options = {"solver": "sgd", "random_state": 0, "batch_size": 30}
    with pytest.warns(UserWarning, match="max_iter=2"):
        two_epochs = SoftmaxRegression(max_iter=2, **options).fit(X, y)
    # There are five batches in an epoch.
    interrupt(LinearObjective, "value_and_gradient", 13)
    with pytest.warns(UserWarning, match="interrupted after 2 iterations"):
        model = SoftmaxRegression(**options).fit(X, y)
    assert_usable(model, X, 2)
    assert_array_equal(model.coef_, two_epochs.coef_)


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

"""Loss curves: what is drawn, and what is refused."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skmlp import MLPNet, MLPNetRegressor, SoftmaxRegression
from skmlp.plotting import LossCurveDisplay

X, Y = load_iris(return_X_y=True)


def test_the_objective_is_drawn_against_iterations_from_one():
    model = SoftmaxRegression().fit(X, Y)
    (line,) = LossCurveDisplay.from_estimator(model).lines_
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1, model.n_iter_ + 1))
    np.testing.assert_array_equal(line.get_ydata(), model.loss_curve_)


def test_the_validation_loss_is_drawn_with_a_dot_at_its_lowest_point():
    display = LossCurveDisplay([3.0, 2.0, 1.0], [2.5, 2.2, 2.4]).plot()
    assert [list(line.get_ydata()) for line in display.lines_] == [[3, 2, 1], [2.5, 2.2, 2.4]]
    (dot,) = [line for line in display.ax_.lines if line.get_marker() == "o"]
    assert (dot.get_xdata(), dot.get_ydata()) == ([2], [2.2])
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names == ["objective on training rows", "loss on validation rows"]


def test_a_watched_fit_shows_its_validation_loss():
    model = SoftmaxRegression().fit(X[::2], Y[::2], X_val=X[1::2], y_val=Y[1::2])
    display = LossCurveDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.lines_[1].get_ydata(), model.validation_loss_curve_)


@pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])
def test_a_network_shows_both_of_its_losses(kind):
    net = kind(8, max_iter=12, n_iter_no_change=20, random_state=0)
    net.fit(X[::2], Y[::2], X_val=X[1::2], y_val=Y[1::2])
    display = LossCurveDisplay.from_estimator(net)
    training, validation = display.lines_
    np.testing.assert_array_equal(training.get_ydata(), net.history_["loss"])
    np.testing.assert_array_equal(validation.get_ydata(), net.history_["validation_loss"])
    assert len(display.loss) == 12


def test_epochs_that_nothing_was_watched_in_have_no_point():
    net = MLPNet(8, max_iter=3, n_iter_no_change=9, random_state=0, warm_start=True)
    net.fit(X, Y).fit(X[::2], Y[::2], X_val=X[1::2], y_val=Y[1::2])
    display = LossCurveDisplay.from_estimator(net)
    losses = display.lines_[1].get_ydata()
    assert np.isnan(losses).tolist() == [True] * 3 + [False] * 3
    (dot,) = [line for line in display.ax_.lines if line.get_marker() == "o"]
    assert dot.get_ydata() == [min(losses[3:])]


def test_it_draws_into_given_axes():
    figure, ax = plt.subplots()
    display = LossCurveDisplay.from_estimator(SoftmaxRegression().fit(X, Y), ax=ax)
    assert (display.ax_, display.figure_) == (ax, figure)


def test_a_pipeline_stands_for_its_last_step():
    pipeline = make_pipeline(StandardScaler(), SoftmaxRegression()).fit(X, Y)
    display = LossCurveDisplay.from_estimator(pipeline)
    np.testing.assert_array_equal(display.loss, pipeline[-1].loss_curve_)


def test_the_estimator_must_be_fitted():
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(SoftmaxRegression())


def test_the_estimator_must_be_iterative():
    with pytest.raises(TypeError, match="must be a fitted model with loss_curve_"):
        LossCurveDisplay.from_estimator(DecisionTreeClassifier().fit(X, Y))

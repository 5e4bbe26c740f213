"""Pictures of range tests: what is drawn, and in which part of the plane."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_digits

from skmlp import LearningRateRangeTest, MLPNet, learning_rate_range_test
from skmlp.plotting import RangeTestDisplay

X, Y = load_digits(return_X_y=True)
X = X / 16
NET = MLPNet(8, optimizer="sgd", random_state=0)
RATES = np.array([0.1, 1.0, 10.0])


def display_of(losses, smoothed, suggestion):
    test = LearningRateRangeTest(RATES, np.array(losses), np.array(smoothed), suggestion)
    return RangeTestDisplay(test).plot()


def test_losses_are_drawn_against_rates():
    display = display_of([3.0, 1.0, 9.0], [3.0, 2.0, 5.0], 1.0)
    losses, smoothed, suggestion = display.lines_
    for line, values in ((losses, [3, 1, 9]), (smoothed, [3, 2, 5])):
        np.testing.assert_array_equal(line.get_xdata(), RATES)
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert list(suggestion.get_xdata()) == [1.0, 1.0]
    names = {text.get_text() for text in display.ax_.get_legend().get_texts()}
    assert names == {"each batch", "smoothed", "suggested: 1"}
    assert display.ax_.get_xscale() == "log"


def test_an_explosion_does_not_flatten_the_rest():
    low, high = display_of([3.0, 1.0, 1e6], [3.0, 2.0, 1e5], 1.0).ax_.get_ylim()
    assert low < 1
    assert 3 < high < 5


def test_without_a_suggestion_there_is_no_line():
    display = display_of([1.0, 2.0, 9.0], [1.0, 1.5, 4.0], None)
    assert len(display.lines_) == len(display.ax_.lines) == 2
    low, high = display.ax_.get_ylim()
    assert low < 1 < high


def test_an_estimator_is_tested_with_the_options():
    options = {"low": 1e-3, "high": 1.0, "n_steps": 40, "sample_weight": 1.0 + Y}
    figure, ax = plt.subplots()
    display = RangeTestDisplay.from_estimator(NET, X, Y, **options, ax=ax)
    assert (display.ax_, display.figure_) == (ax, figure)
    test = learning_rate_range_test(NET, X, Y, **options)
    np.testing.assert_array_equal(display.range_test.rates, test.rates)
    np.testing.assert_array_equal(display.range_test.losses, test.losses)


def test_lbfgs_is_refused():
    with pytest.raises(ValueError, match="lbfgs finds its own learning rates"):
        RangeTestDisplay.from_estimator(MLPNet(optimizer="lbfgs"), X, Y)

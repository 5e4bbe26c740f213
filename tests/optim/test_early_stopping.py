"""Early stopping on sequences of losses that are known beforehand."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skmlp.optim.early_stopping import EarlyStopping, Plateau


def run(losses, patience, tol=0.0):
    """Feed a sequence until it is stopped; theta is the number of the iteration."""
    stopping = EarlyStopping(lambda theta: losses[int(theta[0]) - 1], patience, tol)
    for n_iter in range(1, len(losses) + 1):
        if stopping(np.array([float(n_iter)])):
            return stopping, n_iter
    return stopping, None


@pytest.mark.parametrize(
    ("losses", "patience", "stop", "best"),
    [
        ([3, 2, 1, 0], 1, None, 4),
        ([3, 2, 2, 1], 1, 3, 2),
        ([3, 2, 2, 1, 1, 1], 2, 6, 4),
        ([1, 2, 3, 4, 5], 3, 4, 1),
        ([5, 6, 4, 6, 6, 3, 9, 9, 9], 3, 9, 6),
        ([1, 2, 3, 4, 5], np.inf, None, 1),
        ([-1, -2, -2, -2], 2, 4, 2),
    ],
)
def test_it_stops_after_some_iterations_without_improvement(losses, patience, stop, best):
    stopping, n_iter = run(losses, patience)
    assert n_iter == stop
    assert stopping.best_iter == best
    assert stopping.best_loss == losses[best - 1]
    assert_array_equal(stopping.best_theta, [best])
    assert stopping.losses == losses[: stop or len(losses)]


@pytest.mark.parametrize(
    ("losses", "stop"),
    [
        ([1.0, 0.95, 0.94], 3),
        ([1.0, 0.89, 0.80], None),
        ([1.0, 0.95, 0.84], None),
        ([-1.0, -1.05, -1.06], 3),
        ([-1.0, -1.11, -1.23], None),
    ],
)
def test_an_improvement_is_a_share_of_the_best_loss(losses, stop):
    stopping, n_iter = run(losses, patience=2, tol=0.1)
    assert n_iter == stop
    # A loss that is lower by too little to count is the best all the same.
    assert stopping.best_loss == min(losses)


def test_losses_that_are_no_numbers_are_no_improvement():
    stopping, n_iter = run([1.0, np.nan, np.nan], patience=2)
    assert n_iter == 3
    assert stopping.best_iter == 1


def test_a_plateau_is_where_early_stopping_would_stop():
    losses = [5, 6, 4, 6, 6, 3, 9, 9, 9]
    plateau = Plateau(patience=3)
    assert [plateau.note(loss) for loss in losses] == [False] * 8 + [True]
    assert plateau.reached
    assert (plateau.best_loss, plateau.best_iter, plateau.losses) == (3, 6, losses)


def test_the_best_parameters_are_a_copy():
    stopping = EarlyStopping(lambda theta: float(theta @ theta), 5)
    theta = np.array([1.0, 2.0])
    stopping(theta)
    theta += 1
    stopping(theta)
    assert_array_equal(stopping.best_theta, [1, 2])


def test_nothing_is_best_at_the_start():
    stopping = EarlyStopping(lambda theta: 0.0, 1)
    assert stopping.best_theta is None
    assert stopping.losses == []

"""The training loop on objectives whose path is known in closed form."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.optim.optimizers import SGD, Adam, AdamW, Momentum
from skmlp.optim.schedules import Constant, Polynomial, Schedule
from skmlp.optim.training import Training, run_epochs

THETA = np.array([1.0, -2.0, 4.0])
EVERYTHING = np.ones(3, dtype=bool)


def start(optimizer=None, dtype=np.float64, penalized=EVERYTHING):
    return Training.start(
        THETA.astype(dtype), optimizer or SGD(), np.random.default_rng(0), penalized
    )


def bowl(theta, rows):
    """Half the squared norm, whatever the rows."""
    return 0.5 * float(theta @ theta), theta.copy()


def pull(theta, rows):
    """Half the mean squared distance to the numbers of the rows."""
    distance = theta - np.mean(rows)
    return 0.5 * float(distance @ distance), distance


def in_twos(rng):
    return [np.array([0, 1]), np.array([2, 3]), np.array([4])]


def at_random(rng):
    return np.split(rng.permutation(6), 3)


def test_gradient_descent_on_a_bowl():
    training = start()
    stopped = run_epochs(training, bowl, Constant(0.1), in_twos, 4)
    # Three batches an epoch, each of which leaves nine tenths.
    assert_allclose(training.theta, 0.9**12 * THETA, rtol=1e-13)
    assert not stopped
    assert training.epoch == 4


def test_batches_come_from_the_generator_of_the_training():
    training, seen = start(), []

    def spy(theta, rows):
        seen.append(rows)
        return bowl(theta, rows)

    run_epochs(training, spy, Constant(0.1), at_random, 2)
    rng = np.random.default_rng(0)
    expected = np.concatenate([at_random(rng), at_random(rng)])
    assert_array_equal(seen, expected)


def test_the_optimizer_turns_gradients_into_directions():
    training = start(Momentum(0.5))
    run_epochs(training, bowl, Constant(0.1), in_twos, 1)
    theta, velocity = THETA, 0
    for _ in range(3):
        velocity = 0.5 * velocity + theta
        theta = theta - 0.1 * velocity
    assert_allclose(training.theta, theta, rtol=1e-13)


def test_the_optimizer_knows_what_is_penalized():
    penalized = np.array([True, False, True])
    training = start(AdamW(weight_decay=0.5), penalized=penalized)
    flat = run_epochs(training, lambda t, rows: (0.0, 0 * t), Constant(0.1), in_twos, 1)
    assert not flat
    assert_allclose(training.theta, np.where(penalized, 0.95**3, 1) * THETA, rtol=1e-13)


def test_the_schedule_is_asked_for_the_time_in_epochs():
    times = []

    class Watch(Schedule):
        def __call__(self, t):
            times.append(t)
            return 0.1

    training = start()
    run_epochs(training, bowl, Watch(), in_twos, 2)
    run_epochs(training, bowl, Watch(), in_twos, 1)
    assert_allclose(times, np.arange(9) / 3, rtol=1e-13)


def test_listeners_hear_the_mean_over_the_rows():
    heard = []

    def listener(training, loss):
        heard.append((training.epoch, training.theta.copy(), loss))
        return False

    training = start()
    run_epochs(training, pull, Constant(0.5), in_twos, 1, [listener])
    theta, total = THETA, 0
    for rows in in_twos(None):
        value, gradient = pull(theta, rows)
        total += value * len(rows)
        theta = theta - 0.5 * gradient
    ((epoch, seen, loss),) = heard
    assert epoch == 1
    assert_allclose(seen, theta, rtol=1e-13)
    assert loss == pytest.approx(total / 5, rel=1e-13)


@pytest.mark.parametrize("position", [0, 1])
def test_any_listener_stops_and_all_are_told(position):
    calls = [0, 0]

    def listener(i):
        def listen(training, loss):
            calls[i] += 1
            return i == position and training.epoch == 3

        return listen

    training = start()
    assert run_epochs(training, bowl, Constant(0.1), in_twos, 9, map(listener, range(2)))
    assert training.epoch == 3
    assert calls == [3, 3]


@pytest.mark.parametrize("optimizer", [SGD(), Momentum(0.9, nesterov=True), Adam()])
def test_training_goes_on_where_it_stopped(optimizer):
    def train(training, n_epochs):
        run_epochs(training, pull, Polynomial(0.1, duration=5), at_random, n_epochs)
        return training

    at_once = train(start(optimizer), 5)
    resumed = train(pickle.loads(pickle.dumps(train(start(optimizer), 2))), 3)
    assert_array_equal(resumed.theta, at_once.theta)
    assert resumed.epoch == at_once.epoch == 5
    assert resumed.rng.random() == at_once.rng.random()


@pytest.mark.parametrize("optimizer", [SGD(), Adam()])
def test_float32_stays_float32(optimizer):
    training = start(optimizer, np.float32)
    double = start(optimizer)
    for each in (training, double):
        run_epochs(each, bowl, Constant(0.1), in_twos, 3)
    assert training.theta.dtype == np.float32
    assert_allclose(training.theta, double.theta, rtol=1e-5)


def test_no_epochs_change_nothing():
    training = start()
    assert not run_epochs(training, bowl, Constant(0.1), in_twos, 0)
    assert_array_equal(training.theta, THETA)


def overflow(theta, rows):
    return 0.0, theta * 1e200


def not_a_number(theta, rows):
    return (np.nan if rows[0] == 4 else 1.0), 0 * theta


def infinite(theta, rows):
    return np.inf, 0 * theta


@pytest.mark.parametrize(
    ("objective", "value"),
    [(overflow, r"[\d.]+|nan|inf"), (not_a_number, "nan"), (infinite, "inf")],
)
def test_divergence_is_an_error_that_says_when_and_what_to_do(objective, value):
    training = start()
    run_epochs(training, bowl, Constant(0.1), in_twos, 2)
    message = (
        rf"^Training diverged in epoch 3: the objective became ({value})\. "
        r"Use a smaller learning_rate, or scale the features\.$"
    )
    with pytest.raises(ValueError, match=message):
        run_epochs(training, objective, Constant(0.1), in_twos, 2)

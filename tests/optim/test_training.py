"""The training loop on objectives whose path is known in closed form."""

import pickle
import signal
from copy import deepcopy
from dataclasses import dataclass
from threading import Thread
from time import perf_counter, sleep

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.optim.optimizers import SGD, Adam, AdamW, ClipNorm, Momentum
from skmlp.optim.schedules import Constant, Polynomial, ReduceOnPlateau, Schedule
from skmlp.optim.training import Training, run_epochs

THETA = np.array([1.0, -2.0, 4.0])
EVERYTHING = np.ones(3, dtype=bool)


def start(optimizer=None, dtype=np.float64, penalized=EVERYTHING):
    return Training.start(
        THETA.astype(dtype), optimizer or SGD(), np.random.default_rng(0), penalized
    )


def bowl(theta, rows, rng):
    """Half the squared norm, whatever the rows."""
    return 0.5 * float(theta @ theta), theta.copy()


def pull(theta, rows, rng):
    """Half the mean squared distance to the numbers of the rows."""
    distance = theta - np.mean(rows)
    return 0.5 * float(distance @ distance), distance


def shake(theta, rows, rng):
    """A pull towards the numbers of the rows and a push at random."""
    value, gradient = pull(theta, rows, rng)
    return value, gradient + rng.standard_normal(len(theta))


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

    def spy(theta, rows, rng):
        seen.append(rows)
        return bowl(theta, rows, rng)

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
    flat = run_epochs(training, lambda t, rows, rng: (0.0, 0 * t), Constant(0.1), in_twos, 1)
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

    def listener(training, epoch):
        heard.append((training.epoch, training.theta.copy(), epoch.loss))
        return False

    training = start()
    run_epochs(training, pull, Constant(0.5), in_twos, 1, [listener])
    theta, total = THETA, 0
    for rows in in_twos(None):
        value, gradient = pull(theta, rows, None)
        total += value * len(rows)
        theta = theta - 0.5 * gradient
    ((epoch, seen, loss),) = heard
    assert epoch == 1
    assert_allclose(seen, theta, rtol=1e-13)
    assert loss == pytest.approx(total / 5, rel=1e-13)


@pytest.mark.parametrize("optimizer", [SGD(), Momentum(0.5), ClipNorm(0.1)])
def test_listeners_hear_the_norm_of_the_gradients_not_of_the_steps(optimizer):
    squares, heard = [], []

    def spy(theta, rows, rng):
        value, gradient = pull(theta, rows, rng)
        squares.append((gradient**2).sum())
        return value, gradient

    def listener(training, epoch):
        heard.append(epoch.gradient_norm)
        return False

    run_epochs(start(optimizer), spy, Constant(0.3), in_twos, 2, [listener])
    # Every batch counts once, also the last one, which is smaller.
    assert_allclose(heard, [np.sqrt(np.mean(squares[:3])), np.sqrt(np.mean(squares[3:]))])


def test_listeners_hear_the_rate_of_the_last_step():
    schedule, heard = Polynomial(0.1, duration=4), []
    training = start()

    def listener(training, epoch):
        heard.append(epoch.rate)
        training.rate_factor /= 2
        return False

    run_epochs(training, bowl, schedule, in_twos, 3, [listener])
    expected = [schedule(2 / 3), schedule(5 / 3) / 2, schedule(8 / 3) / 4]
    assert_allclose(heard, expected, rtol=1e-13)


def test_listeners_hear_how_long_it_took():
    heard = []

    def doze(theta, rows, rng):
        sleep(0.004)
        return bowl(theta, rows, rng)

    def listener(training, epoch):
        heard.append(epoch.seconds)
        return False

    began = perf_counter()
    run_epochs(start(), doze, Constant(0.1), in_twos, 2, [listener])
    elapsed = perf_counter() - began
    assert min(heard) > 2 * 0.004
    assert sum(heard) <= elapsed


@pytest.mark.parametrize("optimizer", [SGD(), Momentum(0.5), Adam()])
def test_the_rate_factor_multiplies_the_rate(optimizer):
    halved, slow = start(optimizer), start(optimizer)
    halved.follow(Polynomial(0.2, duration=5))
    halved.rate_factor = 0.5
    run_epochs(halved, pull, Polynomial(0.2, duration=5), in_twos, 3)
    run_epochs(slow, pull, Polynomial(0.1, duration=5), in_twos, 3)
    assert_array_equal(halved.theta, slow.theta)
    assert halved.rate_factor == 0.5


def test_another_schedule_starts_with_a_free_mind():
    training = start(SGD())
    first, second = ReduceOnPlateau(0.1, patience=1), ReduceOnPlateau(0.2, patience=1)
    for schedule, factor in ((first, 1.0), (first, 0.3), (second, 1.0)):
        training.follow(schedule)
        training.react(1.0)
        assert training.rate_factor == factor


def test_a_listener_changes_the_rate_from_the_next_epoch_on():
    training = start()

    def listener(training, epoch):
        training.rate_factor = 0.5
        return False

    run_epochs(training, bowl, Constant(0.2), in_twos, 2, [listener])
    assert_allclose(training.theta, 0.8**3 * 0.9**3 * THETA, rtol=1e-13)


def test_the_objective_draws_from_the_generator_of_the_training():
    training, drawn = start(), []

    def draw(theta, rows, rng):
        assert rng is training.rng
        drawn.append(rng.random())
        return bowl(theta, rows, rng)

    run_epochs(training, draw, Constant(0.1), at_random, 2)
    rng, expected = np.random.default_rng(0), []
    for _ in range(2):
        at_random(rng)
        expected.extend(rng.random(3))
    assert_array_equal(drawn, expected)


@pytest.mark.parametrize("position", [0, 1])
def test_any_listener_stops_and_all_are_told(position):
    calls = [0, 0]

    def listener(i):
        def listen(training, epoch):
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


def slow_down(schedule):
    """A listener that lets the schedule react to the loss."""

    def listener(training, epoch):
        training.react(epoch.loss)
        return False

    return listener


@pytest.mark.parametrize("n_first", [1, 4, 5, 6, 9])
def test_a_plateau_is_remembered_where_training_stopped(n_first):
    schedule = ReduceOnPlateau(0.5, factor=0.5, patience=3)

    def train(training, n_epochs):
        run_epochs(training, shake, schedule, at_random, n_epochs, [slow_down(schedule)])
        return training

    at_once = train(start(), 12)
    assert at_once.rate_factor < 0.5
    resumed = train(pickle.loads(pickle.dumps(train(start(), n_first))), 12 - n_first)
    assert_array_equal(resumed.theta, at_once.theta)
    assert resumed.rate_factor == at_once.rate_factor
    assert resumed.memory == at_once.memory


@dataclass
class InterruptedMomentum(Momentum):
    """Momentum, in the middle of one step of which somebody presses Ctrl-C."""

    n_left: int = 1 << 30

    def direction(self, grad, theta, state):
        state["velocity"] *= self.momentum
        self.n_left -= 1
        if self.n_left == 0:
            signal.raise_signal(signal.SIGINT)
        state["velocity"] += grad
        return state["velocity"]


def interrupted_by_the_objective(n_whole):
    """Return an optimizer and an objective: Ctrl-C between two steps of the second epoch."""
    n_left = [3 + n_whole]

    def objective(theta, rows, rng):
        if not n_left[0]:
            signal.raise_signal(signal.SIGINT)
        n_left[0] -= 1
        return pull(theta, rows, rng)

    return Momentum(), objective


def interrupted_by_the_optimizer(n_whole):
    """Return an optimizer and an objective: Ctrl-C in the middle of a step of the second epoch."""
    return InterruptedMomentum(n_left=3 + n_whole), pull


@pytest.mark.usefixtures("interactive_session")
@pytest.mark.parametrize("n_whole", [1, 2])
@pytest.mark.parametrize(
    "interrupted", [interrupted_by_the_objective, interrupted_by_the_optimizer]
)
def test_an_interrupt_keeps_the_steps_and_counts_no_epoch(interrupted, n_whole):
    optimizer, objective = interrupted(n_whole)
    training = start(optimizer)
    with pytest.raises(KeyboardInterrupt):
        run_epochs(training, objective, Constant(0.1), in_twos, 5)
    expected = start(Momentum())
    run_epochs(expected, pull, Constant(0.1), in_twos, 1)
    run_epochs(expected, pull, Constant(0.1), lambda rng: in_twos(rng)[:n_whole], 1)
    assert_array_equal(training.theta, expected.theta)
    assert_array_equal(training.state["velocity"], expected.state["velocity"])
    assert training.epoch == 1
    training.optimizer = Momentum()
    for each in (training, expected):
        run_epochs(each, pull, Constant(0.1), in_twos, 2)
    assert_array_equal(training.theta, expected.theta)


@pytest.mark.usefixtures("interactive_session")
def test_an_interrupt_means_what_it_did_before():
    """Whoever listens for Ctrl-C hears of it, and says whether the training goes on."""
    heard = []
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    training, expected = start(InterruptedMomentum(n_left=2)), start(Momentum())
    run_epochs(training, pull, Constant(0.1), in_twos, 2)
    assert heard == [signal.SIGINT]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_epochs(expected, pull, Constant(0.1), in_twos, 2)
    assert_array_equal(training.theta, expected.theta)


@pytest.mark.usefixtures("interactive_session")
def test_an_interrupt_that_is_ignored_stays_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    training = start(InterruptedMomentum(n_left=2))
    run_epochs(training, pull, Constant(0.1), in_twos, 2)
    assert signal.signal(signal.SIGINT, signal.default_int_handler) is signal.SIG_IGN
    assert training.epoch == 2


@pytest.mark.usefixtures("interactive_session")
def test_training_in_another_thread_sets_no_handler():
    training, expected = start(Momentum()), start(Momentum())
    thread = Thread(target=run_epochs, args=(training, pull, Constant(0.1), in_twos, 2))
    thread.start()
    thread.join()
    run_epochs(expected, pull, Constant(0.1), in_twos, 2)
    assert_array_equal(training.theta, expected.theta)


def test_an_interrupt_of_an_epoch_that_has_diverged_is_its_divergence():
    def explode(theta, rows, rng):
        if rows[0] == 4:
            raise KeyboardInterrupt
        return 0.0, np.full(len(theta), np.inf)

    with pytest.raises(ValueError, match="diverged in epoch 1"):
        run_epochs(start(), explode, Constant(0.1), in_twos, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("other", [np.float32, np.float64])
def test_to_go_on_in_another_dtype_changes_nothing_else(dtype, other):
    training = start(AdamW(), dtype)
    schedule = ReduceOnPlateau(0.5, patience=1)
    run_epochs(training, shake, schedule, at_random, 5, [slow_down(schedule)])
    before = deepcopy(training)
    theta = training.theta.astype(other)
    training.go_on(theta)
    assert training.theta is theta
    assert_array_equal(training.theta, before.theta.astype(other))
    assert training.state.keys() == before.state.keys()
    for name, value in before.state.items():
        if name in ("t", "penalized"):
            assert_array_equal(training.state[name], value)
        else:
            assert training.state[name].dtype == other
            assert_array_equal(training.state[name], value.astype(other))
    assert (training.epoch, training.rate_factor) == (5, before.rate_factor)
    assert training.memory == before.memory
    assert training.rng.random() == before.rng.random()


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


def overflow(theta, rows, rng):
    return 0.0, theta * 1e200


def not_a_number(theta, rows, rng):
    return (np.nan if rows[0] == 4 else 1.0), 0 * theta


def infinite(theta, rows, rng):
    return np.inf, 0 * theta


@pytest.mark.parametrize(
    ("objective", "value"),
    [
        (overflow, "0.0, and its derivative or the parameters are not finite or explode"),
        (not_a_number, "nan"),
        (infinite, "inf"),
    ],
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

"""The learning rate range test: one short training tells which rates are worth a try."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone

from skmlp._spec import check_integer, check_real
from skmlp.estimators._network_estimator import check_network
from skmlp.estimators._network_pieces import rows_in_batch
from skmlp.optim.batches import epoch_batches
from skmlp.optim.schedules import Schedule
from skmlp.optim.training import DivergedError, run_epochs

# Share of the past in the smoothed loss.
MEMORY = 0.9
# A loss this many times that of the start, or of the best constant, has exploded.
RUNAWAY = 4.0
# Share of its whole fall that the loss has made at the rate that is suggested.
ENOUGH = 2 / 3
# A fall by a smaller share of the loss of the start, or of the best constant, may be noise.
NOTICEABLE = 0.1


@dataclass(frozen=True, eq=False)
class LearningRateRangeTest:
    """What a range test has found: one entry for each step that it made.

    Parameters
    ----------
    rates : ndarray of shape (n_steps,)
        Learning rate of each step.
    losses : ndarray of shape (n_steps,)
        Objective that its batch found before the step.
    smoothed : ndarray of shape (n_steps,)
        Exponential mean of the losses.
    suggestion : float or None
        The rate to start with; None if the loss did not fall.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float | None


def learning_rate_range_test(net, X, y, *, low=1e-5, high=10.0, n_steps=100, sample_weight=None):
    r"""Find a learning rate by one short training in which the rate rises until it is too large.

    Too small a rate moves nothing; too large a rate throws the network about. In between the loss
    falls, and where it falls is found in a hundred steps, one mini-batch each, with the rates

    .. math:: \eta_i = \text{low} \left( \frac{\text{high}}{\text{low}}
              \right)^{i / (n - 1)}, \qquad i = 0, \dots, n - 1 .

    The losses :math:`\ell_i` of the batches are smoothed by an exponential mean, corrected for its
    start at zero,

    .. math:: m_i = 0.9 \, m_{i-1} + 0.1 \, \ell_i, \qquad
              \bar\ell_i = \frac{m_i}{1 - 0.9^{i+1}},

    and the training ends early when the smoothed loss has exploded: when it is four times that of
    the first batch, or of the best constant prediction if this is more.

    The suggestion is the first rate at which the smoothed loss has made two thirds of its fall from
    the start to its minimum. A rate near the minimum is too large already: there the network is
    about to be thrown out again. If the loss has not fallen by a tenth, there is no suggestion:
    the range is too narrow, or the features are not scaled.

    Parameters
    ----------
    net : MLPNet or MLPNetRegressor
        The network, fitted or not; it is not changed. A clone is trained from the start, with all
        its parameters but `learning_rate`. In a pipeline it is the last step.
    X : array-like or sparse array of shape (n_samples, n_features)
        Training rows as ``net.fit`` sees them: scaled. From a pipeline,
        ``pipeline[:-1].fit_transform(X, y)``.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    low, high : float, default=1e-5 and 10.0
        First and last learning rate, positive, `low` below `high`.
    n_steps : int, default=100
        Largest number of steps, at least 10. Many steps favour small rates, which have had more
        time: 100 have served well.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    test : LearningRateRangeTest
        Rates, losses, smoothed losses and the suggestion.

    Raises
    ------
    ValueError
        If `net` has no mini-batches (lbfgs), or its first step diverges.

    See Also
    --------
    skmlp.plotting.RangeTestDisplay : The picture of it.

    Notes
    -----
    The suggestion is a place to look first, not the optimum. If it matters, try rates from a third
    of it to three times as much: a long training can use smaller rates, and a schedule that ends
    near zero larger ones. The test costs as much as `n_steps` steps of ``fit``.

    References
    ----------
    .. [1] Smith (2017). Cyclical learning rates for training neural networks. WACV.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmlp import MLPNet, learning_rate_range_test
    >>> X, y = load_digits(return_X_y=True)
    >>> net = MLPNet(optimizer="sgd", random_state=0)
    >>> test = learning_rate_range_test(net, X / 16, y)
    >>> 0.01 < test.suggestion < 3
    True
    >>> net = net.set_params(learning_rate=test.suggestion)
    """
    check_options(net, low, high, n_steps)
    net = clone(net)
    objective = net._training_objective(X, y, sample_weight)
    n_samples = len(objective.weight)
    batches = endless_batches(
        np.arange(n_samples),
        rows_in_batch(net.batch_size, n_samples),
        net.shuffle,
        net._training.rng,
    )
    trace = Trace()
    try:
        # An epoch of one batch: the time of the schedule counts steps, and every step is told of.
        run_epochs(
            net._training,
            objective,
            GeometricRise(low, high, n_steps - 1),
            lambda rng: [next(batches)],
            n_steps,
            [trace],
        )
    except DivergedError:
        if not trace.losses:
            raise
    rates, smoothed = np.array(trace.rates), np.array(trace.smoothed)
    return LearningRateRangeTest(
        rates,
        np.array(trace.losses) * objective.unit,
        smoothed * objective.unit,
        suggested_rate(rates, smoothed),
    )


def check_options(net, low, high, n_steps):
    """Raise unless the network and the range are what they must be."""
    check_network("net", net)
    check_real("low", low, "(0, inf)")
    check_real("high", high, "(0, inf)")
    if low >= high:
        raise ValueError(f"low must be smaller than high, {high!r}, got {low!r}.")
    check_integer("n_steps", n_steps, 10)
    if net.optimizer == "lbfgs":
        raise ValueError(
            "optimizer of net must be one of mini-batches: lbfgs finds its own learning rates, "
            "got 'lbfgs'."
        )


@dataclass
class GeometricRise(Schedule):
    """Multiply the rate by the same factor in every step: ``low^(1 - p) high^p``, p = t / duration.

    Parameters
    ----------
    low, high : float
        The rates at time 0 and after the duration.
    duration : float
        The time that the rise takes.
    """

    low: float
    high: float
    duration: float

    def __call__(self, t):
        p = t / self.duration
        return float(self.low ** (1 - p) * self.high**p)


class Trace:
    """Take note of every step; stop when the smoothed loss has exploded.

    Attributes
    ----------
    rates, losses, smoothed : list of float
        Of each step, in units of the objective.
    """

    def __init__(self):
        self.rates = []
        self.losses = []
        self.smoothed = []
        self.mean = 0.0

    def __call__(self, training, epoch):
        self.rates.append(epoch.rate)
        self.losses.append(epoch.loss)
        self.mean = MEMORY * self.mean + (1 - MEMORY) * epoch.loss
        self.smoothed.append(self.mean / (1 - MEMORY ** len(self.losses)))
        return self.smoothed[-1] > RUNAWAY * max(self.losses[0], 1.0)


def endless_batches(rows, batch_size, shuffle, rng):
    """Yield the mini-batches of one epoch after another."""
    while True:
        yield from epoch_batches(rows, batch_size, shuffle, rng)


def suggested_rate(rates, smoothed):
    """Return the first rate at which the loss has made most of its fall; None if there is none."""
    fall = smoothed[0] - smoothed[: smoothed.argmin() + 1]
    if fall[-1] < NOTICEABLE * max(smoothed[0], 1.0):
        return None
    return float(rates[np.argmax(fall >= ENOUGH * fall[-1])])

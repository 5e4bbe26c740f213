"""Schedules: the learning rate as a function of time.

Time is counted in epochs, the unit in which users think: after k mini-batches of an epoch of b
batches, the first epoch being 0, the time is ``epoch + k / b``. A schedule is a pure function of
that float. It remembers nothing, so it can be plotted, tested and resumed on its own.

In the formulas ``t`` is the time and ``p = min(t / duration, 1)`` the progress of a schedule that
ends. Such a schedule takes ``duration=None`` to mean "the rest of the training", which `over` turns
into a number; after its duration it stays at its last value.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

from skmlp._spec import Spec, check_integer, check_real


@dataclass
class Schedule(Spec):
    """Base of all schedules. A subclass defines ``__call__``; one call takes O(1) time."""

    def __call__(self, t: float) -> float:
        """Return the learning rate at a time.

        Parameters
        ----------
        t : float
            The time in epochs, not negative; fractions occur.

        Returns
        -------
        rate : float
            The learning rate, not negative.

        Raises
        ------
        ValueError
            If the schedule depends on a duration that is still None.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __call__.")

    @property
    def settled_at(self) -> float:
        """Time in epochs at which a planned change of the rate has come to its end; else 0.

        Until then a training is not at rest, even if its loss does not fall: it waits for the rate.
        """
        return 0.0

    def over(self, n_epochs: float) -> Self:
        """Return a copy in which what is left of a training replaces every duration of None.

        Parameters
        ----------
        n_epochs : float
            The length of the training in epochs.

        Returns
        -------
        schedule : Schedule
            A new schedule; this one is not changed.

        Raises
        ------
        ValueError
            If a duration is None and no time is left for it.
        """
        return replace(self)

    def react(self, loss: float, memory: dict[str, Any]) -> float:
        """Return what to multiply the rate by from now on, in view of what an epoch has brought.

        Only a schedule that waits for a plateau has anything to say here.

        Parameters
        ----------
        loss : float
            The monitored loss after the epoch; smaller is better.
        memory : dict
            What the schedule wants to remember until the next epoch; changed in place.

        Returns
        -------
        factor : float
            In (0, 1].
        """
        return 1.0


@dataclass
class Constant(Schedule):
    """The same learning rate for ever: ``rate``.

    A number given as a learning rate means this schedule.

    Parameters
    ----------
    rate : float
        The learning rate, positive.

    Examples
    --------
    >>> from skmlp.optim.schedules import Constant
    >>> Constant(0.1)(7.5)
    0.1
    """

    rate: float

    def validate(self) -> None:
        """Check the parameters."""
        check_real("rate", self.rate, "(0, inf)")

    def __call__(self, t: float) -> float:
        """Return ``rate``."""
        return float(self.rate)


@dataclass
class PiecewiseConstant(Schedule):
    """A table of learning rates: ``rates[i]`` from ``boundaries[i - 1]`` until ``boundaries[i]``.

    For those who know from earlier runs when the loss stops falling.

    Parameters
    ----------
    rates : sequence of float
        The learning rates, positive, one more than there are boundaries.
    boundaries : sequence of float
        The times in epochs at which the next rate takes over, positive and increasing.

    References
    ----------
    Zagoruyko, S., and Komodakis, N. (2016). Wide residual networks. BMVC.

    Examples
    --------
    >>> from skmlp.optim.schedules import PiecewiseConstant
    >>> table = PiecewiseConstant(rates=[0.1, 0.02, 0.004], boundaries=[60, 120])
    >>> table(59.9), table(60), table(500)
    (0.1, 0.02, 0.004)
    """

    rates: Sequence[float]
    boundaries: Sequence[float]

    def validate(self) -> None:
        """Check the parameters."""
        for name, values in (("rates", self.rates), ("boundaries", self.boundaries)):
            if isinstance(values, str) or not hasattr(values, "__getitem__"):
                raise TypeError(f"{name} must be a sequence of numbers, got {values!r}.")
            for i, value in enumerate(values):
                check_real(f"{name}[{i}]", value, "(0, inf)")
        if any(later <= earlier for earlier, later in pairwise(self.boundaries)):
            raise ValueError(f"boundaries must be increasing, got {self.boundaries!r}.")
        if len(self.rates) != len(self.boundaries) + 1:
            expected = f"one rate more than the {len(self.boundaries)} boundaries"
            raise ValueError(f"rates must hold {expected}, got {self.rates!r}.")

    @property
    def settled_at(self) -> float:
        """The last boundary."""
        return float(max(self.boundaries, default=0.0))

    def __call__(self, t: float) -> float:
        """Return the rate of the piece that holds `t`."""
        return float(self.rates[bisect_right(self.boundaries, t)])


@dataclass
class StepDecay(Schedule):
    """Multiply the learning rate by a factor at regular times: ``rate * factor^floor(t / every)``.

    Between the steps the rate is constant and the loss has time to settle.

    Parameters
    ----------
    rate : float
        The learning rate at time 0, positive.
    factor : float, default=0.5
        The factor at every step, in (0, 1].
    every : float, default=10.0
        The time between steps in epochs, positive.

    References
    ----------
    Bengio, Y. (2012). Practical recommendations for gradient-based training of deep architectures.
    In Neural Networks: Tricks of the Trade, Springer, 437-478.

    Examples
    --------
    >>> from skmlp.optim.schedules import StepDecay
    >>> halve = StepDecay(0.4, factor=0.5, every=10)
    >>> halve(9.9), halve(10), halve(25)
    (0.4, 0.2, 0.1)
    """

    rate: float
    factor: float = 0.5
    every: float = 10.0

    def validate(self) -> None:
        """Check the parameters."""
        check_real("rate", self.rate, "(0, inf)")
        check_real("factor", self.factor, "(0, 1]")
        check_real("every", self.every, "(0, inf)")

    def __call__(self, t: float) -> float:
        """Return ``rate * factor^floor(t / every)``."""
        return float(self.rate * self.factor ** (t // self.every))


@dataclass
class Exponential(Schedule):
    """Lose the same share of the learning rate in every epoch: ``rate * factor^t``.

    The decay is smooth: half an epoch multiplies the rate by ``sqrt(factor)``.

    Parameters
    ----------
    rate : float
        The learning rate at time 0, positive.
    factor : float, default=0.95
        The factor per epoch, in (0, 1].

    References
    ----------
    Senior, A., Heigold, G., Ranzato, M., and Yang, K. (2013). An empirical study of learning rates
    in deep neural networks for speech recognition. ICASSP.

    Examples
    --------
    >>> from skmlp.optim.schedules import Exponential
    >>> Exponential(0.8, factor=0.5)(2)
    0.2
    """

    rate: float
    factor: float = 0.95

    def validate(self) -> None:
        """Check the parameters."""
        check_real("rate", self.rate, "(0, inf)")
        check_real("factor", self.factor, "(0, 1]")

    def __call__(self, t: float) -> float:
        """Return ``rate * factor^t``."""
        return float(self.rate * self.factor**t)


@dataclass
class InverseScaling(Schedule):
    """Divide the learning rate by a power of time: ``rate / (1 + t)^power``.

    Theory asks for rates whose sum diverges, so that any optimum can be reached, while the noise
    that they let in dies out; powers from 0.5 to 1 are the classical choices.

    Parameters
    ----------
    rate : float
        The learning rate at time 0, positive.
    power : float, default=0.5
        The exponent, positive.

    References
    ----------
    Robbins, H., and Monro, S. (1951). A stochastic approximation method. Annals of Mathematical
    Statistics, 22(3), 400-407.

    Zinkevich, M. (2003). Online convex programming and generalized infinitesimal gradient ascent.
    ICML.

    Examples
    --------
    >>> from skmlp.optim.schedules import InverseScaling
    >>> InverseScaling(0.4)(3)
    0.2
    """

    rate: float
    power: float = 0.5

    def validate(self) -> None:
        """Check the parameters."""
        check_real("rate", self.rate, "(0, inf)")
        check_real("power", self.power, "(0, inf)")

    def __call__(self, t: float) -> float:
        """Return ``rate / (1 + t)^power``."""
        # A power of a large time may overflow, but its inverse does not.
        return float(self.rate * (1 + t) ** -self.power)


class _Timed(Schedule):
    """A schedule that runs for `duration` epochs.

    It is no dataclass, so that its children place `duration` after their own parameters.
    """

    duration: float | None

    def validate(self) -> None:
        """Check the parameters."""
        if self.duration is not None:
            check_real("duration", self.duration, "(0, inf)", "None")

    @property
    def settled_at(self) -> float:
        """The duration."""
        return 0.0 if self.duration is None else float(self.duration)

    def over(self, n_epochs: float) -> Self:
        """Return a copy that lasts for `n_epochs` unless it has a duration."""
        if self.duration is not None:
            return replace(self)
        check_real(f"n_epochs left for {type(self).__name__}", n_epochs, "(0, inf)")
        # The children are the dataclasses, and each of them has the field.
        return replace(self, duration=n_epochs)  # type: ignore[call-arg]

    def _progress(self, t: float) -> float:
        """Return ``p = min(t / duration, 1)``."""
        if self.duration is None:
            raise ValueError(
                f"duration of {type(self).__name__} must be set, by the parameter or by "
                "over(n_epochs), before the schedule is called, got None."
            )
        return min(t / float(self.duration), 1.0)


@dataclass
class Polynomial(_Timed):
    """Go down to an end value along a power: ``end + (rate - end) * (1 - p)^power``.

    A straight line for ``power=1``; larger powers fall early and arrive gently.

    Parameters
    ----------
    rate : float
        The learning rate at time 0, positive.
    end : float, default=0.0
        The learning rate at the end, in [0, rate].
    power : float, default=1.0
        The exponent, positive.
    duration : float or None, default=None
        The time in epochs from `rate` to `end`, positive. None means the rest of the training.

    References
    ----------
    Chen, L.-C., Papandreou, G., Kokkinos, I., Murphy, K., and Yuille, A. L. (2018). DeepLab:
    semantic image segmentation with deep convolutional nets, atrous convolution, and fully
    connected CRFs. IEEE Transactions on Pattern Analysis and Machine Intelligence, 40(4), 834-848.

    Examples
    --------
    >>> from skmlp.optim.schedules import Polynomial
    >>> line = Polynomial(0.5, end=0.25, duration=10)
    >>> line(0), line(5), line(20)
    (0.5, 0.375, 0.25)
    """

    rate: float
    end: float = 0.0
    power: float = 1.0
    duration: float | None = None

    def validate(self) -> None:
        """Check the parameters."""
        super().validate()
        check_real("rate", self.rate, "(0, inf)")
        check_real("end", self.end, f"[0, {float(self.rate)}]")
        check_real("power", self.power, "(0, inf)")

    def __call__(self, t: float) -> float:
        """Return ``end + (rate - end) * (1 - p)^power``."""
        return _between(self.end, self.rate, (1 - self._progress(t)) ** self.power)


@dataclass
class Cosine(_Timed):
    """Go down to an end value along half a cosine: ``end + (rate - end) * (1 + cos(pi p)) / 2``.

    The rate stays high at first, falls fastest half way and arrives gently.

    Parameters
    ----------
    rate : float
        The learning rate at time 0, positive.
    end : float, default=0.0
        The learning rate at the end, in [0, rate].
    duration : float or None, default=None
        The time in epochs from `rate` to `end`, positive. None means the rest of the training.

    References
    ----------
    Loshchilov, I., and Hutter, F. (2017). SGDR: stochastic gradient descent with warm restarts.
    ICLR.

    Examples
    --------
    >>> from skmlp.optim.schedules import Cosine
    >>> cosine = Cosine(0.5).over(n_epochs=30)
    >>> cosine(0), round(cosine(10), 6), round(cosine(15), 6), cosine(30)
    (0.5, 0.375, 0.25, 0.0)
    """

    rate: float
    end: float = 0.0
    duration: float | None = None

    def validate(self) -> None:
        """Check the parameters."""
        super().validate()
        check_real("rate", self.rate, "(0, inf)")
        check_real("end", self.end, f"[0, {float(self.rate)}]")

    def __call__(self, t: float) -> float:
        """Return ``end + (rate - end) * (1 + cos(pi p)) / 2``."""
        return _between(self.end, self.rate, _half_cosine(self._progress(t)))


@dataclass
class OneCycle(_Timed):
    """Rise to a large learning rate, then fall far below the first, both along half a cosine.

    With ``w = warm_fraction`` and ``c(p) = (1 + cos(pi p)) / 2``, which falls from 1 to 0::

        p < w:   rate + (start_factor * rate - rate) * c(p / w)
        p >= w:  end_factor * rate + (rate - end_factor * rate) * c((p - w) / (1 - w))

    The large rates in the middle act as a regularizer and cross flat regions quickly; the small
    ones at the end settle into the minimum. Smith and Topin rise and fall along straight lines.

    Parameters
    ----------
    rate : float
        The learning rate at the peak, positive.
    warm_fraction : float, default=0.3
        The share of the duration before the peak, in (0, 1).
    start_factor : float, default=0.04
        The first learning rate as a share of the peak, in [0, 1].
    end_factor : float, default=1e-5
        The last learning rate as a share of the peak, in [0, 1].
    duration : float or None, default=None
        The time of the whole cycle in epochs, positive. None means the rest of the training.

    References
    ----------
    Smith, L. N., and Topin, N. (2018). Super-convergence: very fast training of neural networks
    using large learning rates. arXiv:1708.07120.

    Examples
    --------
    >>> from skmlp.optim.schedules import OneCycle
    >>> cycle = OneCycle(1.0, warm_fraction=0.25, start_factor=0.1, end_factor=0.0, duration=8)
    >>> cycle(0), cycle(2), round(cycle(5), 6), cycle(8)
    (0.1, 1.0, 0.5, 0.0)
    """

    rate: float
    warm_fraction: float = 0.3
    start_factor: float = 0.04
    end_factor: float = 1e-5
    duration: float | None = None

    def validate(self) -> None:
        """Check the parameters."""
        super().validate()
        check_real("rate", self.rate, "(0, inf)")
        check_real("warm_fraction", self.warm_fraction, "(0, 1)")
        check_real("start_factor", self.start_factor, "[0, 1]")
        check_real("end_factor", self.end_factor, "[0, 1]")

    def __call__(self, t: float) -> float:
        """Return the rising half cosine before the peak, the falling one after it."""
        p, w = self._progress(t), self.warm_fraction
        if p < w:
            return _between(self.rate, self.start_factor * self.rate, _half_cosine(p / w))
        return _between(self.end_factor * self.rate, self.rate, _half_cosine((p - w) / (1 - w)))


@dataclass
class ReduceOnPlateau(Schedule):
    """Multiply the rate by a factor whenever the loss has stopped falling.

    A large rate brings the loss down quickly, until the steps jump around a valley's floor; smaller
    steps then get lower. Instead of guessing when that happens, this schedule waits for it. The
    loss is that on validation rows if there are any, else the training objective.

    Parameters
    ----------
    rate : float
        The learning rate at the start, positive.
    factor : float, default=0.3
        What the rate is multiplied by at a plateau, in (0, 1).
    patience : int, default=5
        The epochs in a row without a new lowest loss that make a plateau.
    tol : float, default=1e-4
        The share of the lowest loss by which a new one must be lower, not negative.
    min_factor : float, default=1e-3
        The product of all factors is not allowed below this, in (0, 1].

    Examples
    --------
    >>> from skmlp.optim.schedules import ReduceOnPlateau
    >>> plateau, memory = ReduceOnPlateau(0.1, factor=0.5, patience=2), {}
    >>> [plateau.react(loss, memory) for loss in [1.0, 0.9, 0.95, 0.9, 0.8, 0.8]]
    [1.0, 1.0, 1.0, 0.5, 0.5, 0.5]
    """

    rate: float
    factor: float = 0.3
    patience: int = 5
    tol: float = 1e-4
    min_factor: float = 1e-3

    def validate(self) -> None:
        """Check the parameters."""
        check_real("rate", self.rate, "(0, inf)")
        check_real("factor", self.factor, "(0, 1)")
        check_integer("patience", self.patience, 1)
        check_real("tol", self.tol, "[0, inf)")
        check_real("min_factor", self.min_factor, "(0, 1]")

    def __call__(self, t: float) -> float:
        """Return ``rate``."""
        return float(self.rate)

    def react(self, loss: float, memory: dict[str, Any]) -> float:
        """Return ``factor`` to the power of the number of plateaus so far, or `min_factor`."""
        best = memory.get("best", math.inf)
        margin = float(self.tol) * abs(best) if math.isfinite(best) else 0.0
        if "best" not in memory or loss < best - margin:
            memory["best"], memory["waited"] = loss, 0
        else:
            memory["waited"] += 1
        if memory["waited"] == self.patience:
            memory["waited"] = 0
            lower = memory.get("factor", 1.0) * float(self.factor)
            memory["factor"] = max(lower, float(self.min_factor))
        return float(memory.get("factor", 1.0))


@dataclass
class Warmup(Schedule):
    """Rise along a line to where another schedule begins, then follow that one.

    With ``d = duration`` and ``f = start_factor``::

        t < d:   then(0) * (f + (1 - f) * t / d)
        t >= d:  then(t - d)

    Early gradients are large and the running moments of optimizers such as Adam still rest on few
    of them; small first steps keep them from throwing the parameters far off.

    Parameters
    ----------
    then : Schedule or float
        The schedule that follows; a number means `Constant`.
    duration : float, default=1.0
        The time of the rise in epochs, positive.
    start_factor : float, default=0.0
        The first learning rate as a share of ``then(0)``, in [0, 1].

    References
    ----------
    Goyal, P., et al. (2017). Accurate, large minibatch SGD: training ImageNet in 1 hour.
    arXiv:1706.02677.

    Examples
    --------
    >>> from skmlp.optim.schedules import Cosine, Warmup
    >>> warm = Warmup(Cosine(0.5), duration=2).over(n_epochs=12)
    >>> warm.then
    Cosine(rate=0.5, end=0.0, duration=10)
    >>> warm(0), warm(1), warm(2), round(warm(7), 6), warm(12)
    (0.0, 0.25, 0.5, 0.25, 0.0)
    """

    then: Schedule | float
    duration: float = 1.0
    start_factor: float = 0.0

    def validate(self) -> None:
        """Check the parameters."""
        get_schedule(self.then, name="then")
        check_real("duration", self.duration, "(0, inf)")
        check_real("start_factor", self.start_factor, "[0, 1]")

    def over(self, n_epochs: float) -> Self:
        """Return a copy in which `then` has the time that is left after the rise."""
        then = get_schedule(self.then, name="then")
        return replace(self, then=then.over(n_epochs - self.duration))

    def __call__(self, t: float) -> float:
        """Return the point of the line before `duration`, of `then` after it."""
        then = get_schedule(self.then, name="then")
        if t < self.duration:
            return _between(self.start_factor * then(0.0), then(0.0), t / self.duration)
        return then(t - self.duration)

    @property
    def settled_at(self) -> float:
        """The end of the rise, or later that of `then`."""
        return self.duration + get_schedule(self.then, name="then").settled_at

    def react(self, loss: float, memory: dict[str, Any]) -> float:
        """Return what `then` returns."""
        return get_schedule(self.then, name="then").react(loss, memory)


def get_schedule(value: Schedule | float, name: str = "learning_rate") -> Schedule:
    """Return the schedule that a parameter stands for: a number means a constant rate.

    Parameters
    ----------
    value : Schedule or float
        A schedule, which is validated and returned, or a positive number.
    name : str, default="learning_rate"
        The parameter as the user wrote it, for the error message.

    Returns
    -------
    schedule : Schedule
        The schedule.

    Raises
    ------
    TypeError
        If `value` is neither a schedule nor a number.
    ValueError
        If it is a number that is not positive and finite, or a schedule with a bad parameter.

    Examples
    --------
    >>> from skmlp.optim.schedules import get_schedule
    >>> get_schedule(0.1)
    Constant(rate=0.1)
    """
    if isinstance(value, Schedule):
        value.validate()
        return value
    check_real(name, value, "(0, inf)", "an instance of Schedule")
    return Constant(value)


def _between(low: float, high: float, share: float) -> float:
    """Return ``low + (high - low) * share``, exact at both ends."""
    return float(low * (1 - share) + high * share)


def _half_cosine(p: float) -> float:
    """Return ``(1 + cos(pi p)) / 2``, which falls from 1 to 0."""
    return (1 + math.cos(math.pi * p)) / 2

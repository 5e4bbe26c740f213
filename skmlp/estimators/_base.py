"""What the estimators share: hyperparameters that are objects, and what an iteration reports."""

import sys
import threading
import warnings
from contextlib import contextmanager
from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.utils import check_random_state

# Where scikit-learn keeps the callbacks of a fit that is under way.
CALLBACK_ATTRIBUTES = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")
# Modules through which a user's call passes.
INSIDE = ("skmlp.", "sklearn.callback.")


class TunableObjects:
    """Mixin: parameters that may be given by name have parameters of their own all the same.

    ``set_params(optimizer__beta1=0.8)`` works while ``optimizer`` is the string ``"adam"``.
    `_objects` maps such a parameter to the function that turns a name into an object.
    """

    _objects: ClassVar = {}

    def set_params(self, **params):
        """Set parameters, those of nested objects as ``outer__inner``.

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self : estimator
            The estimator itself.
        """
        super().set_params(**{key: value for key, value in params.items() if "__" not in key})
        nested = {key: value for key, value in params.items() if "__" in key}
        for name in self._objects:
            value = getattr(self, name)
            if any(key.startswith(f"{name}__") for key in nested) and not hasattr(
                value, "get_params"
            ):
                setattr(self, name, self._as_object(name, value))
        return super().set_params(**nested)

    def _as_object(self, name, value):
        """Return the object that the value of a parameter stands for."""
        return self._objects[name](value)


@contextmanager
def unchanged_by_errors(estimator):
    """Give an estimator its attributes back if the block fails: a bad call leaves no trace."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        # What scikit-learn needs to end the work of its callbacks is no trace.
        after = vars(estimator)
        kept = {name: after[name] for name in CALLBACK_ATTRIBUTES if name in after}
        vars(estimator).clear()
        vars(estimator).update(before | kept)
        raise


class Reseeded(threading.local):
    """A generator of scikit-learn's kind, to be seeded again and again.

    To make a new one takes fifty times as long, and longer than an epoch on few rows.
    """

    def __init__(self):
        self.legacy = np.random.RandomState(0)


RESEEDED = Reseeded()


def is_number_of_seed(random_state):
    """Return whether a random state is a number that scikit-learn takes for a seed."""
    return isinstance(random_state, Integral) and 0 <= random_state < 2**32


def check_seed(random_state):
    """Raise ValueError unless `random_state` is what scikit-learn takes for one."""
    if is_number_of_seed(random_state):
        return
    try:
        check_random_state(random_state)
    except ValueError as error:
        raise ValueError(f"random_state must be a seed. {error}") from None


def random_generator(random_state):
    """Return a NumPy generator that is seeded by scikit-learn's kind of random state."""
    if is_number_of_seed(random_state):
        legacy = RESEEDED.legacy
        legacy.seed(random_state)
    else:
        legacy = check_random_state(random_state)
    return np.random.default_rng(legacy.randint(2**31 - 1, size=8))


def warn_caller(category, message):
    """Warn at the line outside this package that called into it."""
    frame, level = sys._getframe(1), 2
    while frame is not None and frame.f_globals.get("__name__", "").startswith(INSIDE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


class Recorder:
    """What follows every iteration of a fit: record it, tell of it, decide whether to stop.

    Parameters
    ----------
    callbacks : IterationCallbacks
        Who else is to be told.
    attributes : callable
        Turns parameters theta into the fitted attributes of a model that stops there, which do
        not change when theta does.
    theta : ndarray of shape (n_params,)
        Where the fit starts.
    stopping : EarlyStopping, default=None
        Watches a validation loss.
    stop_early : bool, default=False
        Whether `stopping` may stop the fit, or only watch.
    verbose : bool, default=False
        Whether to print one line an iteration.
    report : callable, default=None
        Called after `stopping`, returns a dict of what else there is to say of an iteration.
        Otherwise that is the loss that `stopping` has seen, if there is one.
    unit : str, default="iteration"
        What an iteration is called.

    Attributes
    ----------
    theta : ndarray of shape (n_params,)
        The latest parameters, kept for a fit that is interrupted; those of a training itself, not
        a copy, which may be in the middle of an epoch then.
    losses : list of float
        The objective after every iteration.
    history : list of dict
        All that was said of every iteration.
    asked_to_stop : bool
        Whether the fit ends because of early stopping, a callback or an interrupt.
    start_loss : float
        The objective before the first iteration, where a solver knows it.
    came_to_rest : bool
        Whether it ends because there is no more to gain; the solver says so.
    """

    def __init__(
        self,
        callbacks,
        attributes,
        theta,
        stopping=None,
        stop_early=False,
        verbose=False,
        report=None,
        unit="iteration",
    ):
        self.callbacks = callbacks
        self.attributes = attributes
        self.theta = theta
        self.stopping = stopping
        self.stop_early = stop_early
        self.verbose = verbose
        self.report = report or self._watched
        self.unit = unit
        self.losses = []
        self.history = []
        self.asked_to_stop = False
        self.start_loss = np.nan
        self.came_to_rest = False
        callbacks.iteration_begins(lambda: attributes(theta))

    def _watched(self):
        return {} if self.stopping is None else {"validation_loss": self.stopping.losses[-1]}

    def __call__(self, theta, loss, **details):
        """Take note of an iteration and details of it; return whether to stop."""
        self.theta = theta
        if self.stopping is not None:
            self.stopping(theta)
        self.losses.append(loss)
        self.history.append({"loss": loss, **self.report(), **details})
        if self.verbose:
            said = (f"{key.replace('_', ' ')} {x:.6g}" for key, x in self.history[-1].items())
            print(f"{self.unit} {len(self.losses)}: {', '.join(said)}", flush=True)
        asked = self.callbacks.iteration_ended(lambda: self.attributes(theta))
        self.asked_to_stop = self.stopped_early or asked
        return self.asked_to_stop

    @property
    def stopped_early(self):
        """Whether `stopping` ended the fit."""
        return self.stop_early and self.stopping.reached

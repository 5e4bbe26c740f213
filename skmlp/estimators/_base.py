"""What the estimators share: hyperparameters that are objects, and what an iteration reports."""

import sys
import warnings
from typing import ClassVar

import numpy as np
from sklearn.utils import check_random_state

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
        for name, as_object in self._objects.items():
            nested = any(key.startswith(f"{name}__") for key in params)
            value = params.get(name, getattr(self, name))
            if nested and not hasattr(value, "get_params"):
                params = {name: as_object(value), **{k: v for k, v in params.items() if k != name}}
        return super().set_params(**params)


def random_generator(random_state):
    """Return a NumPy generator that is seeded by scikit-learn's kind of random state."""
    return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1, size=8))


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
        Turns parameters theta into the fitted attributes of a model that stops there.
    theta : ndarray of shape (n_params,)
        Where the fit starts.
    stopping : EarlyStopping, default=None
        Watches a validation loss.
    stop_early : bool, default=False
        Whether `stopping` may stop the fit, or only watch.
    verbose : bool, default=False
        Whether to print one line an iteration.

    Attributes
    ----------
    theta : ndarray of shape (n_params,)
        The latest parameters, kept for a fit that is interrupted.
    losses : list of float
        The objective after every iteration.
    asked_to_stop : bool
        Whether the fit ends because of early stopping, a callback or an interrupt.
    """

    def __init__(
        self, callbacks, attributes, theta, stopping=None, stop_early=False, verbose=False
    ):
        self.callbacks = callbacks
        self.attributes = attributes
        self.theta = theta
        self.stopping = stopping
        self.stop_early = stop_early
        self.verbose = verbose
        self.losses = []
        self.asked_to_stop = False
        callbacks.iteration_begins(lambda: attributes(theta))

    def __call__(self, theta, loss):
        """Take note of an iteration; return whether to stop."""
        self.theta = theta
        line = f"iteration {len(self.losses) + 1}: objective {loss:.6g}"
        if self.stopping is not None:
            self.stopping(theta)
            line += f", validation loss {self.stopping.losses[-1]:.6g}"
        self.losses.append(loss)
        if self.verbose:
            print(line, flush=True)
        asked = self.callbacks.iteration_ended(lambda: self.attributes(theta))
        self.asked_to_stop = self.stopped_early or asked
        return self.asked_to_stop

    @property
    def stopped_early(self):
        """Whether `stopping` ended the fit."""
        return self.stop_early and self.stopping.stopped

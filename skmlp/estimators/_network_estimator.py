"""What the network classifier and the network regressor have in common: all but the targets."""

from copy import deepcopy
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, is_regressor
from sklearn.utils.validation import check_is_fitted, validate_data

from skmlp._fast import network_scores
from skmlp._sklearn import CallbackSupportMixin, with_callbacks
from skmlp.estimators._base import (
    Recorder,
    TunableObjects,
    check_seed,
    random_generator,
    unchanged_by_errors,
    warn_caller,
)
from skmlp.estimators._callbacks import IterationCallbacks
from skmlp.estimators._monitor import Monitor, check_monitor
from skmlp.estimators._network_pieces import (
    build_network,
    check_layer,
    check_network_parameters,
    checked_augment,
    network_dtype,
    network_optimizer,
    network_schedule,
    row_dtypes,
)
from skmlp.estimators._network_training import train_batches, train_whole, warn_if_useless
from skmlp.estimators._rows import Rows, check_fits, check_validation_data, random_split
from skmlp.estimators._targets import check_row_weights
from skmlp.nn.activations import get_activation
from skmlp.nn.backprop import NetworkObjective
from skmlp.nn.initializers import get_initializer
from skmlp.optim.early_stopping import EarlyStopping
from skmlp.optim.optimizers import SGD, get_optimizer
from skmlp.optim.schedules import Cosine, get_schedule
from skmlp.optim.training import Training

FITTED = (
    "theta_",
    "network_",
    "n_outputs_",
    "n_layers_",
    "out_activation_",
    "history_",
    "loss_curve_",
    "loss_",
    "best_loss_",
    "n_iter_",
    "validation_loss_curve_",
    "validation_scores_",
    "converged_",
    "road_",
)


def trains_in_batches(estimator):
    """Return whether a network can be trained batch by batch, or say why not."""
    if estimator.optimizer == "lbfgs":
        raise AttributeError("partial_fit needs an optimizer of mini-batches, got 'lbfgs'.")
    return True


class NetworkEstimator(TunableObjects, CallbackSupportMixin, BaseEstimator):
    """Base of the network estimators.

    A subclass has the parameters that `check_network_parameters` checks, and gives

    - ``_encode(y, name, known)``: the targets of the loss, from what the user passed as y, those
      of the training rows first, and the classes that are known beforehand,
    - ``_decode(targets)``: the way back, for scorers,
    - ``_dense_targets(targets)``: one column of numbers for each output, for augmentations,
    - ``_count_outputs(targets)``: the number of columns of scores,
    - ``_make_loss()``: the loss to watch.
    """

    _objects: ClassVar = {
        "optimizer": get_optimizer,
        "activation": get_activation,
        "initializer": get_initializer,
        "learning_rate": get_schedule,
    }

    # What a training that goes on needs: the state of mini-batches, and the memory of L-BFGS.
    _training = None
    _past = None

    def _known_classes(self):
        """Return the classes that are known before a call of fit."""
        return None

    def _class_factors(self, targets, weight, n_present):
        """Return a function of targets: the factors on the weights of rows.

        It is made for the training rows, among which there must be so many classes.
        """
        return lambda targets: np.ones(len(targets))

    def _split(self, rows, rng):
        """Return row numbers for training and for validation."""
        return random_split(len(rows.targets), self.validation_fraction, rng)

    def _training_loss(self):
        """Return the loss to minimize."""
        return self._make_loss()

    def _units(self, loss, rows):
        """Return the units of the output, or None."""
        return None

    def _as_object(self, name, value):
        if name == "learning_rate":
            schedule = network_schedule(value, self.optimizer)
            # The automatic one depends on the data; one whose parts are set spans the whole fit.
            return Cosine(schedule.rate) if isinstance(value, str) else schedule
        return super()._as_object(name, value)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_parameters(self):
        check_network_parameters(self)
        check_monitor(self.monitor)
        check_seed(self.random_state)

    @with_callbacks
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None, sample_weight_val=None):
        """Train the network.

        An interrupt (Ctrl-C) ends the training early with a warning and leaves the network as it
        was after the last step, or with early stopping after the best epoch. An epoch that is not
        finished counts as none.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Training rows. Features should have about the same scale: put a ``StandardScaler``
            before the network. float32 and float64 are used as they are, and so is CSR: batches
            are brought to the dtype of the computation. Anything else is converted once, as are
            sparse rows of another dtype, and all rows for L-BFGS.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. Weight 0 leaves a row out.
        X_val, y_val : array-like, default=None
            Rows to watch the loss on, see `early_stopping`. Both or none.
        sample_weight_val : array-like, default=None
            Weights of the validation rows.

        Returns
        -------
        self : estimator
            The fitted network.

        Raises
        ------
        ValueError
            If a parameter or the data are not as described (the message names which), or if the
            training diverges.
        """
        self._check_parameters()
        with unchanged_by_errors(self):
            known = self._known_classes()
            rows, factors = self._training_rows(X, y, sample_weight, known, n_present=2)
            validation = self._validation_rows(X_val, y_val, sample_weight_val, rows)
            if validation is not None:
                validation = emphasized(validation, factors, "sample_weight_val")
            elif self.early_stopping:
                train, held_out = self._split(rows, random_generator(self.random_state))
                validation = rows.take(held_out).converted(network_dtype(self))
                rows = rows.take(train)
            # Batch norm takes its statistics from rows as if all had the same weight.
            if self.optimizer == "lbfgs" and not self.batch_norm:
                rows = rows.distinct()
            if not self.warm_start:
                self._forget()
            objective = self._prepare(rows)
            # What the objective has taken over is not held twice.
            del rows
        weights_given = (sample_weight if X_val is None else sample_weight_val) is not None
        recorder = self._recorder(
            (X, y, sample_weight), validation, self.max_iter, weights_given=weights_given
        )
        train = train_whole if self.optimizer == "lbfgs" else train_batches
        try:
            train(self, objective, recorder, self.max_iter)
        except KeyboardInterrupt:
            recorder.asked_to_stop = True
            self._warn(
                UserWarning,
                f"was interrupted after {len(recorder.losses)} epochs; the network can be used as "
                "it is. Call fit again with warm_start=True to go on",
            )
        except Exception:
            self._past = None
            raise
        self._conclude(recorder)
        if recorder.stopped_early or not recorder.asked_to_stop:
            warn_if_useless(self, objective)
        return self

    def _partial_fit(self, X, y, sample_weight, known=None):
        """Make one epoch over the rows."""
        self._check_parameters()
        with unchanged_by_errors(self):
            first = not hasattr(self, "theta_")
            rows, _ = self._training_rows(X, y, sample_weight, known, n_present=1, reset=first)
            if first:
                self._forget()
            objective = self._prepare(rows)
            del rows
        recorder = self._recorder((X, y, sample_weight), None, 1)
        try:
            train_batches(self, objective, recorder, 1)
        except KeyboardInterrupt:
            self._conclude(recorder)
            raise
        self._conclude(recorder)
        return self

    def _training_rows(self, X, y, sample_weight, known, *, n_present, reset=True):
        """Check the training data; return the rows that have a weight, and the class factors."""
        X, y = validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=row_dtypes(self, X),
            multi_output=True,
            y_numeric=is_regressor(self),
        )
        check_fits(self, X, network_dtype(self))
        targets = self._encode(y, "y", known)
        weight = check_row_weights(sample_weight, len(targets))
        factors = self._class_factors(targets, weight, n_present)
        rows = emphasized(Rows(X, targets, weight), factors, "sample_weight")
        return (rows if rows.weight.all() else rows.take(np.flatnonzero(rows.weight))), factors

    def _validation_rows(self, X_val, y_val, sample_weight_val, rows):
        """Check the validation data of `fit` beside its training rows; None if there are none."""
        dtype = network_dtype(self)
        data = check_validation_data(self, X_val, y_val, sample_weight_val, dtype)
        if data is None:
            return None
        X, y, weight = data
        targets = self._encode(y, "y_val")
        if targets.shape[1:] != rows.targets.shape[1:]:
            raise ValueError(f"y_val must have as many columns as y, got shape {y.shape}.")
        try:
            self._make_loss().check_targets(targets)
        except ValueError as error:
            raise ValueError(f"y_val must be like y. {error}") from None
        return Rows(X, targets, weight)

    def _training_objective(self, X, y, sample_weight):
        """Return J, all ready to be trained from the start: for those who look into a training."""
        self._check_parameters()
        known = self._known_classes()
        rows, _ = self._training_rows(X, y, sample_weight, known, n_present=2)
        self._forget()
        return self._prepare(rows)

    def _forget(self):
        """Drop what a former fit has left, other than what validation has just set."""
        for name in FITTED:
            vars(self).pop(name, None)
        self._training = self._past = None

    def _prepare(self, rows):
        """Set up network, parameters and training, new or those of the last fit; return J."""
        goes_on = hasattr(self, "theta_")
        loss = self._training_loss()
        loss.check_targets(rows.targets)
        n_features, n_outputs = rows.X.shape[1], self._count_outputs(rows.targets)
        units = self.network_.output if goes_on else self._units(loss, rows)
        network = build_network(self, n_features, n_outputs, units)
        if goes_on and network.layout.slots != self.network_.layout.slots:
            raise ValueError(
                "X, y, hidden_layer_sizes and batch_norm must give the network of the last fit "
                f"when training goes on: {describe(self.network_)}, got {describe(network)}."
            )
        self.network_, self._loss = network, loss
        self.n_outputs_, self.n_layers_ = n_outputs, len(network.hidden) + 2
        self.out_activation_ = loss.link
        self._start_training(rows, goes_on)
        return NetworkObjective(
            network,
            loss,
            rows.X,
            rows.targets if self.augment is None else self._dense_targets(rows.targets),
            rows.weight,
            alpha=self.alpha,
            augment=checked_augment(self.augment),
            dtype=network_dtype(self),
        )

    def _start_training(self, rows, goes_on):
        """Make `_training` ready: go on with the last one, or start one."""
        network, dtype = self.network_, network_dtype(self)
        optimizer = network_optimizer(self.optimizer)
        if goes_on:
            # A copy: if the training fails, the network is as it was.
            theta = self.theta_.astype(dtype)
            if self._training is not None and self._training.optimizer == optimizer:
                self._training.go_on(theta)
                return
        rng = random_generator(self.random_state)
        if not goes_on:
            theta = network.start(rng, dtype)
            if network.output is None:
                constant = self._loss.best_constant(rows.targets, rows.weight, self.n_outputs_)
                network.layout.views(theta)[-1]["b"][...] = constant
        plain = optimizer or SGD()
        penalized = network.layout.penalized
        self._training = Training.start(theta, deepcopy(plain), rng, penalized)

    def _recorder(self, given, validation, max_iter, weights_given=False):
        """Return who takes note of every epoch."""
        monitor = stopping = None
        if validation is not None:
            scorer = check_monitor(self.monitor)
            y = self._decode(validation.targets)
            monitor = Monitor(self, self._make_loss(), validation, y, scorer, weights_given)
            stopping = EarlyStopping(monitor, self.n_iter_no_change)
        return Recorder(
            IterationCallbacks(self, *given, max_iter),
            lambda theta: {"theta_": theta.copy()},
            self._training.theta,
            stopping,
            self.early_stopping and stopping is not None,
            self.verbose,
            report=None if monitor is None else monitor.report,
            unit="epoch",
        )

    def _conclude(self, recorder):
        """Set the fitted attributes."""
        theta, n_iter = recorder.theta, len(recorder.losses)
        if recorder.stop_early and recorder.stopping.best_theta is not None:
            theta, n_iter = recorder.stopping.best_theta, recorder.stopping.best_iter
            self._past = None
        self.theta_ = theta.astype(network_dtype(self), copy=False)
        if self.optimizer == "lbfgs":
            self._training = None
        else:
            self._training.theta = self.theta_
        self.history_ = longer(getattr(self, "history_", {}), recorder.history)
        self.loss_curve_ = self.history_.get("loss", [])
        self.loss_ = recorder.losses[n_iter - 1] if recorder.losses else recorder.start_loss
        self.best_loss_ = min(self.loss_curve_, default=self.loss_)
        self.n_iter_ = len(self.loss_curve_)
        self.validation_loss_curve_ = self.history_.get("validation_loss")
        losses = self.validation_loss_curve_
        negative = None if losses is None else [-loss for loss in losses]
        self.validation_scores_ = self.history_.get("validation_score", negative)
        self.converged_ = recorder.came_to_rest or recorder.stopped_early
        recorder.callbacks.fit_ended()

    def _warn(self, category, message):
        warn_caller(category, f"{type(self).__name__} {message}.")

    def _scores(self, X):
        """Return the raw scores of rows, shape (n_samples, n_outputs)."""
        X = self._check_rows(X)
        return network_scores(self.network_, self.theta_.astype(X.dtype, copy=False), X)

    def _check_rows(self, X):
        """Check rows to predict for: in double precision if they or the parameters have it."""
        check_is_fitted(self, "theta_")
        dtypes = list(dict.fromkeys([np.float64, self.theta_.dtype.type]))
        return validate_data(self, X, reset=False, accept_sparse="csr", dtype=dtypes)

    def hidden_features(self, X, layer=-1):
        r"""Compute the activations of a hidden layer: the map :math:`\phi(x)` that was learned.

        What follows the last hidden layer is a linear model on these features.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Rows.
        layer : int, default=-1
            Index of the hidden layer; negative ones count from the last.

        Returns
        -------
        A : ndarray of shape (n_samples, n_units)
            Activations.

        Raises
        ------
        ValueError
            If there is no such hidden layer.
        """
        X = self._check_rows(X)
        ends = self.network_.hidden
        check_layer(layer, len(ends))
        return self.network_.activations(self.theta_.astype(X.dtype, copy=False), X, ends[layer])

    @property
    def coefs_(self):
        """Weights of each layer of units, a list of arrays of shape (fan_in, fan_out)."""
        check_is_fitted(self, "theta_")
        return self.network_.coefficients(self.theta_)[0]

    @property
    def intercepts_(self):
        """Biases of each layer of units, a list of arrays of shape (fan_out,)."""
        check_is_fitted(self, "theta_")
        return self.network_.coefficients(self.theta_)[1]


def emphasized(rows, factors, name):
    """Return rows with the factors of their classes in their weights, which are called `name`."""
    with np.errstate(over="ignore"):
        weight = rows.weight * factors(rows.targets)
    check_row_weights(weight, len(weight), f"{name} times class_weight")
    return Rows(rows.X, rows.targets, weight)


def check_network(name, net):
    """Raise TypeError unless `net` is a network estimator."""
    if not isinstance(net, NetworkEstimator):
        raise TypeError(
            f"{name} must be an MLPNet or MLPNetRegressor (of a pipeline, its last step), "
            f"got {net!r}."
        )


def describe(network):
    """Return the shapes of the arrays of a network in words, for an error."""
    shapes = [
        f"{name} {slot.shape}" for slots in network.layout.slots for name, slot in slots.items()
    ]
    return ", ".join(shapes)


def longer(history, records):
    """Return a history, a list for each quantity, with the records of more epochs at its end."""
    n_old = len(next(iter(history.values()), []))
    names = dict.fromkeys([*history, *(name for record in records for name in record)])
    return {
        name: [
            *history.get(name, [np.nan] * n_old),
            *(record.get(name, np.nan) for record in records),
        ]
        for name in names
    }

"""Epochs of a training on the compiled road."""

from collections.abc import Iterable
from time import perf_counter
from typing import Any

import numpy as np
import scipy.sparse as sp

from skmlp._fast._executor import LOSS_CODES, Executor
from skmlp._fast.program import (
    LARGEST_SIZE,
    Fields,
    NotBuiltIn,
    dense_fields,
    loss_fields,
    network_fields,
    optimizer_fields,
    program_rows,
)
from skmlp._fast.workers import WORTH_A_BATCH, Crew, count_workers
from skmlp.nn.backprop import NetworkObjective
from skmlp.nn.linear import LinearObjective
from skmlp.nn.losses import Loss
from skmlp.nn.parameters import Array
from skmlp.optim.batches import Batches
from skmlp.optim.schedules import Constant, Schedule
from skmlp.optim.training import Epoch, EpochRunner, Training, checked_epoch

FLOATS = {np.dtype(np.float32), np.dtype(np.float64)}


def compiled_epochs(training: Training, objective: Any, batch_size: int) -> EpochRunner | None:
    """Return what runs the epochs of a training on the compiled road; None if it cannot.

    Parameters
    ----------
    training : Training
        The training, ready to go on.
    objective : NetworkObjective or LinearObjective
        Its objective; another one has no program.
    batch_size : int
        Most rows of a batch.
    """
    describe = DESCRIPTIONS.get(type(objective))
    if describe is None:
        return None
    theta, X = training.theta, objective.X
    if theta.dtype != objective.dtype or not {theta.dtype, X.dtype} <= FLOATS:
        return None
    if not 0 < batch_size <= LARGEST_SIZE:
        return None
    try:
        return CompiledEpochs(training, objective, batch_size, **describe(objective))
    except NotBuiltIn:
        return None


def describe_network(objective: NetworkObjective) -> Fields:
    """Return what `CompiledEpochs` must know of the objective of a network."""
    if objective.augment is not None:
        raise NotBuiltIn("augment")
    network = objective.network
    layout, output = network.layout, network.output
    layers, input_dropout = network_fields(network)
    decay = objective.decay if objective.alpha else 0.0
    dtype = objective.dtype
    units = None
    if output is not None:
        units = [array.astype(dtype) for array in (output.scale, output.shift)]
    return {
        "layers": layers,
        "input_dropout": input_dropout,
        "sizes": (layout.n_weights, layout.n_learned),
        "n_counted": len(objective.weight),
        "penalty": np.ascontiguousarray(decay, dtype) if np.ndim(decay) else float(decay),
        "units": units,
    }


def describe_linear(objective: LinearObjective) -> Fields:
    """Return what `CompiledEpochs` must know of the objective of a linear model."""
    n_weights, n_params = objective.n_weights, objective.n_params
    places = {"W": slice(0, n_weights)}
    if objective.fit_intercept:
        places["b"] = slice(n_weights, n_params)
    return {
        "layers": [dense_fields(objective.X.shape[1], objective.n_outputs, places)],
        "input_dropout": (0, 1.0),
        "sizes": (n_weights, n_params),
        "n_counted": objective.n_positive,
        "penalty": 2 * float(objective.alpha),
        "units": None,
    }


DESCRIPTIONS: dict[type, Any] = {
    NetworkObjective: describe_network,
    LinearObjective: describe_linear,
}


class CompiledEpochs:
    """Makes the steps of an epoch as `run_epoch` does, in one call.

    Parameters
    ----------
    training : Training
        The training, ready to go on.
    objective : NetworkObjective or LinearObjective
        Its objective.
    batch_size : int
        Most rows of a batch.
    layers, input_dropout
        What `network_fields` returns.
    sizes : tuple of int
        Numbers of weights and of learned parameters.
    n_counted : int
        Rows that the weights of the objective stand for.
    penalty : float or ndarray
        Derivative of the L2 penalty divided by the weight.
    units : list of two ndarray, or None
        Scale and shift of the scores.
    kernels : str, default=None
        Name of an instruction set; None takes the best.
    """

    def __init__(
        self,
        training: Training,
        objective: Any,
        batch_size: int,
        *,
        layers: list[Fields],
        input_dropout: tuple[int, float],
        sizes: tuple[int, int],
        n_counted: int,
        penalty: float | Array,
        units: list[Array] | None,
        kernels: str | None = None,
    ) -> None:
        X, dtype = objective.X, objective.dtype
        self.layers, self.crew = layers, Crew(1)
        self.n_weights, n_learned = sizes
        optimizer_fields(training, self.n_weights)
        loss = loss_fields(objective.loss)
        n_outputs = layers[-1]["fan_out"]
        self.X, most_stored = program_rows(X, dtype, batch_size)
        self.fixed = {
            "targets": program_targets(objective.loss, objective.y, dtype, n_outputs),
            "weight": np.ascontiguousarray(objective.weight, np.float64),
            "n_counted": float(n_counted),
            "penalty": penalty,
            "units": units,
        }
        self.executor = Executor(
            layers,
            n_features=X.shape[1],
            n_params=len(training.theta),
            n_weights=self.n_weights,
            n_learned=n_learned,
            dtype=dtype,
            batch_size=batch_size,
            input_dropout=input_dropout,
            is_sparse=sp.issparse(X),
            most_stored=most_stored,
            kernels=kernels,
            **loss,
        )

    def __call__(
        self, training: Training, objective: Any, schedule: Schedule, batches: Iterable[Array]
    ) -> Epoch:
        """Make one step for every batch."""
        began = perf_counter()
        assert isinstance(batches, Batches)
        n_batches = len(batches)
        rates = training.rate_factor * schedule_values(schedule, training.epoch, n_batches)
        optimizer, state = optimizer_fields(training, self.n_weights)
        size = count_workers(self.layers, objective.X, batches.size, WORTH_A_BATCH)
        if size != self.crew.size:
            self.crew = Crew(size)
        try:
            total, squares = self.executor.run(
                training.theta,
                self.X,
                optimizer=optimizer,
                order=np.ascontiguousarray(batches.order, np.int64),
                batch_size=batches.size,
                rates=rates,
                rng=training.rng,
                crew=self.crew,
                **self.fixed,
            )
        finally:
            if "t" in state:
                state["t"] = optimizer["t"]
        norm = (max(squares, 0.0) / n_batches) ** 0.5
        epoch = Epoch(total / len(batches.order), float(rates[-1]), norm, 0.0)
        return checked_epoch(training, epoch, began)


def schedule_values(schedule: Schedule, epoch: int, n_batches: int) -> Array:
    """Return the rates of all steps of an epoch."""
    if type(schedule) is Constant:
        return np.full(n_batches, schedule(epoch), np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array([schedule(epoch + i / n_batches) for i in range(n_batches)], np.float64)


def program_targets(loss: Loss, y: Array, dtype: np.dtype[Any], n_outputs: int) -> Array:
    """Return targets as a program wants them: class indices, or a column for each output."""
    if loss_fields(loss)["loss"] == LOSS_CODES["softmax"]:
        if y.ndim != 1 or y.dtype.kind not in "iu":
            raise NotBuiltIn("probabilities as targets")
        return np.ascontiguousarray(y, np.int64)
    return np.ascontiguousarray(y.reshape(len(y), n_outputs), dtype)

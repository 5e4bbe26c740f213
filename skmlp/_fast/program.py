"""From the objects of the readable road to the numbers of a program, if they are all built in.

An object is built in if its class is one of the package itself: a subclass may compute something
else, and so may an object with attributes other than its parameters. Each function raises
`NotBuiltIn` where it meets something else.
"""

from dataclasses import fields
from math import ceil
from typing import Any

import numpy as np
import scipy.sparse as sp

from skmlp._fast._executor import (
    ACTIVATION_CODES,
    CLIP_CODES,
    LONGEST_CHAIN_OF_CLIPS,
    LOSS_CODES,
    OPTIMIZER_CODES,
)
from skmlp.nn import activations, losses, regression_losses
from skmlp.nn.batch_norm import BatchNorm
from skmlp.nn.dense import Activate, Dense, Rescale
from skmlp.nn.dropout import Dropout
from skmlp.nn.network import Network
from skmlp.nn.parameters import Array
from skmlp.optim import optimizers
from skmlp.optim.training import Training

Fields = dict[str, Any]
ABSENT = -1
# Column numbers and sizes of matrices are 32-bit integers in the program.
LARGEST_SIZE = 2**31 - 1

# For each activation its code and the attributes of it that are the numbers `slope` and `limit`.
ACTIVATIONS: dict[type, tuple[str, Any]] = {
    activations.Identity: ("identity", lambda a: (0.0, 0.0)),
    activations.ReLU: ("relu", lambda a: (0.0, 0.0)),
    activations.LeakyReLU: ("leaky_relu", lambda a: (float(a.negative_slope), 0.0)),
    activations.ELU: ("exponential_linear", lambda a: (1.0, float(a.alpha))),
    activations.SELU: ("exponential_linear", lambda a: (a.scale, a.scale * a.alpha)),
    activations.GELU: ("gelu", lambda a: (0.0, 0.0)),
    activations.SiLU: ("silu", lambda a: (0.0, 0.0)),
    activations.Softplus: ("softplus", lambda a: (0.0, 0.0)),
    activations.Tanh: ("tanh", lambda a: (0.0, 0.0)),
    activations.Logistic: ("logistic", lambda a: (0.0, 0.0)),
}
# For each loss its code and its one number.
LOSSES: dict[type, tuple[str, Any]] = {
    losses.SoftmaxCrossEntropy: ("softmax", lambda loss: loss.label_smoothing),
    losses.LogisticCrossEntropy: ("binary_logistic", lambda loss: loss.label_smoothing),
    regression_losses.SquaredLoss: ("squared", lambda loss: 0.0),
    regression_losses.AbsoluteLoss: ("absolute", lambda loss: 0.0),
    regression_losses.HuberLoss: ("huber", lambda loss: loss.delta),
    regression_losses.LogCoshLoss: ("log_cosh", lambda loss: 0.0),
    regression_losses.QuantileLoss: ("quantile", lambda loss: loss.quantile),
    regression_losses.PoissonLoss: ("poisson", lambda loss: 0.0),
}


class NotBuiltIn(Exception):
    """A piece of a model is not the package's own."""


def look_up(table: dict[type, Any], piece: Any) -> Any:
    """Return the entry of an object's class."""
    if type(piece) not in table or vars(piece).keys() - {f.name for f in fields(piece)}:
        raise NotBuiltIn(type(piece).__name__)
    return table[type(piece)]


def loss_fields(loss: object) -> Fields:
    """Return code and number of a loss."""
    name, number = look_up(LOSSES, loss)
    return {"loss": LOSS_CODES[name], "loss_parameter": float(number(loss))}


def dropout_numbers(rate: float) -> tuple[int, float]:
    """Return what 24 random bits must reach for a unit to be kept, and its factor then.

    `Dropout` draws multiples of 2^-24 and compares them with its rate in single precision.
    """
    return ceil(float(np.float32(rate)) * 2**24), 1 / (1 - float(rate))


def dense_fields(fan_in: int, fan_out: int, places: dict[str, slice]) -> Fields:
    """Return the fields of a layer of units without activation, batch norm and dropout."""
    sizes: Fields = {"fan_in": fan_in, "fan_out": fan_out}
    for name in ("W", "b", "gamma", "beta", "mean", "variance"):
        sizes[name] = places[name].start if name in places else ABSENT
    identity = {"activation": ACTIVATION_CODES["identity"], "slope": 0.0, "limit": 0.0}
    return sizes | identity | {"share": 0.0, "eps": 1.0, "threshold": 0, "keep": 1.0}


def batch_norm_fields(layer: BatchNorm, places: dict[str, slice]) -> Fields:
    """Return what batch norm adds to the layer of units that it follows."""
    offsets = {name: place.start for name, place in places.items()}
    return offsets | {"share": float(layer.momentum), "eps": float(layer.eps)}


def activation_fields(layer: Activate, places: dict[str, slice]) -> Fields:
    """Return what an activation adds to the layer of units that it follows."""
    name, numbers = look_up(ACTIVATIONS, layer.activation)
    slope, limit = numbers(layer.activation)
    return {"activation": ACTIVATION_CODES[name], "slope": slope, "limit": limit}


def dropout_fields(layer: Dropout, places: dict[str, slice]) -> Fields:
    """Return what dropout adds to the layer of units that it follows."""
    threshold, keep = dropout_numbers(layer.rate)
    return {"threshold": threshold, "keep": keep}


# What may follow a dense layer, in this order.
FOLLOWERS: list[tuple[type, Any]] = [
    (BatchNorm, batch_norm_fields),
    (Activate, activation_fields),
    (Dropout, dropout_fields),
]


def network_fields(network: Network) -> tuple[list[Fields], tuple[int, float]]:
    """Return the layers of units of a network, and the numbers of the dropout of its input."""
    if type(network) is not Network:
        raise NotBuiltIn(type(network).__name__)
    pieces = list(zip(network.layers, network.layout.places, strict=True))
    if type(pieces[-1][0]) is Rescale:
        pieces.pop()
    input_dropout = (0, 1.0)
    first = pieces[0][0]
    if type(first) is Dropout:
        input_dropout = dropout_numbers(first.rate)
        pieces.pop(0)
    kinds = [kind for kind, _ in FOLLOWERS]
    units: list[Fields] = []
    allowed = 0
    for layer, places in pieces:
        if type(layer) is Dense:
            units.append(dense_fields(layer.fan_in, layer.fan_out, places))
            allowed = 0
        elif units and type(layer) in kinds[allowed:]:
            allowed = kinds.index(type(layer)) + 1
            units[-1] |= FOLLOWERS[allowed - 1][1](layer, places)
        else:
            raise NotBuiltIn(f"{type(layer).__name__} at its place")
    # The program ends in scores, which the loss takes as they are.
    if allowed:
        raise NotBuiltIn("a network whose last layer is not dense")
    return units, input_dropout


def program_rows(X: Any, dtype: np.dtype[Any], batch_size: int) -> tuple[Any, int]:
    """Return rows as a program of a dtype wants them, and the most stored entries of a sparse row.

    Dense rows are copied only if they are not contiguous, or if steps of single rows, which read
    them where they are, would have to convert them; what is sparse only if it has another dtype,
    or column numbers that are not 32-bit integers.
    """
    if max(X.shape) > LARGEST_SIZE:
        raise NotBuiltIn(f"rows of shape {X.shape}")
    if not sp.issparse(X):
        is_ready = X.flags.c_contiguous and batch_size > 1
        return X if is_ready else np.ascontiguousarray(X, dtype), 0
    if X.format != "csr":
        raise NotBuiltIn(f"{X.format} rows")
    indptr = X.indptr.astype(np.int64)
    columns = X.indices
    if columns.dtype != np.int32:
        # A number beyond 32 bits must not become that of another column.
        columns = np.clip(columns, -1, LARGEST_SIZE).astype(np.int32)
    values = np.ascontiguousarray(X.data, dtype)
    most_stored = int(np.diff(indptr).max(initial=0))
    return (values, np.ascontiguousarray(columns), indptr), most_stored


OPTIMIZERS: dict[type, Any] = {
    optimizers.SGD: lambda o: ("sgd", 0.0, 0.0, 0.0, ()),
    optimizers.Momentum: lambda o: (
        "nesterov" if o.nesterov else "momentum",
        *(o.momentum, 0.0, 0.0),
        ("velocity",),
    ),
    optimizers.Adagrad: lambda o: ("adagrad", 0.0, 0.0, o.eps, ("squares",)),
    optimizers.RMSProp: lambda o: ("rmsprop", o.decay, 0.0, o.eps, ("squares",)),
    optimizers.Adam: lambda o: ("adam", o.beta1, o.beta2, o.eps, ("sum", "squares")),
    optimizers.AdamW: lambda o: ("adam", o.beta1, o.beta2, o.eps, ("sum", "squares")),
}


def clip_chain(training: Training) -> tuple[list[tuple[int, float]], Any, dict[str, Any]]:
    """Return the clips around an optimizer from the outermost on, itself, and its state."""
    clips = []
    optimizer: Any = training.optimizer
    state = training.state
    while type(optimizer) in (optimizers.ClipNorm, optimizers.ClipValue):
        if type(optimizer) is optimizers.ClipNorm:
            clips.append((CLIP_CODES["norm"], float(optimizer.max_norm)))
        else:
            clips.append((CLIP_CODES["value"], float(optimizer.max_value)))
        optimizer, state = state["then"], state["then_state"]
    if len(clips) > LONGEST_CHAIN_OF_CLIPS:
        raise NotBuiltIn("a long chain of clips")
    return clips, optimizer, state


def optimizer_fields(training: Training, n_weights: int) -> tuple[Fields, dict[str, Any]]:
    """Return the fields of an optimizer with the arrays of its state, and that state."""
    clips, optimizer, state = clip_chain(training)
    name, a, b, eps, slots = look_up(OPTIMIZERS, optimizer)(optimizer)
    decay = 0.0
    if type(optimizer) is optimizers.AdamW:
        decay = float(optimizer.weight_decay)
        n_penalized = np.count_nonzero(state["penalized"])
        if n_penalized != n_weights or not state["penalized"][:n_weights].all():
            raise NotBuiltIn("a penalty on other parameters than the weights")
    arrays: list[Array | None] = [state[slot] for slot in slots]
    first, second = [*arrays, None, None][:2]
    record = {"kind": OPTIMIZER_CODES[name], "a": float(a), "b": float(b), "eps": float(eps)}
    record |= {"decay": decay, "t": state.get("t", 0), "first": first, "second": second}
    return record | {"clips": clips}, state

"""From the parameters of a network estimator to the pieces of its network and its training."""

from math import ceil
from numbers import Integral

import numpy as np
from scipy.sparse import issparse

from skmlp._spec import check_bool, check_integer, check_option, check_real, resolve
from skmlp.nn.activations import get_activation
from skmlp.nn.initializers import get_initializer
from skmlp.nn.network import mlp
from skmlp.optim.batches import check_shuffle
from skmlp.optim.optimizers import OPTIMIZERS, Optimizer
from skmlp.optim.schedules import Cosine, get_schedule

# L-BFGS takes all rows at once and has a loop of its own: no optimizer stands for it.
WITH_LBFGS = {**OPTIMIZERS, "lbfgs": lambda: None}
DTYPES = ("auto", "float32", "float64")
# What "auto" stands for: benchmarks/study_defaults.py shows what these numbers are worth.
AUTO_STEPS, AUTO_EPOCHS = 400, (40, 200)
AUTO_END = 0.05
AUTO_BATCHES, SMALLEST_BATCH, LARGEST_BATCH = 100, 32, 256
# Share of a new batch in the running statistics of batch norm.
BATCH_SHARE = 0.1


def hidden_sizes(value):
    """Return the numbers of units of the hidden layers, or raise."""
    sizes = [value] if isinstance(value, Integral) else value
    is_list = isinstance(sizes, tuple | list | np.ndarray)
    if not is_list or not all(
        isinstance(n, Integral) and not isinstance(n, bool) and n > 0 for n in sizes
    ):
        raise ValueError(
            "hidden_layer_sizes must be a sequence of positive integers, one for each hidden "
            f"layer, got {value!r}."
        )
    return [int(n) for n in sizes]


def check_layer(layer, n_layers):
    """Raise unless `layer` is the index of one of so many hidden layers."""
    is_index = isinstance(layer, Integral) and not isinstance(layer, bool)
    if not is_index or not -n_layers <= layer < n_layers:
        raise ValueError(
            f"layer must be the index of one of the {n_layers} hidden layers, got {layer!r}."
        )


def one_a_layer(name, value, n_layers):
    """Return a list with one item for each hidden layer; what is no list serves them all."""
    if not isinstance(value, tuple | list):
        return [value] * n_layers
    if len(value) != n_layers:
        raise ValueError(
            f"{name} must have one item for each of the {n_layers} hidden layers, "
            f"got {len(value)}: {value!r}."
        )
    return list(value)


def hidden_activations(value, n_layers):
    """Return the activation of each hidden layer, or raise."""
    if not isinstance(value, tuple | list):
        get_activation(value)
    names = one_a_layer("activation", value, n_layers)
    return [get_activation(item, f"activation[{i}]") for i, item in enumerate(names)]


def dropout_rates(value, n_layers):
    """Return the dropout rate after each hidden layer, or raise."""
    rates = one_a_layer("dropout", value, n_layers)
    for i, rate in enumerate(rates):
        is_list = isinstance(value, tuple | list)
        check_real(f"dropout[{i}]" if is_list else "dropout", rate, "[0, 1)")
    if not rates:
        check_real("dropout", value, "[0, 1)", "a list of such numbers")
    return rates


def network_optimizer(value):
    """Return the optimizer that a parameter stands for; None for L-BFGS."""
    return resolve("optimizer", value, WITH_LBFGS, Optimizer)


def auto_epochs(n_batches):
    """Return the epochs of the automatic schedule: few batches need more of them."""
    low, high = AUTO_EPOCHS
    return min(max(ceil(AUTO_STEPS / n_batches), low), high)


def network_schedule(learning_rate, optimizer, n_batches=AUTO_STEPS):
    """Return the schedule; ``"auto"`` is one that suits the optimizer."""
    if isinstance(learning_rate, str):
        if learning_rate != "auto":
            raise ValueError(
                "learning_rate must be 'auto', a positive number or an instance of Schedule, "
                f"got {learning_rate!r}."
            )
        rate = getattr(network_optimizer(optimizer), "customary_rate", 1.0)
        return Cosine(rate, end=AUTO_END * rate, duration=auto_epochs(n_batches))
    return get_schedule(learning_rate)


def network_dtype(estimator):
    """Return the dtype of the computation; L-BFGS needs the digits for its line search."""
    if estimator.dtype == "auto":
        return np.dtype("float64" if estimator.optimizer == "lbfgs" else "float32")
    return np.dtype(estimator.dtype)


def row_dtypes(estimator, X):
    """Return the dtypes in which training rows may stay; any other is converted to the first.

    L-BFGS, which takes all rows at once, would convert them again and again, and to convert sparse
    rows batch by batch would spare little: their column numbers stay as they are.
    """
    dtype = network_dtype(estimator)
    is_converted = estimator.optimizer == "lbfgs" or issparse(X)
    return dtype if is_converted else [dtype, np.float32, np.float64]


def epochs_to_make(learning_rate, max_iter, epoch, n_batches):
    """Return how many epochs a call of fit makes; with the automatic schedule it ends them."""
    left = auto_epochs(n_batches) - epoch
    return min(max_iter, left) if isinstance(learning_rate, str) and left > 0 else max_iter


def rows_in_batch(batch_size, n_samples):
    """Return the number of rows in a mini-batch."""
    if batch_size == "auto":
        batch_size = min(max(n_samples // AUTO_BATCHES, SMALLEST_BATCH), LARGEST_BATCH)
    return min(batch_size, n_samples)


def check_network_parameters(estimator):
    """Raise unless the parameters that all network estimators have are what they must be."""
    sizes = hidden_sizes(estimator.hidden_layer_sizes)
    hidden_activations(estimator.activation, len(sizes))
    rates = dropout_rates(estimator.dropout, len(sizes))
    check_real("input_dropout", estimator.input_dropout, "[0, 1)")
    if estimator.initializer != "auto":
        get_initializer(estimator.initializer)
    optimizer = network_optimizer(estimator.optimizer)
    network_schedule(estimator.learning_rate, estimator.optimizer)
    check_real("alpha", estimator.alpha, "[0, inf)")
    if estimator.batch_size != "auto":
        check_integer("batch_size", estimator.batch_size, 1)
    for name in ("max_iter", "n_iter_no_change"):
        check_integer(name, getattr(estimator, name), 1)
    check_real("tol", estimator.tol, "[0, inf)")
    check_real("validation_fraction", estimator.validation_fraction, "(0, 1)")
    check_shuffle(estimator.shuffle)
    check_option("dtype", estimator.dtype, DTYPES)
    for name in ("batch_norm", "early_stopping", "warm_start", "verbose"):
        check_bool(name, getattr(estimator, name))
    if estimator.augment is not None and not callable(estimator.augment):
        raise TypeError(
            f"augment must be None or a function (X, y, rng) -> (X, y), got {estimator.augment!r}."
        )
    if estimator.batch_norm and estimator.batch_size == 1:
        raise ValueError("batch_size must be at least 2 with batch_norm=True, got 1.")
    is_random = any(rates) or estimator.input_dropout or estimator.augment is not None
    if optimizer is None and is_random:
        raise ValueError(
            "optimizer must be one of mini-batches with dropout, input_dropout or augment, which "
            "change the objective at every step, got 'lbfgs'."
        )


def build_network(estimator, n_features, n_outputs, output=None):
    """Return the network of an estimator."""
    sizes = hidden_sizes(estimator.hidden_layer_sizes)
    named = estimator.initializer
    # The batches of L-BFGS have all rows: the statistics of the last are those of the data.
    share = 1.0 if estimator.optimizer == "lbfgs" else BATCH_SHARE
    return mlp(
        [n_features, *sizes, n_outputs],
        hidden_activations(estimator.activation, len(sizes)),
        initializer=None if named == "auto" else get_initializer(named),
        batch_norm=share if estimator.batch_norm else None,
        dropout=dropout_rates(estimator.dropout, len(sizes)),
        input_dropout=estimator.input_dropout,
        output=output,
    )


def checked_augment(augment):
    """Return an augmentation that complains of what a user's function returns; None for None."""
    if augment is None:
        return None

    def checked(X, y, rng):
        answer = augment(X, y, rng)
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise ValueError(f"augment must return a tuple (X, y), got {type(answer).__name__}.")
        for name, old, new in zip("Xy", (X, y), answer, strict=True):
            shape = getattr(new, "shape", None)
            if shape != old.shape:
                raise ValueError(
                    f"augment must return {name} of the shape that it gets, {old.shape}, "
                    f"got {shape if shape is not None else type(new).__name__}."
                )
            if new.dtype.kind not in "biuf":
                raise ValueError(f"augment must return {name} of real numbers, got {new.dtype}.")
            if not np.isfinite(new.data if issparse(new) else new).all():
                raise ValueError(
                    f"augment must return {name} of finite numbers, got NaN or infinity."
                )
        X_new, y_new = answer
        return X_new.astype(X.dtype, copy=False), y_new.astype(y.dtype, copy=False)

    return checked

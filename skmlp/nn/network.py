"""A feed-forward network: layers in a row."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from skmlp.nn.activations import Activation
from skmlp.nn.batch_norm import BatchNorm
from skmlp.nn.dense import Activate, Dense, Rescale
from skmlp.nn.dropout import Dropout
from skmlp.nn.initializers import Initializer, get_initializer
from skmlp.nn.layers import Layer, Rng
from skmlp.nn.parameters import Array, Layout, Views

# Rows that pass through the network at once in prediction: their activations stay in the cache.
BLOCK = 1024


class Network:
    r"""A composition of layers, and its derivative by the chain rule from the last to the first.

    .. math:: F = (\ell_L \circ \dots \circ \ell_1)(X)

    Parameters
    ----------
    layers : sequence of Layer
        From the input to the raw scores.
    hidden : sequence of int
        For each hidden layer of units, how many of `layers` it takes to compute its activations.
    output : Rescale, default=None
        Units of the output, a last layer of its own.

    Attributes
    ----------
    layout : Layout
        Where each layer's arrays are in theta.
    n_outputs : int
        Number of columns of scores.
    """

    def __init__(
        self, layers: Sequence[Layer], hidden: Sequence[int] = (), output: Rescale | None = None
    ) -> None:
        self.layers = [*layers, *([] if output is None else [output])]
        self.hidden = list(hidden)
        self.output = output
        self.layout = Layout([layer.slots for layer in self.layers])
        self.n_outputs = [slots["W"].shape[1] for slots in self.layout.slots if "W" in slots][-1]
        self.first = next(i for i, layer in enumerate(self.layers) if layer.slots)

    def start(self, rng: np.random.Generator, dtype: Any = np.float64) -> Array:
        """Return theta before training, shape (n_params,)."""
        theta = np.zeros(self.layout.n_params, dtype)
        for layer, params in zip(self.layers, self.layout.views(theta), strict=True):
            layer.start(params, rng)
        return theta

    def forward(
        self, params: Views, X: Any, *, train: bool = False, rng: Rng = None
    ) -> tuple[Array, Callable[[Array, Views], None]]:
        """Return the raw scores and the way back from their derivative to the gradient.

        Parameters
        ----------
        params : list of dict of str to ndarray
            Each layer's views of theta, in the dtype of X. Batch norm updates its statistics there
            in training.
        X : ndarray or CSR array of shape (n_samples, n_features)
            Rows.
        train : bool, default=False
            Whether dropout and batch norm are at work.
        rng : numpy.random.Generator, default=None
            Source of the randomness in training.

        Returns
        -------
        F : ndarray of shape (n_samples, n_outputs)
            Raw scores.
        backward : callable
            Given dF, of the shape of F and then overwritten, and each layer's views of the
            gradient, writes the derivatives there. It can be called once.
        """
        ways_back = []
        for layer, arrays in zip(self.layers, params, strict=True):
            X, way_back = layer.forward(arrays, X, train=train, rng=rng)
            ways_back.append(way_back)

        def backward(dF: Array, grads: Views) -> None:
            dY: Array | None = dF
            for i in range(len(self.layers) - 1, self.first - 1, -1):
                assert dY is not None
                # What a layer has kept for its way back is gone with it.
                dY = ways_back.pop()(dY, grads[i], i > self.first)

        return X, backward

    def coefficients(self, theta: Array) -> tuple[list[Array], list[Array]]:
        """Return the weights and the biases of every layer of units, as they are in prediction.

        Batch norm and the units of the output, which only scale and shift each unit then, are
        contained in them.
        """
        weights: list[Array] = []
        biases: list[Array] = []
        for layer, params in zip(self.layers, self.layout.views(theta), strict=True):
            affine = layer.affine(params)
            if "W" in params:
                weights.append(params["W"])
                biases.append(params.get("b", np.zeros(params["W"].shape[1], theta.dtype)))
            elif affine is not None:
                scale, shift = affine
                weights[-1] = (weights[-1] * scale).astype(theta.dtype, copy=False)
                biases[-1] = (biases[-1] * scale + shift).astype(theta.dtype, copy=False)
        return weights, biases

    @property
    def penalty_factor(self) -> Array:
        """What the L2 penalty multiplies each squared weight by, shape (n_weights,), or () for 1.

        The weights of the last layer count in units of the spread of the targets, all outputs
        together: ``scale_j^2 / sum(scale^2)`` for output j, which is 1 for a single one.
        """
        if self.output is None or self.n_outputs == 1:
            return np.ones(())
        factor = np.ones(self.layout.n_params)
        self._last(factor)["W"][...] *= self._output_shares()
        return factor[: self.layout.n_weights]

    @property
    def output_preconditioner(self) -> Array:
        """Inverse of how strongly J bends along the parameters of each output, shape (n_params,).

        An output of small spread hardly counts in J, so its parameters need long steps.
        """
        factor = np.ones(self.layout.n_params)
        if self.output is not None:
            last = self._last(factor)
            for name in ("W", "b"):
                last[name][...] /= self._output_shares() * self.n_outputs
        return factor

    def _output_shares(self) -> Array:
        """Return the share of each output in the sum of squares of all."""
        assert self.output is not None
        squares = self.output.scale**2
        return np.asarray(squares / squares.sum())

    def _last(self, theta: Array) -> dict[str, Array]:
        """Return the views of the last dense layer."""
        return [params for params in self.layout.views(theta) if "W" in params][-1]

    def scores(self, theta: Array, X: Any) -> Array:
        """Return the raw scores of a prediction, shape (n_samples, n_outputs)."""
        return self.activations(theta, X, len(self.layers))

    def activations(self, theta: Array, X: Any, n_layers: int) -> Array:
        """Return what comes out of the first layers in a prediction, block by block of rows.

        It is computed in the dtype of theta.
        """
        stack = list(zip(self.layers, self.layout.views(theta), strict=True))[:n_layers]
        blocks = []
        # Where there are no rows, the layers still tell how many columns there are.
        for begin in range(0, max(X.shape[0], 1), BLOCK):
            Y = X[begin : begin + BLOCK].astype(theta.dtype, copy=False)
            for layer, params in stack:
                Y, _ = layer.forward(params, Y, train=False, rng=None)
            blocks.append(Y)
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def mlp(
    sizes: Sequence[int],
    activations: Sequence[Activation],
    *,
    initializer: Initializer | None = None,
    batch_norm: float | None = None,
    dropout: Sequence[float] = (),
    input_dropout: float = 0.0,
    output: Rescale | None = None,
) -> Network:
    """Return the multilayer perceptron: dense, batch norm, activation, dropout, for each layer.

    Parameters
    ----------
    sizes : sequence of int
        Number of inputs, of units in each hidden layer, and of outputs.
    activations : sequence of Activation
        One for each hidden layer.
    initializer : Initializer, default=None
        Draws the weights of the hidden layers; None takes what fits the activation. The output
        layer has no activation and takes Glorot's.
    batch_norm : float, default=None
        Share of a new batch in the running statistics; None means no batch norm.
    dropout : sequence of float, default=()
        Rate after each hidden layer; empty means none.
    input_dropout : float, default=0.0
        Rate on the input.
    output : Rescale, default=None
        Units of the output.

    Returns
    -------
    network : Network
        The network.
    """
    layers: list[Layer] = [Dropout(input_dropout)] if input_dropout else []
    hidden = []
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes[:-1])):
        fitting = initializer or get_initializer(activations[i].initializer)
        has_bias = batch_norm is None
        spread = fan_in**-0.5 if has_bias else 0.0
        layers.append(Dense(fan_in, fan_out, fitting, has_bias, spread))
        if batch_norm is not None:
            layers.append(BatchNorm(fan_out, batch_norm))
        layers.append(Activate(activations[i]))
        hidden.append(len(layers))
        if dropout and dropout[i]:
            layers.append(Dropout(dropout[i]))
    layers.append(Dense(sizes[-2], sizes[-1], get_initializer("glorot")))
    return Network(layers, hidden, output)

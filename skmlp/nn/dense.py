"""The dense layer, every input to every unit, and the activation that follows it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from skmlp.nn.activations import Activation
from skmlp.nn.initializers import Initializer
from skmlp.nn.layers import Backward, Layer, Params, Rng
from skmlp.nn.parameters import BIAS, WEIGHT, Array, Slot

# Numbers in a part of a product with sparse rows; to write fewer columns of many rows, which lie
# apart in memory, would cost more than the product.
BLOCK, FEWEST = 2**17, 32


@dataclass
class Dense(Layer):
    r"""An affine map of every row.

    .. math::
        Z = X W + b, \qquad
        dW = X^T dZ, \quad db = 1^T dZ, \quad dX = dZ\, W^T

    Parameters
    ----------
    fan_in, fan_out : int
        Number of inputs and of units.
    initializer : Initializer
        Draws W.
    bias : bool, default=True
        Whether there is b. Batch norm, which subtracts the mean, makes it useless.
    spread : float, default=0.0
        b is drawn uniformly between plus and minus this. If all biases of a hidden layer were 0,
        all its units would bend at the origin: on one feature, at the same point.

    Notes
    -----
    Cost: O(n_samples fan_in fan_out) forward, twice that on the way back; for a sparse X, its
    number of non-zeros takes the place of n_samples fan_in.
    """

    fan_in: int
    fan_out: int
    initializer: Initializer
    bias: bool = True
    spread: float = 0.0

    @property
    def slots(self) -> dict[str, Slot]:
        slots = {"W": Slot((self.fan_in, self.fan_out), WEIGHT)}
        return slots | {"b": Slot((self.fan_out,), BIAS)} if self.bias else slots

    def start(self, params: Params, rng: np.random.Generator) -> None:
        W = params["W"]
        W[...] = self.initializer.draw(rng, self.fan_in, self.fan_out, W.dtype)
        if self.spread:
            params["b"][...] = rng.uniform(-self.spread, self.spread, self.fan_out)

    def forward(self, params: Params, X: Any, *, train: bool, rng: Rng) -> tuple[Array, Backward]:
        W = params["W"]
        Z = X @ W
        if self.bias:
            Z += params["b"]

        def backward(dZ: Array, grad: Params, wanted: bool) -> Array | None:
            if sp.issparse(X):
                multiply_sparse(X.T, dZ, out=grad["W"])
            else:
                np.matmul(X.T, dZ, out=grad["W"])
            if self.bias:
                # A product with ones is quicker than a sum over rows.
                np.matmul(np.ones(len(dZ), dZ.dtype), dZ, out=grad["b"])
            return dZ @ W.T if wanted else None

        return Z, backward


def multiply_sparse(A: Any, B: Array, out: Array) -> None:
    """Write the product of a sparse A with B to `out`, some columns of B at a time.

    SciPy's product is a new array, and that of all columns may be as long as all parameters.
    """
    n_columns = max(BLOCK // A.shape[0], FEWEST)
    for begin in range(0, B.shape[1], n_columns):
        some = slice(begin, begin + n_columns)
        out[:, some] = A @ B[:, some]


@dataclass
class Activate(Layer):
    r"""An activation function, entry by entry.

    .. math:: A = \varphi(Z), \qquad dZ = dA \circ \varphi'(Z)

    Parameters
    ----------
    activation : Activation
        The function and its slope.
    """

    activation: Activation

    def forward(self, params: Params, X: Array, *, train: bool, rng: Rng) -> tuple[Array, Backward]:
        Z = X
        A = self.activation.value(Z)

        def backward(dA: Array, grad: Params, wanted: bool) -> Array | None:
            dA *= self.activation.slope(Z, A)
            return dA

        return A, backward


@dataclass
class Rescale(Layer):
    r"""Fixed units of the output: the network works in units of the spread of its targets.

    .. math:: F = Z \circ s + m, \qquad dZ = dF \circ s

    Parameters
    ----------
    shift, scale : ndarray of shape (n_outputs,)
        m and s. They are constants, not parameters.
    unit : float, default=1.0
        What objectives of the network are divided by, so that the steps of an optimizer do not
        depend on the unit of the targets either.
    """

    shift: Array
    scale: Array
    unit: float = 1.0

    def affine(self, params: Params) -> tuple[Array, Array]:
        return self.scale, self.shift

    def forward(self, params: Params, X: Array, *, train: bool, rng: Rng) -> tuple[Array, Backward]:
        scale = self.scale.astype(X.dtype, copy=False)
        F = X * scale
        F += self.shift.astype(X.dtype, copy=False)

        def backward(dF: Array, grad: Params, wanted: bool) -> Array | None:
            dF *= scale
            return dF

        return F, backward

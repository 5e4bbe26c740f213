"""Batch normalization: every unit gets mean 0 and variance 1 over the rows of a batch."""

from dataclasses import dataclass

import numpy as np

from skmlp.nn.layers import Backward, Layer, Params, Rng
from skmlp.nn.parameters import BIAS, STATISTIC, Array, Slot


@dataclass
class BatchNorm(Layer):
    r"""Normalize every unit over the batch, then let it learn a scale and a shift.

    With :math:`\mu` and :math:`\sigma^2` the mean and variance of each column of Z over the m rows
    of a batch,

    .. math::
        N = \frac{Z - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad Y = N \circ \gamma + \beta

    and, since mean and variance depend on every row,

    .. math::
        d\beta = 1^T dY, \quad d\gamma = 1^T (dY \circ N), \quad
        dZ = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} \circ
        \Bigl(dY - \tfrac1m d\beta - N \circ \tfrac1m d\gamma\Bigr).

    In prediction, running averages of mean and variance stand in for those of a batch, so a
    prediction does not depend on the other rows. Each training batch moves them by a share
    `momentum` towards its own mean and unbiased variance. A training batch of one row has no
    variance: it is normalized like a row in prediction and leaves the averages alone.

    Every row counts once, whatever its weight in the objective.

    Parameters
    ----------
    n_units : int
        Number of columns.
    momentum : float, default=0.1
        Share of a new batch in the running averages, in (0, 1].
    eps : float, default=1e-5
        Added to the variance: a constant unit is divided by sqrt(eps), not by 0.

    References
    ----------
    .. [1] Ioffe & Szegedy (2015). Batch normalization: accelerating deep network training by
           reducing internal covariate shift. ICML.
    """

    n_units: int
    momentum: float = 0.1
    eps: float = 1e-5

    @property
    def slots(self) -> dict[str, Slot]:
        shape = (self.n_units,)
        learned = {"gamma": Slot(shape, BIAS), "beta": Slot(shape, BIAS)}
        return learned | {"mean": Slot(shape, STATISTIC), "variance": Slot(shape, STATISTIC)}

    def start(self, params: Params, rng: np.random.Generator) -> None:
        params["gamma"][...] = 1
        params["variance"][...] = 1

    def affine(self, params: Params) -> tuple[Array, Array]:
        scale = params["gamma"] / np.sqrt(params["variance"] + self.eps)
        return scale, params["beta"] - params["mean"] * scale

    def forward(self, params: Params, X: Array, *, train: bool, rng: Rng) -> tuple[Array, Backward]:
        Z, gamma = X, params["gamma"]
        m = len(Z)
        by_batch = train and m > 1
        mean = Z.mean(axis=0) if by_batch else params["mean"]
        N = Z - mean
        variance = np.einsum("ij,ij->j", N, N) / m if by_batch else params["variance"]
        if by_batch:
            self.remember(params, mean, variance * (m / (m - 1)))
        inverse = 1 / np.sqrt(variance + self.eps)
        N *= inverse
        Y = N * gamma
        Y += params["beta"]

        def backward(dY: Array, grad: Params, wanted: bool) -> Array | None:
            dbeta = dY.sum(axis=0, out=grad["beta"])
            dgamma = np.einsum("ij,ij->j", dY, N, out=grad["gamma"])
            if by_batch:
                dY -= dbeta / m
                dY -= N * (dgamma / m)
            dY *= gamma * inverse
            return dY

        return Y, backward

    def remember(self, params: Params, mean: Array, variance: Array) -> None:
        """Move the running averages towards the statistics of a batch."""
        for name, value in (("mean", mean), ("variance", variance)):
            # In one go, since an interrupt may come between two.
            params[name][...] = (1 - self.momentum) * params[name] + self.momentum * value

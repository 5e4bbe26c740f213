r"""Initializers: the random weights from which training starts.

Weights must differ, or all units of a layer would learn the same. Their size decides what becomes
of a signal: a layer multiplies the mean square of its inputs by about ``fan_in * variance``, and on
the way back that of the derivatives by ``fan_out * variance``. If either product is off by a
factor, twenty layers are off by its twentieth power. Biases start at zero.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skmlp._spec import Spec, check_option, resolve
from skmlp.nn.parameters import Array

# Numbers that are drawn at a time.
BLOCK = 2**16


@dataclass
class Initializer(Spec):
    """Base of the initializers: it draws the weight matrix of one layer.

    A subclass gives `draw`. It becomes a dataclass if it has parameters, which are then its fields.

    Examples
    --------
    An initializer of your own, which keeps all lengths and angles:

    >>> import numpy as np
    >>> from skmlp.nn.initializers import Initializer
    >>> class Orthogonal(Initializer):
    ...     def draw(self, rng, fan_in, fan_out, dtype):
    ...         G = rng.normal(size=(max(fan_in, fan_out), min(fan_in, fan_out)))
    ...         Q, _ = np.linalg.qr(G)
    ...         return (Q if fan_in >= fan_out else Q.T).astype(dtype)
    >>> W = Orthogonal().draw(np.random.default_rng(0), 3, 5, np.float64)
    >>> np.allclose(W @ W.T, np.eye(3))
    True
    """

    def draw(
        self, rng: np.random.Generator, fan_in: int, fan_out: int, dtype: npt.DTypeLike
    ) -> Array:
        """Draw the weights of a layer.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness; it advances by the same amount whatever the dtype is.
        fan_in : int
            Number of inputs of the layer.
        fan_out : int
            Number of its units.
        dtype : dtype
            Floating type of the weights.

        Returns
        -------
        W : ndarray of shape (fan_in, fan_out)
            The weights; a new array.
        """
        raise NotImplementedError(f"{type(self).__name__} must define draw.")


class _Scaled(Initializer):
    """Independent weights of mean zero and a variance that depends on the size of the layer.

    It is no dataclass, so that its children choose the default of `distribution`.
    """

    distribution: str

    def validate(self) -> None:
        """Check the parameters."""
        check_option("distribution", self.distribution, ("uniform", "normal"))

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of every weight."""
        raise NotImplementedError

    def draw(
        self, rng: np.random.Generator, fan_in: int, fan_out: int, dtype: npt.DTypeLike
    ) -> Array:
        """Draw independent weights in float64 and round them to `dtype`."""
        deviation = math.sqrt(self.variance(fan_in, fan_out))
        # The variance of a uniform number between -bound and bound is bound^2 / 3.
        bound = math.sqrt(3) * deviation
        W = np.empty((fan_in, fan_out), dtype)
        # Some rows at a time, which are the same numbers: W is never there in float64 as a whole.
        n_rows = max(BLOCK // fan_out, 1)
        for begin in range(0, fan_in, n_rows):
            rows = W[begin : begin + n_rows]
            if self.distribution == "normal":
                rows[...] = rng.normal(0.0, deviation, rows.shape)
            else:
                rows[...] = rng.uniform(-bound, bound, rows.shape)
        return W


@dataclass
class Glorot(_Scaled):
    r"""Weights for activations that are odd and nearly linear at zero, such as tanh.

    .. math:: \operatorname{Var} W_{jk} = \frac{2}{\text{fan\_in} + \text{fan\_out}}

    A compromise: ``1 / fan_in`` would keep the variance of activations on the way forward and
    ``1 / fan_out`` that of derivatives on the way back.

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default="uniform"
        The shape of the distribution. The uniform one, that of the paper, lies between plus and
        minus ``sqrt(6 / (fan_in + fan_out))``.

    References
    ----------
    Glorot, X., and Bengio, Y. (2010). Understanding the difficulty of training deep feedforward
    neural networks. AISTATS.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.initializers import Glorot
    >>> W = Glorot().draw(np.random.default_rng(0), 200, 400, np.float64)
    >>> W.shape, bool(np.abs(W).max() <= 0.1)
    ((200, 400), True)
    """

    distribution: str = "uniform"

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return ``2 / (fan_in + fan_out)``."""
        return 2 / (fan_in + fan_out)


@dataclass
class He(_Scaled):
    r"""Weights for rectified units, which lose half of what they are given.

    .. math:: \operatorname{Var} W_{jk} = \frac{2}{\text{fan\_in}}

    If the pre-activations are symmetric, the mean square of their positive part is one half of
    theirs; the 2 makes up for it.

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default="normal"
        The shape of the distribution; the normal one is that of the paper. The uniform one lies
        between plus and minus ``sqrt(6 / fan_in)``.

    References
    ----------
    He, K., Zhang, X., Ren, S., and Sun, J. (2015). Delving deep into rectifiers: surpassing
    human-level performance on ImageNet classification. ICCV.
    """

    distribution: str = "normal"

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return ``2 / fan_in``."""
        return 2 / fan_in


@dataclass
class LeCun(_Scaled):
    r"""Weights that hand on the variance of their inputs, as `SELU` needs.

    .. math:: \operatorname{Var} W_{jk} = \frac{1}{\text{fan\_in}}

    Inputs of mean zero and variance one become pre-activations of mean zero and variance one.

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default="normal"
        The shape of the distribution; self-normalizing networks are customarily started with the
        normal one. The uniform one lies between plus and minus ``sqrt(3 / fan_in)``.

    References
    ----------
    LeCun, Y., Bottou, L., Orr, G. B., and Mueller, K.-R. (1998). Efficient BackProp. In Neural
    Networks: Tricks of the Trade, Springer, 9-50.
    """

    distribution: str = "normal"

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return ``1 / fan_in``."""
        return 1 / fan_in


INITIALIZERS: dict[str, Callable[[], Initializer]] = {
    "glorot": Glorot,
    "he": He,
    "lecun": LeCun,
}


def get_initializer(value: Initializer | str, name: str = "initializer") -> Initializer:
    """Return the initializer that a parameter stands for.

    Parameters
    ----------
    value : Initializer or str
        An initializer, which is validated and returned, or the name of a default one: a key of
        ``INITIALIZERS``.
    name : str, default="initializer"
        The parameter as the user wrote it, for the error message.

    Returns
    -------
    initializer : Initializer
        The initializer.

    Raises
    ------
    TypeError
        If `value` is neither an initializer nor a string.
    ValueError
        If it is a string but no valid name, or an initializer with a bad parameter.

    Examples
    --------
    >>> from skmlp.nn.initializers import get_initializer
    >>> get_initializer("he")
    He(distribution='normal')
    """
    return resolve(name, value, INITIALIZERS, Initializer)

r"""Activations: the functions between two layers, each with its derivative beside it.

A layer computes pre-activations ``Z = X W + b`` and hands on activations ``A = value(Z)``. What
makes a network more than one linear map is that `value` is not linear, entry by entry.

The derivative may use both ``Z`` and ``A``. Where the value took an error function or an
exponential, ``A`` already holds the result, and the slope is a little arithmetic on it.

Parameters enter the arithmetic as Python floats, because a NumPy scalar such as
``np.float64(0.5)`` would lift float32 arrays to float64.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import erf

from skmlp._spec import Spec, check_real, resolve
from skmlp.nn.parameters import Array


@dataclass
class Activation(Spec):
    """Base of the activations: a function of one number, applied to every entry of an array.

    A subclass gives `value` and `slope`. It becomes a dataclass if it has parameters, which are
    then its fields, and may override `validate` to check them.

    Attributes
    ----------
    initializer : str
        Class variable: the name in ``INITIALIZERS`` of the initial weights that fit, so that
        neither activations nor gradients fade or explode from layer to layer.

    Notes
    -----
    Time and memory of every activation here are O(n_samples n_units).

    Examples
    --------
    An activation of your own, with a parameter. Its slope needs no second division, because the
    activation holds the quotient:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from skmlp.nn.activations import Activation
    >>> @dataclass
    ... class Softsign(Activation):
    ...     width: float = 1.0
    ...
    ...     def value(self, Z):
    ...         return Z / (self.width + np.abs(Z))
    ...
    ...     def slope(self, Z, A):
    ...         return (1 - np.abs(A)) ** 2 / self.width
    >>> softsign = Softsign(width=2.0)
    >>> Z = np.array([[-2.0, 0.0, 6.0]])
    >>> A = softsign.value(Z)
    >>> A
    array([[-0.5 ,  0.  ,  0.75]])
    >>> softsign.slope(Z, A)
    array([[0.125  , 0.5    , 0.03125]])

    A difference quotient tells whether the slope belongs to the value:

    >>> h = 1e-6
    >>> quotient = (softsign.value(Z + h) - softsign.value(Z - h)) / (2 * h)
    >>> np.allclose(softsign.slope(Z, A), quotient)
    True
    """

    initializer: ClassVar[str] = "glorot"

    def value(self, Z: Array) -> Array:
        """Return the activations.

        Parameters
        ----------
        Z : ndarray of shape (n_samples, n_units)
            Pre-activations; left as they are.

        Returns
        -------
        A : ndarray of shape (n_samples, n_units)
            Activations, in the dtype of Z; a new array.
        """
        raise NotImplementedError(f"{type(self).__name__} must define value.")

    def slope(self, Z: Array, A: Array) -> Array:
        """Return the derivative of `value`, entry by entry.

        Parameters
        ----------
        Z : ndarray of shape (n_samples, n_units)
            Pre-activations; left as they are.
        A : ndarray of shape (n_samples, n_units)
            ``value(Z)``; left as it is.

        Returns
        -------
        dA_dZ : ndarray of shape (n_samples, n_units)
            Derivatives, in the dtype of Z; a new array, which the caller may overwrite.
        """
        raise NotImplementedError(f"{type(self).__name__} must define slope.")


@dataclass
class Identity(Activation):
    r"""No activation: layers of it make up one linear map.

    .. math:: a(z) = z, \qquad a'(z) = 1
    """

    def value(self, Z: Array) -> Array:
        return Z.copy()

    def slope(self, Z: Array, A: Array) -> Array:
        return np.ones_like(Z)


@dataclass
class ReLU(Activation):
    r"""Rectified linear unit: a unit is silent, or linear.

    The slope of an active unit is one however large the activation is, so gradients do not fade on
    their way back. A unit that is silent on every row learns no more.

    .. math:: a(z) = \max(0, z), \qquad a'(z) = [z > 0]

    At the kink every number in [0, 1] is a subgradient; 0 is taken.

    References
    ----------
    Nair, V., and Hinton, G. E. (2010). Rectified linear units improve restricted Boltzmann
    machines. ICML.

    Glorot, X., Bordes, A., and Bengio, Y. (2011). Deep sparse rectifier neural networks. AISTATS.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.activations import ReLU
    >>> Z = np.array([[-2.0, 0.0, 3.0]])
    >>> A = ReLU().value(Z)
    >>> A, ReLU().slope(Z, A)
    (array([[0., 0., 3.]]), array([[0., 0., 1.]]))
    """

    initializer: ClassVar[str] = "he"

    def value(self, Z: Array) -> Array:
        return np.maximum(Z, _row_of_zeros(Z))

    def slope(self, Z: Array, A: Array) -> Array:
        return (Z > 0).astype(Z.dtype)


@dataclass
class LeakyReLU(Activation):
    r"""Rectified linear unit that leaks: a silent unit still passes on a little gradient.

    With :math:`s` for ``negative_slope``,

    .. math:: a(z) = \max(s z, z), \qquad a'(z) = s + (1 - s) [z > 0]

    At the kink every number in [s, 1] is a subgradient; s is taken.

    Parameters
    ----------
    negative_slope : float, default=0.01
        Slope left of zero, in [0, 1). 0 gives `ReLU`.

    References
    ----------
    Maas, A. L., Hannun, A. Y., and Ng, A. Y. (2013). Rectifier nonlinearities improve neural
    network acoustic models. ICML Workshop on Deep Learning for Audio, Speech and Language
    Processing.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.activations import LeakyReLU
    >>> LeakyReLU(negative_slope=0.25).value(np.array([[-2.0, 0.0, 3.0]]))
    array([[-0.5,  0. ,  3. ]])
    """

    negative_slope: float = 0.01
    initializer: ClassVar[str] = "he"

    def validate(self) -> None:
        """Check the parameters."""
        check_real("negative_slope", self.negative_slope, "[0, 1)")

    def value(self, Z: Array) -> Array:
        A = Z * float(self.negative_slope)
        return np.maximum(A, Z, out=A)

    def slope(self, Z: Array, A: Array) -> Array:
        return _step(Z, float(self.negative_slope), 1.0)


@dataclass
class ELU(Activation):
    r"""Exponential linear unit: linear on the right, saturating at ``-alpha`` on the left.

    Negative activations bring the mean of a layer nearer to zero than a rectified unit can, and
    with ``alpha=1`` the slope has no jump.

    .. math::
        a(z) = \max(0, z) + \alpha (e^{\min(0, z)} - 1), \qquad
        a'(z) = [z > 0] + (a(z) + \alpha) [z \le 0]

    At 0 the slope from the left is taken, ``alpha``.

    Parameters
    ----------
    alpha : float, default=1.0
        Minus the limit on the far left, positive.

    References
    ----------
    Clevert, D.-A., Unterthiner, T., and Hochreiter, S. (2016). Fast and accurate deep network
    learning by exponential linear units (ELUs). ICLR.
    """

    alpha: float = 1.0
    initializer: ClassVar[str] = "he"

    def validate(self) -> None:
        """Check the parameters."""
        check_real("alpha", self.alpha, "(0, inf)")

    def value(self, Z: Array) -> Array:
        return _exponential_linear(Z, 1.0, float(self.alpha))

    def slope(self, Z: Array, A: Array) -> Array:
        return _exponential_linear_slope(A, 1.0, float(self.alpha))


@dataclass
class SELU(Activation):
    r"""Scaled exponential linear unit: `ELU` with the two numbers that normalize by themselves.

    If the pre-activations are standard normal, the activations again have mean 0 and variance 1,
    and this fixed point attracts: a deep network stays normalized without batch normalization.

    .. math::
        a(z) = \lambda \max(0, z) + \lambda \alpha (e^{\min(0, z)} - 1), \qquad
        a'(z) = \lambda [z > 0] + (a(z) + \lambda \alpha) [z \le 0]

    with :math:`\lambda = 1.0507...` and :math:`\alpha = 1.6732...`. At 0 the slope from the left
    is taken.

    Notes
    -----
    With :math:`\mathrm{erfcx}(x) = e^{x^2} \operatorname{erfc}(x)`, the mean is zero for
    :math:`\alpha = \sqrt{2 / \pi} / (1 - \mathrm{erfcx}(\sqrt{1/2}))`, and the variance is one for
    :math:`\lambda^{-2} = \frac12 + \alpha^2 \bigl(\frac12 - \mathrm{erfcx}(\sqrt{1/2})
    + \frac12 \mathrm{erfcx}(\sqrt 2)\bigr)`.

    References
    ----------
    Klambauer, G., Unterthiner, T., Mayr, A., and Hochreiter, S. (2017). Self-normalizing neural
    networks. NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.activations import SELU
    >>> A = SELU().value(np.random.default_rng(0).normal(size=(1000, 1000)))
    >>> bool(abs(A.mean()) < 0.01), bool(abs(A.var() - 1) < 0.01)
    (True, True)
    """

    scale: ClassVar[float] = 1.0507009873554805
    alpha: ClassVar[float] = 1.6732632423543772
    initializer: ClassVar[str] = "lecun"

    def value(self, Z: Array) -> Array:
        return _exponential_linear(Z, self.scale, self.scale * self.alpha)

    def slope(self, Z: Array, A: Array) -> Array:
        return _exponential_linear_slope(A, self.scale, self.scale * self.alpha)


@dataclass
class GELU(Activation):
    r"""Gaussian error linear unit: the input times its own quantile among normal numbers.

    A smooth `ReLU`: instead of being switched on or off at zero, a unit is weighted by the
    probability :math:`\Phi(z)` that a standard normal number lies below its input.

    .. math::
        a(z) = z \, \Phi(z), \qquad
        a'(z) = \Phi(z) + z \, \varphi(z), \qquad
        \Phi(z) = \tfrac12 (1 + \operatorname{erf}(z / \sqrt 2)), \quad
        \varphi(z) = \tfrac{1}{\sqrt{2 \pi}} e^{-z^2 / 2}

    Notes
    -----
    The error function is the dearest in this file: it takes the time of ten exponentials or more.
    The value computes it, and the slope spares it as :math:`\Phi = a / z`.

    References
    ----------
    Hendrycks, D., and Gimpel, K. (2016). Gaussian error linear units (GELUs). arXiv:1606.08415.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.activations import GELU
    >>> GELU().value(np.array([[-2.0, 0.0, 2.0]])).round(4)
    array([[-0.0455,  0.    ,  1.9545]])
    """

    initializer: ClassVar[str] = "he"

    def value(self, Z: Array) -> Array:
        A: Array = erf(Z * math.sqrt(0.5))
        A += 1
        A *= 0.5
        A *= Z
        return A

    def slope(self, Z: Array, A: Array) -> Array:
        with np.errstate(over="ignore"):
            S = np.square(Z)  # exp(-inf) is 0, as it should be
        S *= -0.5
        np.exp(S, out=S)
        S *= 1 / math.sqrt(2 * math.pi)
        S *= Z
        S += _weight(Z, A)
        return S


@dataclass
class SiLU(Activation):
    r"""Sigmoid linear unit, or swish: the input times its own logistic sigmoid.

    A smooth `ReLU` like `GELU`, from a cheaper function. It dips below zero, to -0.28 at -1.28.

    .. math::
        a(z) = z \, \sigma(z), \qquad
        a'(z) = \sigma(z) + a(z) (1 - \sigma(z)), \qquad
        \sigma(z) = \frac{1}{1 + e^{-z}}

    Notes
    -----
    The value takes the exponential, the slope spares it as :math:`\sigma = a / z`.

    References
    ----------
    Elfwing, S., Uchibe, E., and Doya, K. (2018). Sigmoid-weighted linear units for neural network
    function approximation in reinforcement learning. Neural Networks, 107, 3-11.

    Ramachandran, P., Zoph, B., and Le, Q. V. (2017). Searching for activation functions.
    arXiv:1710.05941.
    """

    initializer: ClassVar[str] = "he"

    def value(self, Z: Array) -> Array:
        A = _sigmoid(Z)
        A *= Z
        return A

    def slope(self, Z: Array, A: Array) -> Array:
        sigma = _weight(Z, A)
        S = 1 - sigma
        S *= A
        S += sigma
        return S


@dataclass
class Softplus(Activation):
    r"""Softplus: a smooth `ReLU` that never reaches zero, the integral of the logistic sigmoid.

    .. math::
        a(z) = \ln(1 + e^z) = \max(0, z) + \ln(1 + e^{-|z|}), \qquad
        a'(z) = \frac{1}{1 + e^{-z}} = 1 - e^{-a(z)}

    Notes
    -----
    It is no "he" function, alike as it looks: with :math:`z` standard normal the mean of
    :math:`a(z)^2` is 0.92, not one half, so weights of mean square ``1 / fan_in`` keep the signal.

    References
    ----------
    Dugas, C., Bengio, Y., Belisle, F., Nadeau, C., and Garcia, R. (2001). Incorporating
    second-order functional knowledge for better option pricing. NeurIPS.
    """

    def value(self, Z: Array) -> Array:
        A = np.abs(Z)
        np.negative(A, out=A)
        np.exp(A, out=A)
        np.log1p(A, out=A)
        A += np.maximum(Z, _row_of_zeros(Z))
        return A

    def slope(self, Z: Array, A: Array) -> Array:
        S = np.negative(A)
        np.expm1(S, out=S)
        return np.negative(S, out=S)


@dataclass
class Tanh(Activation):
    r"""Hyperbolic tangent: linear near zero, saturating at -1 and 1.

    The sigmoid that is odd: activations have mean zero if their inputs are symmetric, which keeps
    the gradients of the next layer well conditioned.

    .. math:: a(z) = \tanh z, \qquad a'(z) = 1 - a(z)^2

    References
    ----------
    LeCun, Y., Bottou, L., Orr, G. B., and Mueller, K.-R. (1998). Efficient BackProp. In Neural
    Networks: Tricks of the Trade, Springer, 9-50.
    """

    def value(self, Z: Array) -> Array:
        return np.tanh(Z)

    def slope(self, Z: Array, A: Array) -> Array:
        S = np.square(A)
        return np.subtract(1, S, out=S)


@dataclass
class Logistic(Activation):
    r"""Logistic sigmoid: from 0 to 1, the probability whose log-odds are the input.

    Its slope is at most 1/4, so gradients fade in a deep network; it is here for the classics.

    .. math:: a(z) = \frac{1}{1 + e^{-z}}, \qquad a'(z) = a(z) (1 - a(z))

    References
    ----------
    Rumelhart, D. E., Hinton, G. E., and Williams, R. J. (1986). Learning representations by
    back-propagating errors. Nature, 323, 533-536.
    """

    def value(self, Z: Array) -> Array:
        return _sigmoid(Z)

    def slope(self, Z: Array, A: Array) -> Array:
        S = 1 - A
        S *= A
        return S


ACTIVATIONS: dict[str, Callable[[], Activation]] = {
    "identity": Identity,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "selu": SELU,
    "gelu": GELU,
    "silu": SiLU,
    "softplus": Softplus,
    "tanh": Tanh,
    "logistic": Logistic,
}


def get_activation(value: Activation | str, name: str = "activation") -> Activation:
    """Return the activation that a parameter stands for.

    Parameters
    ----------
    value : Activation or str
        An activation, which is validated and returned, or the name of a default one: a key of
        ``ACTIVATIONS``.
    name : str, default="activation"
        The parameter as the user wrote it, for the error message.

    Returns
    -------
    activation : Activation
        The activation.

    Raises
    ------
    TypeError
        If `value` is neither an activation nor a string.
    ValueError
        If it is a string but no valid name, or an activation with a bad parameter.

    Examples
    --------
    >>> from skmlp.nn.activations import get_activation
    >>> get_activation("leaky_relu")
    LeakyReLU(negative_slope=0.01)
    """
    return resolve(name, value, ACTIVATIONS, Activation)


def _row_of_zeros(Z: Array) -> Array:
    """Return zeros that broadcast to Z: NumPy compares with an array faster than with a scalar."""
    return np.zeros(Z.shape[-1], Z.dtype)


def _step(Z: Array, low: float, high: float) -> Array:
    """Return `high` where Z is positive and `low` elsewhere, faster than ``np.where`` does."""
    S = (Z > 0).astype(Z.dtype)
    S *= high - low
    S += low
    return S


def _exponential_linear(Z: Array, scale: float, limit: float) -> Array:
    """Return ``scale * max(0, Z) + limit * (exp(min(0, Z)) - 1)``."""
    zeros = _row_of_zeros(Z)
    A = np.minimum(Z, zeros)
    np.expm1(A, out=A)
    A *= limit
    positive = np.maximum(Z, zeros)
    positive *= scale
    A += positive
    return A


def _exponential_linear_slope(A: Array, scale: float, limit: float) -> Array:
    """Return `scale` where A is positive and ``A + limit`` elsewhere."""
    S = np.minimum(A, _row_of_zeros(A))
    S += _step(A, limit, scale)
    return S


def _sigmoid(Z: Array) -> Array:
    """Return ``1 / (1 + exp(-Z))``, with all digits also where it is tiny."""
    with np.errstate(over="ignore"):
        E = np.exp(-Z)  # 1 / inf is 0, as it should be
    E += 1
    return np.reciprocal(E, out=E)


def _weight(Z: Array, A: Array) -> Array:
    """Return P where ``A = Z * P``, given that P is one half at zero."""
    P = np.full_like(Z, 0.5)
    # Below the smallest normal number the product has lost its digits.
    return np.divide(A, Z, out=P, where=np.abs(Z) > np.finfo(Z.dtype).tiny)

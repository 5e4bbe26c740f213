"""Optimizers: from a gradient to the direction in which the parameters move.

With ``theta`` the parameters, ``g`` the gradient and ``eta`` the learning rate, one step is
``theta <- theta - eta * direction``. An optimizer computes the direction; ``eta`` comes from a
schedule and whoever trains the model applies the step. An optimizer object holds hyperparameters
only. What it remembers between steps is a separate state, a plain dict that `Optimizer.init` makes,
so one object may serve many models and training resumes from a pickled state bit for bit.

All arithmetic on arrays is entry by entry and happens in place, in the gradient too, block by block
where there are intermediate results. Hyperparameters enter as Python floats, because a NumPy scalar
such as ``np.float64(0.9)`` would lift float32 arithmetic to float64.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.linalg

from skmlp._spec import Spec, check_bool, check_real, resolve

Array = npt.NDArray[np.floating[Any]]
State = dict[str, Any]

# Entries of a block: a few arrays of so many stay in a processor's cache.
BLOCK = 2**15


def blocks(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Yield views of some entries of arrays, the same of each, block by block."""
    for begin in range(0, len(arrays[0]), BLOCK):
        yield tuple(array[begin : begin + BLOCK] for array in arrays)


@dataclass
class Optimizer(Spec):
    """Base of all optimizers: a gradient goes in, a direction comes out.

    A subclass overrides `direction`, and `init` if it remembers anything between steps.
    Time and memory of every optimizer here are O(n_params) per step.

    Attributes
    ----------
    customary_rate : float
        A learning rate to begin with, when a network with features of about unit scale is trained.
    """

    customary_rate: ClassVar[float] = 0.05

    def init(self, theta: Array, penalized: npt.NDArray[np.bool_] | None = None) -> State:
        """Return the state before the first step.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
            The parameters; the arrays of the state have their shape and dtype.
        penalized : ndarray of bool of shape (n_params,) or None, default=None
            True where an entry is a weight, False where it is a bias. None means all weights.

        Returns
        -------
        state : dict
            To be passed to every call of `direction`; it can be pickled. It holds what is
            remembered from one step to the next, no arrays to work in.
        """
        return {}

    def direction(self, grad: Array, theta: Array, state: State) -> Array:
        """Return the direction of this step and advance the state by one step.

        Parameters
        ----------
        grad : ndarray of shape (n_params,)
            The gradient of the objective at `theta`; it may be overwritten, here and by the caller
            afterwards: an optimizer that is to remember it copies it.
        theta : ndarray of shape (n_params,)
            The parameters; they are not modified.
        state : dict
            What `init` returned; it is updated in place.

        Returns
        -------
        direction : ndarray of shape (n_params,)
            It may be `grad` itself or an array of the state: do not write to it, and use it before
            the next call.
        """
        raise NotImplementedError(f"{type(self).__name__} must define direction.")


@dataclass
class SGD(Optimizer):
    """Stochastic gradient descent: the direction is the gradient.

    ``direction = g``

    References
    ----------
    Robbins, H., and Monro, S. (1951). A stochastic approximation method. Annals of Mathematical
    Statistics, 22(3), 400-407.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.optim.optimizers import SGD
    >>> theta = np.array([1.0, -2.0])
    >>> sgd = SGD()
    >>> sgd.direction(2 * theta, theta, sgd.init(theta))
    array([ 2., -4.])
    """

    def direction(self, grad: Array, theta: Array, state: State) -> Array:
        """Return ``g``."""
        return grad


@dataclass
class Momentum(Optimizer):
    """Gradient descent with momentum: a velocity that friction slows and gradients push.

    ``v <- momentum * v + g``, then ``direction = v``, or ``g + momentum * v`` for Nesterov's
    variant. Steps that agree add up, up to the factor ``1 / (1 - momentum)``; steps that zigzag
    cancel. Nesterov's variant looks ahead: it adds the push that this velocity will give next.

    Parameters
    ----------
    momentum : float, default=0.9
        The share of the velocity that survives a step, in [0, 1). 0 gives `SGD`.
    nesterov : bool, default=False
        Whether to use Nesterov's variant.

    References
    ----------
    Polyak, B. T. (1964). Some methods of speeding up the convergence of iteration methods. USSR
    Computational Mathematics and Mathematical Physics, 4(5), 1-17.

    Sutskever, I., Martens, J., Dahl, G., and Hinton, G. (2013). On the importance of initialization
    and momentum in deep learning. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.optim.optimizers import Momentum
    >>> theta, g = np.zeros(2), np.array([1.0, -2.0])
    >>> heavy_ball = Momentum(momentum=0.5)
    >>> state = heavy_ball.init(theta)
    >>> heavy_ball.direction(g, theta, state)
    array([ 1., -2.])
    >>> heavy_ball.direction(g, theta, state)
    array([ 1.5, -3. ])
    """

    customary_rate: ClassVar[float] = 0.01

    momentum: float = 0.9
    nesterov: bool = False

    def validate(self) -> None:
        """Check the parameters."""
        check_real("momentum", self.momentum, "[0, 1)")
        check_bool("nesterov", self.nesterov)

    def init(self, theta: Array, penalized: npt.NDArray[np.bool_] | None = None) -> State:
        """Return a velocity of zero."""
        return {"velocity": np.zeros_like(theta)}

    def direction(self, grad: Array, theta: Array, state: State) -> Array:
        """Return ``v``, or ``g + momentum * v``, where ``v <- momentum * v + g``."""
        momentum = float(self.momentum)
        velocity: Array = state["velocity"]
        velocity *= momentum
        velocity += grad
        if not self.nesterov:
            return velocity
        for g, v in blocks(grad, velocity):
            g += momentum * v
        return grad


@dataclass
class Adagrad(Optimizer):
    """Adaptive gradient: every entry has its own step, which shrinks as its gradients add up.

    ``s <- s + g^2``, then ``direction = g / (sqrt(s) + eps)``. Entries with rare or small
    gradients, such as the weights of rare features, keep a large step.

    Parameters
    ----------
    eps : float, default=1e-10
        Positive. Its only task is to turn 0 / 0 into 0 while all gradients of an entry have been 0,
        so it lies far below any gradient that matters.
    initial_accumulator : float, default=0.0
        The value of ``s`` before the first step, not negative. A positive one tempers the first
        steps, whose direction is otherwise the sign of the gradient.

    References
    ----------
    Duchi, J., Hazan, E., and Singer, Y. (2011). Adaptive subgradient methods for online learning
    and stochastic optimization. Journal of Machine Learning Research, 12, 2121-2159.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.optim.optimizers import Adagrad
    >>> theta, g = np.zeros(2), np.array([3.0, -0.1])
    >>> adagrad = Adagrad()
    >>> state = adagrad.init(theta)
    >>> adagrad.direction(g.copy(), theta, state).round(6)
    array([ 1., -1.])
    >>> adagrad.direction(g.copy(), theta, state).round(6)
    array([ 0.707107, -0.707107])
    """

    customary_rate: ClassVar[float] = 0.03

    eps: float = 1e-10
    initial_accumulator: float = 0.0

    def validate(self) -> None:
        """Check the parameters."""
        check_real("eps", self.eps, "(0, inf)")
        check_real("initial_accumulator", self.initial_accumulator, "[0, inf)")

    def init(self, theta: Array, penalized: npt.NDArray[np.bool_] | None = None) -> State:
        """Return sums of squares that start at ``initial_accumulator``."""
        return {"squares": np.full_like(theta, self.initial_accumulator)}

    def direction(self, grad: Array, theta: Array, state: State) -> Array:
        """Return ``g / (sqrt(s) + eps)`` where ``s <- s + g^2``."""
        eps = float(self.eps)
        for g, s in blocks(grad, state["squares"]):
            s += np.square(g)
            g /= np.sqrt(s) + eps
        return grad


@dataclass
class RMSProp(Optimizer):
    """Divide the gradient by a running root mean square of its recent values.

    ``s <- decay * s + (1 - decay) * g^2``, then ``direction = g / (sqrt(s) + eps)``. It is
    `Adagrad` with a memory of about ``1 / (1 - decay)`` steps, so the steps do not die out.

    Parameters
    ----------
    decay : float, default=0.9
        The share of the running mean that survives a step, in [0, 1).
    eps : float, default=1e-8
        Positive; bounds the step of entries with tiny gradients.

    References
    ----------
    Tieleman, T., and Hinton, G. (2012). Lecture 6.5: RMSProp. Coursera: Neural networks for machine
    learning.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.optim.optimizers import RMSProp
    >>> theta, g = np.zeros(2), np.array([3.0, -0.1])
    >>> rmsprop = RMSProp(decay=0.75)
    >>> rmsprop.direction(g, theta, rmsprop.init(theta)).round(6)
    array([ 2., -2.])
    """

    customary_rate: ClassVar[float] = 0.002

    decay: float = 0.9
    eps: float = 1e-8

    def validate(self) -> None:
        """Check the parameters."""
        check_real("decay", self.decay, "[0, 1)")
        check_real("eps", self.eps, "(0, inf)")

    def init(self, theta: Array, penalized: npt.NDArray[np.bool_] | None = None) -> State:
        """Return mean squares of zero."""
        return {"squares": np.zeros_like(theta)}

    def direction(self, grad: Array, theta: Array, state: State) -> Array:
        """Return ``g / (sqrt(s) + eps)`` where ``s <- decay * s + (1 - decay) * g^2``."""
        decay, eps = float(self.decay), float(self.eps)
        for g, s in blocks(grad, state["squares"]):
            s *= decay
            s += (1 - decay) * np.square(g)
            g /= np.sqrt(s) + eps
        return grad


@dataclass
class Adam(Optimizer):
    """Adaptive moments: momentum and `RMSProp` together, both corrected for their start at zero.

    At step t = 1, 2, ...::

        m <- beta1 * m + (1 - beta1) * g           m_hat = m / (1 - beta1^t)
        s <- beta2 * s + (1 - beta2) * g^2         s_hat = s / (1 - beta2^t)
        direction = m_hat / (sqrt(s_hat) + eps)

    The ratio of the mean gradient to its root mean square is near 1 where gradients agree and near
    0 where they are noise, so a step is bold only where the signal is clear. The corrections turn
    the running sums into weighted means: without them the first steps would be biased towards zero.

    Parameters
    ----------
    beta1 : float, default=0.9
        The share of the running mean of gradients that survives a step, in [0, 1).
    beta2 : float, default=0.999
        The share of the running mean of squared gradients that survives a step, in [0, 1).
    eps : float, default=1e-8
        Positive; bounds the step of entries with tiny gradients.

    Notes
    -----
    The state holds the sums ``M = m / (1 - beta1)`` and ``S = s / (1 - beta2)``. With
    ``r = (1 - beta2) / (1 - beta2^t)`` the direction is then
    ``(1 - beta1) / (1 - beta1^t) / sqrt(r) * M / (sqrt(S) + eps / sqrt(r))``, which spares four
    passes over memory.

    References
    ----------
    Kingma, D. P., and Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.optim.optimizers import Adam
    >>> theta, g = np.zeros(2), np.array([3.0, -0.1])
    >>> adam = Adam()
    >>> adam.direction(g, theta, adam.init(theta)).round(6)
    array([ 1., -1.])
    """

    customary_rate: ClassVar[float] = 0.005

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def validate(self) -> None:
        """Check the parameters."""
        check_real("beta1", self.beta1, "[0, 1)")
        check_real("beta2", self.beta2, "[0, 1)")
        check_real("eps", self.eps, "(0, inf)")

    def init(self, theta: Array, penalized: npt.NDArray[np.bool_] | None = None) -> State:
        """Return sums of zero and the step count 0."""
        return {"sum": np.zeros_like(theta), "squares": np.zeros_like(theta), "t": 0}

    def direction(self, grad: Array, theta: Array, state: State) -> Array:
        """Return ``m_hat / (sqrt(s_hat) + eps)``."""
        beta1, beta2 = float(self.beta1), float(self.beta2)
        state["t"] += 1
        root = math.sqrt((1 - beta2) / (1 - beta2 ** state["t"]))
        scale = (1 - beta1) / (1 - beta1 ** state["t"]) / root
        eps = float(self.eps) / root
        for g, M, S in blocks(grad, state["sum"], state["squares"]):
            M *= beta1
            M += g
            S *= beta2
            S += np.square(g)
            np.divide(M, np.sqrt(S) + eps, out=g)
            g *= scale
        return grad


@dataclass
class AdamW(Adam):
    """`Adam` with decoupled weight decay.

    ``direction = direction of Adam + weight_decay * theta``, the second term for weights only,
    never for biases. A penalty in the objective would pass through Adam's division, which shrinks
    it where gradients are large; here every weight decays by the same share ``eta * weight_decay``
    per step.

    Parameters
    ----------
    beta1, beta2, eps : float
        As in `Adam`.
    weight_decay : float, default=0.01
        The strength of the decay, not negative. 0 gives `Adam`.

    References
    ----------
    Loshchilov, I., and Hutter, F. (2019). Decoupled weight decay regularization. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.optim.optimizers import AdamW
    >>> theta = np.array([5.0, 5.0])
    >>> adamw = AdamW(weight_decay=0.1)
    >>> state = adamw.init(theta, penalized=np.array([True, False]))
    >>> adamw.direction(np.zeros(2), theta, state)
    array([0.5, 0. ])
    """

    weight_decay: float = 0.01

    def validate(self) -> None:
        """Check the parameters."""
        super().validate()
        check_real("weight_decay", self.weight_decay, "[0, inf)")

    def init(self, theta: Array, penalized: npt.NDArray[np.bool_] | None = None) -> State:
        """Return the state of `Adam` and the mask of the weights."""
        mask = np.ones(theta.shape, bool) if penalized is None else penalized.copy()
        return super().init(theta) | {"penalized": mask}

    def direction(self, grad: Array, theta: Array, state: State) -> Array:
        """Return the direction of `Adam` plus ``weight_decay * theta`` for weights."""
        out, decay = super().direction(grad, theta, state), float(self.weight_decay)
        for d, w, is_weight in blocks(out, theta, state["penalized"]):
            d += decay * (w * is_weight)
        return out


class _Clipped(Optimizer):
    """An optimizer that bounds the gradient and hands it to the optimizer `then`.

    It is no dataclass, so that its children place `then` after their own parameter.
    """

    then: Optimizer | str

    @property
    def customary_rate(self) -> float:  # type: ignore[override]
        """That of `then`."""
        return get_optimizer(self.then, name="then").customary_rate

    def validate(self) -> None:
        """Check the parameters."""
        get_optimizer(self.then, name="then")

    def init(self, theta: Array, penalized: npt.NDArray[np.bool_] | None = None) -> State:
        """Return the optimizer behind `then` and its state."""
        then = get_optimizer(self.then, name="then")
        return {"then": then, "then_state": then.init(theta, penalized)}

    def direction(self, grad: Array, theta: Array, state: State) -> Array:
        """Return the direction that `then` takes for the bounded gradient."""
        then: Optimizer = state["then"]
        return then.direction(self._clip(grad), theta, state["then_state"])

    def _clip(self, grad: Array) -> Array:
        raise NotImplementedError


@dataclass
class ClipNorm(_Clipped):
    """Shorten a gradient that is too long, then let another optimizer use it.

    ``g <- g * min(1, max_norm / ||g||)`` with the Euclidean norm over all parameters. The gradient
    keeps its direction, so one wild batch cannot throw the parameters far away. NaN is handed on.

    Parameters
    ----------
    max_norm : float, default=1.0
        The length allowed, positive.
    then : Optimizer or str, default="sgd"
        What turns the shortened gradient into a direction.

    References
    ----------
    Pascanu, R., Mikolov, T., and Bengio, Y. (2013). On the difficulty of training recurrent neural
    networks. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.optim.optimizers import ClipNorm
    >>> theta, g = np.zeros(2), np.array([30.0, -40.0])
    >>> clip = ClipNorm(max_norm=5.0)
    >>> clip.direction(g, theta, clip.init(theta))
    array([ 3., -4.])
    """

    max_norm: float = 1.0
    then: Optimizer | str = "sgd"

    def validate(self) -> None:
        """Check the parameters."""
        super().validate()
        check_real("max_norm", self.max_norm, "(0, inf)")

    def _clip(self, grad: Array) -> Array:
        # BLAS scales as it sums: squares of large float32 entries would overflow.
        norm: float = scipy.linalg.norm(grad, check_finite=False)
        if norm > self.max_norm:
            grad *= float(self.max_norm) / float(norm)
        return grad


@dataclass
class ClipValue(_Clipped):
    """Bound every entry of the gradient, then let another optimizer use it.

    ``g <- min(max(g, -max_value), max_value)``, entry by entry. Unlike with `ClipNorm` the
    gradient may turn, but one wild entry does not shorten the others. NaN is handed on.

    Parameters
    ----------
    max_value : float, default=1.0
        The largest absolute value allowed, positive.
    then : Optimizer or str, default="sgd"
        What turns the bounded gradient into a direction.

    References
    ----------
    Mikolov, T. (2012). Statistical language models based on neural networks. PhD thesis, Brno
    University of Technology.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.optim.optimizers import ClipValue
    >>> theta, g = np.zeros(2), np.array([0.5, -40.0])
    >>> clip = ClipValue(max_value=1.0)
    >>> clip.direction(g, theta, clip.init(theta))
    array([ 0.5, -1. ])
    """

    max_value: float = 1.0
    then: Optimizer | str = "sgd"

    def validate(self) -> None:
        """Check the parameters."""
        super().validate()
        check_real("max_value", self.max_value, "(0, inf)")

    def _clip(self, grad: Array) -> Array:
        bound = float(self.max_value)
        return np.clip(grad, -bound, bound, out=grad)


OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": partial(Momentum, nesterov=True),
    "adagrad": Adagrad,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamw": AdamW,
}


def get_optimizer(value: Optimizer | str, name: str = "optimizer") -> Optimizer:
    """Return the optimizer that a parameter stands for.

    Parameters
    ----------
    value : Optimizer or str
        An optimizer, which is validated and returned, or the name of a default one: a key of
        ``OPTIMIZERS``.
    name : str, default="optimizer"
        The parameter as the user wrote it, for the error message.

    Returns
    -------
    optimizer : Optimizer
        The optimizer.

    Raises
    ------
    TypeError
        If `value` is neither an optimizer nor a string.
    ValueError
        If it is a string but no valid name, or an optimizer with a bad parameter.

    Examples
    --------
    >>> from skmlp.optim.optimizers import get_optimizer
    >>> get_optimizer("nesterov")
    Momentum(momentum=0.9, nesterov=True)
    """
    return resolve(name, value, OPTIMIZERS, Optimizer)

"""Is the gradient of a network the derivative of its objective? A check for pieces of your own."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone

from skmlp._spec import check_integer, check_real
from skmlp.estimators._base import random_generator
from skmlp.estimators._network_estimator import check_network
from skmlp.nn.dense import Activate
from skmlp.nn.gradient_check import central_differences, relative_error
from skmlp.nn.parameters import STATISTIC

# Among the pre-activations of so few rows, hardly one lies within a step of a kink.
MAX_ROWS = 32
# Near the step at which truncation and rounding do the same harm.
STEP = 4e-6
# What rounding does to a difference quotient at most, as a share of the objective.
ROUNDING = 1e-9
# The smallest size of an array's derivatives that rounding leaves visible, as such a share.
FAINT = 1e-3


@dataclass(frozen=True)
class GradientCheck:
    """How far the gradient of a network is from difference quotients.

    Parameters
    ----------
    error : float
        Relative error over all places that were compared.
    errors : dict of str to float
        Relative error of each array of parameters, from the input to the output: ``"layer 1 W"``
        are the weights of the first hidden layer, ``"output b"`` the biases of the output.
    n_compared : int
        Number of places that were compared.
    n_kinks : int
        Number of places that were left out because a kink is too near.
    """

    error: float
    errors: dict[str, float]
    n_compared: int
    n_kinks: int


def check_gradient(net, X, y, *, sample_weight=None, n_places=20, rtol=1e-6, random_state=0):
    r"""Compare the gradient of a network with difference quotients of its objective.

    Whoever brings an activation or a loss writes down a function and, beside it, its derivative. If
    the two do not belong together, training still runs, only worse, and nothing says so. This
    check does: it moves one parameter at a time and looks whether the objective J changes by as
    much as backpropagation claims,

    .. math::
        g_j = \frac{\partial J}{\partial \theta_j}, \qquad
        r_j = \frac{J(\theta + h e_j) - J(\theta - h e_j)}{2 h}, \qquad
        \text{error} = \frac{\lVert g - r \rVert}{\lVert g \rVert + \lVert r \rVert} .

    Parameters
    ----------
    net : MLPNet or MLPNetRegressor
        The network, fitted or not; it is not changed. A clone computes in double precision, from
        initial weights near which no bias is zero.
    X : array-like or sparse array of shape (n_samples, n_features)
        Rows as for ``net.fit``: scaled. Some 32 of them are used.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.
    n_places : int, default=20
        Number of entries of each array of parameters to compare, drawn at random; all if there are
        no more.
    rtol : float, default=1e-6
        Largest relative error of an array that passes.
    random_state : int, RandomState instance or None, default=0
        Seed of weights, rows and places, and of dropout and augmentation, which do the same in
        every evaluation.

    Returns
    -------
    check : GradientCheck
        The errors, each at most `rtol`.

    Raises
    ------
    ValueError
        If the gradient of an array is wrong (the message says which, and what to look at), if the
        objective is not the same each time, or if it has no difference quotients.

    Notes
    -----
    *Kinks.* If a ReLU has its kink within h, a difference quotient is a mean of two slopes and says
    nothing about either. It shows without any gradient: the quotients with h and h / 4 differ.
    Such places are left out, and counted. Exactly at a kink there is no derivative, so what `slope`
    returns there is not judged.

    *Rounding.* A quotient is uncertain by about 1e-10 J. Arrays whose derivatives are together
    smaller than 1e-3 J are therefore judged as if of that size.

    The check costs four evaluations of J for every place, on at most 32 rows, which pass through
    dropout, augmentation and batch norm as in training.

    Examples
    --------
    An activation whose slope is not that of its value, because someone forgot the width:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import MLPNet, check_gradient
    >>> from skmlp.nn.activations import Activation
    >>> @dataclass
    ... class Softsign(Activation):
    ...     width: float = 2.0
    ...
    ...     def value(self, Z):
    ...         return Z / (self.width + np.abs(Z))
    ...
    ...     def slope(self, Z, A):
    ...         return (1 - np.abs(A)) ** 2
    >>> X, y = load_iris(return_X_y=True)
    >>> check_gradient(MLPNet(activation=["tanh", Softsign()]), X, y)
    Traceback (most recent call last):
    ...
    ValueError: The gradient must agree with difference quotients up to rtol=1e-06, but is off by
    ... in layer ... Look at the slope of the activation of layer 2, Softsign(width=2.0).

    One that is right:

    >>> check_gradient(MLPNet(activation=["tanh", "gelu"]), X, y).error < 1e-7
    True
    """
    check_network("net", net)
    check_integer("n_places", n_places, 1)
    check_real("rtol", rtol, "(0, inf)")
    net = clone(net).set_params(dtype="float64", random_state=random_state)
    objective = net._training_objective(X, y, sample_weight)
    rng = random_generator(random_state)
    function = fixed_function(objective, rng)
    theta = net._training.theta
    # Biases start at zero and scales at one, where errors could hide.
    n_learned = objective.network.layout.n_learned
    theta[:n_learned] += 0.1 * rng.standard_normal(n_learned)
    J, gradient = function(theta)
    check_repeatable(J, function(theta)[0])

    n_drawn, pairs, suspects = 0, {}, {}
    for name, array, suspect in learned_arrays(objective):
        places = array.start + rng.permutation(array.stop - array.start)[:n_places]
        reference, settled = quotients(function, theta, places, rtol, ROUNDING * abs(J))
        check_settled(name, settled)
        pairs[name] = gradient[places[settled]], reference[settled]
        suspects[name] = suspect
        n_drawn += len(places)

    floor = FAINT * abs(J)
    errors = {name: relative_error(*pair, floor) for name, pair in pairs.items()}
    wrong = [name for name, error in errors.items() if not error <= rtol]
    if wrong:
        worst = max(wrong, key=errors.get)
        # An error travels from where it is made to the input: the last array is nearest to it.
        raise ValueError(
            f"The gradient must agree with difference quotients up to rtol={rtol!r}, but is off by "
            f"{errors[worst]:.2g} in {worst}. Look at {suspects[wrong[-1]]}."
        )
    together = [np.concatenate(parts) for parts in zip(*pairs.values(), strict=True)]
    n_compared = len(together[0])
    return GradientCheck(relative_error(*together), errors, n_compared, n_drawn - n_compared)


def fixed_function(objective, rng):
    """Return J and its gradient as a function of theta alone, on some rows."""
    rows = rng.permutation(len(objective.weight))[:MAX_ROWS]
    seed = int(rng.integers(2**63))

    def function(theta):
        return objective.value_and_gradient(theta.copy(), rows, np.random.default_rng(seed))

    return function


def check_repeatable(J, again):
    """Raise unless two values of the objective at one place are the same finite number."""
    if not (np.isfinite(J) and again == J):
        raise ValueError(
            "The objective must be finite, and the same again for the same random generator, "
            f"got {J} and {again}. Look at the numbers in X, and at what augment, loss and "
            "activation draw from other generators or remember."
        )


def learned_arrays(objective):
    """Yield each array of parameters: its name, its place in theta, and what to suspect."""
    network = objective.network
    n_dense = sum("W" in slots for slots in network.layout.slots)
    activations = [layer.activation for layer in network.layers if isinstance(layer, Activate)]
    k = 0
    for slots, places in zip(network.layout.slots, network.layout.places, strict=True):
        k += "W" in slots
        if k < n_dense:
            where = f"layer {k}"
            suspect = f"the slope of the activation of {where}, {activations[k - 1]!r}"
        else:
            where = "output"
            suspect = f"the derivative that the loss returns, {objective.loss!r}"
        for name, slot in slots.items():
            if slot.kind != STATISTIC:
                yield f"{where} {name}", places[name], suspect


def quotients(function, theta, places, rtol, noise):
    """Return difference quotients, and at which places they do not depend on the step."""

    def value(theta):
        return function(theta)[0]

    wide = central_differences(value, theta, places, STEP)
    narrow = central_differences(value, theta, places, STEP / 4)
    return wide, np.abs(wide - narrow) <= rtol * np.abs(wide) + noise


def check_settled(name, settled):
    """Raise if most difference quotients of an array depend on the step."""
    if np.mean(settled) < 0.5:
        raise ValueError(
            f"The objective must be smooth at most places, but in {name} the difference quotients "
            f"of {np.sum(~settled)} of {len(settled)} parameters depend on the step. Look for "
            "jumps in an activation or the loss, or scale the features."
        )

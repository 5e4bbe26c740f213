"""The compiled road: whole epochs of built-in pieces without the interpreter.

What is computed is defined by the folders ``nn`` and ``optim``, the readable road. A training takes
the compiled road if everything in it is built in and the extension has been built; else, or if the
environment variable ``SKMLP_ROAD`` is ``"readable"``, it takes the readable one. The results are
the same up to rounding, and so are the random numbers. Fitted networks say in ``road_`` which road
they took.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from skmlp.nn.columns import ColumnObjective
from skmlp.nn.duality import suboptimality_bound
from skmlp.nn.linear import LinearObjective
from skmlp.nn.network import Network
from skmlp.nn.parameters import Array
from skmlp.nn.preconditioners import diagonal
from skmlp.optim.newton import conjugate_gradients
from skmlp.optim.training import EpochRunner, Training, run_epoch

try:
    import skmlp._fast._executor as _executor
    import skmlp._fast.linear as linear
    from skmlp._fast.columns import CompiledColumnObjective
    from skmlp._fast.epochs import compiled_epochs
    from skmlp._fast.scores import compiled_scores
except ImportError as error:
    _executor, WHY_NOT = None, str(error)

COMPILED, READABLE = "compiled", "readable"


def is_open() -> bool:
    """Return whether the compiled road is there and nobody has forbidden it."""
    return _executor is not None and os.environ.get("SKMLP_ROAD") != READABLE


def network_scores(network: Network, theta: Array, X: Any) -> Array:
    """Return ``network.scores(theta, X)`` by the compiled road if it goes there."""
    F = compiled_scores(network, theta, X) if is_open() else None
    return network.scores(theta, X) if F is None else F


def choose_road(training: Training, objective: Any, batch_size: int) -> tuple[str, EpochRunner]:
    """Return the road that a training takes, and what runs its epochs.

    Parameters
    ----------
    training : Training
        The training, ready to go on.
    objective : callable
        Its objective; those of networks and of linear models may be built in.
    batch_size : int
        Most rows of a batch.

    Returns
    -------
    road : {"compiled", "readable"}
        The road.
    run : callable
        See `run_epochs`.
    """
    if is_open():
        run = compiled_epochs(training, objective, batch_size)
        if run is not None:
            return COMPILED, run
    return READABLE, run_epoch


def choose_column_road() -> tuple[str, type[ColumnObjective]]:
    """Return the road that the models of the columns of a code matrix take, and their objective."""
    return (COMPILED, CompiledColumnObjective) if is_open() else (READABLE, ColumnObjective)


@dataclass
class LinearRoad:
    """How a linear objective is minimized by a solver that looks at all rows.

    Attributes
    ----------
    name : {"compiled", "readable"}
        The road.
    definition : LinearObjective
        What is minimized; batches are made of it on both roads.
    objective : LinearObjective or CompiledObjective
        The same with points of the road: it has ``at(theta)``, a point that solvers know.
    solve, bound, diagonal : callable
        `conjugate_gradients`, `suboptimality_bound` and the preconditioner `diagonal` for such
        points.
    """

    name: str
    definition: LinearObjective
    objective: Any
    solve: Callable[..., Any] = conjugate_gradients
    bound: Callable[..., float] = suboptimality_bound
    diagonal: Callable[..., Any] = diagonal


def choose_linear_road(objective: LinearObjective) -> LinearRoad:
    """Return the road that the minimization of a linear objective takes."""
    compiled = linear.compiled_linear(objective) if is_open() else None
    if compiled is None:
        return LinearRoad(READABLE, objective, objective)
    solve, bound = linear.conjugate_gradients, linear.suboptimality_bound
    return LinearRoad(COMPILED, objective, compiled, solve, bound, linear.compiled_diagonal)


def describe_build() -> str:
    """Return in words how the extension was built, and what it uses of this processor."""
    if _executor is None:
        return f"not available, all models take the readable road: {WHY_NOT}"
    return f"{_executor.compiler()}, instructions {_executor.instruction_set()}"

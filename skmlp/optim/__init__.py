"""How parameters move: optimizers, schedules, and the methods that use curvature."""

from skmlp.optim.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    ClipNorm,
    ClipValue,
    Momentum,
    Optimizer,
    RMSProp,
)
from skmlp.optim.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    OneCycle,
    PiecewiseConstant,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    Warmup,
)

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "ClipNorm",
    "ClipValue",
    "Constant",
    "Cosine",
    "Exponential",
    "InverseScaling",
    "Momentum",
    "OneCycle",
    "Optimizer",
    "PiecewiseConstant",
    "Polynomial",
    "RMSProp",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "Warmup",
]

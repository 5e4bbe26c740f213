"""
Schedules: the learning rate as a function of time
==================================================

A schedule is a pure function: given the time in epochs, it returns the learning rate. All of these
have the rate 1 where they are largest and are drawn over 100 epochs.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmlp.optim import (
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    OneCycle,
    PiecewiseConstant,
    Polynomial,
    StepDecay,
    Warmup,
)

schedules = [
    Constant(1.0),
    PiecewiseConstant(rates=[1.0, 0.5, 0.1], boundaries=[30, 80]),
    StepDecay(1.0, factor=0.5, every=20),
    Exponential(1.0, factor=0.96),
    InverseScaling(1.0),
    Polynomial(1.0),
    Cosine(1.0),
    OneCycle(1.0),
    Warmup(Cosine(1.0), duration=10),
]

# %%
# The last four end with the training. An estimator tells them when that is, through ``over``.

t = np.linspace(0, 100, 1000, endpoint=False)
plt.style.use("petroff10")
figure, axes = plt.subplots(3, 3, figsize=(8, 5.6), sharex=True, sharey=True, layout="constrained")
for ax, schedule in zip(axes.flat, schedules, strict=True):
    rate = schedule.over(n_epochs=100)
    ax.plot(t, [rate(time) for time in t])
    ax.set_title(type(schedule).__name__)
    ax.spines[["top", "right"]].set_visible(False)
figure.supxlabel("epochs")
figure.supylabel("learning rate")
plt.show()

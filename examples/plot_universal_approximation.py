"""
Universal approximation: the sine, unit by unit
===============================================

With enough hidden units one layer comes as near as you like to any continuous function. Here it
learns a sine, from 400 of its points and without noise, so that only the size of the network and
the training limit it.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmlp import MLPNetRegressor

# At the kink of a rectified unit L-BFGS may find no step that lowers the objective, and warns of
# it.
warnings.simplefilter("ignore", ConvergenceWarning)


def sine_with_jump(x):
    return np.sin(x) + (x > 0)


X = np.linspace(-np.pi, np.pi, 400).reshape(-1, 1)
# To measure errors on: more points, two of them just beside the jump.
fine = np.sort([*np.linspace(-np.pi, np.pi, 5000), -1e-9, 1e-9]).reshape(-1, 1)

# %%
# A unit of tanh is a soft step, and the network a sum of such steps. A rectified unit has a kink,
# and the network is a chain of straight lines. The number above each picture is the largest error.
#
# A network is continuous, and the theorem asks the same of the function. At a jump of height 1, one
# of its two sides is missed by at least 1/2 at any width; but more units make the place narrower
# where this happens.

rows = [("tanh", np.sin), ("relu", np.sin), ("tanh", sine_with_jump)]
widths = (1, 3, 10, 50)

plt.style.use("petroff10")
figure, axes = plt.subplots(
    3, 4, figsize=(10, 6.4), sharex=True, sharey="row", layout="constrained"
)
for line, (activation, function) in zip(axes, rows, strict=True):
    line[0].set_ylabel(f"{activation}{', a jump' * (function is sine_with_jump)}")
    for ax, width in zip(line, widths, strict=True):
        net = MLPNetRegressor(
            (width,),
            activation=activation,
            optimizer="lbfgs",
            alpha=1e-7,
            tol=1e-7,
            max_iter=3000,
            random_state=0,
        ).fit(X, function(X).ravel())
        F, truth = net.predict(fine), function(fine).ravel()
        ax.plot(fine, truth, color="0.75", linewidth=5, label="function")
        ax.plot(fine, F, color="C1", linewidth=1.5, label="network")
        ax.set_title(f"{abs(F - truth).max():.3f}", fontsize="medium")
        ax.set(xticks=[-np.pi, 0, np.pi], xticklabels=[r"$-\pi$", "0", r"$\pi$"])
        ax.spines[["top", "right"]].set_visible(False)
for ax, width in zip(axes[-1], widths, strict=True):
    ax.set_xlabel(f"{width} unit{'s' * (width > 1)}")
axes[0, 0].legend(loc="upper left", fontsize="small")
plt.show()

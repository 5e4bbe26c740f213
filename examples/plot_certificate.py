"""
The certificate: what is left to gain, at most
==============================================

After each fit, ``suboptimality_bound_`` bounds how far the objective is above its minimum. Here the
fit is cut short after 1, 2, 3, ... steps, up to the one at which it stops of its own accord or 200,
and the bound is compared with the truth. The data are the raw pixels of handwritten digits.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skmlp import SoftmaxRegression

# A fit that is cut short says so in a warning, and so does one with tol=0, which ends where
# rounding errors hide the way down. Here that is what we want.
warnings.simplefilter("ignore", ConvergenceWarning)

X, y = load_digits(return_X_y=True)
minimum = SoftmaxRegression(tol=0).fit(X, y).loss_

# %%
# A fit is deterministic, so models that are cut short are those on the way of a longer one.


def models_on_the_way(solver, n_models=12):
    """Return models after fewer and more steps, the last of which is where the fit ends."""
    n_iter = SoftmaxRegression(solver=solver).fit(X, y).n_iter_
    steps = np.unique(np.linspace(1, n_iter, n_models, dtype=int)).tolist()
    return [SoftmaxRegression(solver=solver, max_iter=k).fit(X, y) for k in steps]


# %%
plt.style.use("petroff10")
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
for ax, solver in zip(axes, ("newton", "lbfgs"), strict=True):
    models = models_on_the_way(solver)
    steps = [model.n_iter_ for model in models]
    bound = [model.suboptimality_bound_ for model in models]
    excess = [model.loss_ - minimum for model in models]
    ax.semilogy(steps, bound, "C1.-", label="suboptimality_bound_")
    ax.semilogy(steps, excess, "C0.-", label="true distance")
    ax.set(title=solver, xlabel="steps")
    ax.spines[["top", "right"]].set_visible(False)
    print(f"{solver} stops after {steps[-1]} steps: bound {bound[-1]:.0e}, truth {excess[-1]:.0e}")
axes[0].set_ylabel("above the minimum, in nats")
axes[1].legend()
plt.show()

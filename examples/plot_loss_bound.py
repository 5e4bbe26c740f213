"""
The logistic loss bounds the 0-1 loss
=====================================

A row is classified correctly if its margin is positive: the score of its true class minus the
largest of the others. The logistic loss in bits is never below the 0-1 loss.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmlp import cross_entropy

# %%
# With two classes the loss is a function of the margin m alone: the base-2 logarithm of
# 1 + exp(-m). With more it lies between this and what it would be if all the other classes shared
# the second place.

m = np.linspace(-4, 4, 401)


def loss_in_bits(margin, n_others):
    """Return the loss of a row whose class leads that many others by the same margin."""
    scores = np.append(margin, np.zeros(n_others))
    return cross_entropy([scores], [0]) / np.log(2)


two = [loss_in_bits(margin, 1) for margin in m]
ten = [loss_in_bits(margin, 9) for margin in m]
assert all(np.array(two) >= (m <= 0))

# %%
plt.style.use("petroff10")
figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.plot(m, ten, "C1", label="logistic loss, nine others tie")
ax.plot(m, two, "C0", label="logistic loss, two classes")
ax.step(m, m <= 0, "k", label="0-1 loss")
ax.set(xlabel=r"margin $F_y - \max_{k \neq y} F_k$", ylabel="loss in bits")
ax.spines[["top", "right"]].set_visible(False)
ax.legend()
plt.show()

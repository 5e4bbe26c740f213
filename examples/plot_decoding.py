"""
Decoding: from margins to a class
=================================

The learners are the same, the rule that reads them is not. Five classes in the plane, and linear
learners.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb

from skmlp import ECOCClassifier, OneVsAllClassifier, SoftmaxRegression
from skmlp.reductions.decoding import LossDecoder
from skmlp.reductions.tree import ClassTree

turn = 0.4 + np.pi / 2 * np.arange(4)
centers = np.vstack([[0, 0], 2.2 * np.column_stack([np.cos(turn), np.sin(turn)])])


def draw(n_samples, rng):
    """Draw points around the five centers."""
    y = rng.integers(5, size=n_samples)
    return rng.normal(centers[y], 0.7), y


rng = np.random.default_rng(0)
X, y = draw(400, rng)
X_test, y_test = draw(10_000, rng)

# %%
# One-vs-all: where exactly one learner says yes, all is clear. Elsewhere either one of the classes
# with a yes is drawn at random (one of all classes if there is no yes), or the largest margin
# decides.
#
# The code on the right is a chain. It sets class 1 against the rest, then 2 against the rest of the
# rest, and so on: class 1 takes part in one problem, classes 0 and 4 in four. If a zero counts as
# half a vote, or as the loss of a margin of zero, then a class with many zeros has a score that can
# hardly rise, however sure its only learner is. An average over the problems of the class itself
# can.

base = SoftmaxRegression(alpha=1e-3)
chain = ClassTree.from_nested((1, (2, (3, (4, 0))))).code()
print(chain)
models = {
    "one-vs-all:\na yes at random": OneVsAllClassifier(base, decoding="random_yes"),
    "one-vs-all:\nlargest margin": OneVsAllClassifier(base, decoding="argmax"),
    "chain:\nvotes": ECOCClassifier(base, code=chain, decoding="votes"),
    "chain: hinge,\nzeros counted": ECOCClassifier(
        base, code=chain, decoding=LossDecoder("hinge", normalize=False)
    ),
    "chain: hinge,\nnormalized": ECOCClassifier(
        base, code=chain, decoding=LossDecoder("hinge", normalize=True)
    ),
}

# %%
# The lines are where a margin is zero.

side = np.linspace(-4, 4, 250)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
plt.style.use("petroff10")
colors = np.array([to_rgb(f"C{k}") for k in range(5)])
pale = 1 - 0.5 * (1 - colors)

figure, axes = plt.subplots(1, 5, figsize=(10, 2.8), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    model.fit(X, y)
    codes = model.predict(grid).reshape(len(side), len(side))
    ax.imshow(pale[codes], origin="lower", extent=[-4, 4, -4, 4])
    for margin in model.margins(grid).T:
        ax.contour(side, side, margin.reshape(codes.shape), [0], colors="k", linewidths=0.5)
    for k, center in enumerate(centers):
        ax.text(*center, k, ha="center", va="center")
    ax.set(xlabel=name, xticks=[], yticks=[])
    ax.set_title(f"{model.score(X_test, y_test):.1%}", fontsize="medium")
plt.show()

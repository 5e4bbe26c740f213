"""
One data set under all reductions
=================================

Five classes in the plane, one of them in the middle of the others. A reduction is as good as its
learners are at answering the questions that they are asked.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb

from skmlp import (
    ECOCClassifier,
    MLPNet,
    OneVsAllClassifier,
    OneVsOneClassifier,
    SoftmaxRegression,
    TreeReductionClassifier,
)

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
# Colours say which class is predicted. A thin line is where the margin of a learner is zero, and
# the number above each picture is the accuracy on new points.

side = np.linspace(-4, 4, 250)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
plt.style.use("petroff10")
colors = np.array([to_rgb(f"C{k}") for k in range(5)])
pale = 1 - 0.5 * (1 - colors)


def show(ax, model):
    """Fit a model, and draw its regions and what its learners say."""
    model.fit(X, y)
    codes = model.predict(grid).reshape(len(side), len(side))
    ax.imshow(pale[codes], origin="lower", extent=[-4, 4, -4, 4])
    ax.scatter(*X.T, c=colors[y], s=4, linewidths=0)
    if hasattr(model, "margins"):
        for margin in model.margins(grid).T:
            margin = margin.reshape(len(side), len(side))
            ax.contour(side, side, margin, [0], colors="k", linewidths=0.5)
    ax.set(xlim=(-4, 4), ylim=(-4, 4), xticks=[], yticks=[])
    ax.set_title(f"{model.score(X_test, y_test):.1%}", fontsize="medium")


# %%
# Above, learners are linear. None of them can tell the middle from the rest, so in one-vs-all the
# class in the middle wins where all others say no. Two classes at a time are no problem for a line.
# The codes ask questions that no line can answer, such as the middle and the left against the rest.
#
# Below, learners are networks. They can answer all these questions, and it hardly matters how one
# asks.

linear = SoftmaxRegression(alpha=1e-3)
network = MLPNet((20,), activation="tanh", optimizer="lbfgs", alpha=1e-3, random_state=0)
figure, axes = plt.subplots(2, 5, figsize=(10, 4.6), layout="constrained")
for name, base, line in zip(("linear", "network"), (linear, network), axes, strict=True):
    models = {
        "all classes at once": base,
        "one-vs-all": OneVsAllClassifier(base),
        "one-vs-one": OneVsOneClassifier(base),
        "error-correcting code": ECOCClassifier(base, code="exhaustive", decoding="logistic"),
        "tree": TreeReductionClassifier(base, tree="agglomerative", decoding="exact"),
    }
    for ax, (reduction, model) in zip(line, models.items(), strict=True):
        show(ax, model)
        if base is network:
            ax.set_xlabel(reduction)
    line[0].set_ylabel(name)

# %%
# The questions that a tree asks depend on the tree. Each of these has the four learners of its four
# inner nodes, all of them linear.

trees = (
    (1, (4, (3, (2, 0)))),
    ((1, 2), (0, (3, 4))),
    ((1, 3), (0, (2, 4))),
)
figure, axes = plt.subplots(1, 3, figsize=(7.6, 3), layout="constrained")
for ax, tree in zip(axes, trees, strict=True):
    show(ax, TreeReductionClassifier(linear, tree=tree, decoding="greedy"))
    ax.set_xlabel(tree)
    for k, center in enumerate(centers):
        ax.text(*center, k, ha="center", va="center", weight="bold")
plt.show()

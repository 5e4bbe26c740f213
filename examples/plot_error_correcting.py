"""
Error-correcting codes: many weak learners, one good answer
===========================================================

Each learner divides the ten digits into two groups and is often wrong. As long as the words of the
digits are far enough apart, the others outvote it.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from skmlp import ECOCClassifier, OneVsAllClassifier, OneVsOneClassifier
from skmlp.reductions.code import CodeMatrix
from skmlp.reductions.decoding import Votes

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=500, stratify=y, random_state=0
)
weak = DecisionTreeClassifier(max_depth=4, random_state=0)

# %%
# There are 511 ways to divide ten classes into two groups. Their learners are fitted once: every
# code without zeros is a choice of some of them.

everything = ECOCClassifier(weak, code="exhaustive").fit(X_train, y_train)
margins = everything.margins(X_test)
right = everything.score_problems(X_test, y_test)
print(f"{len(right)} learners, right in {right.min():.0%} to {right.max():.0%} of their answers")


def random_code(n_problems):
    """Choose columns at random, until no two classes have the same word."""
    while True:
        columns = rng.choice(everything.n_problems_, n_problems, replace=False)
        try:
            return CodeMatrix(everything.code_.M[:, columns]), columns
        except ValueError:
            continue


def accuracy(code, columns):
    scores = Votes().scores(code, margins[:, columns])
    return np.mean(everything.classes_[scores.argmax(axis=1)] == y_test)


# %%
# Codes of 5 to 400 learners.

rng = np.random.default_rng(0)
sizes = [5, 7, 10, 15, 22, 33, 50, 80, 120, 180, 270, 400]
found = [[accuracy(*random_code(size)) for _ in range(40)] for size in sizes]
low, middle, high = np.quantile(found, [0.1, 0.5, 0.9], axis=1)

# %%
# What the same decision trees do without a code.

others = {
    "one decision tree": (1, weak),
    "one-vs-all": (10, OneVsAllClassifier(weak)),
    "one-vs-one": (45, OneVsOneClassifier(weak)),
}
others = {
    name: (size, model.fit(X_train, y_train).score(X_test, y_test))
    for name, (size, model) in others.items()
}

# %%
# Codes of fifteen learners each, by their row separation. ``CodeMatrix.random_dense`` returns the
# one with the largest of many random codes.

codes = [random_code(15) for _ in range(300)]
separation = np.array([code.row_separation for code, _ in codes])
scores = np.array([accuracy(*code) for code in codes])
distances = np.unique(separation)
means = [scores[separation == distance].mean() for distance in distances]

# %%

plt.style.use("petroff10")
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
left.fill_between(sizes, low, high, alpha=0.25, linewidth=0)
left.plot(sizes, middle)
left.text(25, 0.91, "random codes:\nmedian, eight in ten", color="C0", ha="right")
for name, (size, score) in others.items():
    left.plot(size, score, "C1o")
    left.annotate(name, (size, score), xytext=(8, -4), textcoords="offset points", va="top")
left.set(xscale="log", xlabel="learners", ylabel="accuracy", ylim=(0.55, 1))

spread = rng.uniform(-0.2, 0.2, len(codes))
right.plot(separation + spread, scores, ".", markersize=3, alpha=0.6)
right.plot(distances, means, "C1o-", label="mean")
right.set(xlabel="row separation of fifteen learners", xticks=distances)
right.legend(loc="lower right")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

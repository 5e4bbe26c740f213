"""
Code matrices: who learns what
==============================

A row is a class. A column is a problem, whose learner tells the classes with +1 (blue) from those
with -1 (orange); a class with 0 (white) sits out. One-vs-all, one-vs-one, trees and
error-correcting codes differ in nothing else.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmlp.plotting import CodeMatrixDisplay
from skmlp.reductions.code import CodeMatrix, KaryCode
from skmlp.reductions.tree import ClassTree

C = 6
rng = np.random.default_rng(0)
codes = {
    "one-vs-all": CodeMatrix.one_vs_all(C),
    "one-vs-one": CodeMatrix.one_vs_one(C),
    "tree": ClassTree.balanced(C).code(),
    "random, dense": CodeMatrix.random_dense(C, 15, rng=rng),
    "Hadamard": CodeMatrix.hadamard(C),
    "random, sparse": CodeMatrix.random_sparse(C, 15, rng=rng),
}

figure, axes = plt.subplots(3, 2, figsize=(8, 6.4), width_ratios=[7, 15], layout="constrained")
for ax, (name, code) in zip(axes.flat, codes.items(), strict=True):
    CodeMatrixDisplay(code).plot(ax=ax, colorbar=False)
    ax.set(title=name, xlabel="", ylabel="")
figure.supxlabel("problem")
figure.supylabel("class")

# %%
# The row separation is the distance between the words of the two most similar classes, in learners;
# a zero counts one half. The column separation is the distance between the questions of the two
# most similar learners, in classes: learners with almost the same question make the same mistakes.

for name, code in codes.items():
    print(
        f"{name:15} {code.n_problems:2} learners, row separation {code.row_separation:g}, "
        f"column separation {code.column_separation:g}"
    )

# %%
# In a k-ary code every column is a problem of several groups of classes, here of four: 16 classes
# for a model that can take no more than four.

kary = KaryCode.random(16, 4, 10, rng=rng)
display = CodeMatrixDisplay.from_code(kary)
display.ax_.set_title(f"four symbols, row separation {kary.row_separation}")
plt.show()

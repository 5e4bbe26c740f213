"""
Which learning rate? A range test
=================================

If you tune one number of a network, tune its learning rate. Where to look depends on the optimizer,
the batch size, the scale of the features and the network itself; a single training of a hundred
steps, in which the rate rises from far too small to far too large, shows it.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skmlp import MLPNet
from skmlp.plotting import RangeTestDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)

# %%
# The same network under three optimizers. Momentum adds up its gradients, so it wants smaller rates
# than plain gradient descent; Adam divides by the size of the gradient, so its rates are of another
# kind altogether. The smoothed loss lags behind that of the batches by some steps, and the rule
# for the suggestion allows for it.

plt.style.use("petroff10")
figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), sharex=True, sharey=True, layout="constrained")
rates = {}
for ax, optimizer in zip(axes, ["sgd", "momentum", "adam"], strict=True):
    net = MLPNet(optimizer=optimizer, random_state=0)
    display = RangeTestDisplay.from_estimator(net, X_train, y_train, ax=ax)
    rates[optimizer] = display.range_test.suggestion
    ax.set_title(optimizer)
    ax.label_outer()
    ax.spines[["top", "right"]].set_visible(False)

# %%
# Does it hold what it promises? Ten epochs with the suggested rate, and with a thirtieth and thirty
# times of it. (A network that ends worse than a constant prediction warns; here that is the point.)

warnings.simplefilter("ignore", ConvergenceWarning)
for optimizer, rate in rates.items():
    for factor in (1 / 30, 1, 30):
        net = MLPNet(optimizer=optimizer, learning_rate=factor * rate, max_iter=10, random_state=0)
        try:
            score = f"{net.fit(X_train, y_train).score(X_test, y_test):.3f}"
        except ValueError:
            score = "diverged"
        print(f"{optimizer:9s} rate {factor * rate:.2g}: {score}")
plt.show()

"""
Augmentation: images that could have been
=========================================

A seven that moves by a pixel is still a seven, but no two of its 64 features need be the same. A
network with full connections does not know that its features are pixels: it can be told only by
examples. Augmentation makes new ones in every batch.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skmlp.augment import Compose, Crop, FeatureDropout, GaussianNoise, Mixup, Rotation, Shift

X, labels = load_digits(return_X_y=True)
X /= 16
y = np.eye(10)[labels]

# %%
# Eight digits in the first row and, below, what each augmentation makes of them. The strengths are
# larger than is usual in training, so that they can be seen. Digits have no mirror images, so
# `HorizontalFlip` is missing.

augmentations = {
    "shift": Shift(image_shape=(8, 8), pixels=1),
    "rotation": Rotation(image_shape=(8, 8), degrees=30),
    "crop": Crop(image_shape=(8, 8), scale=0.5),
    "noise": GaussianNoise(scale=0.15),
    "dropout": FeatureDropout(rate=0.2),
    "mixup": Mixup(alpha=1.0),
}
rng = np.random.default_rng(0)
batch, targets = X[:8], y[:8]
rows = {"original": (batch, targets)}
rows |= {name: augment(batch, targets, rng) for name, augment in augmentations.items()}


def show(axes, images, label):
    for ax, image in zip(axes, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    axes[0].set_ylabel(label, rotation=0, ha="right", va="center")


figure, axes = plt.subplots(len(rows), 8, figsize=(6.4, 5.6), layout="constrained")
for line, (name, (images, _)) in zip(axes, rows.items(), strict=True):
    show(line, images, name)

# %%
# Mixup also mixes the targets: the first image of the last row is partly another digit, and its
# target says how much of each.

_, mixed = rows["mixup"]
print({digit: f"{share:.2f}" for digit, share in enumerate(mixed[0]) if share > 0})

# %%
# The same digit in eight batches, each time through a chain of three augmentations of a strength
# for training.

augment = Compose(
    [
        Rotation(image_shape=(8, 8), degrees=10),
        Shift(image_shape=(8, 8), pixels=1),
        GaussianNoise(scale=0.05),
    ]
)
figure, axes = plt.subplots(3, 8, figsize=(6.4, 2.5), layout="constrained")
for line, digit in zip(axes, (3, 5, 7), strict=True):
    images = [augment(X[[digit]], y[[digit]], rng)[0] for _ in range(8)]
    show(line, images, f"a {digit}")
plt.show()

"""Data augmentation: training batches that could have been, from those that were.

An augmentation is any function ``(X, y, rng) -> (X, y)``. It is applied to training batches only,
never to rows that are predicted or kept aside, and may

- take ``X``, an array of floats of shape (n_rows, n_features), and ``y``, the targets as floats of
  shape (n_rows, n_outputs): probabilities of the classes for a classifier (one-hot before any
  augmentation), the values for a regressor;
- draw from ``rng``, a `numpy.random.Generator`, and from nowhere else, so that a seed determines
  the training;
- return an input itself or a new array of the same shape and dtype, but not write into an input.

The classes here are such functions whose numbers can be tuned in a grid. Those for images take each
row as one image, pixel after pixel: row by row from the top, each pixel with its channels.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy import sparse

from skmlp._spec import Spec, check_integer, check_real

Array = npt.NDArray[np.floating[Any]]
Function = Callable[[Any, Array, np.random.Generator], tuple[Any, Array]]

# Values of images that are resampled at a time; 2^14 was the fastest power of two where measured.
BLOCK_SIZE = 2**14

__all__ = [
    "Augmentation",
    "Compose",
    "Crop",
    "FeatureDropout",
    "GaussianNoise",
    "HorizontalFlip",
    "ImageAugmentation",
    "Mixup",
    "Rotation",
    "Shift",
]


@dataclass
class Augmentation(Spec):
    """Base of the augmentations: hyperparameters, and a call that uses them.

    A subclass is decorated with ``@dataclass`` and overrides ``__call__``. Time and memory of every
    augmentation here are O(n_rows * n_features) per batch.
    """

    def __call__(self, X: Any, y: Array, rng: np.random.Generator) -> tuple[Any, Array]:
        """Return the batch changed at random.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features), float32 or float64
            The rows of the batch; they are not modified.
        y : ndarray of shape (n_rows, n_outputs)
            The targets as floats; they are not modified.
        rng : numpy.random.Generator
            The only source of randomness.

        Returns
        -------
        X, y : ndarray
            Of the same shapes and dtypes as the inputs, and possibly an input itself.

        Raises
        ------
        TypeError
            If X is sparse where the augmentation needs a dense array, or does not hold floats.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __call__.")


@dataclass
class GaussianNoise(Augmentation):
    """Add independent Gaussian noise to every feature.

    ``X <- X + scale * N(0, 1)``. For a small scale and the squared loss this is, on average, a
    penalty on the slope of the network: its outputs must not change much within the noise.

    Parameters
    ----------
    scale : float, default=0.1
        The standard deviation of the noise, in the units of the features, not negative. It is the
        same for all features, so standardize those of different units first.

    References
    ----------
    Bishop, C. M. (1995). Training with noise is equivalent to Tikhonov regularization. Neural
    Computation, 7(1), 108-116.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.augment import GaussianNoise
    >>> X, y = np.zeros((1000, 20), dtype=np.float32), np.zeros((1000, 1))
    >>> noisy, _ = GaussianNoise(scale=0.5)(X, y, np.random.default_rng(0))
    >>> print(noisy.dtype, round(float(noisy.std()), 2))
    float32 0.5
    """

    scale: float = 0.1

    def validate(self) -> None:
        """Check the parameters."""
        check_real("scale", self.scale, "[0, inf)")

    def __call__(self, X: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return X with noise, and y."""
        _check_dense(X, self)
        noisy: Array = rng.standard_normal(X.shape, dtype=X.dtype)
        noisy *= float(self.scale)
        noisy += X
        return noisy, y


@dataclass
class FeatureDropout(Augmentation):
    """Set features to zero, each entry independently, as if it had not been observed.

    ``X_ij <- 0`` with probability ``rate``, else unchanged. No prediction may then hang on one
    feature alone. Zero should mean "nothing known": an absent word, or the mean of a standardized
    feature.

    The entries that remain are not divided by ``1 - rate``: a row with gaps must look like a row
    with gaps that is predicted later. Dropout as a layer of a network does divide.

    Parameters
    ----------
    rate : float, default=0.1
        The probability that an entry is set to zero, in [0, 1).

    Notes
    -----
    X may be a sparse CSR matrix. Its stored entries are dropped and it stays sparse, in O(stored
    entries) time; those dropped remain stored, as zeros.

    References
    ----------
    Vincent, P., Larochelle, H., Bengio, Y., and Manzagol, P.-A. (2008). Extracting and composing
    robust features with denoising autoencoders. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.augment import FeatureDropout
    >>> X, y = np.full((100, 200), 3.0), np.zeros((100, 1))
    >>> dropped, _ = FeatureDropout(rate=0.25)(X, y, np.random.default_rng(0))
    >>> np.unique(dropped)
    array([0., 3.])
    >>> print(round(np.mean(dropped == 0), 2))
    0.25
    """

    rate: float = 0.1

    def validate(self) -> None:
        """Check the parameters."""
        check_real("rate", self.rate, "[0, 1)")

    def __call__(self, X: Any, y: Array, rng: np.random.Generator) -> tuple[Any, Array]:
        """Return X with gaps, and y."""
        if sparse.issparse(X) and X.format == "csr":
            dropped = X.copy()
            dropped.data = self._drop(X.data, rng)
            return dropped, y
        _check_dense(X, self, alternative=" or a sparse CSR matrix")
        return self._drop(X, rng), y

    def _drop(self, values: Array, rng: np.random.Generator) -> Array:
        keep = rng.random(values.shape, dtype=np.float32) >= self.rate
        # Not values * keep, which turns negative entries into -0.0.
        return np.where(keep, values, values.dtype.type(0))


@dataclass
class Mixup(Augmentation):
    """Replace each row by a point between it and another row, and its target likewise.

    ``X_i <- lam_i X_i + (1 - lam_i) X_j`` and ``y_i <- lam_i y_i + (1 - lam_i) y_j``, where j is
    the partner of i in a random permutation of the batch and ``lam_i ~ Beta(alpha, alpha)``. It
    asks the network to be linear between the training rows, and so less sure away from them.

    Every row has its own ``lam_i``. One for the whole batch has the same mean gradient, but batches
    that differ more from one another.

    Parameters
    ----------
    alpha : float, default=0.2
        Positive. A small one mixes few rows visibly; 1 draws ``lam`` uniformly from [0, 1]; a large
        one takes nearly the mean of the two rows.

    Notes
    -----
    For a classifier, y stays a distribution over the classes but is no longer one-hot.

    References
    ----------
    Zhang, H., Cisse, M., Dauphin, Y. N., and Lopez-Paz, D. (2018). mixup: beyond empirical risk
    minimization. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.augment import Mixup
    >>> X, y = np.array([[0.0, 10.0], [8.0, 2.0]]), np.eye(2)
    >>> mixed, targets = Mixup(alpha=1.0)(X, y, np.random.default_rng(0))
    >>> np.allclose(mixed, targets @ X)
    True
    >>> targets.sum(axis=1)
    array([1., 1.])
    """

    alpha: float = 0.2

    def validate(self) -> None:
        """Check the parameters."""
        check_real("alpha", self.alpha, "(0, inf)")

    def __call__(self, X: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return X and y, both mixed."""
        _check_dense(X, self)
        if y.ndim != 2 or not np.issubdtype(y.dtype, np.floating):
            raise ValueError(
                "y must be an array of floats of shape (n_rows, n_outputs) for Mixup, such as "
                f"one-hot rows, got an array of {y.dtype} of shape {y.shape}."
            )
        partner = rng.permutation(len(X))
        share = rng.beta(self.alpha, self.alpha, size=(len(X), 1))
        # This is the share of the partner: 1 - lam has the distribution of lam.
        X_mixed = _between(X, X[partner], share.astype(X.dtype))
        y_mixed = _between(y, y[partner], share.astype(y.dtype))
        return X_mixed, y_mixed


@dataclass
class ImageAugmentation(Augmentation):
    """Base of the augmentations of images: rows become images, and the images rows again.

    A subclass is decorated with ``@dataclass`` and overrides `transform`.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels) of the image in each row.
    """

    image_shape: tuple[int, ...]

    def validate(self) -> None:
        """Check the parameters."""
        shape = self.image_shape
        if (
            not isinstance(shape, tuple | list)
            or len(shape) not in (2, 3)
            or not all(isinstance(size, Integral) and size > 0 for size in shape)
        ):
            raise ValueError(
                "image_shape must be (height, width) or (height, width, channels), "
                f"positive integers, got {shape!r}."
            )

    def __call__(self, X: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return the rows of X as changed images, and y.

        Raises
        ------
        TypeError
            If X is sparse or does not hold floats.
        ValueError
            If the rows of X have not one column for each value of an image.
        """
        _check_dense(X, self)
        size = math.prod(self.image_shape)
        if X.shape[1] != size:
            product = " * ".join(map(str, self.image_shape))
            raise ValueError(
                "image_shape must multiply to the number of columns of X, "
                f"got {product} = {size} and {X.shape[1]} columns."
            )
        height, width, *channels = self.image_shape
        images = X.reshape(len(X), height, width, *(channels or [1]))
        return self.transform(images, rng).reshape(X.shape), y

    def transform(self, images: Array, rng: np.random.Generator) -> Array:
        """Return the images changed at random.

        Parameters
        ----------
        images : ndarray of shape (n_rows, height, width, n_channels)
            A view of the batch: not to be written to.
        rng : numpy.random.Generator
            The only source of randomness.

        Returns
        -------
        changed : ndarray of shape (n_rows, height, width, n_channels)
            Of the same dtype.
        """
        raise NotImplementedError(f"{type(self).__name__} must define transform.")


@dataclass
class Shift(ImageAugmentation):
    """Move each image by whole pixels, up or down and to the left or right.

    Both distances are drawn independently and uniformly from ``-pixels, ..., pixels``. What leaves
    the frame is lost, what enters it is `fill`: this is also known as padding and cropping.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels) of the image in each row.
    pixels : int, default=1
        The largest distance, not negative.
    fill : float, default=0.0
        The value of vacated pixels, in the units of the features.

    References
    ----------
    Simard, P. Y., Steinkraus, D., and Platt, J. C. (2003). Best practices for convolutional neural
    networks applied to visual document analysis. ICDAR.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.augment import Shift
    >>> X, y = np.arange(1.0, 10.0).reshape(1, 9), np.ones((1, 1))
    >>> moved, _ = Shift(image_shape=(3, 3))(X, y, np.random.default_rng(0))
    >>> moved.reshape(3, 3)
    array([[4., 5., 6.],
           [7., 8., 9.],
           [0., 0., 0.]])
    """

    pixels: int = 1
    fill: float = 0.0

    def validate(self) -> None:
        """Check the parameters."""
        super().validate()
        check_integer("pixels", self.pixels, 0)
        check_real("fill", self.fill, "(-inf, inf)")

    def transform(self, images: Array, rng: np.random.Generator) -> Array:
        """Return one window of each padded image."""
        rows = np.arange(len(images))
        top, left = rng.integers(2 * self.pixels + 1, size=(2, len(images)))
        padded = _pad(images, self.pixels, self.fill)
        windows = sliding_window_view(padded, images.shape[1:], axis=(1, 2, 3))
        moved: Array = windows[rows, top, left, 0]
        return moved


@dataclass
class HorizontalFlip(ImageAugmentation):
    """Mirror images, left to right.

    Each image is mirrored with a given probability, independently of the others. Use it where a
    mirror image shows the same class: for photographs, not for digits or letters.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels) of the image in each row.
    probability : float, default=0.5
        Of being mirrored, in [0, 1].

    References
    ----------
    Krizhevsky, A., Sutskever, I., and Hinton, G. E. (2012). ImageNet classification with deep
    convolutional neural networks. NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.augment import HorizontalFlip
    >>> X, y = np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]), np.ones((1, 1))
    >>> flip = HorizontalFlip(image_shape=(2, 3), probability=1.0)
    >>> flip(X, y, np.random.default_rng(0))[0]
    array([[3., 2., 1., 6., 5., 4.]])
    """

    probability: float = 0.5

    def validate(self) -> None:
        """Check the parameters."""
        super().validate()
        check_real("probability", self.probability, "[0, 1]")

    def transform(self, images: Array, rng: np.random.Generator) -> Array:
        """Return the images, some of them mirrored."""
        mirrored = rng.random(len(images)) < self.probability
        changed = images.copy()
        changed[mirrored] = images[mirrored, :, ::-1]
        return changed


@dataclass
class Rotation(ImageAugmentation):
    """Turn each image about its centre.

    The angle of each image is drawn uniformly from ``[-degrees, degrees]``. The new value at a
    place is the bilinear interpolation of the old image where that place came from. Outside the
    frame the old image counts as `fill`.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels) of the image in each row.
    degrees : float, default=10.0
        The largest angle, in [0, 180].
    fill : float, default=0.0
        The value outside the frame, in the units of the features.

    References
    ----------
    Yaeger, L., Lyon, R., and Webb, B. (1996). Effective training of a neural network character
    classifier for word recognition. NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.augment import Rotation
    >>> cross = np.zeros((5, 5))
    >>> cross[2, :] = cross[:, 2] = 1
    >>> X, y = cross.reshape(1, 25), np.ones((1, 1))
    >>> turned, _ = Rotation(image_shape=(5, 5), degrees=20)(X, y, np.random.default_rng(0))
    >>> turned.reshape(5, 5).round(1)
    array([[0. , 0. , 0.8, 0.2, 0. ],
           [0.2, 0.1, 0.9, 0.1, 0. ],
           [0.8, 0.9, 1. , 0.9, 0.8],
           [0. , 0.1, 0.9, 0.1, 0.2],
           [0. , 0.2, 0.8, 0. , 0. ]])
    """

    degrees: float = 10.0
    fill: float = 0.0

    def validate(self) -> None:
        """Check the parameters."""
        super().validate()
        check_real("degrees", self.degrees, "[0, 180]")
        check_real("fill", self.fill, "(-inf, inf)")

    def transform(self, images: Array, rng: np.random.Generator) -> Array:
        """Return the images turned."""
        angle = np.deg2rad(rng.uniform(-self.degrees, self.degrees, size=len(images)))
        cos, sin = np.cos(angle), np.sin(angle)
        matrix = np.array([[cos, -sin], [sin, cos]])
        centre = (np.array(images.shape[1:3]) - 1) / 2
        # R (p - c) + c, as a linear map and an offset.
        offset = centre[:, None] - np.einsum("ijn,j->in", matrix, centre)
        return _resample(images, matrix, offset, self.fill)


@dataclass
class Crop(ImageAugmentation):
    """Enlarge a random window of each image to the size of the whole, as if taken from nearer by.

    The share of the area that the window keeps is drawn uniformly from ``[scale, 1]``, then its
    place uniformly among those within the image. The window has the proportions of the image and is
    enlarged by bilinear interpolation. This is the random resized crop without its change of
    proportions.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels) of the image in each row.
    scale : float, default=0.8
        The smallest share of the area, in (0, 1].

    Notes
    -----
    Lengths are measured between the centres of pixels: the centres of the four corners of the
    window become those of the new image, so no value from outside the frame is ever needed.

    References
    ----------
    Szegedy, C., Liu, W., Jia, Y., et al. (2015). Going deeper with convolutions. CVPR.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.augment import Crop
    >>> X, y = np.linspace(0.0, 1.0, 11)[None, :], np.ones((1, 1))
    >>> larger, _ = Crop(image_shape=(1, 11), scale=0.25)(X, y, np.random.default_rng(0))
    >>> larger.round(2)
    array([[0.01, 0.09, 0.18, 0.26, 0.35, 0.43, 0.52, 0.6 , 0.69, 0.77, 0.86]])
    """

    scale: float = 0.8

    def validate(self) -> None:
        """Check the parameters."""
        super().validate()
        check_real("scale", self.scale, "(0, 1]")

    def transform(self, images: Array, rng: np.random.Generator) -> Array:
        """Return one window of each image, enlarged."""
        side = np.sqrt(rng.uniform(self.scale, 1.0, size=len(images)))
        matrix = np.array([[side, np.zeros_like(side)], [np.zeros_like(side), side]])
        room = np.outer(np.array(images.shape[1:3]) - 1, 1 - side)
        return _resample(images, matrix, offset=room * rng.random(room.shape), fill=0.0)


@dataclass
class Compose(Augmentation):
    """Apply several augmentations, one after the other.

    Parameters
    ----------
    steps : list of callable
        The augmentations in the order in which they are applied, at least one: objects of this
        module or functions ``(X, y, rng) -> (X, y)``. The parameters of a step are parameters here
        by its place, counted from 0: ``0__scale``.

    Examples
    --------
    >>> from skmlp.augment import Compose, GaussianNoise, Shift
    >>> augment = Compose([Shift(image_shape=(8, 8)), GaussianNoise(scale=0.5)])
    >>> augment.set_params(**{"1__scale": 0.1}).steps[1]
    GaussianNoise(scale=0.1)
    """

    steps: Sequence[Function]

    def validate(self) -> None:
        """Check the steps and the parameters of each."""
        steps = self.steps
        if not isinstance(steps, tuple | list) or not steps or not all(map(callable, steps)):
            raise TypeError(
                f"steps must be a list of functions (X, y, rng) -> (X, y), got {steps!r}."
            )
        for step in steps:
            if isinstance(step, Spec):
                step.validate()

    def __call__(self, X: Any, y: Array, rng: np.random.Generator) -> tuple[Any, Array]:
        """Return the batch after the last step."""
        for step in self.steps:
            X, y = step(X, y, rng)
        return X, y

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        params = super().get_params(deep=deep)
        if deep:
            for place, step in self._tunable().items():
                inner = step.get_params(deep=True)
                params |= {f"{place}__{name}": inner[name] for name in inner}
        return params

    def set_params(self, **params: Any) -> Self:
        if "steps" in params:
            super().set_params(steps=params.pop("steps"))
        tunable = self._tunable()
        for key, value in params.items():
            place, _, name = key.partition("__")
            if name and place in tunable:
                tunable[place].set_params(**{name: value})
            else:
                super().set_params(**{key: value})
        return self

    def _tunable(self) -> dict[str, Any]:
        """Return the steps that have parameters, by place."""
        places = map(str, range(len(self.steps)))
        steps = zip(places, self.steps, strict=True)
        return {place: step for place, step in steps if hasattr(step, "set_params")}


def _check_dense(X: Any, augmentation: Augmentation, alternative: str = "") -> None:
    """Raise TypeError unless X is a dense array of floats."""
    name = type(augmentation).__name__
    if sparse.issparse(X):
        advice = ".tocsr()" if alternative else ".toarray(), or leave the augmentation out"
        raise TypeError(
            f"X must be a dense array{alternative} for {name}, got a sparse {X.format.upper()} "
            f"matrix: pass X{advice}."
        )
    if X.dtype not in (np.float32, np.float64):
        raise TypeError(f"X must be of dtype float32 or float64 for {name}, got {X.dtype}.")


def _between(start: Array, end: Array, share: Array) -> Array:
    """Return ``(1 - share) * start + share * end``, written over `end`."""
    end -= start
    end *= share
    end += start
    return end


def _pad(images: Array, border: int, fill: float) -> Array:
    """Return the images within a frame of `fill`."""
    n_rows, height, width, n_channels = images.shape
    shape = (n_rows, height + 2 * border, width + 2 * border, n_channels)
    padded = np.full(shape, fill, dtype=images.dtype)
    padded[:, border : border + height, border : border + width] = images
    return padded


def _resample(images: Array, matrix: Array, offset: Array, fill: float) -> Array:
    """Return ``new(p) = old(matrix @ p + offset)`` with bilinear interpolation.

    Parameters
    ----------
    images : ndarray of shape (n_rows, height, width, n_channels)
        The old images; outside their frame they are `fill`.
    matrix : ndarray of shape (2, 2, n_rows)
        The linear part of each map of places (row, column), in pixels from the first.
    offset : ndarray of shape (2, n_rows)
        The old place of each new first pixel.
    fill : float
        The value outside the frame.
    """
    n_rows, height, width, _ = images.shape
    matrix, offset = matrix.astype(images.dtype), offset.astype(images.dtype)
    down = matrix[:, 0, :, None] * np.arange(height, dtype=images.dtype)
    across = matrix[:, 1, :, None] * np.arange(width, dtype=images.dtype)
    across += offset[:, :, None]

    changed = np.empty_like(images)
    # Blocks of many small images or a few large ones keep the intermediate arrays in cache.
    n_block = max(1, BLOCK_SIZE // math.prod(images.shape[1:]))
    for start in range(0, n_rows, n_block):
        block = slice(start, start + n_block)
        place = down[:, block, :, None] + across[:, block, None, :]
        changed[block] = _interpolate(images[block], place, fill)
    return changed


def _interpolate(images: Array, place: Array, fill: float) -> Array:
    """Return the values of images at places between their pixels; `place` is overwritten.

    The places (row, column) have the shape (2, n_rows, height, width).
    """
    # One step off the frame all is fill, so no place need be farther away than that. Such a place
    # still has a next pixel: the border is two wide.
    border = 2
    padded = _pad(images, border, fill)
    n_rows, height, width, n_channels = padded.shape
    np.clip(place[0], -1, images.shape[1], out=place[0])
    np.clip(place[1], -1, images.shape[2], out=place[1])
    place += border

    corner = np.floor(place)
    place -= corner
    pixel, column = corner.astype(np.intp)
    pixel += np.arange(0, n_rows * height, height)[:, None, None]
    pixel *= width
    pixel += column

    pixels = padded.reshape(-1, n_channels)
    here, right, below, opposite = (
        pixels[step:].take(pixel, axis=0) for step in (0, 1, width, width + 1)
    )
    row_share, column_share = place[..., None]
    upper = _between(here, right, column_share)
    lower = _between(below, opposite, column_share)
    return _between(upper, lower, row_share)

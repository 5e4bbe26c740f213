"""The weights of a linear classifier as images: what speaks for each class, and what against."""

from math import isqrt, prod

import numpy as np

from skmlp._spec import check_integer
from skmlp.plotting._display import fitted_model, import_pyplot


class ClassWeightsDisplay:
    r"""Weights of a linear classifier, one image for each class.

    Where the features are the pixels x of an image, the weights of a class are an image too, and
    the score of the class is how well the two agree:

    .. math:: F_k(x) = \sum_{i,j} W_{kij} x_{ij} + b_k .

    A bright pixel x speaks for the class where its weight is positive and against it where its
    weight is negative. All images share one symmetric scale, so that zero has the same neutral
    colour everywhere and classes can be compared. Two classes have one image, of what speaks for
    the second against the first.

    Parameters
    ----------
    weights : array-like of shape (n_images, height, width)
        The weights.
    titles : sequence of str
        What to write above each image.

    Attributes
    ----------
    weights : ndarray of shape (n_images, height, width)
        The weights.
    titles : list of str
        The titles.
    figure_ : matplotlib Figure
        The figure of the latest `plot`.
    axes_ : ndarray of Axes of shape (n_images,)
        The axes of each image.
    images_ : list of AxesImage
        The images.
    colorbar_ : matplotlib Colorbar or None
        The key to the colours.

    See Also
    --------
    LossCurveDisplay : How the fit got there.

    Notes
    -----
    Moving the weights of all classes alike changes no probability, but costs penalty. At the
    optimum of softmax regression with an L2 penalty they therefore sum to zero, pixel by pixel:
    the images show what sets a class apart from the others.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmlp import SoftmaxRegression
    >>> from skmlp.plotting import ClassWeightsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SoftmaxRegression(alpha=1e-3).fit(X / 16, y)
    >>> display = ClassWeightsDisplay.from_estimator(model)
    >>> display.weights.shape
    (10, 8, 8)
    >>> [axes.get_title() for axes in display.axes_[:3]]
    ['0', '1', '2']
    """

    def __init__(self, weights, *, titles):
        self.weights = np.asarray(weights)
        self.titles = list(titles)

    @classmethod
    def from_estimator(cls, estimator, *, image_shape=None, class_labels=None, **plot_options):
        """Draw the weights of a fitted linear classifier.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted classifier with ``coef_`` and ``classes_``, or a pipeline that ends in one.
            After a scaler, the weights are those of the scaled features.
        image_shape : tuple of (int, int), default=None
            Height and width of an image in features, row by row. None takes a square.
        class_labels : sequence of str of length n_classes, default=None
            Names of the classes in the order of ``classes_``. None takes ``classes_``.
        **plot_options : dict
            Passed to `plot`.

        Returns
        -------
        display : ClassWeightsDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If it has no ``coef_`` or no ``classes_``.
        ValueError
            If `image_shape` or `class_labels` do not fit the model, or the model does not have
            one row of weights for each class.
        """
        model = fitted_model(estimator, "coef_", "classes_")
        coef, n_classes = np.asarray(model.coef_), len(model.classes_)
        n_images = 1 if n_classes == 2 else n_classes
        if coef.ndim != 2 or len(coef) != n_images:
            raise ValueError(
                f"coef_ must have {n_images} rows for {n_classes} classes, got shape {coef.shape}."
            )
        labels = list(map(str, model.classes_ if class_labels is None else class_labels))
        if len(labels) != n_classes:
            raise ValueError(
                f"class_labels must hold one name for each of {n_classes} classes, "
                f"got {class_labels!r}."
            )
        titles = [f"{labels[1]} against {labels[0]}"] if n_classes == 2 else labels
        shape = checked_shape(image_shape, coef.shape[1])
        display = cls(coef.reshape(n_images, *shape), titles=titles)
        return display.plot(**plot_options)

    def plot(self, *, axes=None, n_columns=5, cmap="RdBu_r", colorbar=True):
        """Draw the images.

        Parameters
        ----------
        axes : Axes or array-like of Axes, default=None
            Where to draw, one for each image. None makes a new figure.
        n_columns : int, default=5
            Images in a row of a new figure.
        cmap : str or Colormap, default="RdBu_r"
            A diverging colour map; zero is in its middle.
        colorbar : bool, default=True
            Whether to add a key to the colours.

        Returns
        -------
        display : ClassWeightsDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        ValueError
            If there is not one Axes for each image.
        """
        plt = import_pyplot(self)
        n_images = len(self.weights)
        axes = self._new_axes(plt, n_columns) if axes is None else np.ravel(axes)
        if len(axes) != n_images:
            raise ValueError(f"axes must hold {n_images} Axes, one an image, got {len(axes)}.")
        largest = np.abs(self.weights).max() or 1.0
        self.images_ = [
            ax.imshow(image, cmap=cmap, vmin=-largest, vmax=largest)
            for ax, image in zip(axes, self.weights, strict=True)
        ]
        for ax, title in zip(axes, self.titles, strict=True):
            ax.set(title=title, xticks=[], yticks=[])
        self.axes_ = axes
        self.figure_ = axes[0].figure
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = self.figure_.colorbar(
                self.images_[0], ax=list(axes), label="weight (red: for the class)", pad=0.02
            )
        return self

    def _new_axes(self, plt, n_columns):
        """Return axes in a new figure that is just large enough for the images."""
        check_integer("n_columns", n_columns, 1)
        n_images, height, width = self.weights.shape
        n_columns = min(n_columns, n_images)
        n_rows = -(-n_images // n_columns)
        inches = 1.4 if n_images > 1 else 2.8
        _, grid = plt.subplots(
            n_rows,
            n_columns,
            figsize=(n_columns * inches + 1, n_rows * (inches * height / width + 0.3)),
            layout="constrained",
            squeeze=False,
        )
        for ax in grid.flat[n_images:]:
            ax.remove()
        return grid.ravel()[:n_images]


def checked_shape(image_shape, n_features):
    """Return height and width of an image of so many pixels; None stands for a square."""
    side = isqrt(n_features)
    shape = (side, side) if image_shape is None else tuple(np.ravel(image_shape))
    whole = all(isinstance(length, int | np.integer) and length > 0 for length in shape)
    if len(shape) != 2 or not whole or prod(shape) != n_features:
        raise ValueError(
            "image_shape must be two positive integers whose product is the number of features, "
            f"{n_features}, or None for a square, got {image_shape!r}."
        )
    return shape

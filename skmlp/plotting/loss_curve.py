"""The loss of an iterative fit, iteration by iteration."""

import numpy as np

from skmlp.plotting._display import drawing_axes, fitted_model


class LossCurveDisplay:
    """The objective after each iteration of a fit, and the loss on validation rows beside it.

    While both fall, the model learns what the classes have in common with rows it has not seen.
    Once the validation loss rises again it learns its training rows by heart: a dot marks the
    lowest point, to which early stopping returns if it is the loss that it monitors. The objective
    includes the penalty on the weights, the validation loss does not.

    Parameters
    ----------
    loss : array-like of shape (n_iter,)
        Objective on the training rows after each iteration.
    validation_loss : array-like of shape (n_iter,), default=None
        Mean loss on the validation rows after each iteration; NaN where there were none.

    Attributes
    ----------
    loss : ndarray of shape (n_iter,)
        Objective on the training rows.
    validation_loss : ndarray of shape (n_iter,) or None
        Loss on the validation rows.
    figure_ : matplotlib Figure
        The figure of the latest `plot`.
    ax_ : matplotlib Axes
        The axes.
    lines_ : list of Line2D
        The curves: of training, and of validation if there is one.

    See Also
    --------
    ClassWeightsDisplay : What the fit has found.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmlp import SoftmaxRegression
    >>> from skmlp.plotting import LossCurveDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SoftmaxRegression(solver="sgd", early_stopping=True, max_iter=500, random_state=0)
    >>> display = LossCurveDisplay.from_estimator(model.fit(X / 16, y))
    >>> len(display.loss) == len(display.validation_loss) == model.n_iter_
    True
    """

    def __init__(self, loss, validation_loss=None):
        self.loss = np.asarray(loss)
        self.validation_loss = None if validation_loss is None else np.asarray(validation_loss)

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the loss curves of a fitted model.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted model with ``loss_curve_``, or a pipeline that ends in one. Its
            ``validation_loss_curve_`` is drawn too if it has one.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : LossCurveDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        TypeError
            If it has no ``loss_curve_``.
        """
        model = fitted_model(estimator, "loss_curve_")
        return cls(model.loss_curve_, getattr(model, "validation_loss_curve_", None)).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : LossCurveDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        """
        ax = drawing_axes(self, ax)
        iteration = np.arange(1, len(self.loss) + 1)
        self.lines_ = ax.plot(iteration, self.loss, label="objective on training rows")
        if self.validation_loss is not None:
            (line,) = ax.plot(iteration, self.validation_loss, label="loss on validation rows")
            best = np.nanargmin(self.validation_loss)
            ax.plot(iteration[best], self.validation_loss[best], "o", color=line.get_color())
            self.lines_.append(line)
        ax.set(xlabel="iteration", ylabel="loss")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend()
        return self

"""What displays share: matplotlib on demand, and the fitted model in what the user passes."""

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


def import_pyplot(display):
    """Return ``matplotlib.pyplot``, or raise an ImportError that says how to get it.

    Parameters
    ----------
    display : object
        Who needs it.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__} needs matplotlib, which cannot be imported: "
            'pip install "skmlp[plot]".'
        ) from error
    return plt


def drawing_axes(display, ax):
    """Return the axes to draw in, new ones for None; set ``ax_`` and ``figure_`` of the display."""
    plt = import_pyplot(display)
    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    display.ax_, display.figure_ = ax, ax.figure
    return ax


def fitted_model(estimator, *attributes):
    """Return a fitted model that has some attributes: the estimator or a pipeline's last step.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If it lacks one of the attributes.
    """
    model = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    check_is_fitted(model)
    missing = [name for name in attributes if not hasattr(model, name)]
    if missing:
        raise TypeError(
            f"estimator must be a fitted model with {' and '.join(attributes)}, "
            f"or a pipeline that ends in one, got {estimator!r}."
        )
    return model

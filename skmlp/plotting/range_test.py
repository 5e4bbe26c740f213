"""The learning rate range test as a picture."""

from skmlp.estimators.range_test import learning_rate_range_test
from skmlp.plotting._display import drawing_axes


class RangeTestDisplay:
    """The loss against the learning rate, while the rate rises: see `learning_rate_range_test`.

    On the left the rate is too small to move anything, on the right so large that the loss
    explodes. In between it falls; a dotted line marks the rate that is suggested. The vertical axis
    ends a little above the start, so that the explosion does not flatten the rest.

    Parameters
    ----------
    range_test : LearningRateRangeTest
        What the test has found.

    Attributes
    ----------
    range_test : LearningRateRangeTest
        The same.
    figure_ : matplotlib Figure
        The figure of the latest `plot`.
    ax_ : matplotlib Axes
        The axes.
    lines_ : list of Line2D
        The losses of the batches, the smoothed losses and, if there is one, the suggestion.

    See Also
    --------
    LossCurveDisplay : The loss of a training, epoch by epoch.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmlp import MLPNet
    >>> from skmlp.plotting import RangeTestDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = RangeTestDisplay.from_estimator(MLPNet(random_state=0), X / 16, y)
    >>> display.ax_.get_xscale()
    'log'
    >>> 1e-4 < display.range_test.suggestion < 0.1
    True
    """

    def __init__(self, range_test):
        self.range_test = range_test

    @classmethod
    def from_estimator(
        cls, net, X, y, *, low=1e-5, high=10.0, n_steps=100, sample_weight=None, ax=None
    ):
        """Make a range test and draw it.

        Parameters
        ----------
        net : MLPNet or MLPNetRegressor
            The network; it is not changed.
        X, y, low, high, n_steps, sample_weight
            See `learning_rate_range_test`.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : RangeTestDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the test cannot be made.
        """
        range_test = learning_rate_range_test(
            net, X, y, low=low, high=high, n_steps=n_steps, sample_weight=sample_weight
        )
        return cls(range_test).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the test.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : RangeTestDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        """
        ax = drawing_axes(self, ax)
        test = self.range_test
        (smoothed,) = ax.plot(test.rates, test.smoothed, label="smoothed", zorder=3)
        (losses,) = ax.plot(
            test.rates, test.losses, label="each batch", color=smoothed.get_color(), alpha=0.35
        )
        self.lines_ = [losses, smoothed]
        if test.suggestion is not None:
            label = f"suggested: {test.suggestion:.2g}"
            line = ax.axvline(test.suggestion, color="gray", linestyle=":", label=label)
            self.lines_.append(line)
        lowest, start = test.losses.min(), test.losses[0]
        fall = start - lowest or 1.0
        ax.set(
            xscale="log",
            xlabel="learning rate",
            ylabel="objective of a batch",
            ylim=(lowest - 0.2 * fall, start + 0.8 * fall),
        )
        # Above the curve before it falls.
        ax.legend(loc="upper left")
        return self

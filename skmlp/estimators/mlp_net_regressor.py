"""The network regressor."""

from typing import ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from skmlp._sklearn import with_callbacks
from skmlp.estimators._network_docs import with_common_sections
from skmlp.estimators._network_estimator import NetworkEstimator, trains_in_batches
from skmlp.estimators._network_pieces import network_dtype
from skmlp.nn.dense import Rescale
from skmlp.nn.regression_losses import get_regression_loss

# The spread of the targets, in units of the last digit of the largest.
MIN_DIGITS = 1000


@with_common_sections
class MLPNetRegressor(RegressorMixin, NetworkEstimator):
    r"""Feed-forward network for regression, with one output or several.

    Each hidden layer computes features of the features below it, :math:`A_l =
    \varphi(A_{l-1} W_l + b_l)`, and the last layer is a linear model on these. All weights are
    learned together, by gradient descent on

    .. math::
        J(\theta) = \frac{\sum_i s_i \ell(F_i, y_i)}{\sum_i s_i}
        + \alpha u \Bigl(\sum_{l \le L} \lVert W_l \rVert^2
        + \lVert W_{L+1} / \sigma \rVert^2\Bigr), \qquad F = A_L W_{L+1} + b_{L+1},
        \qquad \ell(F, y) = \lVert F - y \rVert^2

    or another loss, always summed over the outputs. Here :math:`\sigma^2` is the variance of y, all
    outputs together, and u what the best constant prediction costs, for the squared loss the same
    number. So alpha means the same in any units of y, and the last term is
    :math:`\alpha \lVert W_{L+1} \rVert^2` for the squared loss. (For the Poisson loss, and your own
    unless its link is "identity", :math:`u = \sigma = 1`.)

    Targets of one unit need no scaling: steps are measured in units of their spread. Outputs of
    different units do, for J is a sum, in which an output of small numbers hardly counts.

    Parameters
    ----------
    <architecture>
    loss : str or Loss, default="squared_error"
        What an error costs, which decides what is predicted: ``"squared_error"`` (the mean),
        ``"absolute_error"`` (the median), ``"huber"`` and ``"log_cosh"`` (between the two),
        ``"quantile"``, ``"poisson"`` (the mean of counts, through its logarithm), an object such
        as ``QuantileLoss(0.9)`` of `skmlp.nn.regression_losses`, or your own `Loss`.
    <training>
    <administration>

    Attributes
    ----------
    <attributes>

    See Also
    --------
    MLPNet : The network for classes.
    sklearn.linear_model.Ridge : The network without hidden layers, with the squared loss and
        ``Ridge(alpha=n_samples * alpha)``.

    Notes
    -----
    <notes>

    References
    ----------
    .. [1] Rumelhart, Hinton & Williams (1986). Learning representations by back-propagating errors.
           Nature 323.
    .. [2] Goodfellow, Bengio & Courville (2016). Deep Learning. MIT Press, chapters 6 to 8.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp import MLPNetRegressor
    >>> X = np.linspace(-3, 3, 200).reshape(-1, 1)
    >>> y = np.sin(X).ravel()
    >>> net = MLPNetRegressor(random_state=0, activation="tanh", optimizer="lbfgs").fit(X, y)
    >>> net.score(X, y) > 0.999
    True
    """

    _objects: ClassVar = {**NetworkEstimator._objects, "loss": get_regression_loss}

    def __init__(
        self,
        hidden_layer_sizes=(200, 100),
        activation="tanh",
        *,
        loss="squared_error",
        optimizer="adam",
        learning_rate="auto",
        alpha=3e-5,
        batch_norm=False,
        dropout=0.0,
        input_dropout=0.0,
        augment=None,
        initializer="auto",
        batch_size="auto",
        max_iter=200,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        monitor="loss",
        warm_start=False,
        shuffle=True,
        random_state=None,
        dtype="auto",
        verbose=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.augment = augment
        self.initializer = initializer
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.monitor = monitor
        self.warm_start = warm_start
        self.shuffle = shuffle
        self.random_state = random_state
        self.dtype = dtype
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _check_parameters(self):
        super()._check_parameters()
        get_regression_loss(self.loss)

    @available_if(trains_in_batches)
    @with_callbacks
    def partial_fit(self, X, y, sample_weight=None):
        """Make one epoch of mini-batch steps over the given rows.

        The optimizer's memory, the clock of the schedule and the stream of random numbers are kept
        between calls and in pickles: ten calls are a fit of ten epochs. There is no early stopping.
        An interrupt keeps the steps that were made. If they fail, the network is as it was
        before the call, and the next one starts with an empty memory and a new clock.
        The units of the targets are those of the first call.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Some rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, relative to one another within this call.

        Returns
        -------
        self : MLPNetRegressor
            The network, trained a little more.
        """
        return self._partial_fit(X, y, sample_weight)

    def _encode(self, y, name, known=None):
        """Return y as a matrix, a column for each output."""
        if hasattr(y, "toarray"):
            raise ValueError(f"{name} must be dense, got a sparse array. Use {name}.toarray().")
        try:
            targets = np.asarray(y, np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"{name} must hold numbers, got dtype {y.dtype}.") from None
        if targets.ndim not in (1, 2) or not np.isfinite(targets).all():
            raise ValueError(
                f"{name} must hold finite numbers, one row for each row of X, "
                f"got shape {targets.shape} with NaN or infinity."
            )
        if name == "y":
            self._flat = targets.ndim == 1
        dtype, largest = network_dtype(self), np.abs(targets).max()
        if largest > np.finfo(dtype).max:
            raise ValueError(
                f"{name} must be within the range of {dtype}, got values up to {largest:.3g}. "
                "Use other units, or dtype='float64'."
            )
        return targets.reshape(len(targets), -1)

    def _decode(self, targets):
        return targets.ravel() if self._flat else targets

    def _dense_targets(self, targets):
        return targets.astype(network_dtype(self))

    def _count_outputs(self, targets):
        return targets.shape[1]

    def _make_loss(self):
        return get_regression_loss(self.loss)

    def _units(self, loss, rows):
        """Return the best constant, the spread of the targets, and what the constant costs."""
        if loss.link != "identity":
            return None
        y, share = rows.targets, rows.weight / rows.weight.sum()
        shift = loss.best_constant(y, rows.weight, y.shape[1])
        # The mean of equal numbers may differ from them in the last digit.
        varies = np.ptp(y, axis=0) > 0
        spread = np.sqrt(share @ (y - share @ y) ** 2)
        check_digits(y[:, varies], spread[varies], network_dtype(self))
        scale = np.where(varies, spread, 1.0)
        losses, _ = loss.evaluate(np.broadcast_to(shift, y.shape), y)
        cost = float(share @ losses)
        return Rescale(shift, scale, unit=cost if varies.any() and 0 < cost < np.inf else 1.0)

    def predict(self, X):
        """Predict the targets.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, of the shape of the y of fit.
        """
        F = self._scores(X)
        y = self._loss.inverse_link(F)
        return y.ravel() if self._flat else y


def check_digits(y, spread, dtype):
    """Raise ValueError unless a dtype has the digits to tell the targets of each output apart."""
    largest = np.abs(y).max(axis=0)
    if (spread < MIN_DIGITS * np.finfo(dtype).eps * largest).any():
        raise ValueError(
            f"y must vary by more than {dtype} can tell, got values up to {largest.max():.3g}. "
            "Subtract the mean, or use dtype='float64'."
        )

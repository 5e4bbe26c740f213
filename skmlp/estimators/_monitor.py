"""What a fit watches on validation rows: the loss, and any scorer of scikit-learn."""

from copy import copy

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names

from skmlp.nn.backprop import NetworkObjective


def check_monitor(monitor):
    """Return the scorer that the parameter `monitor` names, None for the loss, or raise."""
    if isinstance(monitor, str) and monitor == "loss":
        return None
    if callable(monitor):
        return monitor
    if isinstance(monitor, str) and monitor in get_scorer_names():
        return get_scorer(monitor)
    raise ValueError(
        "monitor must be 'loss', a scorer or the name of one "
        f"(sklearn.metrics.get_scorer_names() lists them), got {monitor!r}."
    )


class Monitor:
    """Loss and score of a network on validation rows, at any theta.

    Parameters
    ----------
    estimator : estimator
        Whose network it is, ready but for ``theta_``.
    loss : Loss
        The loss to watch.
    rows : Rows
        The validation rows.
    y : ndarray
        Their targets as the user gave them, for the scorer.
    scorer : callable or None
        ``scorer(estimator, X, y) -> float``, larger is better. None means that the loss is
        monitored.
    weights_given : bool
        Whether the scorer gets the weights of the rows, too.

    Attributes
    ----------
    losses : list of float
        Mean loss after every iteration.
    scores : list of float
        Score after every iteration; without a scorer the negative loss.
    """

    def __init__(self, estimator, loss, rows, y, scorer, weights_given):
        self.estimator = copy(estimator)
        # The rows have become arrays, which have no names of features.
        vars(self.estimator).pop("feature_names_in_", None)
        network = estimator.network_
        self.objective = NetworkObjective(
            network, loss, rows.X, rows.targets, rows.weight, alpha=0.0
        )
        self.rows = rows
        self.y = y
        self.scorer = scorer
        self.weighted = {"sample_weight": rows.weight} if weights_given else {}
        self.losses = []
        self.scores = []

    def __call__(self, theta):
        """Return what is to fall: the loss, or the negative score."""
        loss = self.objective.mean_loss(theta.astype(self.rows.X.dtype, copy=False))
        self.losses.append(loss * self.objective.unit)
        if self.scorer is None:
            self.scores.append(-self.losses[-1])
        else:
            self.scores.append(self._score(theta))
        return -self.scores[-1]

    def _score(self, theta):
        # A scorer may keep what it sees, and theta moves on.
        self.estimator.theta_ = theta.copy()
        try:
            score = float(self.scorer(self.estimator, self.rows.X, self.y, **self.weighted))
        except Exception as error:
            raise ValueError(
                f"monitor must be able to score the validation rows, got {error!r}."
            ) from error
        if np.isnan(score):
            raise ValueError("monitor must return a number for the validation rows, got NaN.")
        return score

    def report(self):
        """Return what there is to say after the last iteration."""
        last = {"validation_loss": self.losses[-1]}
        return last if self.scorer is None else last | {"validation_score": self.scores[-1]}

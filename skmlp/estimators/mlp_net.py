"""The network classifier."""

import numpy as np
from scipy.special import expit, log_expit
from sklearn.base import ClassifierMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from skmlp._sklearn import with_callbacks
from skmlp._spec import check_real, resolve
from skmlp.estimators._class_scores import ClassScores
from skmlp.estimators._network_docs import with_common_sections
from skmlp.estimators._network_estimator import NetworkEstimator, trains_in_batches
from skmlp.estimators._network_pieces import network_dtype
from skmlp.estimators._targets import (
    check_class_weight,
    class_factors,
    classes_of_parts,
    encode_labels,
    stratified_split,
)
from skmlp.nn.losses import LogisticCrossEntropy, Loss, SoftmaxCrossEntropy


@with_common_sections
class MLPNet(ClassScores, ClassifierMixin, NetworkEstimator):
    r"""Feed-forward network for classification: two classes, many, or many labels at once.

    Each hidden layer computes features of the features below it, :math:`A_l =
    \varphi(A_{l-1} W_l + b_l)`, and the last layer a score of each class. All weights are learned
    together, by gradient descent on

    .. math::
        J(\theta) = \frac{\sum_i s_i \ln\bigl(1 + \sum_{k \ne y_i}
        e^{F_{ik} - F_{i y_i}}\bigr)}{\sum_i s_i} + \alpha \sum_l \lVert W_l \rVert^2,
        \qquad F = A_L W_{L+1} + b_{L+1} .

    The softmax of the scores is the probability of the classes. With two classes there is one
    score, that of the second against the first. If y is a matrix of zeros and ones, every column is
    a yes-or-no question of its own (multilabel), and J sums their losses.

    Parameters
    ----------
    <architecture>
    loss : "cross_entropy" or Loss, default="cross_entropy"
        What a row costs: the loss above, or your own `Loss` of the scores. It gets class numbers
        as targets, or zeros and ones for two classes and for multilabel.
    label_smoothing : float, default=0.0
        Share s in [0, 1) of each target that is spread evenly over the classes: targets become
        (1 - s) y + s / n_classes. It keeps probabilities away from 0 and 1.
    <training>
    class_weight : dict, "balanced" or None, default=None
        Factor on the weight of the rows of each class. "balanced" gives all classes the same
        total weight, in ``partial_fit`` within each call. Not for multilabel.
    classes : array-like of shape (n_classes,), default=None
        All labels there are, of which `y` may lack some; every one has a column in
        ``predict_proba``. None takes the labels in `y`. Not for multilabel.
    <administration>

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels; for multilabel the numbers of the columns.
    <attributes>

    See Also
    --------
    MLPNetRegressor : The network for numbers.
    SoftmaxRegression : The network without hidden layers, solved to the optimum.

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
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPNet
    >>> X, y = load_digits(return_X_y=True)
    >>> net = make_pipeline(StandardScaler(), MLPNet(max_iter=30, random_state=0))
    >>> net.fit(X[:1400], y[:1400]).score(X[1400:], y[1400:]) > 0.9
    True
    """

    def __init__(
        self,
        hidden_layer_sizes=(200, 100),
        activation="tanh",
        *,
        loss="cross_entropy",
        label_smoothing=0.0,
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
        class_weight=None,
        classes=None,
        warm_start=False,
        shuffle=True,
        random_state=None,
        dtype="auto",
        verbose=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.label_smoothing = label_smoothing
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
        self.class_weight = class_weight
        self.classes = classes
        self.warm_start = warm_start
        self.shuffle = shuffle
        self.random_state = random_state
        self.dtype = dtype
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _check_parameters(self):
        super()._check_parameters()
        self._own_loss()
        check_real("label_smoothing", self.label_smoothing, "[0, 1)")
        if self.label_smoothing and self.loss != "cross_entropy":
            raise ValueError(
                "label_smoothing must be 0 with a loss of your own, "
                f"got {self.label_smoothing!r} and loss={self.loss!r}."
            )
        check_class_weight(self.class_weight)

    def _own_loss(self):
        """Return the user's loss, None for cross-entropy, or raise."""
        return resolve("loss", self.loss, {"cross_entropy": lambda: None}, Loss)

    @available_if(trains_in_batches)
    @with_callbacks
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Make one epoch of mini-batch steps over the given rows.

        The optimizer's memory, the clock of the schedule and the stream of random numbers are kept
        between calls and in pickles: ten calls are a fit of ten epochs. There is no early stopping.
        An interrupt keeps the steps that were made. If they fail, the network is as it was
        before the call, and the next one starts with an empty memory and a new clock.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Some rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur; needed in the first call unless the parameter
            `classes` holds them, or y is multilabel. Later it may be left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, relative to one another within this call.

        Returns
        -------
        self : MLPNet
            The network, trained a little more.
        """
        fitted = self.classes_ if hasattr(self, "theta_") else None
        known = classes_of_parts(classes, self.classes, fitted, are_optional=is_multilabel(y))
        return self._partial_fit(X, y, sample_weight, known)

    def _known_classes(self):
        return self.classes_ if self.warm_start and hasattr(self, "theta_") else self.classes

    def _encode(self, y, name, known=None):
        """Return class numbers, or the matrix of a multilabel y; set `classes_` if name is y."""
        fitted = vars(self).get("classes_")
        if name != "y":
            known = fitted
        # Rows to validate on, or to go on with, are like those that came before.
        if known is not None and known is fitted and is_multilabel(y) != self._multilabel:
            kind = "a matrix of zeros and ones" if self._multilabel else "one label a row"
            raise ValueError(f"{name} must hold {kind}, as before, got shape {y.shape}.")
        if is_multilabel(y):
            return self._encode_multilabel(y, name, known)
        kind = type_of_target(y, input_name=name)
        if kind == "multiclass-multioutput":
            raise ValueError(
                f"{name} must hold one label a row, or a matrix of zeros and ones (multilabel), "
                f"got {kind} of shape {y.shape}."
            )
        labels, codes = encode_labels(column_or_1d(y, warn=True), known, name)
        if name == "y":
            self.classes_, self._multilabel = labels, False
        return codes

    def _encode_multilabel(self, y, name, known):
        y = y.toarray() if hasattr(y, "toarray") else y
        if not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"{name} must hold zeros and ones if it is a matrix, got {np.unique(y).tolist()}."
            )
        for parameter in ("classes", "class_weight"):
            if getattr(self, parameter) is not None:
                raise ValueError(
                    f"{parameter} must be None with a multilabel y, "
                    f"got {getattr(self, parameter)!r}."
                )
        if known is not None and y.shape[1] != len(known):
            raise ValueError(
                f"{name} must have {len(known)} columns, as before, got shape {y.shape}."
            )
        if name == "y":
            self.classes_, self._multilabel = np.arange(y.shape[1]), True
        return y

    def _decode(self, targets):
        return targets if self._multilabel else self.classes_[targets]

    def _count_outputs(self, targets):
        return 1 if len(self.classes_) == 2 and not self._multilabel else len(self.classes_)

    def _dense_targets(self, targets):
        if self._multilabel or len(self.classes_) == 2:
            return targets.reshape(len(targets), -1).astype(network_dtype(self))
        return np.eye(len(self.classes_), dtype=network_dtype(self))[targets]

    def _make_loss(self, label_smoothing=0.0):
        own = self._own_loss()
        if own is not None:
            return own
        is_binary = self._multilabel or len(self.classes_) == 2
        kind = LogisticCrossEntropy if is_binary else SoftmaxCrossEntropy
        return kind(label_smoothing=label_smoothing)

    def _training_loss(self):
        return self._make_loss(self.label_smoothing)

    def _class_factors(self, targets, weight, n_present):
        if self._multilabel:
            return super()._class_factors(targets, weight, n_present)
        factors = class_factors(self.class_weight, self.classes_, targets, weight)
        counts = (weight > 0) & (factors[targets] > 0)
        n_found = np.count_nonzero(np.bincount(targets, counts))
        if n_found < n_present or len(self.classes_) < 2:
            raise ValueError(
                f"y must hold at least two classes in rows of positive weight, got {n_found} class."
            )
        return lambda targets: factors[targets]

    def _split(self, rows, rng):
        if self._multilabel:
            return super()._split(rows, rng)
        return stratified_split(rows.targets, self.validation_fraction, rng)

    def decision_function(self, X):
        """Compute the raw scores.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        F : ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            Scores: the output of the last layer.
        """
        F = self._scores(X)
        return F.ravel() if F.shape[1] == 1 else F

    def predict(self, X):
        """Return the most probable class of each row, or the labels that are more likely than not.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,), or (n_samples, n_classes) for multilabel
            Labels, or zeros and ones.
        """
        check_is_fitted(self, "theta_")
        if self._multilabel:
            return (self.predict_proba(X) > 0.5).astype(int)
        if self._own_loss() is not None:
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        return super().predict(X)

    def predict_proba(self, X):
        """Return the probability of every class.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
            Probabilities in the order of ``classes_``; each row sums to one, but for multilabel,
            where each column is the probability of a yes: above 0 and below 1, to which it is not
            rounded.
        """
        check_is_fitted(self, "theta_")
        if self._own_loss() is None:
            if not self._multilabel:
                return super().predict_proba(X)
            P = expit(self._scores(X))
            number = np.finfo(P.dtype)
            return np.clip(P, number.tiny, 1 - number.epsneg)
        P = self._loss.inverse_link(self._scores(X))
        return np.column_stack([1 - P, P]) if P.shape[1] == 1 and not self._multilabel else P

    def predict_log_proba(self, X):
        """Return the logarithm of the probabilities, finite where they underflow to 0.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        log_P : ndarray of shape (n_samples, n_classes)
            Natural logarithms in the order of ``classes_``.
        """
        check_is_fitted(self, "theta_")
        if self._own_loss() is not None:
            return np.log(self.predict_proba(X))
        return log_expit(self._scores(X)) if self._multilabel else super().predict_log_proba(X)

    def sample_predict(self, X, random_state=None):
        """Draw a class for each row with the probabilities of the network.

        This is the randomized prediction. It is wrong more often than `predict`, but over many
        rows the classes appear as often as they should.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Rows.
        random_state : int, RandomState instance or None, default=None
            Source of the randomness.

        Returns
        -------
        y : ndarray of shape (n_samples,), or (n_samples, n_classes) for multilabel
            Labels, or zeros and ones.
        """
        check_is_fitted(self, "theta_")
        if not self._multilabel:
            return super().sample_predict(X, random_state)
        P = self.predict_proba(X)
        return (check_random_state(random_state).uniform(size=P.shape) < P).astype(int)


def is_multilabel(y):
    """Return whether y is a matrix of zeros and ones, a column for each label."""
    return type_of_target(y) == "multilabel-indicator"

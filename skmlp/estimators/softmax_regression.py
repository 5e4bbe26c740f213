"""Softmax regression: the linear multiclass model with the logistic loss."""

from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from skmlp._fast import choose_linear_road
from skmlp._sklearn import CallbackSupportMixin, with_callbacks
from skmlp._spec import check_bool, check_integer, check_option, check_real
from skmlp.estimators._base import (
    Recorder,
    TunableObjects,
    check_seed,
    random_generator,
    unchanged_by_errors,
    warn_caller,
)
from skmlp.estimators._callbacks import IterationCallbacks
from skmlp.estimators._class_scores import ClassScores
from skmlp.estimators._columns import ScoreColumns
from skmlp.estimators._joint_fit import fit_jointly
from skmlp.estimators._rows import FLOATS, Rows, check_validation_data
from skmlp.estimators._solvers import SOLVERS, certificate, choose_solver, train_batches
from skmlp.estimators._targets import (
    check_class_weight,
    check_row_weights,
    class_factors,
    classes_of_parts,
    encode_labels,
    stratified_split,
)
from skmlp.nn.linear import LinearObjective
from skmlp.nn.losses import LogisticCrossEntropy, SoftmaxCrossEntropy
from skmlp.optim.batches import check_shuffle
from skmlp.optim.early_stopping import EarlyStopping
from skmlp.optim.newton import Minimum
from skmlp.optim.optimizers import get_optimizer
from skmlp.optim.schedules import get_schedule


class SoftmaxRegression(
    ClassScores, TunableObjects, CallbackSupportMixin, ClassifierMixin, BaseEstimator
):
    r"""Multinomial logistic regression that converges, and proves how well.

    Every class has a linear score; the softmax of the scores is the model's probability of the
    class, and the weights are those that make the labels of the training rows most probable.
    The objective is convex, so what is found does not depend on the solver:

    .. math::
        J(W, b) = \frac{\sum_i s_i \ln\bigl(1 + \sum_{k \ne y_i}
        e^{F_{ik} - F_{i y_i}}\bigr)}{\sum_i s_i} + \alpha \lVert W \rVert^2,
        \qquad F = X W^T + b .

    It is what ``LogisticRegression(C=1 / (2 * n_samples * alpha))`` of scikit-learn minimizes,
    but ``alpha`` means the same for any number of rows. With two classes there is one score, that
    of the second class against the first.

    Parameters
    ----------
    alpha : float, default=1e-4
        Strength of the L2 penalty on the weights; the intercept is not penalized. 0 means none,
        which has no finite solution if a plane separates the classes.
    solver : {"auto", "newton", "lbfgs", "sgd"}, default="auto"
        ``"newton"``: a few steps, insensitive to the scale of the features, memory for a matrix
        of shape (n_features, n_features). ``"lbfgs"``: low memory, for many or sparse features.
        ``"sgd"``: mini-batches with an `optimizer`. ``"auto"``: newton up to 4000 features,
        lbfgs above.
    fit_intercept : bool, default=True
        Whether to learn b. Without it, all scores are 0 at x = 0.
    class_weight : dict, "balanced" or None, default=None
        Factor on the weight of the rows of each class. "balanced" gives all classes the same
        total weight, in ``partial_fit`` within each call.
    classes : array-like of shape (n_classes,), default=None
        All labels there are, of which `y` may lack some; every one has a column in
        ``predict_proba``. A class without any row gets probability 0 where the objective says so:
        with the solvers newton and lbfgs and an intercept. None takes the labels in `y`.
    max_iter : int, default=200
        Largest number of iterations: steps of newton and lbfgs, epochs of sgd.
    tol : float, default=1e-4
        Relative tolerance on the objective. newton stops once the certificate says that less than
        ``tol`` times its value is left to gain (and is then usually far closer: its last step
        squares the error), or once three steps that promised less have not let it say so; lbfgs
        once its last ten steps together have gained less than that; sgd when the objective has not
        improved by that share for `n_iter_no_change` epochs.
    warm_start : bool, default=False
        Whether ``fit`` starts from the solution of the last fit, and sgd with its optimizer state.
    random_state : int, RandomState instance or None, default=None
        Seed of the order of rows of sgd and of the choice of validation rows. newton and lbfgs
        use no randomness.
    verbose : bool, default=False
        Whether to print one line an iteration.
    optimizer : str or Optimizer, default="adam"
        For sgd: ``"sgd"``, ``"momentum"``, ``"nesterov"``, ``"adagrad"``, ``"rmsprop"``,
        ``"adam"``, ``"adamw"`` or an object of `skmlp.optim` such as ``Adam(beta1=0.8)``, whose
        parameters a grid search reaches as ``optimizer__beta1``.
    learning_rate : float or Schedule, default=0.01
        For sgd: step size, constant or as a schedule of `skmlp.optim` in epochs.
    batch_size : int, default=64
        For sgd: rows in a mini-batch, from 1 to all; a larger number means all.
    shuffle : bool or "with_replacement", default=True
        For sgd: visit the rows of every epoch in random order, in the given order, or draw each
        one independently.
    early_stopping : bool, default=False
        Whether to stop when the loss on validation rows has not fallen for `n_iter_no_change`
        iterations, and return to the weights that had the lowest. The rows are `X_val` if given
        to fit, else a part of the training rows that is then not learned from.
    validation_fraction : float, default=0.1
        Share of the training rows held out for early stopping, of each class alike.
    n_iter_no_change : int, default=5
        Patience of early stopping, and of `tol` with sgd, in iterations.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    coef_ : ndarray of shape (n_classes, n_features), or (1, n_features) for two classes
        Weights, in the dtype of X.
    intercept_ : ndarray of shape (n_classes,) or (1,)
        Intercepts.
    n_iter_ : int
        Iterations made.
    loss_ : float
        The objective J at the solution.
    loss_curve_ : list of float
        J after each iteration; for sgd the mean of its batch estimates over the epoch.
    road_ : {"compiled", "readable"}
        Whether compiled code or NumPy did the work; the results are the same.
    validation_loss_curve_ : list of float or None
        Mean cross-entropy on the validation rows after each iteration, if there are any.
    gradient_norm_ : float
        Euclidean norm of the gradient of J at the solution.
    suboptimality_bound_ : float
        ``loss_`` is at most this much above the smallest possible J: a certificate by duality, not
        an estimate, up to the rounding errors of scores in the dtype of X. Never more than
        ``loss_``, which is all that can be promised with ``alpha=0``.
    converged_ : bool
        Whether the solver stopped because of `tol` or early stopping. With sgd that is a plateau
        and no proof: look at `suboptimality_bound_`.
    solver_ : str
        The solver used.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had names that are all strings.

    See Also
    --------
    sklearn.linear_model.LogisticRegression : The same model; L1 penalties too.

    Notes
    -----
    newton is a truncated Newton method with exact Hessian-vector products in O(n_samples
    n_features n_classes), preconditioned by one factor of a matrix over the features or over all
    parameters, summed over a sample of rows. It needs memory for X, a few arrays of shape
    (n_samples, n_classes) and one matrix over the features, or over all parameters if they are at
    most 1000; on the readable road about three such matrices.
    Prediction costs O(n_features n_classes) a row.

    The certificate is the duality gap of a dual point made from the last Newton step; see the
    guide.

    References
    ----------
    .. [1] Bishop (2006). Pattern Recognition and Machine Learning, section 4.3.4.
    .. [2] Nocedal & Wright (2006). Numerical Optimization, 2nd ed., chapter 7.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import SoftmaxRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SoftmaxRegression(alpha=1e-3).fit(X, y)
    >>> round(model.score(X, y), 3)
    0.987
    >>> model.predict_proba(X[:1]).round(3)
    array([[0.993, 0.007, 0.   ]])
    >>> model.suboptimality_bound_ < 1e-4 * model.loss_
    True
    """

    # The reductions predict with many such models at once by one matrix product.
    linear_margins: ClassVar = True

    _objects: ClassVar = {"optimizer": get_optimizer, "learning_rate": get_schedule}

    def __init__(
        self,
        alpha=1e-4,
        *,
        solver="auto",
        fit_intercept=True,
        class_weight=None,
        classes=None,
        max_iter=200,
        tol=1e-4,
        warm_start=False,
        random_state=None,
        verbose=False,
        optimizer="adam",
        learning_rate=0.01,
        batch_size=64,
        shuffle=True,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
    ):
        self.alpha = alpha
        self.solver = solver
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.classes = classes
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_parameters(self):
        check_real("alpha", self.alpha, "[0, inf)")
        check_option("solver", self.solver, ("auto", "newton", "lbfgs", "sgd"))
        check_class_weight(self.class_weight)
        for name in ("fit_intercept", "warm_start", "verbose", "early_stopping"):
            check_bool(name, getattr(self, name))
        for name in ("max_iter", "batch_size", "n_iter_no_change"):
            check_integer(name, getattr(self, name), 1)
        check_real("tol", self.tol, "[0, inf)")
        check_real("validation_fraction", self.validation_fraction, "(0, 1)")
        check_shuffle(self.shuffle)
        get_optimizer(self.optimizer)
        get_schedule(self.learning_rate)
        check_seed(self.random_state)

    @with_callbacks
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None, sample_weight_val=None):
        """Find the weights that minimize the objective.

        An interrupt (Ctrl-C) ends the fit early with a warning and leaves the model as it was
        after the last iteration, with sgd after the last step. An epoch of sgd that is not finished
        counts as none.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Training rows. float32 and float64 are used as they are, and so is CSR; anything else
            is converted once, to float64 or CSR.
        y : array-like of shape (n_samples,)
            Labels: integers, strings, booleans or other objects that can be sorted.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. Weight 0 leaves a row out, weight 2 counts it twice.
        X_val, y_val : array-like, default=None
            Rows to watch the loss on, see `early_stopping`. Both or none.
        sample_weight_val : array-like, default=None
            Weights of the validation rows.

        Returns
        -------
        self : SoftmaxRegression
            The fitted model.

        Raises
        ------
        ValueError
            If a parameter or the data are not as described; the message names which.
        """
        return self._fit((X, y, sample_weight), (X_val, y_val, sample_weight_val))

    def _fit(self, given, given_to_validate=(None, None, None), *, is_part=False):
        """Do the work of `fit`; as part of another fit, let interrupts through and do not warn."""
        self._check_parameters()
        with unchanged_by_errors(self):
            rows = self._training_rows(*given, classes=self.classes, n_present=2)
            validation = self._validation_rows(*given_to_validate)
            if validation is None and self.early_stopping:
                rows, validation = self._hold_out(rows)
            if not self.warm_start:
                self._forget()
            is_auto = self.solver == "auto"
            self.solver_ = choose_solver(rows.X.shape[1]) if is_auto else self.solver
            is_sgd = self.solver_ == "sgd"
            columns = self._columns(rows, all_classes=is_sgd)
            road = choose_linear_road(self._objective(rows, columns))
            # What the road has taken over is not held twice.
            del rows
            theta = columns.pack(*self._start())
            recorder = self._recorder(given, theta, columns, validation, self.max_iter)
        self.road_ = road.name
        try:
            minimum = SOLVERS[self.solver_](self, road, theta, recorder)
        except KeyboardInterrupt:
            if is_part:
                raise
            minimum = self._end_at_interrupt(road, recorder)
        if recorder.stop_early and recorder.stopping.best_theta is not None:
            best = recorder.stopping.best_theta
            done = recorder.stopped_early or minimum.converged
            minimum = Minimum(road.objective.at(best.astype(np.float64)), converged=done)
        if not is_sgd:
            self._training = None
        self._conclude(road, minimum, columns, recorder)
        if not (self.converged_ or recorder.asked_to_stop or is_part):
            self._warn(ConvergenceWarning, self._advice())
        recorder.callbacks.fit_ended()
        return self

    def _end_at_interrupt(self, road, recorder):
        """Return where an interrupt has ended a fit, and warn of it."""
        recorder.asked_to_stop = True
        self._warn(
            UserWarning,
            f"was interrupted after {len(recorder.losses)} iterations; the model can be used as it "
            "is. Call fit again with warm_start=True to go on",
        )
        return Minimum(road.objective.at(recorder.theta.astype(np.float64)))

    @with_callbacks
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Make one epoch of mini-batch steps over the given rows, whatever `solver` is.

        The optimizer's memory (momentum, Adam's averages, the time of the schedule) is kept
        between calls and in pickles. ``n_iter_`` counts the calls, ``loss_curve_`` has the mean
        objective over the batches of each and ``loss_`` the last of these.
        An interrupt keeps the steps that were made. If they fail, the model is as it was
        before the call, and the next one starts with an empty memory and a new clock.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Some rows.
        y : array-like of shape (n_samples,)
            Their labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur; needed in the first call unless the parameter
            `classes` holds them. Later it may be left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, relative to one another within this call.

        Returns
        -------
        self : SoftmaxRegression
            The model, trained a little more.
        """
        self._check_parameters()
        given, first = (X, y, sample_weight), not hasattr(self, "coef_")
        with unchanged_by_errors(self):
            known = classes_of_parts(classes, self.classes, None if first else self.classes_)
            rows = self._training_rows(*given, classes=known, n_present=1, reset=first)
            if first:
                self._forget()
            columns = self._columns(rows, all_classes=True)
            theta = columns.pack(*self._start())
            recorder = self._recorder(given, theta, columns, None, 1)
        before = self._training
        try:
            train_batches(self, self._objective(rows, columns), theta, recorder, 1)
        except KeyboardInterrupt:
            self._conclude_part(columns, recorder, before)
            raise
        self._conclude_part(columns, recorder, before)
        return self

    def _conclude_part(self, columns, recorder, before):
        """Set the fitted attributes after a portion of rows, and the training `before` it."""
        goes_on = before is not None and before is self._training
        history = self.loss_curve_ if goes_on else []
        self._forget_fit()
        vars(self).update(columns.unpack(recorder.theta))
        self.loss_curve_ = [*history, *recorder.losses]
        self.n_iter_ = len(self.loss_curve_)
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else np.nan
        self.solver_ = "sgd"
        recorder.callbacks.fit_ended()

    def fit_code(self, X, y, M, sample_weight=None):
        """Fit one two-class model for each column of a code matrix, all in one optimization.

        A reduction of many classes to two calls this of a base that has it. The models are those
        that ``clone(self).fit`` finds on the rows of each problem, labelled 0 and 1; but they share
        their products with X, which makes them many times as fast.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Training rows.
        y : ndarray of int of shape (n_samples,)
            Class of each row, from 0 to n_classes - 1.
        M : array-like of int of shape (n_classes, n_problems)
            In each problem, -1 for the classes that are labelled 0, +1 for those that are labelled
            1, and 0 for those that sit out. Both labels must have rows of positive weight.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        models : list of SoftmaxRegression or None
            A fitted model for each problem. None if a fit of its own can do what they together
            cannot: the parameters ask for sgd, early stopping, a warm start, `classes`, printing or
            callbacks, or for newton with many features; sparse problems leave rows out; or X holds
            huge numbers.
        """
        self._check_parameters()
        return fit_jointly(self, X, y, M, sample_weight)

    def _training_rows(self, X, y, sample_weight, *, classes, n_present, reset=True):
        """Check the training data, set `classes_`, and return what the objective needs."""
        X, y = validate_data(self, X, y, reset=reset, accept_sparse="csr", dtype=FLOATS)
        labels, codes = encode_labels(y, classes)
        weight = check_row_weights(sample_weight, len(codes))
        weight *= class_factors(self.class_weight, labels, codes, weight)[codes]
        n_found = np.count_nonzero(np.bincount(codes, weight > 0))
        if n_found < n_present or len(labels) < 2:
            raise ValueError(
                f"y must hold at least two classes in rows of positive weight, got {n_found} class."
            )
        if hasattr(self, "coef_") and self.warm_start:
            self._check_same_problem(X, labels)
        self.classes_ = labels
        return Rows(X, codes, weight)

    def _check_same_problem(self, X, labels):
        """Raise unless features and classes are those of the last fit."""
        if X.shape[1] != self.coef_.shape[1]:
            raise ValueError(
                "X must have as many features as in the last fit with warm_start=True, "
                f"{self.coef_.shape[1]}, got {X.shape[1]}."
            )
        if not np.array_equal(labels, self.classes_):
            raise ValueError(
                "y must have the classes of the last fit with warm_start=True, "
                f"{self.classes_.tolist()}, got {labels.tolist()}."
            )

    def _hold_out(self, rows):
        """Return training and validation rows, some of each class in both."""
        rng, some = random_generator(self.random_state), np.flatnonzero(rows.weight)
        train, held_out = stratified_split(rows.targets[some], self.validation_fraction, rng)
        return rows.take(some[train]), rows.take(some[held_out])

    def _validation_rows(self, X_val, y_val, sample_weight_val):
        """Check the validation data of `fit`; None if there are none."""
        data = check_validation_data(self, X_val, y_val, sample_weight_val, dtype=FLOATS)
        if data is None:
            return None
        X, y, weight = data
        if y.ndim != 1:
            raise ValueError(f"y_val must have one label for each row, got shape {y.shape}.")
        _, codes = encode_labels(y, self.classes_, name="y_val")
        return Rows(X, codes, weight)

    def _forget(self):
        """Drop what a former fit has left, other than what validation has just set."""
        for name in ("coef_", "intercept_"):
            vars(self).pop(name, None)
        self._forget_fit()
        self._training = None

    def _forget_fit(self):
        """Drop what a former fit has said of itself."""
        for name in (
            "n_iter_",
            "loss_",
            "loss_curve_",
            "validation_loss_curve_",
            "gradient_norm_",
            "suboptimality_bound_",
            "converged_",
        ):
            vars(self).pop(name, None)

    def _start(self):
        """Return the coefficients to start from: those of a former fit, or none."""
        if not hasattr(self, "coef_"):
            self._training = None
            return ()
        return self.coef_, self.intercept_

    def _columns(self, rows, all_classes):
        """Return which classes get a column of scores: see the parameter `classes`."""
        present = np.arange(len(self.classes_))
        if self.fit_intercept and not all_classes:
            present = np.flatnonzero(np.bincount(rows.targets, rows.weight > 0))
        return ScoreColumns(
            len(self.classes_), rows.X.shape[1], present, self.fit_intercept, rows.X.dtype
        )

    def _objective(self, rows, columns, alpha=None):
        """Return the objective of rows, with another penalty if `alpha` is given."""
        return LinearObjective(
            LogisticCrossEntropy() if columns.n_outputs == 1 else SoftmaxCrossEntropy(),
            rows.X,
            columns.codes(rows.targets),
            rows.weight,
            n_outputs=columns.n_outputs,
            alpha=self.alpha if alpha is None else alpha,
            fit_intercept=self.fit_intercept,
        )

    def _recorder(self, given, theta, columns, validation, max_iter):
        """Return who takes note of every iteration."""
        stopping = None
        if validation is not None:
            strange = np.setdiff1d(validation.targets, columns.present)
            if strange.size:
                raise ValueError(
                    "y_val must hold only classes that some training row of positive weight has, "
                    f"got {self.classes_[strange].tolist()}."
                )
            watched = self._objective(validation, columns, alpha=0.0)
            stopping = EarlyStopping(lambda theta: watched.at(theta).value, self.n_iter_no_change)
        return Recorder(
            IterationCallbacks(self, *given, max_iter),
            columns.unpack,
            theta,
            stopping,
            self.early_stopping and stopping is not None,
            self.verbose,
        )

    def _conclude(self, road, minimum, columns, recorder):
        """Set the fitted attributes and say how good the end is."""
        point = minimum.point
        vars(self).update(columns.unpack(point.theta))
        self.n_iter_ = len(recorder.losses)
        self.loss_ = point.value
        self.loss_curve_ = recorder.losses
        self.validation_loss_curve_ = recorder.stopping.losses if recorder.stopping else None
        self.gradient_norm_ = float(np.linalg.norm(point.gradient))
        known = minimum.bound
        self.suboptimality_bound_ = certificate(road, minimum) if known is None else known
        self.converged_ = minimum.converged

    def _advice(self):
        """Return how far a fit has come that has not converged, and what to do about it."""
        advice = {
            "newton": "increase max_iter, or alpha if the classes are separable",
            "lbfgs": "increase max_iter, scale the features, or use solver='newton'",
            "sgd": "increase max_iter or tol, change learning_rate, or use solver='auto'",
        }[self.solver_]
        reason = f"max_iter={self.max_iter}"
        if self.n_iter_ < self.max_iter and self.solver_ == "sgd":
            reason = "a plateau no lower than its start"
            advice = "scale the features, lower learning_rate, or use solver='auto'"
        elif self.n_iter_ < self.max_iter:
            reason = "a point where rounding errors hide the way down"
            advice = "increase tol or alpha, scale the features, or use float64"
        return (
            f"stopped at {reason}: the objective is {self.loss_:.6g} and at most "
            f"{self.suboptimality_bound_:.2g} above its minimum. To go on, {advice}"
        )

    def _warn(self, category, message):
        warn_caller(category, f"{type(self).__name__} {message}.")

    def decision_function(self, X):
        """Compute the raw scores.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        F : ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            Scores ``X @ coef_.T + intercept_``. A class that had no row to learn from has the
            lowest finite score.
        """
        check_is_fitted(self, "coef_")
        X = validate_data(
            self,
            X,
            reset=False,
            accept_sparse=("csr", "csc"),
            dtype=FLOATS,
        )
        F = X @ self.coef_.T + self.intercept_
        return F.ravel() if F.shape[1] == 1 else F

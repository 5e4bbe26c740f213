"""What all reductions share: from data to problems, from problems to learners, to margins."""

from numbers import Number
from time import perf_counter

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    clone,
    is_classifier,
    is_regressor,
)
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import cross_val_predict
from sklearn.utils import assert_all_finite, column_or_1d, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    has_fit_parameter,
    validate_data,
)

from skmlp._sklearn import (
    CallbackSupportMixin,
    check_features,
    check_routing,
    count_rows,
    routing_enabled,
    take_rows,
    with_callbacks,
)
from skmlp._spec import check_bool, check_integer, check_option
from skmlp.estimators._base import check_seed, random_generator, unchanged_by_errors, warn_caller
from skmlp.estimators._callbacks import IterationCallbacks
from skmlp.estimators._rows import FLOATS
from skmlp.estimators._targets import check_row_weights, classes_of_parts, encode_labels
from skmlp.reductions._calibration import CalibrationFolds
from skmlp.reductions._fitting import fit_learners, rows_of
from skmlp.reductions._learners import ConstantLearner, LinearStack, ask_all, stack_linear
from skmlp.reductions._predictions import ClassPredictions


class ReductionClassifier(
    ClassPredictions,
    CallbackSupportMixin,
    MetaEstimatorMixin,
    ClassifierMixin,
    BaseEstimator,
):
    """Base of the reductions: many small problems, a learner for each.

    A subclass says in `_design` what the problems are, and makes scores and probabilities of
    classes from what the learners say. What it gets of y are indices in `present_`.
    """

    # The rows' weights go to the learners, by the routing of `estimator`.
    def get_metadata_routing(self):
        """Return how metadata reach the estimator.

        Returns
        -------
        routing : MetadataRouter
            What ``fit`` and ``partial_fit`` get goes to the same methods of ``estimator``.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        mapping.add(caller="partial_fit", callee="partial_fit")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator).input_tags
        tags.input_tags.sparse = inner.sparse
        tags.input_tags.allow_nan = inner.allow_nan
        tags.input_tags.pairwise = inner.pairwise
        return tags

    def __getstate__(self):
        # The stack repeats what the learners hold: what remains is of which kind it is.
        state = super().__getstate__()
        if state.get("_stack") is not None:
            state = {**state, "_stack": (state["_stack"].logistic, state["_stack"].sparse)}
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if state.get("_stack") is not None:
            self._stack = LinearStack(self.estimators_, *state["_stack"])

    def _check_parameters(self):
        is_object = hasattr(self.estimator, "fit") and not isinstance(self.estimator, type)
        # Some, such as a stack, have predict only once they are fitted.
        if not is_object or not (
            hasattr(self.estimator, "predict") or is_classifier(self.estimator)
        ):
            raise TypeError(
                f"estimator must be a classifier with fit and predict, got {self.estimator!r}."
            )
        if is_regressor(self.estimator):
            raise TypeError(
                f"estimator must be a classifier, got the regressor {self.estimator!r}."
            )
        if self.calibrate is not None:
            check_option("calibrate", self.calibrate, ("sigmoid", "isotonic"))
            has_margins = hasattr(self.estimator, "decision_function")
            if not (has_margins or hasattr(self.estimator, "predict_proba")):
                raise ValueError(
                    "calibrate must be None for an estimator with neither decision_function nor "
                    f"predict_proba, got {self.estimator!r}."
                )
        if isinstance(self.cv, Number):
            check_integer("cv", self.cv, 2)
        check_bool("verbose", self.verbose)
        check_seed(self.random_state)

    def _template(self):
        """Return what is cloned for every problem."""
        if self.calibrate is None:
            return self.estimator
        return CalibratedClassifierCV(
            self.estimator, method=self.calibrate, cv=self._folds("calibrate"), ensemble=False
        )

    def _folds(self, name):
        """Return the cross-validation that a parameter asks for."""
        if name == "calibrate" and not (isinstance(self.cv, Number) or hasattr(self.cv, "split")):
            raise ValueError(
                "cv must be a number or a cross-validation generator with calibrate, since each "
                f"learner has rows of its own, got {self.cv!r}."
            )
        return CalibrationFolds(self.cv, name) if isinstance(self.cv, Number) else self.cv

    @with_callbacks
    def fit(self, X, y, sample_weight=None, **fit_params):
        """Fit a learner for each problem.

        An interrupt (Ctrl-C) ends the fit early with a warning. The model is usable: in place of
        a learner that is missing it says how common each side is.

        Parameters
        ----------
        X : array-like, sparse array or data frame of shape (n_samples, n_features)
            Training rows. A data frame reaches the learners as a data frame. If the estimator
            takes texts, a list of texts.
        y : array-like of shape (n_samples,)
            Labels: integers, strings, booleans or other objects that can be sorted.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, which the estimator must accept. Weight 0 leaves a row out.
        **fit_params : dict
            What else goes to the ``fit`` of the estimator, with scikit-learn's metadata routing
            enabled. What has an entry for each row is cut to the rows of a problem.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            If a parameter or the data are not as described; the message names which.
        TypeError
            If `estimator` is no classifier.
        """
        self._check_parameters()
        params = self._routed("fit", sample_weight, fit_params)
        given = X, y, sample_weight
        with unchanged_by_errors(self):
            X = self._rows(X, reset=True)
            y = self._encode(X, y, self.classes, reset=True)
            X, y, params = self._positive_rows(X, y, params)
            y = self._among_present(y)
            rng = random_generator(self.random_state)
            problems = self._design(X, y, params.get("sample_weight"), rng)
            report = Report(self, problems, given)
            self._fit_problems(X, y, problems, params, rng, report)
            self._fit_rest(X, y, params)
            report.callbacks.fit_ended()
        return self

    @with_callbacks
    def _partial_fit(self, X, y, classes, sample_weight, params):
        """Go on with the learners by their ``partial_fit``; see the subclasses."""
        self._check_parameters()
        params = self._routed("partial_fit", sample_weight, params)
        given = X, y, sample_weight
        first = not hasattr(self, "estimators_")
        known = classes_of_parts(classes, self.classes, None if first else self.classes_)
        with unchanged_by_errors(self):
            X = self._rows(X, reset=first)
            y = self._encode(X, y, known, reset=first)
            X, y, params = self._positive_rows(X, y, params)
            if first:
                self.present_ = np.arange(len(self.classes_))
            y = self._known_present(y)
            rng = random_generator(self.random_state)
            problems = (
                self._design(X, y, params.get("sample_weight"), rng)
                if first
                else self._same_design(y)
            )
            learners = [None] * problems.n_problems if first else self.estimators_
            learners = [None if isinstance(f, ConstantLearner) else f for f in learners]
            report = Report(self, problems, given)
            self._fit_problems(X, y, problems, params, rng, report, learners)
            self._fit_rest(X, y, params)
            report.callbacks.fit_ended()
        return self

    def _routed(self, method, sample_weight, params):
        """Return the arguments that the learners' fit gets besides rows and labels."""
        check_routing(params, self, method)
        if sample_weight is not None:
            params["sample_weight"] = sample_weight
        if routing_enabled():
            return dict(process_routing(self, method, **params).estimator[method])
        if sample_weight is not None and not has_fit_parameter(self.estimator, "sample_weight"):
            raise ValueError(
                "sample_weight must be None for an estimator whose fit does not take it, got "
                f"weights for {self.estimator!r}. To reach a step of a pipeline, enable metadata "
                "routing: sklearn.set_config(enable_metadata_routing=True)."
            )
        return params

    def _out_of_fold(self, name, X, y, params, method, **changes):
        """Return what models that have not seen a row say of it, as a parameter asks."""
        model = clone(self).set_params(classes=None, verbose=False, **changes)
        return cross_val_predict(model, X, y, cv=self._folds(name), method=method, params=params)

    def _rows(self, X, reset, dtype=None):
        """Return X as rows that can be indexed: an array, or as it is if frame or texts.

        Whether they may be missing or infinite is for the learners to say, unless a dtype is asked
        for.
        """
        if is_frame(X):
            check_features(self, X, reset=reset)
            return X
        if is_text(X):
            return X
        return validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=dtype,
            ensure_all_finite=dtype is not None,
        )

    def _positive_rows(self, X, y, params):
        """Leave out the rows of weight 0, and with them classes that have no others.

        Of a precomputed kernel they stay: a row is a column too.
        """
        weight = params.get("sample_weight")
        if weight is None:
            return X, y, params
        weight = check_row_weights(weight, len(y))
        params = {**params, "sample_weight": weight}
        if weight.all() or get_tags(self.estimator).input_tags.pairwise:
            return X, y, params
        rows = np.flatnonzero(weight)
        X, params = rows_of(X, params, rows)
        return X, y[rows], params

    def _encode(self, X, y, classes, reset):
        """Set `classes_` and return the class index of each row.

        Unless it is to `reset` what a former call has set, y must be like it.
        """
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_consistent_length(X, y)
        self.classes_, codes = encode_labels(y, classes)
        return codes

    def _among_present(self, y):
        """Set which classes have rows, at least two; return the index of each row among them."""
        self.present_, codes = np.unique(y, return_inverse=True)
        if len(self.present_) < 2:
            raise ValueError(
                "y must hold at least two classes in rows of positive weight, "
                f"got {len(self.present_)} class."
            )
        return codes

    def _known_present(self, y):
        """Return the index of each row's class among those that a former fit had rows of."""
        if len(self.present_) == len(self.classes_):
            return y
        absent = np.setdiff1d(y, self.present_)
        if absent.size:
            raise ValueError(
                "y must hold only labels that the fit before partial_fit had rows of, "
                f"{self.classes_[self.present_].tolist()}, got {self.classes_[absent[0]]!r}."
            )
        return np.searchsorted(self.present_, y)

    def _fit_problems(self, X, y, problems, params, rng, report, learners=None):
        """Fit the learners of the problems, jointly if the estimator offers that."""
        self._check_pairwise(problems)
        seeds = None
        if self.random_state is not None:
            seeds = rng.integers(2**31 - 1, size=problems.n_problems)
        partial, interrupted = learners is not None, False
        fitted = None if partial else self._fit_jointly(X, y, problems, params)
        if fitted is not None:
            for problem, learner in enumerate(fitted):
                if report(problem, learner):
                    break
        else:
            fitted, interrupted = fit_learners(
                self._template(),
                X,
                problems,
                params,
                n_jobs=self.n_jobs,
                seeds=seeds,
                name=report.name,
                on_fitted=report,
                learners=learners,
            )
        self._keep(fitted, X, problems, interrupted, partial)

    def _check_pairwise(self, problems):
        """Raise if X is a kernel between rows, and a problem has only some of them."""
        pairwise = get_tags(self.estimator).input_tags.pairwise
        if pairwise and any(problems.rows(p) is not None for p in range(problems.n_problems)):
            raise ValueError(
                "estimator must take features, not a precomputed kernel, where a problem leaves "
                f"rows out, got {self.estimator!r}. OneVsAllClassifier takes both."
            )

    def _fit_jointly(self, X, y, problems, params):
        """Return learners that the estimator has fitted in one go, or None if it cannot."""
        offer = getattr(self.estimator, "fit_code", None)
        if offer is None or self.calibrate is not None or set(params) - {"sample_weight"}:
            return None
        M = problems.matrix()
        return None if M is None else offer(X, y, M, **params)

    def _keep(self, learners, X, problems, interrupted, partial):
        """Set the learners; a constant takes the place of one that is missing."""
        missing = [p for p, learner in enumerate(learners) if learner is None]
        if interrupted and len(missing) == len(learners):
            raise KeyboardInterrupt
        for p in missing:
            learners[p] = stand_in(problems, p, uniform=partial)
        if interrupted:
            warn_caller(
                UserWarning,
                f"{type(self).__name__} was interrupted: {len(missing)} of {len(learners)} "
                "learners are missing, and constants take their place. Call fit again for all.",
            )
        self.estimators_ = learners
        some_rows = take_rows(X, np.arange(min(count_rows(X), 5)))
        self._stack = None if missing else stack_linear(learners, some_rows)

    def _fit_rest(self, X, y, params):
        """Fit what comes after the learners, if anything."""

    def _offers_probabilities(self):
        """Return whether it is known before a fit that there will be probabilities."""
        return self.calibrate is not None or hasattr(self.estimator, "predict_proba")

    def _has_probabilities(self):
        """Return whether there are probabilities; some learners have them only once fitted."""
        learners = getattr(self, "estimators_", ())
        return self._offers_probabilities() or (
            len(learners) > 0 and all(hasattr(learner, "predict_proba") for learner in learners)
        )

    def _check_rows(self, X):
        """Return rows to predict, ready for the learners."""
        check_is_fitted(self, "estimators_")
        if self._stack is None:
            return self._rows(X, reset=False)
        X = self._rows(X, reset=False, dtype=FLOATS)
        return check_array(X, accept_sparse="csr", dtype=FLOATS) if is_frame(X) else X

    def _ask(self, X, question):
        """Return what the learners say of rows; see `ask_all`."""
        return ask_all(self.estimators_, X, question, self.n_jobs)


class Report:
    """What is said of every learner that is fitted: to callbacks, and to whom set `verbose`."""

    def __init__(self, model, problems, given):
        self.model = model
        self.problems = problems
        self.callbacks = IterationCallbacks(model, *given, problems.n_problems, "learner")
        self.learners = [None] * problems.n_problems
        self.n_fitted = 0
        self.start = perf_counter()
        self.callbacks.iteration_begins(self.attributes)

    def name(self, problem):
        """Return what to call a problem: its classes, side by side."""
        model = self.model
        sides = [
            model.classes_[model.present_][side].tolist() for side in self.problems.sides(problem)
        ]
        return " against ".join(str(side[:5] + ["..."] * (len(side) > 5)) for side in sides if side)

    def attributes(self):
        """Return the fitted attributes of a model without the learners that are missing."""
        learners = [
            stand_in(self.problems, p) if learner is None else learner
            for p, learner in enumerate(self.learners)
        ]
        return {"estimators_": learners, "_stack": None}

    def __call__(self, problem, learner):
        self.learners[problem] = learner
        self.n_fitted += 1
        if self.model.verbose:
            seconds = perf_counter() - self.start
            of = self.problems.n_problems
            print(
                f"learner {self.n_fitted} of {of}, {seconds:.2f} s: {self.name(problem)}",
                flush=True,
            )
        return self.callbacks.iteration_ended(self.attributes)


def stand_in(problems, problem, uniform=False):
    """Return a learner that knows how common the labels of a problem are, or not even that."""
    counts = np.ones(problems.n_labels(problem))
    if not uniform:
        np.add.at(counts, problems.targets(problem, problems.rows(problem)), 1)
    return ConstantLearner(counts / counts.sum())


def is_frame(X):
    """Return whether X is a data frame."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def is_text(X):
    """Return whether X is a sequence of texts."""
    if isinstance(X, np.ndarray):
        return X.ndim == 1 and X.dtype.kind in "OU" and len(X) > 0 and isinstance(X[0], str)
    first = X.iloc if hasattr(X, "iloc") else X
    is_sequence = isinstance(X, list | tuple) or len(getattr(X, "shape", ())) == 1
    return is_sequence and len(X) > 0 and isinstance(first[0], str)

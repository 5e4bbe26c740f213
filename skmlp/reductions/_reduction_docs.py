"""What the docstrings of the reductions have in common."""

from skmlp._docs import with_sections

ESTIMATOR = """\
estimator : classifier
        Any classifier of scikit-learn's kind with ``fit`` and ``predict``; of ``decision_function``
        and ``predict_proba``, the first that it has decides, not a rule of its own in ``predict``.
        Its parameters are tuned as ``estimator__alpha``."""

DECODERS = """\
``"votes"``, ``"hinge"``, ``"exponential"``, ``"logistic"``, ``"linear"``, ``"squared"``, an
        object of `skmlp.reductions.decoding` such as ``LossDecoder("hinge", weighted=True)``, or
        ``"probability"``: the most probable class"""

TIES = """\
tie_break : {"first", "random"}, default="first"
        Which of several classes with exactly the same score wins: the first in `classes_`, or one
        at random."""

ADMINISTRATION = """\
calibrate : {"sigmoid", "isotonic"} or None, default=None
        Whether and how scikit-learn's `CalibratedClassifierCV` calibrates each learner on
        cross-validated margins. It also gives probabilities to an estimator that has none.
    cv : int or cross-validation generator, default=5
        That cross-validation. A number is the largest number of stratified folds; there are fewer
        where a label has fewer rows.
    classes : array-like of shape (n_classes,), default=None
        All labels there are, of which `y` may lack some; every one has a column in
        ``predict_proba``. A class without a row has probability 0 and takes part in no problem.
        None takes the labels in `y`.
    n_jobs : int or None, default=None
        Number of learners that are fitted side by side by joblib, whose `parallel_config` holds
        too. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random here, and of learners with a ``random_state`` that is None.
    verbose : bool, default=False
        Whether to print one line a learner."""

ATTRIBUTES = """\
estimators_ : list of estimator
        The learners, one for each problem. Their labels are 0 and 1 for -1 and +1 in the code.
    code_ : CodeMatrix
        Rows are the classes that had rows to learn from, columns are problems.
    present_ : ndarray of int
        Indices in `classes_` of the classes that had rows to learn from: all, unless `classes`
        lists more.
    n_problems_ : int
        Number of problems.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had names that are all strings."""

with_common_sections = with_sections(
    {
        "estimator": ESTIMATOR,
        "decoders": DECODERS,
        "ties": TIES,
        "administration": ADMINISTRATION,
        "attributes": ATTRIBUTES,
    }
)

"""scikit-learn's own checks of estimators, in several configurations."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmlp import SoftmaxRegression

# The checks compare fits, hence the small tolerance and the seed. There are many, hence few epochs.
EXACT = {"tol": 1e-12}
SGD = {"solver": "sgd", "random_state": 0, "max_iter": 100, "learning_rate": 0.1}
BATCH_SIZE = 4

MODELS = [
    SoftmaxRegression(**EXACT),
    SoftmaxRegression(solver="newton", fit_intercept=False, **EXACT),
    SoftmaxRegression(solver="newton", class_weight="balanced", alpha=0.01, **EXACT),
    SoftmaxRegression(solver="lbfgs"),
    SoftmaxRegression(solver="lbfgs", early_stopping=True, random_state=0),
    SoftmaxRegression(**SGD, batch_size=10_000),
    SoftmaxRegression(**SGD, batch_size=BATCH_SIZE),
    SoftmaxRegression(**SGD, early_stopping=True, validation_fraction=0.2),
]


WEIGHTS = [f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")]


def expected_failed_checks(model):
    """Return what a configuration cannot do, and why."""
    failed = {}
    if model.batch_size == BATCH_SIZE:
        failed |= dict.fromkeys(WEIGHTS, "a row twice may come in two mini-batches")
    if model.early_stopping:
        failed |= dict.fromkeys(WEIGHTS, "of a row twice, one may be held out")
    if not model.fit_intercept:
        reason = "no plane through the origin has most of the rows on one side"
        failed["check_class_weight_classifiers"] = reason
    return failed


checks = parametrize_with_checks(MODELS, expected_failed_checks=expected_failed_checks)
# As a list: scikit-learn 1.6 passes a generator, which pytest warns of.
arguments, cases = checks.args


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(arguments, list(cases), **checks.kwargs)
def test_scikit_learn_checks(estimator, check):
    check(estimator)

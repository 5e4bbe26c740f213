"""The one door to what scikit-learn keeps private, or has in some of its versions only."""

from sklearn.utils.validation import _check_feature_names, _check_n_features
from sklearn.utils.validation import _num_samples as count_rows

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    HAS_CALLBACKS = True
except ImportError:
    HAS_CALLBACKS = False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand-in where scikit-learn has no callbacks (before 1.9)."""

    def with_callbacks(method):  # type: ignore[no-redef]
        """Return the method as it is."""
        return method


def check_same_features(estimator, X):
    """Raise unless X has the number and names of features that the estimator was fitted on."""
    _check_feature_names(estimator, X, reset=False)
    _check_n_features(estimator, X, reset=False)


__all__ = [
    "HAS_CALLBACKS",
    "CallbackSupportMixin",
    "check_same_features",
    "count_rows",
    "with_callbacks",
]

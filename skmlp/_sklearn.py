"""The one door to what scikit-learn keeps private, or has in some of its versions only."""

import numpy as np
import scipy.sparse as sp
from sklearn.utils import _safe_indexing
from sklearn.utils.metadata_routing import _raise_for_params as check_routing
from sklearn.utils.metadata_routing import _routing_enabled as routing_enabled
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


def check_features(estimator, X, reset):
    """Store number and names of the features of X, or raise unless X has those that are stored."""
    _check_feature_names(estimator, X, reset=reset)
    _check_n_features(estimator, X, reset=reset)


def is_linear(model):
    """Return whether a model is one of scikit-learn's linear classifiers."""
    # Who has such a model has imported this already; others need not wait for it.
    from sklearn.linear_model._base import LinearClassifierMixin

    return isinstance(model, LinearClassifierMixin)


def take_rows(X, rows):
    """Return some rows of an array, sparse array, data frame or list."""
    # What scikit-learn asks before it indexes takes ten times as long as to take a few rows.
    is_array = isinstance(X, np.ndarray) or (sp.issparse(X) and X.format == "csr")
    return X[rows] if is_array else _safe_indexing(X, rows)


__all__ = [
    "HAS_CALLBACKS",
    "CallbackSupportMixin",
    "check_features",
    "check_routing",
    "count_rows",
    "is_linear",
    "routing_enabled",
    "take_rows",
    "with_callbacks",
]

"""The one door to what scikit-learn keeps private, or has in some of its versions only."""

from sklearn.utils.validation import _check_sample_weight as check_sample_weight

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


__all__ = ["HAS_CALLBACKS", "CallbackSupportMixin", "check_sample_weight", "with_callbacks"]

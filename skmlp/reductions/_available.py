"""Methods that exist only where the base estimator has what they need."""

from functools import partial, update_wrapper
from types import MethodType


class ConditionalMethod:
    """A method that exists where a check passes.

    scikit-learn's ``available_if`` says of a method that is missing only that it is missing. Here
    the check raises an AttributeError that says why, and what to do.

    Parameters
    ----------
    check : callable
        Given the estimator, returns or raises.
    function : callable
        The method.
    """

    def __init__(self, check, function):
        self.check = check
        self.function = function
        update_wrapper(self, function)

    def __get__(self, instance, owner=None):
        if instance is None:
            return self.function
        self.check(instance)
        return MethodType(self.function, instance)


def available_if(check):
    """Return a decorator that makes a `ConditionalMethod`."""
    return partial(ConditionalMethod, check)

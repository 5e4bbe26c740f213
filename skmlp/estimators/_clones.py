"""Many clones of one estimator."""

from copy import copy
from numbers import Number

from sklearn.base import clone


def cloner(estimator):
    """Return a function that makes clones of an estimator, one in each call.

    scikit-learn's ``clone`` copies and checks each parameter, which for many small problems takes
    as long as to solve them. An estimator that is nothing but numbers and names is copied as it is.
    """
    first = clone(estimator)
    params = first.get_params(deep=False)
    simple = all(value is None or isinstance(value, Number | str) for value in params.values())
    if simple and vars(first).keys() == params.keys():
        return lambda: copy(first)
    return lambda: clone(estimator)

"""Hyperparameter objects as data, and the checks that they share.

An optimizer, a schedule or an activation is a dataclass of a few numbers. `Spec` gives such a class
the two methods by which scikit-learn looks inside, so that ``clone`` copies it and a grid search
tunes ``optimizer__beta1`` without either knowing what an optimizer is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any, Self, TypeVar

import numpy as np

T = TypeVar("T")


@dataclass
class Spec:
    """Base of hyperparameter objects: a dataclass whose fields are its parameters.

    A subclass is decorated with ``@dataclass``, stores every parameter exactly as it was given
    and overrides `validate`. Whatever changes while a model is trained lives elsewhere, so one
    object may be shared by many models.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from skmlp._spec import Spec, check_real
    >>> @dataclass
    ... class Leaky(Spec):
    ...     slope: float = 0.01
    ...
    ...     def validate(self):
    ...         check_real("slope", self.slope, "[0, 1)")
    >>> Leaky().set_params(slope=0.2)
    Leaky(slope=0.2)
    >>> Leaky(slope=3)
    Traceback (most recent call last):
    ...
    ValueError: slope must be a number in [0, 1), got 3.
    """

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Check the parameters.

        Called by the constructor and again by `resolve`, when the object is about to be used.

        Raises
        ------
        TypeError
            If a parameter has the wrong type.
        ValueError
            If a parameter has the right type but a value that is not allowed.
        """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to add the parameters of parameters, as ``outer__inner``.

        Returns
        -------
        params : dict of str to object
            Every value as the constructor was given it.
        """
        params = {field.name: getattr(self, field.name) for field in fields(self)}
        if deep:
            for name, value in list(params.items()):
                if hasattr(value, "get_params") and not isinstance(value, type):
                    inner = value.get_params(deep=True)
                    params |= {f"{name}__{key}": inner[key] for key in inner}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, and parameters of parameters as ``outer__inner``.

        The values are not checked here: a bad candidate of a grid search fails when it is fitted,
        where the search can record the failure, not while the candidates are being laid out.

        Parameters
        ----------
        **params : object
            The new values.

        Returns
        -------
        self : Spec
            The object itself.

        Raises
        ------
        ValueError
            If there is no parameter of that name.
        """
        own: dict[str, Any] = {}
        nested: dict[str, dict[str, Any]] = {}
        names = [field.name for field in fields(self)]
        for key, value in params.items():
            name, delimiter, inner_name = key.partition("__")
            if name not in names:
                owner = type(self).__name__
                raise ValueError(f"parameter of {owner} must be one of {names}, got {name!r}.")
            if delimiter:
                nested.setdefault(name, {})[inner_name] = value
            else:
                own[name] = value

        for name, value in own.items():
            setattr(self, name, value)
        for name, inner in nested.items():
            value = getattr(self, name)
            if not hasattr(value, "set_params"):
                keys = ", ".join(f"{name}__{key}" for key in inner)
                raise ValueError(f"{name} must be an object to set {keys}, got {value!r}.")
            value.set_params(**inner)
        return self


def resolve(name: str, value: object, registry: Mapping[str, Callable[[], T]], base: type[T]) -> T:
    """Return the object that a parameter stands for: a name stands for a default instance.

    Parameters
    ----------
    name : str
        The parameter as the user wrote it, for the error message.
    value : str or instance of `base`
        What the user passed.
    registry : mapping of str to callable
        The valid names, each with a function that makes its default instance.
    base : type
        The class of which an instance is taken as it is, once validated.

    Returns
    -------
    instance : instance of `base`
        A fresh default instance, or `value` itself.

    Raises
    ------
    ValueError
        If `value` is a string but not a valid name.
    TypeError
        If `value` is neither a string nor an instance of `base`.
    """
    if isinstance(value, str) and value in registry:
        return registry[value]()
    if isinstance(value, base):
        if isinstance(value, Spec):
            value.validate()
        return value
    names = ", ".join(map(repr, registry))
    error = ValueError if isinstance(value, str) else TypeError
    raise error(f"{name} must be one of {names} or an instance of {base.__name__}, got {value!r}.")


def check_real(name: str, value: Any, interval: str, alternative: str = "") -> None:
    """Raise unless `value` is a real number in an interval.

    A bool is not a number here, and NaN lies in no interval.

    Parameters
    ----------
    name : str
        The parameter as the user wrote it.
    value : object
        What the user passed.
    interval : str
        Such as ``"[0, 1)"`` or ``"(0, inf)"``: a square bracket includes its end.
    alternative : str, default=""
        What else the caller would have accepted, to be named in the message.

    Raises
    ------
    TypeError
        If `value` is not a real number.
    ValueError
        If it lies outside the interval.

    Examples
    --------
    >>> from skmlp._spec import check_real
    >>> check_real("momentum", 0.9, "[0, 1)")
    >>> check_real("momentum", 1.0, "[0, 1)")
    Traceback (most recent call last):
    ...
    ValueError: momentum must be a number in [0, 1), got 1.0.
    """
    low, high = map(float, interval[1:-1].split(","))
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if is_number and (
        low < value < high
        or (value == low and interval.startswith("["))
        or (value == high and interval.endswith("]"))
    ):
        return
    expected = f"a number in {interval}" + (f" or {alternative}" if alternative else "")
    error = ValueError if is_number else TypeError
    raise error(f"{name} must be {expected}, got {value!r}.")


def check_bool(name: str, value: object) -> None:
    """Raise TypeError unless `value` is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a bool, got {value!r}.")


def check_integer(name: str, value: Any, low: int) -> None:
    """Raise unless `value` is an integer of at least `low`; a bool is none."""
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or value < low:
        error = ValueError if is_integer else TypeError
        raise error(f"{name} must be an integer of at least {low}, got {value!r}.")


def check_option(name: str, value: object, options: tuple[str, ...]) -> None:
    """Raise ValueError unless `value` is one of some strings."""
    if not (isinstance(value, str) and value in options):
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}.")

"""Hyperparameter objects: parameters in and out, cloning, names that stand for objects, checks."""

import re
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV

from skmlp._spec import Spec, check_bool, check_integer, check_option, check_real, resolve


@dataclass
class Spring(Spec):
    stiffness: float = 1.0
    length: float = 2.0

    def validate(self):
        check_real("stiffness", self.stiffness, "(0, inf)")


@dataclass
class Damper(Spec):
    spring: Spring | str = "spring"
    friction: float = 0.5

    def validate(self):
        resolve("spring", self.spring, {"spring": Spring}, Spring)


def test_get_params_names_parameters_and_their_parameters():
    spring = Spring(3.0)
    damper = Damper(spring)
    assert damper.get_params(deep=False) == {"spring": spring, "friction": 0.5}
    assert damper.get_params() == {
        "spring": spring,
        "friction": 0.5,
        "spring__stiffness": 3.0,
        "spring__length": 2.0,
    }


def test_get_params_does_not_look_into_a_class():
    @dataclass
    class Holder(Spec):
        kind: type = Spring

    assert Holder().get_params() == {"kind": Spring}


def test_set_params_sets_what_is_named_and_nothing_else():
    damper = Damper(Spring(3.0, 4.0))
    assert damper.set_params(friction=0.1, spring__length=7.0) is damper
    assert damper == Damper(Spring(3.0, 7.0), 0.1)


@pytest.mark.parametrize("order", [1, -1])
def test_set_params_puts_an_object_in_place_before_it_sets_that_objects_parameters(order):
    old, new = Spring(), Spring()
    damper = Damper(old)
    damper.set_params(**dict([("spring", new), ("spring__stiffness", 9.0)][::order]))
    assert damper.spring is new
    assert (old.stiffness, new.stiffness) == (1.0, 9.0)


def test_set_params_reaches_through_several_levels():
    @dataclass
    class Car(Spec):
        damper: Damper

    car = Car(Damper(Spring()))
    car.set_params(damper__spring__stiffness=5.0)
    assert car.damper.spring.stiffness == 5.0
    assert car.get_params()["damper__spring__stiffness"] == 5.0


@pytest.mark.parametrize("name", ["mass", "mass__unit"])
def test_set_params_refuses_an_unknown_name_and_changes_nothing(name):
    spring = Spring()
    message = r"^parameter of Spring must be one of \['stiffness', 'length'\], got 'mass'\.$"
    with pytest.raises(ValueError, match=message):
        spring.set_params(**{"stiffness": 5.0, name: 1.0})
    assert spring == Spring()


def test_set_params_refuses_to_look_into_a_name():
    message = r"^spring must be an object to set spring__length, got 'spring'\.$"
    with pytest.raises(ValueError, match=message):
        Damper().set_params(spring__length=1.0)


def test_constructor_validates_and_set_params_leaves_that_to_resolve():
    with pytest.raises(ValueError, match="stiffness must be"):
        Spring(stiffness=-1.0)
    spring = Spring().set_params(stiffness=-1.0)
    with pytest.raises(ValueError, match="stiffness must be"):
        resolve("spring", spring, {}, Spring)


def test_repr_is_the_constructor_call():
    damper = Damper(Spring(3.0))
    assert repr(damper) == "Damper(spring=Spring(stiffness=3.0, length=2.0), friction=0.5)"


def test_clone_copies_deeply():
    damper = Damper(Spring(3.0))
    copy = clone(damper)
    assert copy == damper
    assert copy is not damper
    assert copy.spring is not damper.spring


class ThresholdClassifier(ClassifierMixin, BaseEstimator):
    """Says class 1 where the first feature is larger than the spring is stiff."""

    def __init__(self, spring="spring"):
        self.spring = spring

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.spring_ = resolve("spring", self.spring, {"spring": Spring}, Spring)
        return self

    def predict(self, X):
        return (X[:, 0] > self.spring_.stiffness).astype(int)


def test_grid_search_tunes_a_parameter_of_a_parameter():
    X = np.arange(1.0, 21.0).reshape(-1, 1)
    y = (X[:, 0] > 10).astype(int)
    spring = Spring()
    grid = {"spring__stiffness": [3.0, 10.0, 17.0]}
    search = GridSearchCV(ThresholdClassifier(spring), grid, cv=2).fit(X, y)
    assert search.best_params_ == {"spring__stiffness": 10.0}
    assert search.best_estimator_.spring_.stiffness == 10.0
    assert spring == Spring()


def test_grid_search_records_the_failure_of_a_bad_candidate():
    X, y = np.arange(8.0).reshape(-1, 1), np.tile([0, 1], 4)
    grid = {"spring__stiffness": [-3.0, 3.0]}
    search = GridSearchCV(ThresholdClassifier(Spring()), grid, cv=2)
    message = r"stiffness must be a number in \(0, inf\), got -3\.0\."
    non_finite = pytest.warns(UserWarning, match="non-finite")
    with non_finite, pytest.warns(FitFailedWarning, match=message):
        search.fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [True, False]


def test_resolve_makes_a_fresh_instance_for_a_name():
    registry = {"spring": Spring, "soft": lambda: Spring(0.1)}
    assert resolve("spring", "soft", registry, Spring) == Spring(0.1)
    first = resolve("spring", "spring", registry, Spring)
    assert first is not resolve("spring", "spring", registry, Spring)


def test_resolve_returns_an_instance_as_it_is():
    spring = Spring()
    assert resolve("spring", spring, {}, Spring) is spring


def test_resolve_takes_a_base_that_is_no_spec():
    assert resolve("number", 3, {"zero": int}, int) == 3
    assert resolve("number", "zero", {"zero": int}, int) == 0


@pytest.mark.parametrize(
    ("value", "error"),
    [("rope", ValueError), (3, TypeError), (None, TypeError), (Spring, TypeError)],
)
def test_resolve_refuses_anything_else(value, error):
    with pytest.raises(error) as raised:
        resolve("part", value, {"spring": Spring, "soft": Spring}, Spring)
    expected = "one of 'spring', 'soft' or an instance of Spring"
    assert str(raised.value) == f"part must be {expected}, got {value!r}."


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        ("[0, 1)", [0, 0.0, 0.5, 1 - 1e-16], [-1e-300, 1, 1.0, 2]),
        ("(0, 1]", [1e-300, 1], [0, 1.0000001]),
        ("[-2.5, 3]", [-2.5, 3], [-2.6, 3.1]),
        ("(0, inf)", [1e-300, 1e300, 10**400], [0, -1]),
        ("[0, inf)", [0, 1e300], [-1e-300]),
    ],
)
def test_check_real_knows_the_ends_of_an_interval(interval, inside, outside):
    for value in inside:
        check_real("size", value, interval)
    for value in [*outside, float("nan"), float("inf"), float("-inf")]:
        message = re.escape(f"size must be a number in {interval}, got {value!r}.")
        with pytest.raises(ValueError, match=f"^{message}$"):
            check_real("size", value, interval)


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), np.int64(1)])
def test_check_real_takes_numpy_scalars(value):
    check_real("size", value, "[0, 1]")


@pytest.mark.parametrize("value", [True, np.True_, "0.5", None, 0.5j, [0.5], np.array(0.5)])
def test_check_real_refuses_what_is_not_a_real_number(value):
    with pytest.raises(TypeError) as raised:
        check_real("size", value, "[0, 1]", "None")
    assert str(raised.value) == f"size must be a number in [0, 1] or None, got {value!r}."


def test_check_bool():
    check_bool("flag", False)
    check_bool("flag", np.True_)
    with pytest.raises(TypeError, match=r"^flag must be a bool, got 1\.$"):
        check_bool("flag", 1)


@pytest.mark.parametrize("value", [1, 2, 10**30, np.int8(1), np.uint64(7)])
def test_check_integer_takes(value):
    check_integer("count", value, 1)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-3, ValueError),
        (np.int64(0), ValueError),
        (1.0, TypeError),
        (np.float64(2), TypeError),
        (True, TypeError),
        (np.True_, TypeError),
        ("1", TypeError),
        (None, TypeError),
        (np.array(1), TypeError),
    ],
)
def test_check_integer_refuses(value, error):
    with pytest.raises(error) as raised:
        check_integer("count", value, 1)
    assert str(raised.value) == f"count must be an integer of at least 1, got {value!r}."


def test_check_integer_knows_its_lower_end():
    check_integer("count", -2, -2)
    with pytest.raises(ValueError, match=r"^count must be an integer of at least -2, got -3\.$"):
        check_integer("count", -3, -2)


def test_check_option_takes_what_is_listed():
    for value in ("new", "old", np.str_("old")):
        check_option("age", value, ("new", "old"))


@pytest.mark.parametrize("value", ["older", "", "New", None, 3, ["new"], ("new", "old")])
def test_check_option_refuses_all_else(value):
    with pytest.raises(ValueError, match="age") as raised:
        check_option("age", value, ("new", "old"))
    assert str(raised.value) == f"age must be one of 'new', 'old', got {value!r}."

"""Hidden layers as a transformer: what it computes, and how scikit-learn can use it."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmlp import HiddenFeatures, MLPNet, MLPNetRegressor

DIGITS = load_digits(return_X_y=True)
X, Y = DIGITS[0] / 16, DIGITS[1]
SMALL = {
    "hidden_layer_sizes": (9, 7),
    "activation": "tanh",
    "max_iter": 5,
    "n_iter_no_change": 10,
    "random_state": 0,
}
LBFGS = {"hidden_layer_sizes": (5, 4), "optimizer": "lbfgs", "random_state": 0, "tol": 1e-2}

checks = parametrize_with_checks(
    [
        HiddenFeatures(MLPNet(**LBFGS)),
        HiddenFeatures(MLPNetRegressor(**LBFGS), layer=0),
        HiddenFeatures(MLPNet(**SMALL)),
    ]
)
# As a list: scikit-learn 1.6 passes a generator, which pytest warns of.
arguments, cases = checks.args


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(arguments, list(cases), **checks.kwargs)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_the_features_are_the_activations_of_the_layer():
    features = HiddenFeatures(MLPNet(**SMALL), layer=0).fit(X, Y)
    W, b = features.net_.coefs_[0], features.net_.intercepts_[0]
    np.testing.assert_allclose(features.transform(X), np.tanh(X @ W + b), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("layer", "n_units"), [(0, 9), (1, 7), (-1, 7), (-2, 9)])
def test_a_layer_has_as_many_features_as_units(layer, n_units):
    features = HiddenFeatures(MLPNet(**SMALL), layer=layer).fit(X, Y)
    assert features.transform(X).shape == (len(X), n_units)
    names = [f"hiddenfeatures{i}" for i in range(n_units)]
    assert features.get_feature_names_out().tolist() == names


def test_the_given_network_is_not_fitted():
    net = MLPNet(**SMALL)
    features = HiddenFeatures(net).fit(X, Y)
    assert not hasattr(net, "theta_")
    np.testing.assert_array_equal(features.net_.theta_, net.fit(X, Y).theta_)


def test_the_layer_after_the_features_makes_the_network_whole():
    features = HiddenFeatures(MLPNet(**SMALL)).fit(X, Y)
    F = features.transform(X) @ features.net_.coefs_[-1] + features.net_.intercepts_[-1]
    np.testing.assert_allclose(F, features.net_.decision_function(X), rtol=1e-4, atol=1e-4)


def test_a_pipeline_with_another_classifier():
    net = MLPNet(**SMALL).set_params(hidden_layer_sizes=(32, 16), max_iter=20)
    model = make_pipeline(StandardScaler(), HiddenFeatures(net), LogisticRegression(max_iter=1000))
    assert model.fit(X[:1200], Y[:1200]).score(X[1200:], Y[1200:]) > 0.85
    assert len(model[:-1].get_feature_names_out()) == 16


def test_a_grid_search_reaches_the_network_and_the_layer():
    pipeline = make_pipeline(HiddenFeatures(MLPNet(**SMALL)), LogisticRegression(max_iter=1000))
    # With so heavy a penalty no weight is left, and all rows have the same features.
    grid = {"hiddenfeatures__net__alpha": [1e3, 1e-4], "hiddenfeatures__layer": [-1, 0]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X[::4], Y[::4])
    assert search.best_params_["hiddenfeatures__net__alpha"] == 1e-4
    assert search.best_estimator_[0].net_.alpha == 1e-4


def test_what_fit_gets_goes_to_the_network():
    weight = np.where(Y < 5, 1.0, 0.0)
    validation = {"X_val": X[1::2], "y_val": Y[1::2]}
    given = HiddenFeatures(MLPNet(**SMALL)).fit(X, Y, sample_weight=weight, **validation)
    direct = MLPNet(**SMALL).fit(X, Y, sample_weight=weight, **validation)
    np.testing.assert_array_equal(given.net_.theta_, direct.theta_)
    assert given.net_.validation_loss_curve_ == direct.validation_loss_curve_


def test_metadata_is_routed_to_the_network_that_requests_it():
    weight = np.where(Y < 5, 1.0, 0.0)
    with sklearn.config_context(enable_metadata_routing=True):
        net = MLPNet(**SMALL).set_fit_request(sample_weight="importance")
        pipeline = make_pipeline(HiddenFeatures(net), KNeighborsClassifier())
        routed = pipeline.fit(X, Y, importance=weight)[0]
        with pytest.raises(TypeError, match="importance"):
            HiddenFeatures(MLPNet(**SMALL)).fit(X, Y, importance=weight)
    direct = MLPNet(**SMALL).fit(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(routed.net_.theta_, direct.theta_)


def test_it_needs_the_targets_that_the_network_needs():
    for net in (MLPNet(), MLPNetRegressor()):
        assert get_tags(HiddenFeatures(net)).target_tags == get_tags(net).target_tags


def test_a_frozen_network_is_taken_as_it_is():
    net = MLPNet(**SMALL).fit(X, Y)
    features = HiddenFeatures(FrozenEstimator(net)).fit(X[:100], np.zeros(100))
    np.testing.assert_array_equal(features.transform(X), net.hidden_features(X))
    assert len(features.get_feature_names_out()) == 7
    np.testing.assert_array_equal(clone(features).fit(X, Y).transform(X), features.transform(X))


def test_names_of_features_are_kept_and_checked():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    features = HiddenFeatures(MLPNet(**SMALL)).set_output(transform="pandas").fit(frame, Y)
    assert features.feature_names_in_.tolist() == list(frame.columns)
    out = features.transform(frame)
    assert (out.index == frame.index).all()
    assert out.columns.tolist() == features.get_feature_names_out().tolist()


@pytest.mark.parametrize("layer", [2, -3, 0.0, "last", True])
def test_a_layer_that_is_not_there_is_refused_before_the_training(layer):
    class Untouchable(MLPNet):
        def fit(self, X, y):
            raise AssertionError("trained for nothing")

    message = f"layer must be the index of one of the 2 hidden layers, got {layer!r}"
    with pytest.raises(ValueError, match=message):
        HiddenFeatures(Untouchable(**SMALL), layer=layer).fit(X, Y)


def test_what_has_no_hidden_features_is_refused():
    with pytest.raises(TypeError, match="net must be a network with hidden_features"):
        HiddenFeatures(LogisticRegression()).fit(X, Y)


def test_it_must_be_fitted():
    with pytest.raises(NotFittedError):
        HiddenFeatures(MLPNet(**SMALL)).transform(X)

"""Networks in the company of scikit-learn: pipelines, searches, nested parameters, routing."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmlp import MLPNet, MLPNetRegressor, SoftmaxRegression
from skmlp.augment import Compose, GaussianNoise, Mixup
from skmlp.nn.activations import ELU, LeakyReLU
from skmlp.nn.initializers import Glorot
from skmlp.nn.regression_losses import HuberLoss, QuantileLoss
from skmlp.optim import Adam, Constant, Cosine

SHORT = {"hidden_layer_sizes": (6,), "max_iter": 5, "batch_size": 20, "random_state": 0}

both = pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])


# Nested parameters


@both
def test_a_clone_has_equal_parameters_of_its_own(kind):
    model = kind(
        activation=LeakyReLU(0.2),
        optimizer=Adam(beta1=0.8),
        learning_rate=Cosine(0.1),
        augment=GaussianNoise(0.3),
    )
    copied = clone(model)
    assert copied.get_params() == model.get_params()
    copied.set_params(
        optimizer__beta1=0.5,
        learning_rate__rate=0.2,
        activation__negative_slope=0.3,
        augment__scale=0.1,
    )
    assert model.optimizer == Adam(beta1=0.8)
    assert model.learning_rate == Cosine(0.1)
    assert model.activation == LeakyReLU(0.2)
    assert model.augment == GaussianNoise(0.3)
    assert copied.augment == GaussianNoise(0.1)


@both
def test_parameters_within_a_name_or_a_number_can_be_set(kind):
    model = kind(optimizer="adam", learning_rate=0.5, activation="elu", initializer="glorot")
    model.set_params(
        optimizer__beta1=0.7,
        learning_rate__rate=0.25,
        activation__alpha=0.5,
        initializer__distribution="normal",
    )
    assert model.optimizer == Adam(beta1=0.7)
    assert model.learning_rate == Constant(0.25)
    assert model.activation == ELU(alpha=0.5)
    assert model.initializer == Glorot(distribution="normal")
    model.set_params(optimizer="nesterov", optimizer__momentum=0.3)
    assert (model.optimizer.momentum, model.optimizer.nesterov) == (0.3, True)
    with pytest.raises(ValueError, match="parameter of Adam must be one of"):
        model.set_params(optimizer="adam", optimizer__momentum=0.3)


@both
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_rate_within_auto_can_be_set(kind, optimizer):
    model = kind(optimizer=optimizer)
    model.set_params(learning_rate__rate=0.3)
    # Without a duration it spans the fit, however long that is.
    assert model.learning_rate == Cosine(0.3)


@both
def test_an_automatic_schedule_whose_rate_is_set_spans_the_fit(kind, clouds):
    model = kind(**{**SHORT, "max_iter": 7, "n_iter_no_change": 1000})
    model.set_params(learning_rate__rate=0.01).fit(*clouds)
    explicit = clone(model).set_params(learning_rate=Cosine(0.01)).fit(*clouds)
    assert model.n_iter_ == 7
    assert model.history_["rate"] == explicit.history_["rate"]
    assert model.history_["rate"][-1] < 1e-3


@both
@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs", Adam(beta1=0.8)])
@pytest.mark.parametrize("nested", [{"learning_rate__rate": 0.3}, {"learning_rate__end": 0.001}])
def test_the_order_of_parameters_does_not_matter(kind, optimizer, nested):
    given = {"optimizer": optimizer, **nested}
    model = kind().set_params(**given)
    turned = kind().set_params(**dict(reversed(given.items())))
    apart = kind().set_params(optimizer=optimizer).set_params(**nested)
    assert model.learning_rate == turned.learning_rate == apart.learning_rate
    assert model.optimizer == turned.optimizer == apart.optimizer == optimizer


def test_parameters_within_the_name_of_a_loss_can_be_set():
    model = MLPNetRegressor(loss="huber").set_params(loss__delta=2.0)
    assert model.loss == HuberLoss(delta=2.0)
    model.set_params(loss="quantile", loss__quantile=0.9)
    assert model.loss == QuantileLoss(quantile=0.9)


@both
def test_parameters_of_composed_augmentations_can_be_set(kind, clouds):
    model = kind(**SHORT, augment=Compose([GaussianNoise(0.1), Mixup(0.2)]))
    names = [name for name in model.get_params() if name.endswith("__scale")]
    assert len(names) == 1
    model.set_params(**{names[0]: 0.7})
    assert model.augment.steps[0] == GaussianNoise(0.7)
    model.fit(*clouds)


# Searches


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("optimizer__beta1", [0.0, 0.99]),
        ("learning_rate__rate", [1e-4, 0.05]),
        ("activation", ["relu", "tanh", ["tanh"]]),
        ("dropout", [0.0, 0.4, [0.6]]),
        ("augment__scale", [0.1, 2.0]),
        ("hidden_layer_sizes", [(), (3,), (3, 2)]),
        ("batch_norm", [False, True]),
        ("label_smoothing", [0.0, 0.4]),
    ],
)
def test_a_search_reaches_every_parameter(clouds, name, values):
    X, y = clouds
    model = MLPNet(**{**SHORT, "learning_rate": Constant(0.05)}, augment=GaussianNoise(0.01))
    search = GridSearchCV(model, {name: values}, scoring="neg_log_loss", cv=3).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    # A list with one item and the item are the same thing.
    n_different = len(values) - (values[-1] == ["tanh"])
    assert len(set(scores)) == n_different
    reached = search.best_estimator_.get_params()[name]
    assert reached == search.best_params_[name]
    assert model.get_params()["augment"] == GaussianNoise(0.01)


def test_a_search_reaches_into_the_loss_of_a_regression(clouds):
    X, y = clouds
    grid = {"loss": ["huber"], "loss__delta": [0.01, 10.0]}
    search = GridSearchCV(MLPNetRegressor(**SHORT), grid, cv=3).fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 2
    assert search.best_estimator_.loss == HuberLoss(search.best_params_["loss__delta"])


def test_a_bad_candidate_fails_alone(clouds):
    X, y = clouds
    search = GridSearchCV(MLPNet(**SHORT), {"dropout": [0.1, 1.0]}, cv=3, error_score=0.0)
    with pytest.warns(FitFailedWarning, match=r"dropout must be a number in \[0, 1\)"):
        search.fit(X, y)
    assert search.best_params_ == {"dropout": 0.1}


def test_a_fold_that_lacks_a_class_has_a_column_for_it(clouds):
    X, y = clouds
    rare = np.where(np.arange(len(y)) == 0, 3, y)
    model = MLPNet(**SHORT, classes=[0, 1, 2, 3])
    with pytest.warns(UserWarning, match="least populated class"):
        scores = cross_val_score(
            model, X, rare, cv=3, scoring=lambda m, X, y: m.predict_proba(X).shape[1]
        )
    assert_array_equal(scores, 4)


# Pipelines


def test_a_scaler_before_the_network_undoes_the_units(clouds):
    X, y = clouds
    scaled, plain = (
        make_pipeline(StandardScaler(), MLPNet(**SHORT, dtype="float64")).fit(factor * X, y)
        for factor in (1000.0, 1.0)
    )
    assert_allclose(scaled.predict_proba(1000 * X), plain.predict_proba(X), rtol=1e-6)


def test_hidden_features_feed_a_linear_model(clouds):
    X, y = clouds
    net = MLPNet(**SHORT, dtype="float64").fit(X, y)
    scores = net.hidden_features(X) @ net.coefs_[-1] + net.intercepts_[-1]
    assert_allclose(scores, net.decision_function(X), rtol=1e-9)
    pipeline = make_pipeline(FunctionTransformer(net.hidden_features), SoftmaxRegression())
    # The best linear model on these features is no worse than the one that was learned with them.
    assert log_loss(y, pipeline.fit(X, y).predict_proba(X)) < log_loss(y, net.predict_proba(X))


def test_names_of_features_are_remembered(clouds):
    X, y = clouds
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = MLPNet(**SHORT).fit(frame, pd.Series(y))
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert_array_equal(model.predict_proba(frame), MLPNet(**SHORT).fit(X, y).predict_proba(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["d", "c", "b", "a"]])


def test_other_metaestimators_take_networks(clouds):
    X, y = clouds
    Y = (X[:, :2] > 0).astype(int)
    chain = ClassifierChain(MLPNet(**{**SHORT, "max_iter": 40}), cv=None).fit(X, Y)
    assert chain.score(X, Y) > 0.5
    logs = TransformedTargetRegressor(
        MLPNetRegressor(**SHORT), func=np.log1p, inverse_func=np.expm1
    )
    assert np.isfinite(logs.fit(X, y).predict(X)).all()


@both
def test_routed_weights_arrive(clouds, kind):
    X, y = clouds
    weight = np.random.default_rng(0).exponential(size=len(y)) * (1 + 9 * (y == 2))
    with config_context(enable_metadata_routing=True):
        model = kind(**SHORT).set_fit_request(sample_weight=True)
        scoring = get_scorer("accuracy" if kind is MLPNet else "r2")
        scoring = scoring.set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
        name = f"{kind.__name__.lower()}__alpha"
        search = GridSearchCV(pipeline, {name: [1e-4, 1.0]}, scoring=scoring, cv=3)
        search.fit(X, y, sample_weight=weight)
    best = search.best_estimator_[-1]
    scaled = StandardScaler().fit_transform(X)
    expected = kind(**SHORT, alpha=best.alpha).fit(scaled, y, sample_weight=weight)
    assert_array_equal(best.theta_, expected.theta_)
    assert (kind(**SHORT, alpha=best.alpha).fit(scaled, y).theta_ != best.theta_).any()

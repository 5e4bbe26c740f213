"""Clones, pickles, searches, parallel jobs and routed weights: the company of scikit-learn."""

import copy
import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import SoftmaxRegression
from skmlp.optim import Adam, Cosine

truncated = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_a_clone_has_equal_parameters_of_its_own():
    model = SoftmaxRegression(0.3, optimizer=Adam(beta1=0.8), learning_rate=Cosine(0.1))
    copied = clone(model)
    assert copied.get_params() == model.get_params()
    copied.set_params(optimizer__beta1=0.5, learning_rate__rate=0.2)
    assert model.optimizer == Adam(beta1=0.8)
    assert model.learning_rate == Cosine(0.1)


def test_parameters_within_a_name_or_a_number_can_be_set():
    model = SoftmaxRegression(optimizer="adam", learning_rate=0.5)
    model.set_params(optimizer__beta1=0.7, learning_rate__rate=0.25)
    assert model.optimizer == Adam(beta1=0.7)
    assert model.learning_rate.rate == 0.25
    model.set_params(optimizer="nesterov", optimizer__momentum=0.3)
    assert (model.optimizer.momentum, model.optimizer.nesterov) == (0.3, True)
    with pytest.raises(ValueError, match="parameter of Adam must be one of"):
        model.set_params(optimizer="adam", optimizer__momentum=0.3)


@truncated
def test_a_grid_search_reaches_into_a_name_and_a_number(clouds):
    X, y = clouds
    model = SoftmaxRegression(solver="sgd", optimizer="adam", max_iter=3, random_state=0)
    grid = {"optimizer__beta1": [0.0, 0.99], "learning_rate__rate": [1e-4, 0.05]}
    search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=3).fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    best = search.best_estimator_
    assert best.optimizer == Adam(beta1=search.best_params_["optimizer__beta1"])
    assert best.learning_rate.rate == search.best_params_["learning_rate__rate"] == 0.05
    assert (model.optimizer, model.learning_rate) == ("adam", 0.01)


@truncated
@pytest.mark.parametrize("duplicate", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_a_pickle_predicts_the_same_and_goes_on_the_same(clouds, solver, duplicate):
    X, y = clouds
    model = SoftmaxRegression(solver=solver, max_iter=3, warm_start=True, random_state=0).fit(X, y)
    other = duplicate(model)
    assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    assert_array_equal(other.fit(X, y).coef_, model.fit(X, y).coef_)


@truncated
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_two_jobs_predict_what_one_does(clouds, solver, backend):
    X, y = clouds
    options = {"X": X, "y": y, "cv": 3, "method": "predict_proba"}
    model = SoftmaxRegression(solver=solver, random_state=0, max_iter=20)
    with joblib.parallel_backend(backend):
        one, two = (cross_val_predict(model, n_jobs=n, **options) for n in (1, 2))
    assert_allclose(two, one, rtol=1e-12)


def test_routed_weights_arrive_in_a_search_over_a_pipeline(clouds):
    X, y = clouds
    weight = np.random.default_rng(0).exponential(size=len(y)) * (1 + 9 * (y == 2))
    alphas = [1e-4, 1.0]
    with config_context(enable_metadata_routing=True):
        model = SoftmaxRegression().set_fit_request(sample_weight=True)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, model)
        search = GridSearchCV(pipeline, {"softmaxregression__alpha": alphas}, scoring=scorer, cv=3)
        search.fit(X, y, sample_weight=weight)
    best = search.best_estimator_[-1]
    scaled = StandardScaler().fit_transform(X)
    expected = SoftmaxRegression(best.alpha).fit(scaled, y, sample_weight=weight)
    assert_allclose(best.coef_, expected.coef_)
    unweighted = SoftmaxRegression(best.alpha).fit(scaled, y)
    assert np.abs(best.coef_ - unweighted.coef_).max() > 0.01


def test_weights_that_nobody_asked_for_are_an_error(clouds):
    X, y = clouds
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(SoftmaxRegression(), {"alpha": [0.1]}, cv=3)
        with pytest.raises(ValueError, match="sample_weight"):
            search.fit(X, y, sample_weight=np.ones(len(y)))


def test_set_output_has_no_say_in_predictions(clouds):
    X, y = clouds
    pipeline = make_pipeline(StandardScaler(), SoftmaxRegression()).set_output(transform="pandas")
    P = pipeline.fit(X, y).predict_proba(X)
    assert type(P) is np.ndarray
    plain = make_pipeline(StandardScaler(), SoftmaxRegression()).fit(X, y)
    assert_array_equal(P, plain.predict_proba(X))

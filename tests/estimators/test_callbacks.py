"""scikit-learn's callbacks: what they are told of a fit, and how they stop it."""

import importlib.util

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils.fixes import parse_version

from skmlp import SoftmaxRegression, cross_entropy

pytestmark = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="scikit-learn has callbacks since 1.9",
)
needs_rich = pytest.mark.skipif(
    importlib.util.find_spec("rich") is None, reason="ProgressBar needs rich"
)


class Log:
    """A callback that keeps what it is told, as tuples of event, task name, task number."""

    max_propagation_depth = None

    def __init__(self, stop_at=None, fail_at=None):
        self.stop_at = stop_at
        self.fail_at = fail_at
        self.events = []
        self.models = []
        self.given = []

    def setup(self, estimator, context):
        self.events.append(("setup", context.task_name, context.task_id))

    def teardown(self, estimator, context):
        self.events.append(("teardown", context.task_name, context.task_id))

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.events.append(("end", context.task_name, context.task_id))
        self.given.append((X, y, metadata))
        if fitted_estimator is not None:
            self.models.append(fitted_estimator)
        if context.task_name == "iteration":
            if context.task_id == self.fail_at:
                raise RuntimeError("the callback failed")
            return context.task_id == self.stop_at
        return False


@pytest.fixture
def model(solver):
    return SoftmaxRegression(0.01, solver=solver, tol=0.01, random_state=0)


def test_every_task_begins_and_ends_once(clouds, model):
    log = Log()
    model.set_callbacks(log).fit(*clouds)
    events = log.events
    assert events[:2] == [("setup", "fit", 0), ("begin", "fit", 0)]
    assert events[-2:] == [("end", "fit", 0), ("teardown", "fit", 0)]
    iterations = events[2:-2]
    assert iterations[::2] == [("begin", "iteration", i) for i in range(len(iterations) // 2)]
    assert iterations[1::2] == [("end", "iteration", i) for i in range(len(iterations) // 2)]
    # An iteration that was announced need not be made.
    assert len(iterations) // 2 in (model.n_iter_, model.n_iter_ + 1)


def test_callbacks_change_nothing(clouds, model):
    plain = clone(model).fit(*clouds)
    model.set_callbacks(Log()).fit(*clouds)
    assert_array_equal(model.coef_, plain.coef_)
    assert model.loss_curve_ == plain.loss_curve_


def test_every_iteration_shows_the_model_that_would_have_stopped_there(clouds, model):
    X, y = clouds
    log = Log()
    model.set_callbacks(log).fit(X, y)
    *iterations, last = log.models
    assert len(iterations) == model.n_iter_
    losses = [
        cross_entropy(m.decision_function(X), y) + 0.01 * (m.coef_**2).sum() for m in iterations
    ]
    if model.solver == "sgd":
        assert losses[-1] == pytest.approx(model.loss_, rel=1e-9)
        assert losses[-1] < losses[0]
    else:
        assert_allclose(losses, model.loss_curve_, rtol=1e-9)
    assert_array_equal(last.coef_, model.coef_)
    assert_array_equal(last.predict(X), model.predict(X))


def test_callbacks_see_the_data_as_given(clouds, model):
    X, y = clouds
    names = np.array(["a", "b", "c"])[y]
    weight = np.linspace(0.5, 1, len(y))
    log = Log()
    model.set_callbacks(log).fit(X, names, sample_weight=weight)
    seen_X, seen_y, metadata = log.given[0]
    assert seen_X is X
    assert seen_y is names
    assert metadata["sample_weight"] is weight


@pytest.mark.parametrize("n", [1, 2])
def test_a_callback_stops_the_fit(clouds, model, n):
    log = Log(stop_at=n - 1)
    model.set_params(tol=0).set_callbacks(log).fit(*clouds)
    assert model.n_iter_ == n
    assert log.events[-1] == ("teardown", "fit", 0)
    assert np.isfinite(model.predict_proba(clouds[0])).all()


def test_what_a_callback_stopped_has_not_converged(clouds, model):
    model.set_params(tol=0).set_callbacks(Log(stop_at=1)).fit(*clouds)
    assert not model.converged_


def test_a_model_is_ready_when_its_next_iteration_begins(clouds, model):
    X, _ = clouds
    predictions = []

    class Predict(Log):
        def on_fit_task_begin(self, estimator, context, *, fitted_estimator=None):
            if fitted_estimator is not None:
                predictions.append(fitted_estimator.predict_proba(X))

    model.set_callbacks(Predict()).fit(*clouds)
    assert_allclose(predictions[0], 1 / 3)
    assert len(predictions) >= model.n_iter_


def test_callbacks_are_torn_down_after_an_error(clouds, model):
    log, other = Log(fail_at=1), Log()
    model.set_params(tol=0).set_callbacks(log, other)
    with pytest.raises(RuntimeError, match="the callback failed"):
        model.fit(*clouds)
    for events in (log.events, other.events):
        assert [name for name, *_ in events].count("setup") == 1
        assert events[-1] == ("teardown", "fit", 0)
    model.set_callbacks().fit(*clouds)


def test_callbacks_are_torn_down_after_an_interrupt(clouds, model, monkeypatch):
    log = Log()

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(log, "on_fit_task_end", interrupted)
    with pytest.raises(KeyboardInterrupt), pytest.warns(UserWarning, match="interrupted"):
        model.set_callbacks(log).fit(*clouds)
    assert log.events[-1] == ("teardown", "fit", 0)


def test_partial_fit_is_one_iteration(clouds):
    X, y = clouds
    log = Log()
    model = SoftmaxRegression(random_state=0).set_callbacks(log)
    for n_calls in (1, 2):
        model.partial_fit(X, y, classes=[0, 1, 2])
        expected = [
            ("setup", "fit", 0),
            ("begin", "fit", 0),
            ("begin", "iteration", 0),
            ("end", "iteration", 0),
            ("end", "fit", 0),
            ("teardown", "fit", 0),
        ]
        assert log.events == n_calls * expected
        assert_array_equal(log.models[-1].coef_, model.coef_)


@pytest.mark.parametrize("with_weights", [False, True])
def test_scoring_monitor_logs_every_iteration_and_the_fit(clouds, model, with_weights):
    from sklearn.callback import ScoringMonitor

    X, y = clouds
    weight = np.linspace(0, 1, len(y)) if with_weights else None
    monitor = ScoringMonitor(scoring="neg_log_loss")
    model.set_callbacks(monitor).fit(X, y, sample_weight=weight)
    rows = monitor.get_logs().data
    scores = [row["neg_log_loss"] for row in rows if row["task_name"] == "iteration"]
    (final,) = (row["neg_log_loss"] for row in rows if row["task_name"] == "fit")
    assert len(scores) == model.n_iter_
    assert final == pytest.approx(-cross_entropy(model.decision_function(X), y, weight), rel=1e-9)
    assert scores[-1] == pytest.approx(final, rel=1e-9)
    assert scores[-1] > scores[0]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_monitor_follows_the_fits_of_a_grid_search(clouds, n_jobs):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="neg_log_loss")
    model = SoftmaxRegression(tol=0.01).set_callbacks(monitor)
    search = GridSearchCV(model, {"alpha": [1e-3, 1.0]}, cv=3, n_jobs=n_jobs).fit(*clouds)
    rows = monitor.get_logs().data
    fits = [row["task_id_path"] for row in rows if row["task_name"] == "fit"]
    assert len(fits) == 2 * 3 + 1
    n_iterations = [
        sum(row["parent_task_id_path"] == path and row["task_name"] == "iteration" for row in rows)
        for path in fits
    ]
    assert min(n_iterations) >= 1
    assert search.best_estimator_.n_iter_ in n_iterations


def test_a_grid_search_hands_its_callbacks_down(clouds):
    log = Log()
    search = GridSearchCV(SoftmaxRegression(tol=0.01), {"alpha": [1e-3, 1.0]}, cv=3)
    search.set_callbacks(log).fit(*clouds)
    assert log.events.count(("begin", "iteration", 0)) == 2 * 3 + 1
    assert [name for name, *_ in log.events].count("teardown") == 1


@needs_rich
def test_progress_bar(clouds, model, capsys):
    from sklearn.callback import ProgressBar

    model.set_callbacks(ProgressBar()).fit(*clouds)
    shown = capsys.readouterr().out
    assert "SoftmaxRegression - fit" in shown
    assert "100%" in shown

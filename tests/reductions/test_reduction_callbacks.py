"""scikit-learn's callbacks: what they are told of the learners, and how they stop a fit."""

import importlib.util
import time

import joblib
import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.fixes import parse_version

from skmlp import OneVsAllClassifier, OneVsOneClassifier, SoftmaxRegression

pytestmark = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="scikit-learn has callbacks since 1.9",
)
needs_rich = pytest.mark.skipif(
    importlib.util.find_spec("rich") is None, reason="ProgressBar needs rich"
)

BASES = [LogisticRegression(), SoftmaxRegression(), GaussianNB()]
bases = pytest.mark.parametrize("base", BASES, ids=lambda base: type(base).__name__)


class Log:
    """A callback that keeps what it is told, as tuples of event, task name, task number."""

    max_propagation_depth = 0

    def __init__(self, stop_at=None):
        self.stop_at = stop_at
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
        return context.task_name == "learner" and context.task_id == self.stop_at


def expected_events(n_learners):
    return [
        ("setup", "fit", 0),
        ("begin", "fit", 0),
        *((what, "learner", i) for i in range(n_learners) for what in ("begin", "end")),
        ("end", "fit", 0),
        ("teardown", "fit", 0),
    ]


@bases
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_every_learner_is_announced_once(groups, reduction, base, n_jobs):
    log = Log()
    model = reduction(base, n_jobs=n_jobs, random_state=0).set_callbacks(log)
    with joblib.parallel_config("threading"):
        model.fit(*groups)
    assert log.events == expected_events(model.n_problems_)


@bases
def test_callbacks_change_nothing(groups, reduction, base):
    X, y = groups
    plain = reduction(base, random_state=0).fit(X, y)
    watched = reduction(base, random_state=0).set_callbacks(Log()).fit(X, y)
    assert_allclose(watched.predict_proba(X), plain.predict_proba(X), rtol=1e-6, atol=1e-9)


def test_callbacks_see_the_data_as_given(groups, reduction):
    X, y = groups
    names = np.array(["a", "b", "c", "d"])[y]
    weight = np.linspace(0, 1, len(y))
    log = Log()
    reduction(GaussianNB(), random_state=0).set_callbacks(log).fit(X, names, sample_weight=weight)
    for seen_X, seen_y, metadata in log.given:
        assert seen_X is X
        assert seen_y is names
        assert metadata["sample_weight"] is weight


@bases
def test_a_model_can_be_used_after_each_learner(groups, reduction, base):
    X, y = groups
    names = np.array(["a", "b", "c", "d"])[y]
    log = Log()
    model = reduction(base, random_state=0).set_callbacks(log).fit(X, names)
    *parts, whole = log.models
    assert len(parts) == model.n_problems_
    scores = [part.score(X, names) for part in parts]
    assert scores[-1] == model.score(X, names) > scores[0]
    for part in parts:
        assert_allclose(part.predict_proba(X).sum(axis=1), 1)
    assert_array_equal(whole.predict_proba(X), model.predict_proba(X))


@bases
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("n", [1, 3])
def test_a_callback_stops_the_fit(groups, base, n, n_jobs):
    X, y = groups
    log = Log(stop_at=n - 1)
    model = OneVsOneClassifier(base, n_jobs=n_jobs).set_callbacks(log)
    with joblib.parallel_config("threading"):
        model.fit(X, y)
    assert log.events == expected_events(n)
    assert sum(isinstance(learner, type(base)) for learner in model.estimators_) >= n
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_a_stop_while_others_are_at_work(groups):
    class Slow(GaussianNB):
        def fit(self, X, y):
            time.sleep(0.05)
            return super().fit(X, y)

    model = OneVsOneClassifier(Slow(), n_jobs=2).set_callbacks(Log(stop_at=0))
    with joblib.parallel_config("threading"):
        model.fit(*groups)
    assert any(isinstance(learner, Slow) for learner in model.estimators_)
    assert model.predict(groups[0]).shape == groups[1].shape


def test_callbacks_are_torn_down_after_an_error(groups):
    class Fails(GaussianNB):
        def fit(self, X, y):
            raise RuntimeError("the base failed")

    log = Log()
    with pytest.raises(RuntimeError, match="the base failed"):
        OneVsAllClassifier(Fails()).set_callbacks(log).fit(*groups)
    assert log.events[0] == ("setup", "fit", 0)
    assert log.events[-1] == ("teardown", "fit", 0)


def test_partial_fits_are_told_of_as_well(groups, reduction):
    X, y = groups
    log = Log()
    base = SGDClassifier(loss="log_loss", random_state=0)
    model = reduction(base, random_state=0).set_callbacks(log)
    for n_calls in (1, 2):
        model.partial_fit(X, y, classes=range(4))
        assert log.events == n_calls * expected_events(model.n_problems_)


def test_callbacks_of_the_base_are_its_own(groups):
    class Names(Log):
        max_propagation_depth = None

        def on_fit_task_begin(self, estimator, context):
            self.events.append(("begin", type(estimator).__name__, context.task_name))

    log = Names()
    base = SoftmaxRegression().set_callbacks(log)
    OneVsAllClassifier(base).fit(*groups)
    begun = [event[1:] for event in log.events if event[0] == "begin"]
    assert begun.count(("SoftmaxRegression", "fit")) == 4
    assert len({name for name, _ in begun}) == 1


@pytest.mark.parametrize("with_weights", [False, True])
def test_scoring_monitor_logs_every_learner_and_the_fit(groups, reduction, with_weights):
    from sklearn.callback import ScoringMonitor

    X, y = groups
    names = np.array(["a", "b", "c", "d"])[y]
    weight = np.linspace(0, 1, len(y)) if with_weights else None
    monitor = ScoringMonitor(scoring="accuracy")
    model = reduction(GaussianNB(), random_state=0).set_callbacks(monitor)
    model.fit(X, names, sample_weight=weight)
    rows = monitor.get_logs().data
    scores = [row["accuracy"] for row in rows if row["task_name"] == "learner"]
    (final,) = (row["accuracy"] for row in rows if row["task_name"] == "fit")
    assert len(scores) == model.n_problems_
    assert final == scores[-1] == pytest.approx(model.score(X, names, weight))


@needs_rich
def test_progress_bar(groups, reduction, capsys):
    from sklearn.callback import ProgressBar

    reduction(GaussianNB(), random_state=0).set_callbacks(ProgressBar()).fit(*groups)
    shown = capsys.readouterr().out
    assert f"{reduction.__name__} - fit" in shown
    assert "100%" in shown


@bases
def test_verbose_prints_a_line_a_learner(groups, base, capsys):
    X, y = groups
    names = np.array(["ant", "bee", "cat", "dog"])[y]
    OneVsOneClassifier(base).fit(X, names)
    assert capsys.readouterr().out == ""
    OneVsOneClassifier(base, verbose=True).fit(X, names)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("learner 1 of 6, ")
    assert lines[0].endswith(": ['ant'] against ['bee']")

"""Ctrl-C ends a fit early and leaves a model that can be used."""

import os
import signal
import time
from typing import ClassVar

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB

from skmlp import (
    ECOCClassifier,
    OneVsAllClassifier,
    OneVsOneClassifier,
    TreeReductionClassifier,
)

pytestmark = pytest.mark.usefixtures("interactive_session")


@pytest.fixture
def pressed_in():
    """Return a kind of base in whose fit number n somebody presses Ctrl-C."""

    def kind(n, catches):
        class Interrupted(GaussianNB):
            n_fits = 0

            def fit(self, X, y, sample_weight=None):
                type(self).n_fits += 1
                if self.n_fits == n:
                    try:
                        signal.raise_signal(signal.SIGINT)
                    except KeyboardInterrupt:
                        if not catches:
                            raise
                return super().fit(X, y, sample_weight)

        return Interrupted

    return kind


def assert_usable(model, X, y):
    P = model.predict_proba(X)
    assert_allclose(P.sum(axis=1), 1)
    assert np.isfinite(model.decision_function(X)).all()
    assert set(model.predict(X)) <= set(y)


@pytest.mark.parametrize("catches", [False, True])
def test_learners_that_were_fitted_are_kept(groups, reduction, pressed_in, catches):
    X, y = groups
    whole = reduction(GaussianNB(), random_state=0).fit(X, y)
    n = whole.n_problems_ - 1
    model = reduction(pressed_in(n, catches)(), random_state=0)
    # A learner that has made use of what it had is as good as any.
    n_missing = whole.n_problems_ - n + (not catches)
    message = (
        rf"^{reduction.__name__} was interrupted: {n_missing} of {whole.n_problems_} learners are "
        r"missing, and constants take their place\. Call fit again for all\.$"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        model.fit(X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert len(model.estimators_) == whole.n_problems_
    fitted = whole.n_problems_ - n_missing
    assert_allclose(model.margins(X)[:, :fitted], whole.margins(X)[:, :fitted])
    # What is missing says the same of all rows.
    assert np.ptp(model.margins(X)[:, fitted:], axis=0).max() == 0
    assert_usable(model, X, y)
    assert_array_equal(model.fit(X, y).predict(X), whole.predict(X))


def test_a_missing_learner_says_how_common_its_sides_are(groups, pressed_in):
    X, y = groups
    with pytest.warns(UserWarning, match="interrupted: 1 of 4 learners"):
        model = OneVsAllClassifier(pressed_in(4, False)()).fit(X, y)
    share = (np.sum(y == 3) + 1) / (len(y) + 2)
    assert_allclose(model.margins(X)[:, 3], 2 * share - 1)
    assert_allclose(model.estimators_[3].predict_proba(X[:2]), [[1 - share, share]] * 2)


@pytest.mark.parametrize("catches", [False, True])
def test_nothing_is_kept_if_nothing_was_fitted(groups, reduction, pressed_in, catches):
    X, y = groups
    model = reduction(GaussianNB(), random_state=0).fit(X, y)
    expected = model.predict_proba(X)
    model.set_params(estimator=pressed_in(1, catches)())
    if catches:
        with pytest.warns(UserWarning, match="interrupted"):
            model.fit(X, y)
        assert_usable(model, X, y)
    else:
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
        assert_array_equal(model.predict_proba(X), expected)


@pytest.mark.parametrize(
    "model_of",
    [
        lambda base: OneVsAllClassifier(base, coupling="softmax", cv=2),
        lambda base: OneVsOneClassifier(base, decoding="probability"),
        lambda base: ECOCClassifier(base, n_symbols=3, code_size=2, random_state=0),
        lambda base: TreeReductionClassifier(base, tree="random", n_trees=3, random_state=0),
        lambda base: TreeReductionClassifier(base, decoding="greedy"),
        lambda base: TreeReductionClassifier(base, calibrate_whole=True, cv=2),
    ],
)
def test_whatever_comes_after_the_learners(groups, pressed_in, model_of):
    X, y = groups
    model = model_of(pressed_in(3, False)())
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, y)
    assert_usable(model, X, y)


def test_labels_of_many_a_row(groups, pressed_in):
    X, y = groups
    Y = np.column_stack([y == 0, y > 1, y % 2]).astype(int)
    with pytest.warns(UserWarning, match="interrupted: 1 of 3 learners"):
        model = OneVsAllClassifier(pressed_in(3, False)()).fit(X, Y)
    whole = OneVsAllClassifier(GaussianNB()).fit(X, Y)
    assert_array_equal(model.predict(X)[:, :2], whole.predict(X)[:, :2])
    assert model.predict_proba(X).shape == (len(y), 3)


def test_ctrl_c_while_workers_are_at_work(groups):
    class Pressed(GaussianNB):
        def fit(self, X, y):
            # The smallest of the problems, which are begun in the order of their sizes. The main
            # thread has the results of the others by then.
            if len(y) == smallest:
                time.sleep(0.2)
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.2)
            return super().fit(X, y)

    X, y = groups
    smallest = np.isin(y, [2, 3]).sum()
    whole = OneVsOneClassifier(GaussianNB()).fit(X, y)
    message = "interrupted: 1 of 6 learners"
    with joblib.parallel_config("threading"), pytest.warns(UserWarning, match=message):
        model = OneVsOneClassifier(Pressed(), n_jobs=2).fit(X, y)
    assert_allclose(model.margins(X)[:, :5], whole.margins(X)[:, :5])
    assert not isinstance(model.estimators_[5], Pressed)
    assert_usable(model, X, y)


def test_partial_fits_keep_what_was_learned_before(groups):
    class Interrupted(SGDClassifier):
        calls: ClassVar = []

        def partial_fit(self, X, y, classes=None):
            self.calls.append(len(y))
            if len(self.calls) == 6:
                raise KeyboardInterrupt
            return super().partial_fit(X, y, classes)

    X, y = groups
    model = OneVsAllClassifier(Interrupted(loss="log_loss", random_state=0))
    model.partial_fit(X, y, classes=range(4))
    learners = model.estimators_
    with pytest.warns(UserWarning, match="interrupted"):
        model.partial_fit(X, y)
    # The second learner was at work; none is lost.
    assert model.estimators_ == learners
    assert_usable(model, X, y)


def test_callers_with_a_handler_of_their_own_keep_it(groups, reduction):
    pressed = []

    def handler(number, frame):
        pressed.append(number)

    class Pressed(GaussianNB):
        def fit(self, X, y):
            signal.raise_signal(signal.SIGINT)
            return super().fit(X, y)

    usual = signal.signal(signal.SIGINT, handler)
    model = reduction(Pressed(), random_state=0).fit(*groups)
    assert signal.signal(signal.SIGINT, usual) is handler
    assert len(pressed) == model.n_problems_

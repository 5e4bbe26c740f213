"""Training that ends and goes on: warm starts, portions of rows, pickles, interrupts."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.utils.fixes import parse_version

from skmlp import MLPNet, MLPNetRegressor
from skmlp.augment import GaussianNoise
from skmlp.optim import Adam, ClipNorm, Cosine, ReduceOnPlateau, Schedule
from skmlp.optim.optimizers import OPTIMIZERS

truncated = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSES = [0, 1, 2]
SHORT = {
    "hidden_layer_sizes": (6, 5),
    "max_iter": 10,
    "n_iter_no_change": 1000,
    "batch_size": 20,
    "random_state": 0,
}
RANDOM = {
    "batch_norm": True,
    "dropout": 0.3,
    "input_dropout": 0.1,
    "augment": GaussianNoise(0.2),
}


@pytest.fixture(params=[MLPNet, MLPNetRegressor])
def kind(request):
    return request.param


def copy_by_pickle(model):
    return pickle.loads(pickle.dumps(model))


def assert_same_training(a, b):
    assert_array_equal(a.theta_, b.theta_)
    assert a.loss_curve_ == b.loss_curve_
    assert a.n_iter_ == b.n_iter_
    for name in ("rate", "gradient_norm"):
        assert a.history_[name] == b.history_[name]


# Warm starts


@pytest.mark.parametrize("extras", [{}, RANDOM], ids=["plain", "random"])
@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, ClipNorm(0.1, then="adam")])
def test_two_fits_of_five_epochs_are_one_of_ten(clouds, kind, optimizer, extras):
    options = {**SHORT, **extras, "optimizer": optimizer}
    once = kind(**options).fit(*clouds)
    twice = kind(**{**options, "max_iter": 5, "warm_start": True}).fit(*clouds)
    assert twice.n_iter_ == 5
    first = twice.theta_
    twice = copy_by_pickle(twice).fit(*clouds)
    assert_same_training(twice, once)
    assert (first != once.theta_).any()


@truncated
@pytest.mark.parametrize("batch_norm", [False, True])
def test_lbfgs_remembers_its_steps(clouds, kind, batch_norm):
    options = {**SHORT, "optimizer": "lbfgs", "batch_norm": batch_norm}
    once = kind(**options).fit(*clouds)
    twice = kind(**{**options, "max_iter": 5, "warm_start": True}).fit(*clouds)
    twice = copy_by_pickle(twice).fit(*clouds)
    assert_array_equal(twice.theta_, once.theta_)
    assert twice.loss_curve_ == once.loss_curve_
    assert len(set(once.loss_curve_)) == once.n_iter_ == 10


def test_a_schedule_goes_on_with_its_memory(clouds):
    schedule = ReduceOnPlateau(0.05, factor=0.5, patience=1, tol=0.5)
    options = {**SHORT, "learning_rate": schedule}
    once = MLPNet(**options).fit(*clouds)
    assert once.history_["rate"][-1] < 0.05
    twice = MLPNet(**{**options, "max_iter": 5, "warm_start": True}).fit(*clouds).fit(*clouds)
    assert_same_training(twice, once)


def test_without_warm_start_the_past_does_not_matter(clouds, kind):
    X, y = clouds
    model = kind(**SHORT, **RANDOM).fit(X, y)
    first = clone(model).fit(X, y)
    model.fit(3 * X[:, :2], y).fit(X, y)
    assert_same_training(model, first)


@truncated
@pytest.mark.parametrize("first", ["adam", "lbfgs"])
@pytest.mark.parametrize("second", ["momentum", "lbfgs"])
def test_any_optimizer_goes_on_from_any_other(clouds, kind, first, second):
    X, y = clouds
    model = kind(**{**SHORT, "warm_start": True, "optimizer": first, "dtype": "float64"}).fit(X, y)
    before = model._scores(X)
    model.set_params(optimizer=second, learning_rate=1e-12, max_iter=1).fit(X, y)
    if second == "lbfgs":
        assert model.loss_curve_[-1] <= model.loss_curve_[-2]
    else:
        assert_allclose(model._scores(X), before, atol=1e-8)
    assert model.n_iter_ == 11


def test_early_stopping_hands_its_best_weights_to_a_warm_start(clouds):
    X, y = clouds
    options = {**SHORT, "n_iter_no_change": 2, "max_iter": 100, "dtype": "float64"}
    model = MLPNet(**options, early_stopping=True, warm_start=True, learning_rate=0.1)
    model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    best = model.predict_proba(X)
    model.set_params(max_iter=1, early_stopping=False, learning_rate=1e-12).fit(X, y)
    assert_allclose(model.predict_proba(X), best, atol=1e-8)


@pytest.mark.parametrize(
    ("change", "got"),
    [
        ({"hidden_layer_sizes": (6, 4)}, r"W \(6, 4\)"),
        ({"hidden_layer_sizes": 6}, r"W \(6, 3\)"),
        ({"batch_norm": True}, "gamma"),
    ],
)
def test_another_architecture_is_an_error(clouds, change, got):
    model = MLPNet(**{**SHORT, "warm_start": True}).fit(*clouds)
    before = model.predict_proba(clouds[0])
    message = rf"hidden_layer_sizes and batch_norm must .*W \(6, 5\).*, got .*{got}"
    with pytest.raises(ValueError, match=message):
        model.set_params(**change).fit(*clouds)
    assert_array_equal(model.predict_proba(clouds[0]), before)
    assert model.set_params(warm_start=False).fit(*clouds).n_iter_ == 10


def test_another_label_or_number_of_outputs_is_an_error(clouds):
    X, y = clouds
    model = MLPNet(**{**SHORT, "warm_start": True}).fit(X, y)
    with pytest.raises(ValueError, match=r"^y must hold only labels of the classes \[0, 1, 2\]"):
        model.fit(X, y + 1)
    regressor = MLPNetRegressor(**{**SHORT, "warm_start": True}).fit(X, y)
    with pytest.raises(ValueError, match=r"^X, y, .* must give the network of the last fit"):
        regressor.fit(X, np.column_stack([y, y]))


def test_single_precision_may_become_double(clouds):
    model = MLPNet(**{**SHORT, "warm_start": True, "dtype": "float32"}).fit(*clouds)
    model.set_params(dtype="float64").fit(*clouds)
    assert model.theta_.dtype == np.float64
    assert (model.theta_ != model.theta_.astype(np.float32)).any()
    assert model.n_iter_ == 20


# Portions of rows


@pytest.mark.parametrize("extras", [{}, RANDOM], ids=["plain", "random"])
@pytest.mark.parametrize("optimizer", ["momentum", Adam(beta1=0.8), "adamw"])
def test_ten_partial_fits_are_a_fit_of_ten_epochs(clouds, kind, optimizer, extras):
    options = {**SHORT, **extras, "optimizer": optimizer, "learning_rate": Cosine(0.01)}
    once = kind(**options).fit(*clouds)
    in_calls = kind(**options)
    first = {"classes": CLASSES} if kind is MLPNet else {}
    for i in range(10):
        in_calls.partial_fit(*clouds, **(first if i == 0 else {}))
        in_calls = copy_by_pickle(in_calls)
    assert_same_training(in_calls, once)


def test_the_loss_falls_from_call_to_call(clouds, kind):
    X, y = clouds
    model = kind(8, random_state=0, learning_rate=0.02)
    for i in range(20):
        model.partial_fit(X, y, **({"classes": CLASSES} if kind is MLPNet and not i else {}))
    assert model.n_iter_ == len(model.loss_curve_) == 20
    assert model.loss_curve_[-1] < 0.7 * model.loss_curve_[0]


def test_a_call_may_lack_classes(clouds):
    X, y = clouds
    model = MLPNet(8, random_state=0, learning_rate=0.02)
    for label in 10 * [1, 2, 0]:
        model.partial_fit(X[y == label], y[y == label], classes=CLASSES)
        assert_array_equal(model.classes_, CLASSES)
        assert model.predict_proba(X).shape == (len(X), 3)
    assert model.predict_proba(X[y == 0]).mean(axis=0).argmax() == 0


def test_the_units_of_the_targets_are_those_of_the_first_call(clouds):
    X, _ = clouds
    y = 1e4 + 1e3 * X[:, 0]
    model = MLPNetRegressor(8, random_state=0, batch_size=10, learning_rate=0.02)
    for i in range(60):
        rows = slice(i % 2, None, 2)
        model.partial_fit(X[rows], y[rows])
    assert model.score(X, y) > 0.95


def test_partial_fit_goes_on_from_a_fit(clouds):
    X, y = clouds
    model = MLPNet(**SHORT).fit(X, y)
    longer = MLPNet(**{**SHORT, "max_iter": 11}).fit(X, y)
    assert_same_training(model.partial_fit(X, y), longer)


def test_a_first_call_that_failed_leaves_nothing_behind(clouds):
    X, y = clouds
    model = MLPNet(4, optimizer="sgd", learning_rate=1e30, batch_size=10, random_state=0)
    with pytest.raises(ValueError, match="diverged in epoch 1"):
        model.partial_fit(X, y, classes=CLASSES)
    assert not hasattr(model, "theta_")
    model.set_params(learning_rate=0.01).partial_fit(X, y, classes=[*CLASSES, 7])
    assert model.predict_proba(X).shape == (len(X), 4)


def test_after_divergence_it_goes_on_from_what_was_good(clouds):
    X, y = clouds
    model = MLPNet(4, optimizer="sgd", random_state=0, dtype="float64")
    model.partial_fit(X, y, classes=CLASSES)
    before = model.theta_.copy()
    with pytest.raises(ValueError, match="diverged in epoch 2"):
        model.set_params(learning_rate=1e200).partial_fit(X, y)
    assert_array_equal(model.theta_, before)
    model.set_params(learning_rate=1e-12).partial_fit(X, y)
    assert_allclose(model.theta_, before, atol=1e-8)


def test_after_divergence_a_warm_start_begins_a_new_training(clouds, kind):
    X, y = clouds
    options = {**SHORT, "optimizer": "momentum", "dtype": "float64", "warm_start": True}
    model = kind(**options, learning_rate=Cosine(0.01, duration=20)).fit(X, y)
    rates, before = model.history_["rate"], model.theta_.copy()
    # Its first epochs are made before it diverges.
    with pytest.raises(ValueError, match=r"diverged in epoch 1\d"):
        model.set_params(learning_rate=Rising(1e-32)).fit(X, y)
    assert_array_equal(model.theta_, before)
    assert model.n_iter_ == 10
    # It goes on from theta_, with a new memory of the optimizer and a new clock.
    model.set_params(learning_rate=Cosine(0.01, duration=20)).fit(X, y)
    assert model.history_["rate"] == 2 * rates
    assert model.loss_curve_[10] < model.loss_curve_[0]


@dataclass
class Rising(Schedule):
    """A learning rate that grows without end."""

    rate: float

    def __call__(self, t):
        return self.rate * 1e3**t


def test_lbfgs_has_no_partial_fit(kind):
    assert not hasattr(kind(optimizer="lbfgs"), "partial_fit")
    assert hasattr(kind(), "partial_fit")


# Interrupts


class InterruptedNoise(GaussianNoise):
    """Noise that raises KeyboardInterrupt the one time that a certain batch comes."""

    n_calls = 0
    interrupted_call = np.inf

    def __call__(self, X, y, rng):
        self.n_calls += 1
        noisy = super().__call__(X, y, rng)
        if self.n_calls == self.interrupted_call:
            raise KeyboardInterrupt
        return noisy


@pytest.mark.parametrize("n_done", [0, 2])
def test_an_interrupt_ends_a_fit_that_can_go_on(clouds, kind, n_done):
    X, y = clouds
    options = {**SHORT, **RANDOM, "learning_rate": Cosine(0.01, duration=20)}
    noise = InterruptedNoise(0.2)
    # There are eight batches in an epoch, the last of ten rows.
    noise.interrupted_call = 8 * n_done + 5
    model = kind(**{**options, "augment": noise, "warm_start": True})
    message = (
        rf"^{kind.__name__} was interrupted after {n_done} epochs; the network can be used as it "
        r"is\. Call fit again with warm_start=True to go on\.$"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        model.fit(X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert model.n_iter_ == len(model.loss_curve_) == n_done
    assert not model.converged_
    assert np.isfinite(model.predict(X)).all()
    assert copy_by_pickle(model)._training.state["t"] == 8 * n_done + 4
    longer = kind(**{**options, "max_iter": n_done + 10}).fit(X, y)
    model.fit(X, y)
    assert model.n_iter_ == n_done + 10
    assert model.loss_curve_[:n_done] == longer.loss_curve_[:n_done]
    assert model.history_["rate"] == longer.history_["rate"]
    assert model.loss_ < 1.1 * longer.loss_


@pytest.mark.parametrize("goes_on_with", ["fit", "partial_fit"])
def test_the_steps_of_an_interrupted_epoch_are_kept(clouds, kind, goes_on_with):
    """They are those of a call with their rows."""
    X, y = clouds
    options = {**SHORT, "max_iter": 2, "shuffle": False, "learning_rate": 0.01, "dtype": "float64"}
    expected = kind(**options).fit(X, y).partial_fit(X[:80], y[:80])
    noise = InterruptedNoise(0.0)
    noise.interrupted_call = 8 * 2 + 5
    model = kind(**{**options, "augment": noise, "warm_start": True})
    if goes_on_with == "fit":
        with pytest.warns(UserWarning, match="was interrupted after 2 epochs"):
            model.set_params(max_iter=3).fit(X, y)
    else:
        model.fit(X, y)
        with pytest.raises(KeyboardInterrupt):
            model.partial_fit(X, y)
    assert_allclose(model.theta_, expected.theta_, rtol=1e-12)
    assert model.n_iter_ == 2
    for each in (model, expected):
        each.partial_fit(X, y)
    assert_allclose(model.theta_, expected.theta_, rtol=1e-12)
    assert model.n_iter_ == model._training.epoch == 3


def test_an_interrupt_while_it_is_scored_counts_no_epoch(clouds, kind):
    X, y = clouds
    n_left = [3]

    def score(model, X, y):
        n_left[0] -= 1
        if not n_left[0]:
            raise KeyboardInterrupt
        return 1.0

    model = kind(**SHORT, warm_start=True, monitor=score, learning_rate=Cosine(0.01, duration=30))
    with pytest.warns(UserWarning, match="was interrupted after 2 epochs"):
        model.fit(X, y, X_val=X, y_val=y)
    assert model.n_iter_ == len(model.validation_scores_) == 2
    model.fit(X, y)
    longer = kind(**{**SHORT, "max_iter": 12}, learning_rate=Cosine(0.01, duration=30)).fit(X, y)
    assert model.history_["rate"] == longer.history_["rate"]


def test_an_error_in_a_portion_of_rows_leaves_the_network_as_it_was(clouds, kind):
    X, y = clouds

    class Failing(GaussianNoise):
        n_left = 8 + 5

        def __call__(self, X, y, rng):
            self.n_left -= 1
            if not self.n_left:
                raise RuntimeError("no noise today")
            return super().__call__(X, y, rng)

    model = kind(**{**SHORT, "augment": Failing(0.1), "max_iter": 1}).fit(X, y)
    before, loss_curve = model.theta_.copy(), model.loss_curve_
    with pytest.raises(RuntimeError, match="no noise today"):
        model.partial_fit(X, y)
    assert_array_equal(model.theta_, before)
    assert model.loss_curve_ == loss_curve
    model.set_params(learning_rate=1e-12, dtype="float64").partial_fit(X, y)
    assert_allclose(model.theta_, before, atol=1e-8)
    assert model.n_iter_ == 2


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="scikit-learn has callbacks since 1.9",
)
@truncated
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_callback_may_interrupt(clouds, kind, optimizer):
    class Interrupt:
        max_propagation_depth = None
        armed = True

        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            if self.armed and (context.task_name, context.task_id) == ("iteration", 2):
                self.armed = False
                raise KeyboardInterrupt

    X, y = clouds
    options = {**SHORT, "optimizer": optimizer}
    model = kind(**options, warm_start=True).set_callbacks(Interrupt())
    with pytest.warns(UserWarning, match=f"{kind.__name__} was interrupted after 3 epochs"):
        model.fit(X, y)
    assert model.n_iter_ == 3
    three = kind(**{**options, "max_iter": 3}).fit(X, y)
    assert_array_equal(model.theta_, three.theta_)
    assert model.set_callbacks().fit(X, y).n_iter_ == 13
    assert model.loss_curve_[-1] < model.loss_curve_[2]

"""Optimizers step by step against those of torch, where it is installed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmlp.optim.optimizers import SGD, Adagrad, Adam, AdamW, Momentum, RMSProp
from skmlp.optim.schedules import Constant, Polynomial
from skmlp.optim.training import Training, run_epochs

torch = pytest.importorskip("torch")

THETA = np.array([1.0, -2.0, 4.0, 0.5, -3.0])
# Gradients of all sizes; the third is always zero.
CURVATURE = np.array([1.0, 0.3, 0.0, 1e-6, 40.0])
# AdamW spares biases; torch's decays whatever it is given.
PENALIZED = np.array([True, True, True, False, False])
RATE = 0.01

PAIRS = [
    (SGD(), torch.optim.SGD, {}),
    (Momentum(0.8), torch.optim.SGD, {"momentum": 0.8}),
    (Momentum(0.8, nesterov=True), torch.optim.SGD, {"momentum": 0.8, "nesterov": True}),
    (Adagrad(), torch.optim.Adagrad, {}),
    (Adagrad(0.1, 2.0), torch.optim.Adagrad, {"eps": 0.1, "initial_accumulator_value": 2.0}),
    # The default shares of the running mean differ: 0.9 here, 0.99 there.
    (RMSProp(), torch.optim.RMSprop, {"alpha": 0.9}),
    (RMSProp(0.99, 0.1), torch.optim.RMSprop, {"eps": 0.1}),
    (Adam(), torch.optim.Adam, {}),
    (Adam(0.5, 0.7, 0.1), torch.optim.Adam, {"betas": (0.5, 0.7), "eps": 0.1}),
    (AdamW(), torch.optim.AdamW, {}),
    (AdamW(weight_decay=0.5), torch.optim.AdamW, {"weight_decay": 0.5}),
]


def gradient_at(theta, step):
    return CURVATURE * (theta - 0.1 * step)


def torch_path(make, options, rates):
    """Theta after each step."""
    leaves = [torch.tensor(THETA[mask], requires_grad=True) for mask in (PENALIZED, ~PENALIZED)]
    groups = [{"params": leaves[:1]}, {"params": leaves[1:]}]
    if make is torch.optim.AdamW:
        groups[1]["weight_decay"] = 0.0
    peer, path = make(groups, lr=RATE, **options), []
    for step, rate in enumerate(rates):
        theta = np.concatenate([leaf.detach().numpy() for leaf in leaves])
        gradient = gradient_at(theta, step)
        for leaf, mask in zip(leaves, (PENALIZED, ~PENALIZED), strict=True):
            leaf.grad = torch.tensor(gradient[mask])
        for group in peer.param_groups:
            group["lr"] = rate
        peer.step()
        path.append(np.concatenate([leaf.detach().numpy() for leaf in leaves]))
    return path


def our_path(optimizer, schedule, n_steps):
    path = []

    def objective(theta, rows, rng):
        return 0.0, gradient_at(theta, len(path))

    def listener(training, epoch):
        path.append(training.theta.copy())
        return False

    training = Training.start(THETA.copy(), optimizer, np.random.default_rng(0), PENALIZED)
    run_epochs(training, objective, schedule, lambda rng: [np.arange(1)], n_steps, [listener])
    return path


@pytest.mark.parametrize(
    "schedule", [Constant(RATE), Polynomial(RATE, duration=8)], ids=["constant", "falling"]
)
@pytest.mark.parametrize(("optimizer", "make", "options"), PAIRS, ids=lambda part: repr(part))
def test_five_steps_agree_with_torch(optimizer, make, options, schedule):
    expected = torch_path(make, options, [schedule(t) for t in range(5)])
    assert_allclose(our_path(optimizer, schedule, 5), expected, rtol=1e-12)

"""The contestants of the network benchmarks: the same net, trained alike by each.

All train a ReLU network on cross-entropy in float32, without penalty, with Adam at a constant rate,
from Glorot's uniform initial weights, on mini-batches of the same size, shuffled anew every epoch.
Nothing stops early. Each module has a class `Trainer` of a task:

``start(seed)``    do all that comes before the first epoch;
``train(n)``       train for n epochs;
``epoch()``        train for one epoch more;
``parameters()``   the weights and the biases of each layer.

A module imports its own library and nothing heavy besides, as its import is timed.
"""

from importlib import import_module

RATE, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8

OURS = "skmlp"
# For each contestant its module, and the package that it needs besides scikit-learn.
TRAINERS = {
    OURS: ("skmlp_net", None),
    "MLPClassifier": ("mlp_classifier", None),
    "torch": ("torch_eager", "torch"),
    "torch.compile": ("torch_compiled", "torch"),
    "JAX": ("jax_scan", "jax"),
    "skorch": ("skorch_net", "skorch"),
}


def trainer(name, task):
    """Return a contestant on a task."""
    module, _ = TRAINERS[name]
    return import_module(f"benchmarks.trainers.{module}").Trainer(task)


def started_trainers(task, options):
    """Return the contestants that take part, by name, each started once; say what others lack."""
    found = {}
    for name, (_, package) in TRAINERS.items():
        if name in options.without or (package and not options.has(package)):
            continue
        rival = trainer(name, task)
        try:
            rival.start(seed=0)
        except RuntimeError as error:
            if name != "torch.compile":
                raise
            reason = str(error).strip().partition("\n")[0]
            print(f"{name} is skipped. It needs a C++ compiler. ({reason})", flush=True)
        else:
            found[name] = rival
    return found

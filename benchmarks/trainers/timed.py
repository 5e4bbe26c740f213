"""Train in a fresh interpreter, the clock on from the first import: prints its readings as JSON.

    python -m benchmarks.trainers.timed CONTESTANT FOLDER SEED EPOCHS

The folder holds the arrays ``X.npy`` and ``y.npy`` and the file ``task.json``. Reading them is not
timed. Nothing but the standard library may be imported here before the clock is on.
"""

import json
import sys
import time
from importlib import import_module
from pathlib import Path


def main(name, folder, seed, n_epochs):
    """Import, start and train; print how long each took."""
    readings = {}

    def timed(label, function, *arguments):
        began = time.perf_counter()
        value = function(*arguments)
        readings[label] = time.perf_counter() - began
        return value

    from benchmarks.trainers import TRAINERS

    module = timed("import", import_module, f"benchmarks.trainers.{TRAINERS[name][0]}")
    rival = timed("start", started, module, read_task(Path(folder)), int(seed))
    timed("train", rival.train, int(n_epochs))
    print(json.dumps(readings))


def started(module, task, seed):
    """Return a contestant before its first epoch."""
    rival = module.Trainer(task)
    rival.start(seed)
    return rival


def read_task(folder):
    """Return the task in a folder."""
    import numpy as np

    from benchmarks.tasks import Task

    X, y = (np.load(folder / f"{array}.npy") for array in "Xy")
    return Task(X, y, **json.loads((folder / "task.json").read_text()))


if __name__ == "__main__":
    main(*sys.argv[1:])

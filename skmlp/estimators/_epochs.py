"""Training with mini-batches for an estimator: a record of every epoch, and when it is at rest."""

from functools import partial

import numpy as np

from skmlp._fast import choose_road
from skmlp.optim.batches import epoch_batches
from skmlp.optim.early_stopping import Plateau
from skmlp.optim.training import run_epochs


def train_epochs(
    estimator, objective, recorder, *, schedule, rows, batch_size, n_epochs, note, unit=None
):
    """Train for some epochs, until a plateau or until the recorder wants to stop.

    A plateau means that the objective has not improved by `tol` for `n_iter_no_change` epochs. It
    counts once a schedule that has an end has come to it, and early stopping on validation rows
    takes its place.

    Parameters
    ----------
    estimator : estimator
        Its ``_training`` goes on, and it gets the attribute ``road_``. After an error, which may
        leave the training in any state, it has no ``_training``.
    objective : callable
        See `run_epochs`.
    recorder : Recorder
        Takes note of every epoch.
    schedule : Schedule
        Without a duration, it spans all epochs, those already made too.
    rows : ndarray of int, or int
        Rows to draw batches from, see `epoch_batches`.
    batch_size : int
        Rows in a batch.
    n_epochs : int
        Largest number of epochs.
    note : callable
        Given the training and an `Epoch`, calls the recorder and returns its answer.
    unit : float, default=None
        What `tol` is a share of; None means the size of the objective.

    Returns
    -------
    at_rest : bool
        Whether a plateau was the end.
    """
    training = estimator._training
    schedule = schedule.over(max(estimator.max_iter, training.epoch + n_epochs))
    patience = np.inf if recorder.stop_early else estimator.n_iter_no_change
    plateau = Plateau(patience, estimator.tol, unit)

    def listen(training, epoch):
        stop = note(training, epoch)
        watched = recorder.stopping.losses if recorder.stopping else recorder.losses
        training.react(watched[-1])
        at_rest = training.epoch > schedule.settled_at and plateau.note(recorder.losses[-1])
        return at_rest or stop

    batches = partial(epoch_batches, rows, batch_size, estimator.shuffle)
    estimator.road_, run = choose_road(training, objective, batch_size)
    done = training.epoch
    try:
        run_epochs(training, objective, schedule, batches, n_epochs, [listen], run)
    except KeyboardInterrupt:
        # An epoch counts for the schedule if it is in the record, too.
        training.epoch = done + len(recorder.losses)
        raise
    except Exception:
        estimator._training = None
        raise
    return plateau.reached

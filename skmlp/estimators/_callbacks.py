"""Tell scikit-learn's callbacks (`sklearn.callback`, since 1.9) of every iteration of a fit."""

from skmlp._sklearn import HAS_CALLBACKS


def has_callbacks(estimator):
    """Return whether anybody wants to be told of the iterations of an estimator."""
    attributes = ("_skl_callbacks", "_parent_callback_ctx")
    return HAS_CALLBACKS and any(hasattr(estimator, name) for name in attributes)


class IterationCallbacks:
    """The callback contexts of one fit: a root, and a subtask for each iteration.

    Before scikit-learn 1.9, and on an estimator without callbacks, nothing happens.

    Parameters
    ----------
    estimator : estimator
        The one being fitted.
    X, y, sample_weight
        The training data as the user gave them; what callbacks score.
    max_iter : int
        Largest number of iterations.
    task_name : str, default="iteration"
        What an iteration is called.
    """

    def __init__(self, estimator, X, y, sample_weight, max_iter, task_name="iteration"):
        self.estimator = estimator
        self.task_name = task_name
        self.active = has_callbacks(estimator)
        if not self.active:
            return
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"X": X, "y": y, "metadata": metadata}
        self.n_left = max_iter
        self.root = estimator._init_callback_context(max_subtasks=max_iter)
        self.task = None
        self.root.call_on_fit_task_begin(estimator=estimator, **self.data)

    def iteration_begins(self, attributes):
        """Announce an iteration, unless all have been.

        Parameters
        ----------
        attributes : callable
            Returns the fitted attributes of a model that has not made the iteration.
        """
        if self.active and self.n_left:
            self.n_left -= 1
            self.task = self.root.subcontext(task_name=self.task_name)
            self.task.call_on_fit_task_begin(
                estimator=self.estimator, reconstruction_attributes=attributes, **self.data
            )

    def iteration_ended(self, attributes):
        """Announce the end of an iteration; return whether a callback wants to stop.

        Parameters
        ----------
        attributes : callable
            Returns the fitted attributes of a model that would have stopped here.
        """
        if not self.active:
            return False
        stop = self.task.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=attributes, **self.data
        )
        self.task = None
        if not stop:
            self.iteration_begins(attributes)
        return stop

    def fit_ended(self):
        """Announce the end of the fit, and of an iteration that was announced but not made."""
        if not self.active:
            return
        if self.task is not None:
            self.task.call_on_fit_task_end(estimator=self.estimator)
        self.root.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes={}, **self.data
        )

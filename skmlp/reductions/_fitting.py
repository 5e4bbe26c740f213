"""Fit the learners of all problems: one after another, or side by side with joblib."""

import signal
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from inspect import signature

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed

from skmlp._sklearn import count_rows, take_rows
from skmlp.estimators._clones import cloner
from skmlp.reductions._learners import ConstantLearner

# A worker gets about this share of its part of the work that is left at a time: large pieces at
# first, single problems in the end, so that the last one to finish is not far behind.
SHARE = 0.5
# Where an exception carries the number of the problem in which it was raised.
PROBLEM = "_skmlp_problem"


def fit_learners(template, X, problems, params, *, n_jobs, seeds, name, on_fitted, learners=None):
    """Fit one clone of a template for each problem.

    Parameters
    ----------
    template : estimator
        What is cloned.
    X : array-like of shape (n_samples, n_features)
        All rows.
    problems : CodeProblems, ForestProblems or LabelProblems
        Rows and labels of each problem.
    params : dict
        Further arguments of ``fit``; what has one entry a row is cut to the rows of a problem.
    n_jobs : int or None
        As everywhere in scikit-learn.
    seeds : ndarray of int of shape (n_problems,) or None
        What the learner of each problem gets for a ``random_state`` that is None.
    name : callable
        Given a problem, returns what to call it in an error.
    on_fitted : callable
        Called with every problem and its learner, in any order; returns whether to stop.
    learners : list, default=None
        Learners to go on with, by ``partial_fit``; None where there is none yet.

    Returns
    -------
    learners : list
        None for problems that were not reached (or have no row in ``partial_fit``).
    interrupted : bool
        Whether Ctrl-C was why.
    """
    partial = learners is not None
    learners = list(learners) if partial else [None] * problems.n_problems
    unset = [] if seeds is None else unset_seeds(template)

    def jobs(piece):
        for problem in piece:
            rows = problems.rows(problem)
            targets = problems.targets(problem, rows)
            classes = np.arange(problems.n_labels(problem)) if partial else None
            seed = {key: int(seeds[problem]) for key in unset}
            yield Job(problem, rows, targets, classes, seed, learners[problem])

    n_workers = min(effective_n_jobs(n_jobs), problems.n_problems)
    pieces = cut(problems.sizes(), n_workers)
    calls = ((template, X, list(jobs(piece)), params) for piece in pieces)
    results = fit_pieces(calls, n_workers, n_jobs)
    stop = False
    with watched_interrupts() as interrupted, closing(results):
        try:
            for piece, fitted in zip(pieces, results, strict=True):
                for problem, learner in zip(piece, fitted, strict=True):
                    learners[problem] = learner
                    # What was fitted beside the one that a callback stopped at is kept.
                    stop = stop or on_fitted(problem, learner)
                if stop or interrupted():
                    break
        except KeyboardInterrupt:
            return learners, True
        except Exception as error:
            if hasattr(error, PROBLEM):
                problem = getattr(error, PROBLEM)
                error.add_note(f"This happened while fitting the learner for {name(problem)}.")
            raise
    return learners, interrupted()


@dataclass
class Job:
    """What it takes to fit the learner of one problem.

    Attributes
    ----------
    problem : int
        Its number.
    rows : ndarray of int or None
        The rows that take part; None for all.
    targets : ndarray of int
        The label of each of them.
    classes : ndarray of int or None
        All labels, if the learner is to go on by ``partial_fit``.
    seed : dict
        Parameters to set.
    learner : estimator or None
        The learner to go on with.
    """

    problem: int
    rows: np.ndarray | None
    targets: np.ndarray
    classes: np.ndarray | None
    seed: dict
    learner: object


def unset_seeds(template):
    """Return the names of the parameters that are seeds and None."""
    return [
        key
        for key, value in template.get_params().items()
        if value is None and key.rpartition("__")[2] == "random_state"
    ]


def cut(sizes, n_workers):
    """Cut the problems into pieces: one each for one worker, else large ones first."""
    if n_workers == 1:
        return np.arange(len(sizes))[:, None]
    order = np.argsort(-sizes, kind="stable")
    # A problem takes time even if it has no row.
    work = sizes[order] + 1.0
    left = np.cumsum(work[::-1])[::-1]
    cuts = [0]
    while cuts[-1] < len(order):
        start = cuts[-1]
        goal = left[start] * (1 - SHARE / n_workers)
        cuts.append(max(start + 1, int(np.count_nonzero(left > goal))))
    return np.split(order, cuts[1:-1])


def fit_pieces(calls, n_workers, n_jobs):
    """Return the results of `fit_piece` for some arguments, one after another."""
    if n_workers == 1:
        return (fit_piece(*call) for call in calls)
    # joblib would put the small pieces at the end together again.
    parallel = QuietParallel(n_jobs=n_jobs, return_as="generator", batch_size=1)
    return parallel(delayed(fit_piece)(*call) for call in calls)


class QuietParallel(Parallel):
    """Workers whose work may be thrown away without a word: who stops a fit knows that.

    joblib would warn, and a filter of warnings is no help: the workers' threads set theirs.
    """

    def _warn_exit_early(self):
        pass


def fit_piece(template, X, jobs, params):
    """Fit the learners of some problems; see `fit_learners`."""
    make = cloner(template)
    fitted = []
    for job in jobs:
        try:
            fitted.append(fit_one(make, X, job, params))
        except Exception as error:
            setattr(error, PROBLEM, job.problem)
            raise
    return fitted


def fit_one(make, X, job, params):
    """Fit one learner, or go on with it by ``partial_fit``; a lone label needs no learner."""
    partial = job.classes is not None
    if partial and not len(job.targets):
        return job.learner
    if not partial and job.targets.min() == job.targets.max():
        return ConstantLearner(np.arange(2) == job.targets[0])
    learner = job.learner
    if learner is None:
        learner = make()
        if job.seed:
            learner.set_params(**job.seed)
    X, params = rows_of(X, params, job.rows)
    if not partial:
        return learner.fit(X, job.targets, **params)
    if "classes" in signature(learner.partial_fit).parameters:
        params["classes"] = job.classes
    return learner.partial_fit(X, job.targets, **params)


def rows_of(X, params, rows):
    """Return some rows of X, and of each parameter that has one entry a row; None means all."""
    if rows is None:
        return X, dict(params)
    n_samples = count_rows(X)
    return take_rows(X, rows), {
        key: take_rows(value, rows) if has_rows(value, n_samples) else value
        for key, value in params.items()
    }


def has_rows(value, n_samples):
    """Return whether a parameter has one entry for each row."""
    is_array = hasattr(value, "shape") or isinstance(value, list | tuple)
    return is_array and np.ndim(value) > 0 and count_rows(value) == n_samples


@contextmanager
def watched_interrupts():
    """Within the block, know whether Ctrl-C was pressed, even if a learner has made use of it.

    Many learners end their fit at Ctrl-C and return. Who pressed it meant the whole.

    Yields
    ------
    interrupted : callable
        Returns whether it was pressed since the block was entered.
    """
    pressed = []

    def handler(number, frame):
        pressed.append(number)
        signal.default_int_handler(number, frame)

    is_main = threading.current_thread() is threading.main_thread()
    watch = is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if watch:
        signal.signal(signal.SIGINT, handler)
    try:
        yield lambda: bool(pressed)
    finally:
        if watch:
            signal.signal(signal.SIGINT, signal.default_int_handler)

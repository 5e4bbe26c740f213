"""Tree reduction: one learner at each inner node of a tree whose leaves are the classes."""

from functools import partial

import numpy as np
from scipy.special import log_expit, log_softmax

from skmlp._sklearn import count_rows, take_rows
from skmlp._spec import check_bool, check_integer, check_option
from skmlp.estimators._targets import encode_labels
from skmlp.reductions._available import available_if
from skmlp.reductions._learners import log_probabilities_of, margins_of
from skmlp.reductions._partial_fit import HasPartialFit
from skmlp.reductions._predictions import has_probabilities
from skmlp.reductions._problems import ForestProblems, TreeProblems
from skmlp.reductions._reduction import ReductionClassifier
from skmlp.reductions._reduction_docs import with_common_sections
from skmlp.reductions._tree_choice import RANDOM, check_tree, plant
from skmlp.reductions.coupling import fit_temperature
from skmlp.reductions.tree_search import (
    best_first,
    bottleneck,
    class_log_probability,
    greedy_walk,
    path_log_probabilities,
)

# Logarithm that stands for that of 0 where numbers must be finite.
SMALLEST = np.log(np.finfo(np.float64).tiny)


@with_common_sections
class TreeReductionClassifier(HasPartialFit, ReductionClassifier):
    r"""A tree of learners: each sends a row to the left or to the right, down to one class.

    The probability of a class is the product of the probabilities along its path,

    .. math:: P(k \mid x) = \prod_{v \in \mathrm{path}(k)} P(\text{side of } k \mid v, x),

    and sums to one over the leaves without further ado. There are C - 1 learners, each of which
    sees the rows below its node only, and a prediction asks about log2 C of them: for hundreds or
    thousands of classes nothing else is as cheap. What suffers is accuracy, if the learners near
    the root have hard questions: it matters which tree it is.

    Parameters
    ----------
    <estimator>
    tree : str, ClassTree, nested tuples or dict, default="agglomerative"
        ``"agglomerative"`` joins classes whose means are close, which asks the easy questions
        first (dense features in units of their standard deviations, sparse rows by directions);
        ``"balanced"`` halves the classes in their order; ``"huffman"`` has frequent classes near
        the root, for the least mean depth; ``"random"`` draws from all trees alike,
        ``"random_balanced"`` from the balanced ones; ``"random_pair"`` lets the estimator split the
        classes below a node by two of them, drawn at random; ``"best_of"`` keeps the best of
        `n_candidates` random trees. Your own tree is made of nested tuples of labels, such as
        ``(("cat", "dog"), "car")``, or is a class hierarchy: a dict from each node to its parent,
        where labels are nodes anywhere in it. Many children of one node are joined in pairs as in
        Huffman's tree.
    n_trees : int, default=1
        Number of trees, whose probabilities are averaged: an ensemble of nested dichotomies. More
        than one needs a random kind of tree.
    n_candidates : int, default=10
        Number of trees that ``"best_of"`` compares, on a third of the rows held out.
    decoding : {"auto", "exact", "greedy"}, default="auto"
        ``"exact"`` finds the most probable class, by best-first search, ``"greedy"`` follows the
        sign of each margin. ``"auto"`` is exact where there are probabilities. The scores are
        log-probabilities, or the smallest margin on the path of each class, signed towards the
        class; with several greedy trees, the share that leads to it.
    calibrate_whole : bool, default=False
        Whether to divide the logarithms of the probabilities of classes by a temperature, fitted to
        cross-validated predictions of whole trees. It takes `cv` more fits and changes no
        prediction.
    <administration>

    Attributes
    ----------
    estimators_ : list of estimator
        The learners, one for each inner node in preorder, tree after tree. Their labels are 0 for
        left, 1 for right.
    tree_ : ClassTree
        The first tree. Its leaves are indices in `present_`.
    present_ : ndarray of int
        Indices in `classes_` of the classes that had rows to learn from: all, unless `classes`
        lists more.
    trees_ : list of ClassTree
        All trees.
    code_ : CodeMatrix
        The first tree as a code: a column for each inner node, made when asked for.
    n_problems_ : int
        Number of learners.
    temperature_ : float
        See `calibrate_whole`.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had names that are all strings.

    See Also
    --------
    OneVsAllClassifier : One learner a class, all asked in every prediction.

    Notes
    -----
    In a balanced tree every row is in log2 C problems. A greedy prediction of linear learners costs
    O(n_features depth) a row; an exact one about the same where learners are sure of their answers.
    All probabilities cost O(n_features C).

    References
    ----------
    .. [1] Frank & Kramer (2004). Ensembles of nested dichotomies for multi-class problems. ICML.
    .. [2] Leathart, Pfahringer & Frank (2016). Building ensembles of adaptive nested dichotomies
       with random-pair selection. ECML PKDD.
    .. [3] Melnikov & Huellermeier (2018). On the effectiveness of heuristics for learning nested
       dichotomies. Machine Learning 107.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skmlp import TreeReductionClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = TreeReductionClassifier(LogisticRegression(), tree="balanced").fit(X / 16, y)
    >>> model.tree_.depth
    4
    >>> model.predict_top_k(X[:2] / 16, 2).shape
    (2, 2)
    """

    def __init__(
        self,
        estimator,
        *,
        tree="agglomerative",
        n_trees=1,
        n_candidates=10,
        decoding="auto",
        calibrate=None,
        calibrate_whole=False,
        cv=5,
        classes=None,
        n_jobs=None,
        random_state=None,
        verbose=False,
    ):
        self.estimator = estimator
        self.tree = tree
        self.n_trees = n_trees
        self.n_candidates = n_candidates
        self.decoding = decoding
        self.calibrate = calibrate
        self.calibrate_whole = calibrate_whole
        self.cv = cv
        self.classes = classes
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self):
        super()._check_parameters()
        check_tree(self.tree)
        check_integer("n_trees", self.n_trees, 1)
        if self.n_trees > 1 and not (isinstance(self.tree, str) and self.tree in RANDOM):
            raise ValueError(
                f"n_trees must be 1 unless tree is one of {', '.join(map(repr, RANDOM))}, "
                f"got {self.n_trees!r} with tree={self.tree!r}."
            )
        check_integer("n_candidates", self.n_candidates, 1)
        check_option("decoding", self.decoding, ("auto", "exact", "greedy"))
        check_bool("calibrate_whole", self.calibrate_whole)
        if not self._offers_probabilities():
            for name, bad in (
                ("decoding", self.decoding == "exact"),
                ("calibrate_whole", self.calibrate_whole),
            ):
                if bad:
                    raise ValueError(
                        f"{name} must be left at its default for an estimator without "
                        f"predict_proba unless calibrate is set, got {getattr(self, name)!r}."
                    )

    def _design(self, X, y, weight, rng):
        labels = self.classes_[self.present_]
        self.trees_ = [plant(self, X, y, weight, labels, rng) for _ in range(self.n_trees)]
        self.tree_ = self.trees_[0]
        self.n_problems_ = self.n_trees * self.tree_.n_nodes
        return self._same_design(y)

    def _same_design(self, y):
        return ForestProblems([TreeProblems(tree, y) for tree in self.trees_])

    @property
    def code_(self):
        """The first tree as a code matrix."""
        return self.tree_.code()

    def _fit_rest(self, X, y, params):
        if not self.calibrate_whole:
            return
        name, method = "calibrate_whole", "predict_log_proba"
        # The folds' labels are indices, which those of a user's tree are not.
        tree = self.tree if isinstance(self.tree, str) else self.tree_
        changes = {name: False, "tree": tree}
        log_P = self._out_of_fold(name, X, y, params, method, **changes)
        weight = params.get("sample_weight")
        self.temperature_ = fit_temperature(np.maximum(log_P, SMALLEST), y, weight)

    def _is_exact(self):
        return self.decoding == "exact" or (self.decoding == "auto" and self._has_probabilities())

    # What nodes say of rows: node i of tree t is learner t * n_nodes + i.

    def _margin(self, X, t, nodes, rows):
        """Return the margin of one node of tree t for each of some rows of X."""
        problems = nodes + t * self.tree_.n_nodes
        if self._stack is not None:
            return self._stack.margins_at(problems, X[rows])
        return self._ask_each(X, problems, rows, margins_of)

    def _log_probability(self, X, t, nodes, rows):
        """Return the log-probabilities of left and right, of one node for each of some rows."""
        if self._stack is not None and self._stack.logistic:
            margin = self._margin(X, t, nodes, rows)
            return log_expit(-margin), log_expit(margin)
        problems = nodes + t * self.tree_.n_nodes
        return self._ask_each(X, problems, rows, log_probabilities_of).T

    def _ask_each(self, X, problems, rows, question):
        """Return the answer of one learner for each of some rows; each learner is asked once."""
        order = np.argsort(problems, kind="stable")
        starts = np.flatnonzero(np.diff(problems[order], prepend=-1))
        groups = np.split(order, starts[1:])
        asked = [self.estimators_[problems[group[0]]] for group in groups]
        answers = np.concatenate(
            [
                question(learner, take_rows(X, rows[group]))
                for learner, group in zip(asked, groups, strict=True)
            ]
        )
        return answers[np.argsort(order)]

    def _of_tree(self, t, answers):
        """Return the columns of tree t."""
        n_nodes = self.tree_.n_nodes
        return answers[:, t * n_nodes : (t + 1) * n_nodes]

    def _margins_of_block(self, X):
        if self._stack is not None:
            return self._stack.margins(X)
        return np.column_stack(self._ask(X, margins_of))

    def _log_probabilities_of_block(self, X):
        """Return log-probabilities of the classes that had rows, shape (n_samples, n_present)."""
        if self._stack is not None and self._stack.logistic:
            margins = self._stack.margins(X)
            log_left, log_right = log_expit(-margins), log_expit(margins)
        else:
            log_P = np.array(self._ask(X, log_probabilities_of))
            log_left, log_right = log_P[:, :, 0].T, log_P[:, :, 1].T
        of_trees = [
            path_log_probabilities(tree, self._of_tree(t, log_left), self._of_tree(t, log_right))
            for t, tree in enumerate(self.trees_)
        ]
        log_P = log_mean_exp(of_trees)
        if self.calibrate_whole:
            return log_softmax(np.maximum(log_P, SMALLEST) / self.temperature_, axis=1)
        return log_P

    def _walk(self, X, t):
        """Return the leaf that the signs of the margins of tree t lead to."""
        return greedy_walk(self.trees_[t], partial(self._margin, X, t), count_rows(X))

    def _scores_of_block(self, X):
        """Return the scores of the classes that had rows, shape (n_samples, n_present)."""
        if self._is_exact():
            return self._log_scores_of_block(X)
        if self.n_trees == 1:
            return bottleneck(self.tree_, self._margins_of_block(X))
        votes = np.zeros((count_rows(X), len(self.present_)))
        for t in range(self.n_trees):
            votes[np.arange(len(votes)), self._walk(X, t)] += 1
        return votes / self.n_trees

    def _winners_of_block(self, X):
        """Return the index of the best class of each row."""
        if self.n_trees > 1:
            return self._scores_of_block(X).argmax(axis=1)
        if self._is_exact():
            log_probability = partial(self._log_probability, X, 0)
            return best_first(self.tree_, log_probability, count_rows(X))[0][:, 0]
        return self._walk(X, 0)

    def _margin_of_two(self, X):
        """Return the mean margin of the second class, of learners that all tell the same two."""
        signs = [1 if tree.leaves[1] == 1 else -1 for tree in self.trees_]
        return self._margins(X) @ np.array(signs) / self.n_trees

    def _predicted(self, X):
        if self._is_two_class():
            return self.classes_[(self._margin_of_two(X) > 0).astype(int)]
        return self.classes_[self.present_[self._in_blocks(X, self._winners_of_block)]]

    def _top_k_of_block(self, X, k):
        if self.n_trees > 1 or not self._is_exact():
            return super()._top_k_of_block(X, k)
        log_probability = partial(self._log_probability, X, 0)
        return best_first(self.tree_, log_probability, count_rows(X), k)[0]

    def _probabilities_of_block(self, X):
        return np.exp(self._log_probabilities_of_block(X))

    @available_if(has_probabilities)
    def predict_label_proba(self, X, labels):
        """Return the probability of one given label for each row, asking its path only.

        Parameters
        ----------
        X : array-like, sparse array or data frame of shape (n_samples, n_features)
            Rows.
        labels : label or array-like of shape (n_samples,)
            One label for all rows, or one for each, among `classes_`.

        Returns
        -------
        p : ndarray of shape (n_samples,)
            Probabilities: for each row O(depth) learners are asked. With `calibrate_whole` all
            classes must be.
        """
        X = self._check_rows(X)
        n_samples = count_rows(X)
        labels = np.asarray(labels)
        if labels.shape not in ((), (n_samples,)):
            raise ValueError(
                f"labels must be one label, or one for each of the {n_samples} rows of X, got "
                f"shape {labels.shape}."
            )
        labels = np.broadcast_to(labels, (n_samples,))
        _, codes = encode_labels(labels, self.classes_, name="labels")
        if self.calibrate_whole:
            return self.predict_proba(X)[np.arange(n_samples), codes]
        known = np.flatnonzero(np.isin(codes, self.present_))
        leaves = np.searchsorted(self.present_, codes[known])
        X = take_rows(X, known)
        log_p = [
            class_log_probability(tree, partial(self._log_probability, X, t), leaves)
            for t, tree in enumerate(self.trees_)
        ]
        p = np.zeros(n_samples)
        p[known] = np.exp(log_mean_exp(log_p))
        return p


def log_mean_exp(log_p):
    """Return the logarithm of the mean of the exponentials of some arrays."""
    if len(log_p) == 1:
        return log_p[0]
    return np.logaddexp.reduce(log_p) - np.log(len(log_p))

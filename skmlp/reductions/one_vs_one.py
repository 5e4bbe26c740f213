"""One-vs-one: every class against every other."""

import numpy as np

from skmlp._spec import check_option
from skmlp.reductions._code_classifier import CodeClassifier
from skmlp.reductions._partial_fit import HasPartialFit
from skmlp.reductions._reduction_docs import with_common_sections
from skmlp.reductions.code import CodeMatrix
from skmlp.reductions.coupling import hastie_tibshirani, wu_lin_weng


@with_common_sections
class OneVsOneClassifier(HasPartialFit, CodeClassifier):
    r"""One learner a pair of classes; the class with the most votes wins.

    With :math:`f_{ij}(x)` the margin of class j against class i, i < j, the votes of class k are

    .. math:: \sum_{i < k} [f_{ik}(x) > 0] + \sum_{j > k} [f_{kj}(x) < 0].

    There are C (C - 1) / 2 learners, but each sees the rows of two classes only: together they see
    every row C - 1 times. Two classes are often easy to tell apart where one against the rest is
    not.

    Parameters
    ----------
    <estimator>
    decoding : str or Decoder, default="votes"
        From margins to scores of classes: ``"votes"`` counts them, and breaks ties by the sum of
        margins, as scikit-learn does for learners with ``decision_function``. Or <decoders>.
    coupling : {"wu_lin_weng", "hastie_tibshirani"}, default="wu_lin_weng"
        From the probabilities of pairs to those of classes: the second method of Wu, Lin and Weng
        (that of LIBSVM, exact here), or the pairwise coupling of Hastie and Tibshirani.
    <ties>
    <administration>

    Attributes
    ----------
    <attributes>
    class_pairs_ : ndarray of shape (n_problems, 2)
        Labels of the classes of each problem; a positive margin speaks for the second.

    See Also
    --------
    sklearn.multiclass.OneVsOneClassifier : The same votes; no probabilities.
    OneVsAllClassifier : Fewer, but larger problems.

    Notes
    -----
    A prediction asks C (C - 1) / 2 learners; margins of linear learners are one matrix product.
    Coupling solves a system of C equations for each row, O(C^3). Memory for margins, in blocks of
    rows: O(C^2) a row.

    References
    ----------
    .. [1] Wu, Lin & Weng (2004). Probability estimates for multi-class classification by pairwise
       coupling. JMLR 5.
    .. [2] Hastie & Tibshirani (1998). Classification by pairwise coupling. Annals of Statistics 26.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skmlp import OneVsOneClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = OneVsOneClassifier(LogisticRegression(max_iter=1000)).fit(X, y)
    >>> model.class_pairs_.tolist()
    [[0, 1], [0, 2], [1, 2]]
    >>> model.predict_proba(X[:1]).round(2)
    array([[0.98, 0.02, 0.  ]])
    """

    def __init__(
        self,
        estimator,
        *,
        decoding="votes",
        coupling="wu_lin_weng",
        calibrate=None,
        cv=5,
        tie_break="first",
        classes=None,
        n_jobs=None,
        random_state=None,
        verbose=False,
    ):
        self.estimator = estimator
        self.decoding = decoding
        self.coupling = coupling
        self.calibrate = calibrate
        self.cv = cv
        self.tie_break = tie_break
        self.classes = classes
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self):
        super()._check_parameters()
        check_option("coupling", self.coupling, ("wu_lin_weng", "hastie_tibshirani"))

    def _design(self, X, y, weight, rng):
        self._class_weights = np.zeros(len(self.present_))
        return super()._design(X, y, weight, rng)

    def _fit_rest(self, X, y, params):
        super()._fit_rest(X, y, params)
        counts = np.bincount(y, params.get("sample_weight"), len(self.present_))
        self._class_weights = self._class_weights + counts

    def _make_code(self, n_classes, rng):
        first, second = np.triu_indices(n_classes, 1)
        labels = self.classes_[self.present_]
        self.class_pairs_ = np.column_stack([labels[first], labels[second]])
        return CodeMatrix.one_vs_one(n_classes)

    def _couple(self, R):
        if self.coupling == "wu_lin_weng":
            return wu_lin_weng(R, len(self.present_))
        first, second = np.triu_indices(len(self.present_), 1)
        pair_weights = self._class_weights[first] + self._class_weights[second]
        return hastie_tibshirani(R, len(self.present_), pair_weights)

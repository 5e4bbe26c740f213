"""One-vs-all: for every class, that class against the rest."""

import numpy as np
import scipy.sparse as sp
from scipy.special import softmax
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length

from skmlp._spec import check_option
from skmlp.estimators._targets import check_classes
from skmlp.reductions._code_classifier import CodeClassifier
from skmlp.reductions._partial_fit import HasPartialFit
from skmlp.reductions._problems import LabelProblems
from skmlp.reductions._reduction_docs import with_common_sections
from skmlp.reductions.code import CodeMatrix
from skmlp.reductions.coupling import fit_temperature, normalize
from skmlp.reductions.decoding import ArgmaxMargin


@with_common_sections
class OneVsAllClassifier(HasPartialFit, CodeClassifier):
    r"""One learner a class tells it from all others; the surest one wins.

    With :math:`f_k(x)` the margin of the learner of class k, the prediction is

    .. math:: \hat y(x) = \operatorname{argmax}_k f_k(x).

    It needs the fewest learners, C, but each is trained on all rows, of which few are positive, and
    nothing makes their margins comparable. Labels may also be several at a time (multilabel): y is
    then a matrix of indicators, and each learner decides for itself.

    Parameters
    ----------
    <estimator>
    decoding : str or Decoder, default="argmax"
        From margins to scores of classes: ``"argmax"`` takes the margins, ``"random_yes"`` one at
        random of the classes whose learner says yes, as the textbook has it. Or <decoders>.
    coupling : {"normalize", "softmax"}, default="normalize"
        From learners to probabilities: ``"normalize"`` divides their probabilities by the sum;
        where all are 0, classes are equally probable. ``"softmax"`` takes the softmax of the
        margins over a temperature, fitted to cross-validated margins, which takes `cv` more fits;
        for estimators without probabilities too.
    <ties>
    <administration>

    Attributes
    ----------
    <attributes>
    multilabel_ : bool
        Whether y was a matrix of indicators. There is then no `code_`, and `classes_` are the names
        of its columns in their order.
    temperature_ : float
        By which the margins are divided, if `coupling` is "softmax".

    See Also
    --------
    sklearn.multiclass.OneVsRestClassifier : The same; fits the learners one by one always.
    OneVsOneClassifier : More, but smaller problems.

    Notes
    -----
    C fits on n rows; a prediction asks C learners. With a base that offers a joint fit
    (`SoftmaxRegression`) all problems are one optimization. Margins of linear learners are one
    matrix product, O(n_features C) a row.

    References
    ----------
    .. [1] Rifkin & Klautau (2004). In defense of one-vs-all classification. JMLR 5.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import LinearSVC
    >>> from skmlp import OneVsAllClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = OneVsAllClassifier(LinearSVC(random_state=0), coupling="softmax").fit(X, y)
    >>> model.predict(X[:2])
    array([0, 0])
    >>> model.predict_proba(X[:1]).sum().round(6)
    np.float64(1.0)
    """

    def __init__(
        self,
        estimator,
        *,
        decoding="argmax",
        coupling="normalize",
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _check_parameters(self):
        super()._check_parameters()
        check_option("coupling", self.coupling, ("normalize", "softmax"))

    def _encode(self, X, y, classes, reset):
        if not reset and is_table(y) != self.multilabel_:
            raise ValueError(
                "y must be of the same kind in every call to partial_fit, labels or a matrix of "
                f"indicators, got {'a matrix' if is_table(y) else 'labels'}."
            )
        self.multilabel_ = is_table(y)
        if not self.multilabel_:
            return super()._encode(X, y, classes, reset)
        Y = check_array(y, accept_sparse="csr", dtype=None, input_name="y")
        Y = Y.toarray() if sp.issparse(Y) else Y
        strange = np.setdiff1d(Y, [0, 1])
        if strange.size:
            raise ValueError(
                "y must have one label for each row, or be a matrix of indicators 0 and 1, "
                f"got shape {Y.shape} and {strange[0]!r}."
            )
        check_consistent_length(X, Y)
        if classes is not None:
            check_classes(classes)
        self.classes_ = np.arange(Y.shape[1]) if classes is None else np.asarray(classes)
        if len(self.classes_) != Y.shape[1]:
            raise ValueError(
                f"classes must list one label for each of the {Y.shape[1]} columns of y, "
                f"got {len(self.classes_)}."
            )
        return Y.astype(int)

    def _among_present(self, y):
        if not self.multilabel_:
            return super()._among_present(y)
        self.present_ = np.arange(len(self.classes_))
        return y

    def _design(self, X, y, weight, rng):
        if self.multilabel_:
            self.n_problems_ = y.shape[1]
        return self._same_design(y) if self.multilabel_ else super()._design(X, y, weight, rng)

    def _same_design(self, y):
        return LabelProblems(y) if self.multilabel_ else super()._same_design(y)

    def _make_code(self, n_classes, rng):
        return CodeMatrix.one_vs_all(n_classes)

    def _is_kary(self):
        return False

    def _offers_probabilities(self):
        by_margin = self.coupling == "softmax" and not getattr(self, "multilabel_", False)
        return by_margin or super()._offers_probabilities()

    def _fit_rest(self, X, y, params):
        if self.multilabel_:
            return
        super()._fit_rest(X, y, params)
        if self.coupling == "softmax":
            plain = {"coupling": "normalize", "decoding": "argmax"}
            F = self._out_of_fold("coupling", X, y, params, "decision_function", **plain)
            F = np.column_stack([-F, F]) if F.ndim == 1 else F
            self.temperature_ = fit_temperature(F, y, params.get("sample_weight"))

    def _scores_of_block(self, X):
        return self._margins_of_block(X) if self.multilabel_ else super()._scores_of_block(X)

    def _probabilities_of_block(self, X):
        if self.multilabel_:
            return self._probabilities(X)
        if self.coupling == "softmax":
            F = ArgmaxMargin().scores(self.code_, self._margins_of_block(X))
            return softmax(F / self.temperature_, axis=1)
        return super()._probabilities_of_block(X)

    def _couple(self, R):
        return normalize(R)

    def _decision(self, X):
        return self._margins(X) if self.multilabel_ else super()._decision(X)

    def _predicted(self, X):
        return (self._margins(X) > 0).astype(int) if self.multilabel_ else super()._predicted(X)


def is_table(y):
    """Return whether y has several columns."""
    return sp.issparse(y) or (np.ndim(np.asarray(y)) == 2 and np.shape(np.asarray(y))[1] > 1)

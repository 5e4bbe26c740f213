"""Error-correcting output codes: each class has a code word, each learner predicts one letter."""

from skmlp._spec import check_integer, check_real
from skmlp.reductions._code_classifier import CodeClassifier
from skmlp.reductions._partial_fit import HasPartialFit
from skmlp.reductions._reduction_docs import with_common_sections
from skmlp.reductions.code import CodeMatrix, KaryCode
from skmlp.reductions.coupling import bradley_terry

RANDOM = ("auto", "dense", "sparse")
CODES = {
    "exhaustive": CodeMatrix.exhaustive,
    "hadamard": CodeMatrix.hadamard,
    "one_vs_all": CodeMatrix.one_vs_all,
    "one_vs_one": CodeMatrix.one_vs_one,
}


@with_common_sections
class ECOCClassifier(HasPartialFit, CodeClassifier):
    r"""Error-correcting output codes: some wrong learners are outvoted by the others.

    Every class has a row of the code matrix :math:`M \in \{-1, 0, 1\}^{C \times L}` as its code
    word; learner l tells the classes with +1 in column l from those with -1. The prediction is the
    class whose word the margins fit best:

    .. math:: \hat y(x) = \operatorname{argmin}_k \frac{1}{|\{l : M_{kl} \ne 0\}|}
              \sum_{l : M_{kl} \ne 0} \ell\bigl(M_{kl} f_l(x)\bigr).

    If any two words differ in at least d columns, (d - 1) / 2 wrong learners do no harm. Every code
    here is valid: no column is constant, no two classes share a word.

    Parameters
    ----------
    <estimator>
    code : str, CodeMatrix, KaryCode or array-like, default="auto"
        ``"dense"`` and ``"sparse"`` (with zeros) are random, the best of many draws; ``"auto"`` is
        sparse, or dense if `code_size` is given;
        ``"exhaustive"`` has all 2^(C - 1) - 1 columns there are; ``"hadamard"``, ``"one_vs_all"``
        and ``"one_vs_one"`` are what they are called. An array of shape (n_classes, n_problems) is
        a code of your own, its rows in the order of the sorted labels.
    code_size : float, default=None
        Number of problems of a random code, in multiples of the number of classes. None takes the
        customary 10 log2 C for dense and 15 log2 C for sparse codes. Never more than there are
        different columns. A sparse code needs more columns than a dense one, since only half of
        its learners know of a class.
    n_symbols : int, default=2
        Number of symbols of a random code. With more than two, each learner tells up to `n_symbols`
        groups of classes apart: for an estimator that is multiclass itself, but takes only so many
        classes. Such a code is dense.
    decoding : str or Decoder, default="logistic"
        From margins to scores of classes: <decoders>.
    <ties>
    <administration>

    Attributes
    ----------
    <attributes>

    See Also
    --------
    sklearn.multiclass.OutputCodeClassifier : Draws its codes at random, valid or not, and has no
        probabilities.

    Notes
    -----
    L fits; a prediction asks L learners. Probabilities are those of the generalized Bradley-Terry
    model, found by iteration: O(C^2 (C + L)) a row and iteration.

    References
    ----------
    .. [1] Dietterich & Bakiri (1995). Solving multiclass learning problems via error-correcting
       output codes. JAIR 2.
    .. [2] Allwein, Schapire & Singer (2000). Reducing multiclass to binary. JMLR 1.
    .. [3] Huang, Weng & Lin (2006). Generalized Bradley-Terry models and multi-class probability
       estimates. JMLR 7.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skmlp import ECOCClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> model = ECOCClassifier(tree, random_state=0).fit(X[:1000], y[:1000])
    >>> model.score(X[1000:], y[1000:]) > tree.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:])
    True
    """

    def __init__(
        self,
        estimator,
        *,
        code="auto",
        code_size=None,
        n_symbols=2,
        decoding="logistic",
        calibrate=None,
        cv=5,
        tie_break="first",
        classes=None,
        n_jobs=None,
        random_state=None,
        verbose=False,
    ):
        self.estimator = estimator
        self.code = code
        self.code_size = code_size
        self.n_symbols = n_symbols
        self.decoding = decoding
        self.calibrate = calibrate
        self.cv = cv
        self.tie_break = tie_break
        self.classes = classes
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self):
        super()._check_parameters()
        if isinstance(self.code, str) and self.code not in (*RANDOM, *CODES):
            names = ", ".join(map(repr, (*RANDOM, *CODES)))
            raise ValueError(
                f"code must be one of {names}, a CodeMatrix, a KaryCode or an array, "
                f"got {self.code!r}."
            )
        check_integer("n_symbols", self.n_symbols, 2)
        if self.code_size is not None:
            check_real("code_size", self.code_size, "(0, inf)", "None")
        is_random = isinstance(self.code, str) and self.code in RANDOM
        if self.code_size is not None and not is_random:
            raise ValueError(
                "code_size must be None unless code is 'auto', 'dense' or 'sparse', got "
                f"{self.code_size!r} with code={self.code!r}."
            )
        if self.n_symbols > 2 and not (is_random and self.code != "sparse"):
            raise ValueError(
                "n_symbols must be 2 unless code is 'auto' or 'dense', got "
                f"{self.n_symbols!r} with code={self.code!r}."
            )

    def _make_code(self, n_classes, rng):
        code = self._chosen_code(n_classes, rng)
        # Of two classes there is but one problem, whatever the code.
        return code if n_classes > 2 else CodeMatrix.one_vs_all(2)

    def _chosen_code(self, n_classes, rng):
        if not isinstance(self.code, str):
            return self._given_code(n_classes)
        if self.code in RANDOM:
            return self._random_code(n_classes, rng)
        try:
            return CODES[self.code](n_classes)
        except ValueError as error:
            raise ValueError(f"code must not be {self.code!r} here: {error}") from None

    def _random_code(self, n_classes, rng):
        """Return a code drawn at random."""
        size = None
        if self.code_size is not None:
            size = max(int(self.code_size * n_classes), 1)
        try:
            if self.n_symbols > 2:
                return KaryCode.random(n_classes, self.n_symbols, size, rng=rng)
            if self.code == "sparse" or (self.code == "auto" and size is None):
                return CodeMatrix.random_sparse(n_classes, size, rng=rng)
            return CodeMatrix.random_dense(n_classes, size, rng=rng)
        except ValueError as error:
            raise ValueError(
                f"code_size must be large enough for a valid code, got {self.code_size!r}. {error}"
            ) from None

    def _given_code(self, n_classes):
        """Return the user's code for the classes that have rows."""
        is_code = isinstance(self.code, CodeMatrix | KaryCode)
        code = self.code if is_code else self._code_of_array()
        if code.n_classes != len(self.classes_):
            raise ValueError(
                f"code must have one row for each of the {len(self.classes_)} classes, "
                f"got {code.n_classes} rows."
            )
        return code if n_classes == code.n_classes else code.take(self.present_)[0]

    def _code_of_array(self):
        try:
            return CodeMatrix(self.code)
        except ValueError as error:
            raise ValueError(
                f"code must be a valid code matrix, or a KaryCode for other symbols. {error}"
            ) from None

    def _couple(self, R):
        return bradley_terry(self.code_, R)

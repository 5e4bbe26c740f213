"""The border between Python and the passes of a linear model over all its rows.

Every shape is checked here, and nowhere below; what is computed is that of `skmlp.nn.linear`,
`skmlp.nn.preconditioners`, `skmlp.nn.duality` and the conjugate gradients of `skmlp.optim.newton`.
"""

from cpython.exc cimport PyErr_CheckSignals
from cpython.list cimport PyList_GET_ITEM
from cpython.object cimport PyObject
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.math cimport INFINITY, fabs, fmax, fmin, isfinite, sqrt
from libc.stdint cimport int32_t, int64_t, uintptr_t
from libc.string cimport memcpy, memset
from scipy.linalg.cython_blas cimport dgemm, dsymm, dsymv, dsyrk, sgemm
from scipy.linalg.cython_lapack cimport dposv, dpotrf, dpotri

import numpy as np

cimport numpy as cnp
from cython cimport floating

from skmlp._fast._executor import kernels as find_kernels
from skmlp.optim import newton

cnp.import_array()

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject *)

cdef extern from "linear_program.h":
    enum:
        MOST_ROWS, SKMLP_OWN_PRODUCTS
        IMAGE, EVALUATE, MOVE, ADVANCE, PULL_BACK, PRODUCT, SQUARES, DUAL_START, DUAL_TILT, DUAL_GAP
        GRAM_ROWS, HESSIAN_ROWS, CURVATURES

    ctypedef void (*skmlp_sgemm)(char *, char *, int *, int *, int *, float *, float *, int *,
                                 float *, int *, float *, float *, int *) noexcept nogil
    ctypedef void (*skmlp_dgemm)(char *, char *, int *, int *, int *, double *, double *, int *,
                                 double *, int *, double *, double *, int *) noexcept nogil

    ctypedef struct skmlp_linear:
        skmlp_sgemm sgemm
        skmlp_dgemm dgemm
        Py_ssize_t n_rows, n_features, n_outputs, n_blocks, block, n_inputs
        int coupled, own_products
        const void *X
        Py_ssize_t row_step, column_step, input_step, output_step
        const void *values
        const int32_t *columns
        const int64_t *indptr
        int64_t n_stored
        int is_bad
        const double *weight
        const void *classes
        void *theta
        double *gradient
        void *start
        const void *image
        double step
        void *scores
        void *state
        const void *probabilities
        const void *before
        double value, slope
        Py_ssize_t n_classes
        void *covariance
        double *excess
        double *tilt
        double *shares
        double mix, least, divergence
        double *curvatures
        const int64_t *sampled
        const double *counts
        double *sample
        double *products
        void *inputs
        void *work
        void *sums
        void *by_rows

    ctypedef struct skmlp_kernels:
        void (*linear_float)(skmlp_linear *, int, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*linear_double)(skmlp_linear *, int, Py_ssize_t, Py_ssize_t) noexcept nogil

# Inputs up to which products are made by the kernels, and rows of a block then and above. The kernels
# were as fast as BLAS at all widths, but need room for a vector for each number of the gradient.
NARROW = 4096
NARROW_ROWS, WIDE_ROWS = 128, 256
# Whether the kernels can make products at all; else BLAS makes all of them.
HAS_OWN_PRODUCTS = bool(SKMLP_OWN_PRODUCTS)
# Operations after which to look for an interrupt: some hundredths of a second.
PAUSE = 1 << 28
# Numbers of a sample that are in work at a time, and the fewest and most rows of it.
SAMPLE, FEWEST_SAMPLED, MOST_SAMPLED = 1 << 16, 32, 512
# Relative jitters that make a matrix positive definite, the first that does.
JITTERS = (1e-12, 1e-9, 1e-6)
# As in the readable road: of a Hessian's diagonal, and of the excess of a class.
cdef double HESSIAN_ROUNDING = 1e-10, ROUNDING = 1e-12
cdef double TINY = newton.TINY
cdef double SHARE = newton.SHARE, CLOSE = newton.CLOSE, WORTHLESS = newton.WORTHLESS


cdef inline Py_ssize_t line_share(Py_ssize_t n, Py_ssize_t size) noexcept:
    """Return the least length that holds n numbers and divides a cache line, or is of whole ones."""
    cdef Py_ssize_t line = 64 // size, length = line // 4
    if n == 1:
        return 1
    while length < n and length < line:
        length *= 2
    return (n + length - 1) // length * length


cdef inline double dot(Py_ssize_t n, const double *x, const double *y) noexcept nogil:
    cdef double a = 0, b = 0, c = 0, d = 0
    cdef Py_ssize_t i
    for i in range(0, n - 3, 4):
        a += x[i] * y[i]
        b += x[i + 1] * y[i + 1]
        c += x[i + 2] * y[i + 2]
        d += x[i + 3] * y[i + 3]
    for i in range(n - n % 4, n):
        a += x[i] * y[i]
    return (a + b) + (c + d)


cdef inline void add(Py_ssize_t n, double factor, const double *x, double *y) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] += factor * x[i]


cdef class LinearProgram:
    """The objective of a linear classifier on dense or CSR rows, and the passes over them.

    Arrays over rows and outputs are one-dimensional here; their order is that of
    ``linear_program.h``.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features) or tuple, float32 or float64
        The rows; not copied. Wide ones must be contiguous along one axis. CSR rows are values,
        column numbers of int32 and indptr of int64.
    classes : ndarray of int64 of shape (n_rows,)
        Class of each row.
    weight : ndarray of float64 of shape (n_rows,)
        Weights that sum to one.
    n_outputs : int
        Number of scores of a row: that of the classes, or 1 for two classes.
    alpha : float
        Strength of the penalty.
    fit_intercept : bool
        Whether theta ends in intercepts.
    n_features : int, default=None
        Of CSR rows.
    kernels : str, default=None
        Name of an instruction set; None takes the best.
    narrow : int, default=None
        Most inputs for which the kernels make the products themselves; None means NARROW.
    """

    cdef skmlp_linear p
    cdef const skmlp_kernels *kernels
    cdef readonly object dtype
    cdef readonly Py_ssize_t n_params, n_weights
    cdef double penalty
    cdef int typenum
    cdef list memory, arrays
    cdef double[::1] class_shares

    def __cinit__(self):
        memset(&self.p, 0, sizeof(self.p))

    def __init__(self, X, classes, weight, *, Py_ssize_t n_outputs, double alpha,
                 bint fit_intercept, n_features=None, kernels=None, narrow=None):
        cdef skmlp_linear *p = &self.p
        if p.n_rows:
            raise ValueError("a LinearProgram is initialized once.")
        self.memory, self.arrays = [X], []
        self.kernels = <const skmlp_kernels *> PyCapsule_GetPointer(
            find_kernels(kernels), "skmlp_kernels")
        p.sgemm, p.dgemm = sgemm, dgemm
        if isinstance(X, tuple):
            self.bind_sparse_rows(X, n_features)
        else:
            self.bind_dense_rows(X)
        self.bind_inputs(NARROW if narrow is None else narrow, fit_intercept)
        if not 0 < n_outputs < 2**31 // MOST_ROWS:
            raise ValueError(f"n_outputs must be positive, got {n_outputs}.")
        p.n_outputs, p.coupled = n_outputs, n_outputs > 1
        p.n_classes = max(n_outputs, 2)
        self.n_weights, self.n_params = p.n_features * n_outputs, p.n_inputs * n_outputs
        self.penalty = 2 * alpha
        self.bind_targets(classes, weight)
        p.output_step = n_outputs if p.X != NULL else line_share(n_outputs, self.dtype.itemsize)
        p.theta = self.room(p.n_inputs * p.output_step, self.dtype)
        # A step that is a power of two would bring all inputs of a row into the same few cache lines.
        lanes = 64 // self.dtype.itemsize
        p.input_step = p.block + lanes
        p.inputs = self.room(p.n_inputs * p.input_step if p.own_products else 0, self.dtype)
        p.work = self.room(2 * p.n_classes * p.block, self.dtype)
        if p.X == NULL:
            p.by_rows = self.room(p.block * p.output_step, self.dtype)
            p.sums = self.room(p.n_features * p.output_step, self.dtype)
        else:
            p.sums = self.room(self.n_params * (lanes if p.own_products else 1), self.dtype)

    cdef int bind_dense_rows(self, X) except -1:
        cdef skmlp_linear *p = &self.p
        if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype not in (np.float32, np.float64):
            raise ValueError("X must be a matrix of float32 or float64.")
        size, (row_step, column_step) = X.itemsize, X.strides
        p.n_rows, p.n_features = X.shape
        if not (p.n_rows > 0 and p.n_features > 0 and max(X.shape) < 2**31 - 1):
            raise ValueError(f"X must have rows and columns, got shape {X.shape}.")
        if not X.flags.aligned or row_step % size or column_step % size:
            raise ValueError("X must be aligned.")
        self.dtype, self.typenum = X.dtype, cnp.PyArray_TYPE(X)
        p.X = cnp.PyArray_DATA(X)
        p.row_step, p.column_step = row_step // size, column_step // size
        return 0

    cdef int bind_sparse_rows(self, X, n_features) except -1:
        """Note where CSR rows are: whether they are such, every pass asks anew."""
        cdef skmlp_linear *p = &self.p
        values, columns, indptr = X
        n_rows = np.size(indptr) - 1
        if not (n_rows > 0 and n_features is not None and 0 < n_features < 2**31 - 1
                and n_rows < 2**31 - 1):
            raise ValueError(f"X must have rows and columns, got shape ({n_rows}, {n_features}).")
        if not isinstance(values, np.ndarray) or values.dtype not in (np.float32, np.float64):
            raise ValueError("values must be an array of float32 or float64.")
        self.dtype, self.typenum = values.dtype, cnp.PyArray_TYPE(values)
        p.n_stored = values.size
        p.values = checked("values", values, self.typenum, p.n_stored, False)
        p.columns = <int32_t *> checked("columns", columns, cnp.NPY_INT32, p.n_stored, False)
        p.indptr = <int64_t *> checked("indptr", indptr, cnp.NPY_INT64, n_rows + 1, False)
        p.n_rows, p.n_features = n_rows, n_features
        return 0

    cdef int bind_inputs(self, Py_ssize_t narrow, bint fit_intercept) except -1:
        """Choose who makes the products, and the rows of a block."""
        cdef skmlp_linear *p = &self.p
        p.n_inputs = p.n_features + fit_intercept
        p.own_products = p.X != NULL and p.n_inputs <= narrow and SKMLP_OWN_PRODUCTS
        by_rows = p.column_step == 1 and p.n_features <= p.row_step < 2**31
        by_columns = p.row_step == 1 and p.n_rows <= p.column_step < 2**31
        if not (p.X == NULL or p.own_products or by_rows or by_columns):
            raise ValueError("X must be contiguous along one axis.")
        p.block = NARROW_ROWS if p.own_products or p.X == NULL else WIDE_ROWS
        p.n_blocks = (p.n_rows + p.block - 1) // p.block
        return 0

    cdef int bind_targets(self, classes, weight) except -1:
        """Keep classes and weights, filled up to whole blocks."""
        cdef skmlp_linear *p = &self.p
        cdef Py_ssize_t n = p.n_rows, i
        cdef const int64_t *given = <const int64_t *> checked(
            "classes", classes, cnp.NPY_INT64, n)
        cdef const double *w = <const double *> checked("weight", weight, cnp.NPY_FLOAT64, n)
        cdef double *filled = <double *> self.room(p.n_blocks * p.block, np.float64)
        cdef int32_t *short_codes
        cdef int64_t *codes
        for i in range(n):
            if not 0 <= given[i] < p.n_classes:
                raise ValueError(f"classes must be in [0, {p.n_classes}), got {given[i]}.")
        memcpy(filled, w, n * sizeof(double))
        p.weight = filled
        if self.typenum == cnp.NPY_FLOAT64:
            codes = <int64_t *> self.room(p.n_blocks * p.block, np.int64)
            for i in range(p.n_blocks * p.block):
                codes[i] = given[i] if i < n else -1
            p.classes = codes
        else:
            short_codes = <int32_t *> self.room(p.n_blocks * p.block, np.int32)
            for i in range(p.n_blocks * p.block):
                short_codes[i] = <int32_t> given[i] if i < n else -1
            p.classes = short_codes
        self.class_shares = np.zeros(p.n_classes)
        for i in range(n):
            self.class_shares[given[i]] += w[i]
        return 0

    cdef void *room(self, Py_ssize_t n, dtype) except NULL:
        """Return memory for so many numbers, at zero, that lives as long as the program."""
        array = np.zeros(n * np.dtype(dtype).itemsize + 64, np.uint8)
        self.memory.append(array)
        return <void *> (<uintptr_t> cnp.PyArray_DATA(array) + 63 & ~(<uintptr_t> 63))

    cdef object new_array(self, Py_ssize_t n):
        """Return an array at the start of a cache line: one that nobody holds any more, or a new one.

        Large pieces of memory that come and go cost more than a pass over them.
        """
        cdef Py_ssize_t lost, i, size = 8 if self.typenum == cnp.NPY_FLOAT64 else 4
        for i in range(len(self.arrays)):
            if (
                Py_REFCNT(PyList_GET_ITEM(self.arrays, i)) == 1
                and cnp.PyArray_SIZE(self.arrays[i]) == n
                and Py_REFCNT(cnp.PyArray_BASE(self.arrays[i])) == 1
            ):
                return self.arrays[i]
        array = np.empty(n + 64 // size, self.dtype)
        lost = -(<Py_ssize_t> cnp.PyArray_DATA(array)) % 64 // size
        self.arrays.append(array[lost : lost + n])
        return self.arrays[-1]

    cdef object rows_array(self):
        if not self.p.n_blocks:
            raise ValueError("a LinearProgram must be initialized before it runs.")
        return self.new_array(self.p.n_blocks * self.p.block * self.p.n_outputs)

    cdef void *rows(self, name, array) except NULL:
        """Return where an array over rows and outputs lies, once sure that it is one."""
        return checked(name, array, self.typenum,
                       self.p.n_blocks * self.p.block * self.p.n_outputs)

    cdef int bind_theta(self, const double *theta) noexcept:
        """Copy a vector to where passes find it."""
        cdef Py_ssize_t j, k, n = self.p.n_inputs, C = self.p.n_outputs, step = self.p.output_step
        if step == C:
            n, C = 1, self.n_params
        for j in range(n):
            if self.typenum == cnp.NPY_FLOAT64:
                memcpy(<double *> self.p.theta + j * step, theta + j * C, C * sizeof(double))
            else:
                for k in range(C):
                    (<float *> self.p.theta)[j * step + k] = <float> theta[j * C + k]
        return 0

    cdef int sweep(self, int kind) except -1:
        """Make a pass over all blocks."""
        cdef skmlp_linear *p = &self.p
        cdef Py_ssize_t begin = 0, end
        cdef Py_ssize_t entries = p.n_inputs if p.X != NULL else p.n_stored // p.n_rows + 1
        cdef Py_ssize_t work = p.block * p.n_classes * (4 * entries + 100)
        cdef Py_ssize_t most = max(1, <Py_ssize_t> PAUSE // work)
        cdef bint is_double = self.typenum == cnp.NPY_FLOAT64
        if not p.n_blocks:
            raise ValueError("a LinearProgram must be initialized before it runs.")
        while begin < p.n_blocks:
            end = min(begin + most, p.n_blocks)
            with nogil:
                if is_double:
                    self.kernels.linear_double(p, kind, begin, end)
                else:
                    self.kernels.linear_float(p, kind, begin, end)
            PyErr_CheckSignals()
            begin = end
        return self.check_rows()

    cdef int check_rows(self) except -1:
        """Raise if a pass has met rows that are none."""
        if self.p.is_bad:
            self.p.is_bad = False
            raise ValueError(
                "The data must be valid, and stay so: a column number of X is out of range, or its "
                "indptr is not that of a CSR array."
            )
        return 0

    cdef int fill_sample(self, int kind, Py_ssize_t begin, Py_ssize_t end) except -1:
        """Write some sampled rows to where `sample` and `products` point."""
        with nogil:
            if self.typenum == cnp.NPY_FLOAT64:
                self.kernels.linear_double(&self.p, kind, begin, end)
            else:
                self.kernels.linear_float(&self.p, kind, begin, end)
        return self.check_rows()

    def image(self, theta):
        """Return the scores X theta, an array over rows."""
        self.bind_theta(<double *> checked("theta", theta, cnp.NPY_FLOAT64, self.n_params))
        array = self.rows_array()
        self.p.scores = self.rows("scores", array)
        if theta.any():
            self.sweep(IMAGE)
        else:
            # So a fit begins. It takes no look at X.
            array.fill(0)
        return array

    def evaluate(self, scores):
        """Return the residuals at some scores, and the weighted sum of the losses."""
        state = self.rows_array()
        self.p.scores = self.rows("scores", scores)
        self.p.state = self.rows("state", state)
        self.sweep(EVALUATE)
        return state, self.p.value

    def move(self, start, image, double step):
        """Return what there is a step further along an image.

        Returns
        -------
        residuals : ndarray
            Array over rows.
        value, slope : float
            Of the weighted sum of the losses.
        """
        state = self.rows_array()
        self.p.start, self.p.image = self.rows("start", start), self.rows("image", image)
        self.p.state = self.rows("state", state)
        self.p.step = step
        self.sweep(MOVE)
        return state, self.p.value, self.p.slope

    def advance(self, scores, image, double step):
        """Add a step along an image to scores, in place."""
        self.p.start, self.p.image = self.rows("scores", scores), self.rows("image", image)
        self.p.step = step
        self.sweep(ADVANCE)

    def pull_back(self, state, theta):
        """Return the gradient at theta; the residuals become probabilities."""
        gradient = np.empty(self.n_params)
        cdef double *g = <double *> cnp.PyArray_DATA(gradient)
        cdef double *t = <double *> checked("theta", theta, cnp.NPY_FLOAT64, self.n_params)
        self.p.state, self.p.gradient = self.rows("state", state), g
        self.sweep(PULL_BACK)
        add(self.n_weights, self.penalty, t, g)
        return gradient

    def hessian_product(self, probabilities, v):
        """Return the product of the Hessian with a vector."""
        Hv = np.empty(self.n_params)
        self.p.probabilities = self.rows("probabilities", probabilities)
        self.multiply(<double *> checked("v", v, cnp.NPY_FLOAT64, self.n_params),
                      <double *> cnp.PyArray_DATA(Hv))
        return Hv

    cdef int multiply(self, const double *v, double *Hv) except -1:
        self.bind_theta(v)
        self.p.gradient = Hv
        self.sweep(PRODUCT)
        add(self.n_weights, self.penalty, v, Hv)
        return 0


cdef void *checked(name, array, int typenum, Py_ssize_t size, bint writable=True) except NULL:
    """Return where an array lies in memory, once sure that it is what it must be."""
    if (
        not isinstance(array, np.ndarray)
        or cnp.PyArray_TYPE(array) != typenum
        or cnp.PyArray_SIZE(array) != size
        or not cnp.PyArray_ISCARRAY_RO(array)
        or writable and not cnp.PyArray_ISWRITEABLE(array)
    ):
        kind = "writable contiguous" if writable else "contiguous"
        raise ValueError(
            f"{name} must be a {kind} array of {size} numbers, got "
            f"{getattr(array, 'dtype', type(array).__name__)} of shape "
            f"{getattr(array, 'shape', None)}."
        )
    return cnp.PyArray_DATA(array)


include "_preconditioners.pxi"
include "_conjugate_gradients.pxi"
include "_duality.pxi"

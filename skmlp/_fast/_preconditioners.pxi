# Included by _linear.pyx.


cdef class Inverse:
    """An approximate inverse of the Hessian, over vectors of shape (n_params,)."""

    cdef Py_ssize_t n_inputs, n_outputs

    def __cinit__(self, matrix, Py_ssize_t n_inputs, Py_ssize_t n_outputs, *args):
        self.n_inputs, self.n_outputs = n_inputs, n_outputs

    def __call__(self, v):
        """Return the inverse times a vector of shape (n_params,)."""
        v = np.ascontiguousarray(v, np.float64)
        z = np.empty(self.n_inputs * self.n_outputs)
        self.apply(<double *> checked("v", v, cnp.NPY_FLOAT64, z.size, False),
                   <double *> cnp.PyArray_DATA(z))
        return z

    cdef int check_size(self, Py_ssize_t n) except -1:
        if n != self.n_inputs * self.n_outputs:
            raise ValueError(f"inverse must be that of a matrix for {n} parameters.")
        return 0

    cdef int apply(self, double *v, double *z) except -1:
        raise NotImplementedError


cdef class DiagonalInverse(Inverse):
    """The inverse of a diagonal over centred inputs: see `skmlp.nn.preconditioners`."""

    cdef double[::1] diagonal, means

    def __init__(self, diagonal, Py_ssize_t n_inputs, Py_ssize_t n_outputs, means):
        checked("diagonal", diagonal, cnp.NPY_FLOAT64, n_inputs)
        if means is not None:
            checked("means", means, cnp.NPY_FLOAT64, n_inputs - 1)
        self.diagonal, self.means = diagonal, means

    def __call__(self, v):
        """Return the inverse times a vector of shape (n_params,), in its precision."""
        cdef Py_ssize_t n = self.n_inputs * self.n_outputs
        if not isinstance(v, np.ndarray) or v.dtype != np.float32:
            return Inverse.__call__(self, v)
        v, z = np.ascontiguousarray(v), np.empty(n, np.float32)
        self.divide(<float *> checked("v", v, cnp.NPY_FLOAT32, n, False),
                    <float *> cnp.PyArray_DATA(z))
        return z

    cdef int apply(self, double *v, double *z) except -1:
        return self.divide(v, z)

    cdef int divide(self, floating *v, floating *z) except -1:
        cdef Py_ssize_t C = self.n_outputs, d = self.n_inputs - (self.means is not None), j, k
        cdef floating *last = v + d * C
        cdef floating factor, mean
        cdef double[::1] pulled = np.zeros(C)
        for j in range(self.n_inputs):
            factor = <floating> (1 / self.diagonal[j])
            if j >= d or self.means is None:
                for k in range(C):
                    z[j * C + k] = factor * v[j * C + k]
                continue
            mean = <floating> self.means[j]
            for k in range(C):
                z[j * C + k] = factor * (v[j * C + k] - mean * last[k])
                pulled[k] += mean * z[j * C + k]
        for k in range(C if self.means is not None else 0):
            z[d * C + k] -= <floating> pulled[k]
        return 0


cdef class MatrixInverse(Inverse):
    """The inverse of a symmetric matrix over the inputs, or over all parameters.

    Only the triangle on and below the diagonal, column by column, is meant.
    """

    cdef object matrix
    cdef bint is_full
    cdef double[::1] turned

    def __init__(self, matrix, Py_ssize_t n_inputs, Py_ssize_t n_outputs):
        self.is_full = len(matrix) > n_inputs
        checked("matrix", matrix, cnp.NPY_FLOAT64,
                (n_inputs * (n_outputs if self.is_full else 1)) ** 2)
        self.matrix = matrix
        self.turned = np.empty(2 * n_inputs * n_outputs)

    cdef int apply(self, double *v, double *z) except -1:
        cdef double *A = <double *> cnp.PyArray_DATA(self.matrix)
        cdef double one = 1, zero = 0
        cdef double *u = &self.turned[0]
        cdef int d = self.n_inputs, C = self.n_outputs, n = d * C, step = 1
        cdef Py_ssize_t j, k
        if not self.is_full:
            dsymm("R", "L", &C, &d, &one, A, &d, v, &C, &zero, z, &C)
            return 0
        for j in range(d):
            for k in range(C):
                u[k * d + j] = v[j * C + k]
        dsymv("L", &n, &one, A, &n, u, &step, &zero, u + n, &step)
        for j in range(d):
            for k in range(C):
                z[j * C + k] = u[n + k * d + j]
        return 0


def average_curvatures(LinearProgram program, probabilities):
    """Return each row's weighted curvature, averaged over the outputs."""
    cdef skmlp_linear *p = &program.p
    q = np.empty(p.n_blocks * p.block)
    p.curvatures = <double *> cnp.PyArray_DATA(q)
    p.probabilities = program.rows("probabilities", probabilities)
    program.sweep(CURVATURES)
    return q[: p.n_rows]


def curved_squares(LinearProgram program, probabilities):
    """Return the sums over rows of curvature times squared features, features, and 1."""
    cdef skmlp_linear *p = &program.p
    q = average_curvatures(program, probabilities)
    sums = np.empty((2, p.n_inputs))
    p.gradient = <double *> cnp.PyArray_DATA(sums)
    program.sweep(SQUARES)
    squares, means = sums[:, : p.n_features]
    return squares, means, q.sum()


def shared_gram(LinearProgram program, rows, counts):
    """Return the inverse of X^T diag(q) X + 2 alpha I, from rows and what they count in q."""
    cdef skmlp_linear *p = &program.p
    cdef int d = p.n_inputs, m
    cdef double one = 1
    cdef Py_ssize_t begin, n = bind_sampled(program, rows, counts), most
    A, sample = np.zeros((d, d)), sample_room(program, n, d)
    most = len(sample) // d
    cdef double *to = <double *> cnp.PyArray_DATA(A)
    p.sample = <double *> cnp.PyArray_DATA(sample)
    for begin in range(0, n, most):
        m = min(most, n - begin)
        program.fill_sample(GRAM_ROWS, begin, begin + m)
        with nogil:
            dsyrk("L", "N", &d, &m, &one, p.sample, &d, &one, to, &d)
        PyErr_CheckSignals()
    return ridge_inverse(program, A)


def full_hessian(LinearProgram program, probabilities, rows, counts):
    """Return the inverse of the Hessian over all parameters, from rows and what they count."""
    cdef skmlp_linear *p = &program.p
    cdef int d = p.n_inputs, s = program.n_params, m
    cdef double one = 1, minus = -1
    cdef Py_ssize_t begin, i, j, n = bind_sampled(program, rows, counts), most
    H, cross, squares = np.zeros((s, s)), np.zeros((d, s)), np.zeros(d)
    both = sample_room(program, n, d + s)
    most = len(both) // (d + s)
    sample, products = both[: most * d], both[most * d :]
    cdef double *to = <double *> cnp.PyArray_DATA(H)
    cdef double *mixed = <double *> cnp.PyArray_DATA(cross)
    cdef double *square = <double *> cnp.PyArray_DATA(squares)
    p.probabilities = program.rows("probabilities", probabilities)
    p.sample, p.products = <double *> cnp.PyArray_DATA(sample), <double *> cnp.PyArray_DATA(products)
    for begin in range(0, n, most):
        m = min(most, n - begin)
        program.fill_sample(HESSIAN_ROWS, begin, begin + m)
        with nogil:
            dsyrk("L", "N", &s, &m, &minus, p.products, &s, &one, to, &s)
            dgemm("N", "T", &s, &d, &m, &one, p.products, &s, p.sample, &d, &one, mixed, &s)
            for i in range(m):
                for j in range(d):
                    square[j] += p.sample[i * d + j] * p.sample[i * d + j]
        PyErr_CheckSignals()
    add_blocks(p.n_outputs, d, to, mixed, square)
    return ridge_inverse(program, H)


cdef Py_ssize_t bind_sampled(LinearProgram program, rows, counts) except -1:
    """Note the rows of a sample, None for all, and what they count; return how many there are."""
    cdef skmlp_linear *p = &program.p
    cdef Py_ssize_t n = p.n_rows if rows is None else len(rows), i
    cdef const int64_t *sampled = NULL
    if not p.n_blocks:
        raise ValueError("a LinearProgram must be initialized before it runs.")
    if rows is not None:
        sampled = <const int64_t *> checked("rows", rows, cnp.NPY_INT64, n)
    for i in range(n if sampled != NULL else 0):
        if not 0 <= sampled[i] < p.n_rows:
            raise ValueError(f"rows must be in [0, {p.n_rows}), got {sampled[i]}.")
    p.sampled = sampled
    p.counts = <const double *> checked("counts", counts, cnp.NPY_FLOAT64, n)
    return n


cdef object sample_room(LinearProgram program, Py_ssize_t n, Py_ssize_t width):
    """Return memory for the sampled rows that are in work at a time, so many numbers each.

    It is that of an array over rows, of which some are idle meanwhile, unless that is small.
    """
    idle = program.rows_array().view(np.float64)
    cdef Py_ssize_t most = min(n, max(FEWEST_SAMPLED, min(MOST_SAMPLED, SAMPLE // width)))
    if len(idle) >= min(most, FEWEST_SAMPLED) * width:
        return idle[: min(most, <Py_ssize_t> len(idle) // width) * width]
    return np.empty(min(most, FEWEST_SAMPLED) * width)


cdef int add_blocks(Py_ssize_t C, Py_ssize_t d, double *H, const double *cross,
                    const double *squares) except -1:
    """Turn the coupling of the outputs into their Hessian: see the readable road for why."""
    cdef Py_ssize_t s = C * d, i, j, k, l
    cdef double mean
    for k in range(C):
        for j in range(d):
            for i in range(j, d):
                H[k * d + i + (k * d + j) * s] += cross[k * d + i + j * s]
    for j in range(d):
        mean = 0
        for k in range(C):
            mean += H[(k * d + j) * (s + 1)] / C
        for k in range(C):
            H[(k * d + j) * (s + 1)] += HESSIAN_ROUNDING / C * squares[j]
            for l in range(k + 1):
                H[k * d + j + (l * d + j) * s] += mean
    return 0


cdef object ridge_inverse(LinearProgram program, matrix):
    """Return (A + 2 alpha I)^-1 after scaling to unit diagonal, made in place.

    The other triangle keeps a copy, in case that rounding has left A indefinite and it takes more
    than the least jitter.
    """
    cdef skmlp_linear *p = &program.p
    cdef int s = len(matrix), info = 1
    cdef double *A = <double *> cnp.PyArray_DATA(matrix)
    cdef double[::1] scale = np.empty(s)
    cdef Py_ssize_t i, j
    for j in range(s):
        if j % p.n_inputs < p.n_features:
            A[j * s + j] += program.penalty
        scale[j] = 1 / sqrt(A[j * s + j]) if A[j * s + j] > 0 else 1
    for j in range(s):
        for i in range(j + 1, s):
            A[j * s + i] *= scale[i] * scale[j]
            A[i * s + j] = A[j * s + i]
    for jitter in JITTERS:
        for j in range(s):
            A[j * s + j] = 1 + <double> jitter
        with nogil:
            dpotrf("L", &s, A, &s, &info)
        if info == 0:
            break
        for j in range(s):
            for i in range(j + 1, s):
                A[j * s + i] = A[i * s + j]
    if info == 0:
        with nogil:
            dpotri("L", &s, A, &s, &info)
    else:
        # Without a factor there is the diagonal.
        for j in range(s):
            memset(A + j * s + j, 0, (s - j) * sizeof(double))
            A[j * s + j] = 1
    for j in range(s):
        for i in range(j, s):
            A[j * s + i] *= scale[i] * scale[j]
    return MatrixInverse(matrix, p.n_inputs, p.n_outputs)

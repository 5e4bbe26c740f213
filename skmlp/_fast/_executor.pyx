"""The border between Python and the kernels: every shape is checked here, and nowhere below."""

import os
from time import perf_counter

from cpython.exc cimport PyErr_CheckSignals
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset
from numpy.random cimport bitgen_t
from scipy.linalg.cython_blas cimport dgemm, sgemm

import numpy as np

cdef extern from "program.h":
    enum:
        IDENTITY, RELU, LEAKY_RELU, EXPONENTIAL_LINEAR, GELU, SILU, SOFTPLUS, TANH, LOGISTIC
        SOFTMAX, BINARY_LOGISTIC, SQUARED, ABSOLUTE, HUBER, LOG_COSH, QUANTILE, POISSON
        SGD, MOMENTUM, NESTEROV, ADAGRAD, RMSPROP, ADAM
        CLIP_NORM, CLIP_VALUE
        EXP, EXPM1, LOG_FUNCTION, LOG1P, TANH_FUNCTION, SIGMOID, NORMAL_CDF
        DONE, BAD_ROW, BAD_COLUMN, BAD_CLASS, BAD_INDPTR
        MAX_CLIPS, MAX_WORKERS, PANEL_SIZE, STEP_BLOCK

    ctypedef struct skmlp_layer:
        Py_ssize_t fan_in, fan_out, W, b, gamma, beta, mean, variance
        double share, eps
        int activation
        double slope, limit
        uint32_t threshold
        double keep
        void *A
        void *Y
        void *N
        void *slopes
        void *d
        void *inverse
        uint8_t *mask

    ctypedef struct skmlp_optimizer:
        int kind
        double a, b, eps, decay
        int64_t t
        void *first
        void *second
        int n_clips
        int clips[4]
        double bounds[4]

    ctypedef void (*skmlp_sgemm)(char *, char *, int *, int *, int *, float *, float *, int *,
                                 float *, int *, float *, float *, int *) noexcept nogil
    ctypedef void (*skmlp_dgemm)(char *, char *, int *, int *, int *, double *, double *, int *,
                                 double *, int *, double *, double *, int *) noexcept nogil

    ctypedef struct skmlp_program:
        skmlp_sgemm sgemm
        skmlp_dgemm dgemm
        double largest_product
        int n_layers
        skmlp_layer *layers
        Py_ssize_t n_features, n_outputs, n_params, n_weights, n_learned
        void *theta
        void *gradient
        int loss
        double loss_parameter
        void *scale
        void *shift
        void *penalty
        double flat_penalty
        skmlp_optimizer optimizer
        Py_ssize_t n_rows, n_stored
        const void *X
        int X_is_other
        const void *values
        const int32_t *columns
        const int64_t *indptr
        const void *targets
        const double *weight
        double n_counted
        const int64_t *order
        Py_ssize_t n_order, batch_size
        const double *rates
        uint32_t (*next_random)(void *) noexcept nogil
        void *random_state
        uint32_t input_threshold
        double input_keep
        void *kept
        Py_ssize_t n_kept
        void *input
        void *F
        void *targets_of_batch
        void *row_loss
        void *row_shift
        int64_t *classes
        double *row_weight
        void *Z
        void *of_outputs
        void *panels
        double *block_sums
        double total, squares

    ctypedef struct skmlp_run:
        int64_t start, n, column, weight, stride

    ctypedef void (*skmlp_walker)(const skmlp_run *, Py_ssize_t, const double *,
                                 const uint8_t *, const void *, const void *, const void *, void *,
                                 void *, double *, double *) noexcept nogil

    ctypedef int (*skmlp_runner)(skmlp_program *, int, Py_ssize_t, Py_ssize_t) noexcept nogil

    ctypedef struct skmlp_kernels:
        const char *name
        skmlp_runner run_float, run_double, predict_float, predict_double
        void (*map_float)(int, Py_ssize_t, const float *, float *) noexcept nogil
        void (*map_double)(int, Py_ssize_t, const double *, double *) noexcept nogil
        skmlp_walker walk_float, walk_double
        void (*pairs_float)(Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, void *) noexcept nogil
        void (*pairs_double)(Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t,
                             void *) noexcept nogil

    const skmlp_kernels *skmlp_choose_kernels(const char *name)
    const char *skmlp_compiler()

cdef extern from "team.h":
    int skmlp_run_by(int n_workers, skmlp_runner run, skmlp_program *p, Py_ssize_t begin,
                     Py_ssize_t end)

ACTIVATION_CODES = {
    "identity": IDENTITY, "relu": RELU, "leaky_relu": LEAKY_RELU,
    "exponential_linear": EXPONENTIAL_LINEAR, "gelu": GELU, "silu": SILU, "softplus": SOFTPLUS,
    "tanh": TANH, "logistic": LOGISTIC,
}
LOSS_CODES = {
    "softmax": SOFTMAX, "binary_logistic": BINARY_LOGISTIC, "squared": SQUARED,
    "absolute": ABSOLUTE, "huber": HUBER, "log_cosh": LOG_COSH, "quantile": QUANTILE,
    "poisson": POISSON,
}
OPTIMIZER_CODES = {
    "sgd": SGD, "momentum": MOMENTUM, "nesterov": NESTEROV, "adagrad": ADAGRAD,
    "rmsprop": RMSPROP, "adam": ADAM,
}
CLIP_CODES = {"norm": CLIP_NORM, "value": CLIP_VALUE}
FUNCTION_CODES = {
    "exp": EXP, "expm1": EXPM1, "log": LOG_FUNCTION, "log1p": LOG1P, "tanh": TANH_FUNCTION,
    "sigmoid": SIGMOID, "normal_cdf": NORMAL_CDF,
}
LONGEST_CHAIN_OF_CLIPS = MAX_CLIPS
PROBLEMS = {
    BAD_ROW: "a row number is out of range",
    BAD_COLUMN: "a column number of X is out of range",
    BAD_CLASS: "a class index is out of range",
    BAD_INDPTR: "indptr of X is not that of a CSR array",
}

# How long the kernels run, in seconds, before Python may look for an interrupt; several workers,
# before it is seen whether they get in each other's way.
PAUSE, PAUSE_OF_SEVERAL = 0.05, 0.01

# Programs that run now, in threads of this process: only one that is alone has several workers.
cdef int n_running = 0


def none_runs():
    """Note that no program runs: in a forked process, which has no other threads, none does."""
    global n_running
    n_running = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=none_runs)


cdef const skmlp_kernels *choose(name) except NULL:
    cdef const skmlp_kernels *kernels
    if name is None:
        return skmlp_choose_kernels(NULL)
    kernels = skmlp_choose_kernels(name.encode())
    if kernels == NULL:
        raise ValueError(f"kernels must be one that this processor can run, got {name!r}.")
    return kernels


def instruction_set(name=None):
    """Return the name of the kernels that are in use, or raise if this processor lacks `name`."""
    return choose(name).name.decode()


def kernels(name=None):
    """Return the kernels of an instruction set, the best for None, for other extensions."""
    return PyCapsule_New(<void *> choose(name), "skmlp_kernels", NULL)


def compiler():
    """Return the compiler, with its version."""
    return skmlp_compiler().decode()


def evaluate(function, x, kernels=None):
    """Return an elementary function of an array, as the kernels compute it."""
    x = np.ascontiguousarray(x)
    y = np.empty_like(x)
    cdef const skmlp_kernels *chosen = choose(kernels)
    cdef int code = FUNCTION_CODES[function]
    if x.dtype == np.float32:
        chosen.map_float(code, x.size, <float *> data(x), <float *> data(y))
    else:
        address("x", x, np.dtype(np.float64), x.shape)
        chosen.map_double(code, x.size, <double *> data(x), <double *> data(y))
    return y


cdef void *data(array) except? NULL:
    return <void *> <uintptr_t> array.__array_interface__["data"][0]


cdef void *address(name, array, dtype, shape, bint writable=False) except? NULL:
    """Return where an array lies in memory, once sure that it is what it must be."""
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != shape:
        raise ValueError(
            f"{name} must be an array of {dtype} of shape {shape}, got "
            f"{getattr(array, 'dtype', type(array).__name__)} of shape "
            f"{getattr(array, 'shape', None)}."
        )
    flags = array.flags
    if not (flags.c_contiguous and flags.aligned and (flags.writeable or not writable)):
        raise ValueError(f"{name} must be contiguous, aligned and, if written to, writable.")
    return data(array)


cdef class Walker:
    """Walks along rays for the models of the columns of a code matrix.

    Parameters
    ----------
    runs : ndarray of int64 of shape (n_runs, 5)
        The fields of ``skmlp_run``.
    weight : ndarray
        Weights of cells, in the dtype of all numbers of cells.
    n_columns, n_cells : int
        Number of models, and of cells in all.
    kernels : str, default=None
        Name of an instruction set; None takes the best.
    """

    cdef object runs, weight, dtype
    cdef Py_ssize_t n_columns, n_cells
    cdef const skmlp_kernels *kernels

    def __init__(self, runs, weight, Py_ssize_t n_columns, Py_ssize_t n_cells, kernels=None):
        # A copy that nobody else can change.
        self.runs, self.weight = np.array(runs, np.int64, order="C"), np.ascontiguousarray(weight)
        self.dtype = self.weight.dtype
        self.n_columns, self.n_cells = n_columns, n_cells
        self.kernels = choose(kernels)
        if self.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise ValueError(f"weight must be of float32 or float64, got {self.dtype}.")
        if self.runs.ndim != 2 or self.runs.shape[1] != 5:
            raise ValueError(f"runs must have five fields, got shape {self.runs.shape}.")
        start, n, column, first, stride = self.runs.T
        last = first + stride * np.maximum(n - 1, 0)
        inside = (start >= 0) & (n >= 0) & (n <= n_cells) & (start <= n_cells - n)
        inside &= (column >= 0) & (column < n_columns) & (first >= 0)
        inside &= (first < self.weight.size) & (last < self.weight.size)
        if not (inside & ((stride == 0) | (stride == 1))).all():
            raise ValueError("runs must lie within the cells, the columns and the weights.")

    def walk(self, start, image, step, moving, u, q):
        """Put u and q at a step along the image in the columns that move; return two sums of each.

        Parameters
        ----------
        start, image, u, q : ndarray of shape (n_cells,)
            Numbers of the cells; the last two are written.
        step : ndarray of float64 of shape (n_columns,)
            Lengths of the steps.
        moving : ndarray of bool of shape (n_columns,)
            Which columns move.

        Returns
        -------
        losses, slopes : ndarray of shape (n_columns,)
            Weighted sums of losses, and of their derivatives along the image.
        """
        cells, columns = (self.n_cells,), (self.n_columns,)
        losses, slopes = np.zeros((2, self.n_columns))
        cdef skmlp_walker walk = self.kernels.walk_double
        if self.dtype == np.float32:
            walk = self.kernels.walk_float
        cdef const skmlp_run *runs = <skmlp_run *> data(self.runs)
        cdef Py_ssize_t n_runs = len(self.runs)
        cdef const double *lengths = <double *> address("step", step, np.dtype(float), columns)
        cdef const uint8_t *who = <uint8_t *> address("moving", moving, np.dtype(bool), columns)
        cdef const void *origin = address("start", start, self.dtype, cells)
        cdef const void *change = address("image", image, self.dtype, cells)
        cdef const void *weight = data(self.weight)
        cdef void *scores = address("u", u, self.dtype, cells, True)
        cdef void *wrong = address("q", q, self.dtype, cells, True)
        cdef double *loss = <double *> data(losses)
        cdef double *slope = <double *> data(slopes)
        with nogil:
            walk(runs, n_runs, lengths, who, origin, change, weight, scores, wrong, loss, slope)
        PyErr_CheckSignals()
        return losses, slopes


def pair_products(X_T, out, kernels=None):
    """Put the products of any two features j <= k, the rows of X_T, into the rows of out.

    Parameters
    ----------
    X_T : ndarray of shape (n_features, n_samples)
        The features.
    out : ndarray of shape (n_features * (n_features + 1) / 2, at least n_samples)
        Where the products go, in the order of ``np.triu_indices``.
    """
    cdef const skmlp_kernels *chosen = choose(kernels)
    cdef Py_ssize_t p = X_T.shape[0], n = X_T.shape[1], row = out.shape[1]
    if row < n:
        raise ValueError(f"out must have at least {n} columns, got {row}.")
    dtype = np.dtype(np.float32 if X_T.dtype == np.float32 else np.float64)
    cdef const void *features = address("X_T", X_T, dtype, (p, n))
    cdef void *products = address("out", out, dtype, (p * (p + 1) // 2, row), True)
    cdef bint is_single = dtype == np.float32
    with nogil:
        if is_single:
            chosen.pairs_float(p, n, features, row, products)
        else:
            chosen.pairs_double(p, n, features, row, products)


cdef class Executor:
    """A program, its memory, and the way to run it.

    Parameters
    ----------
    layers : sequence of dict
        The layers of units from the first to the last: the fields of ``skmlp_layer``.
    n_features, n_params, n_weights, n_learned : int
        Number of inputs, and lengths of the parts of theta.
    dtype : dtype
        float32 or float64.
    batch_size : int
        Most rows of a batch.
    loss, loss_parameter : int and float
        See ``program.h``.
    input_dropout : tuple of int and float
        Threshold and factor.
    is_sparse : bool
        Whether rows are CSR.
    most_stored : int
        Most stored entries of a sparse row.
    kernels : str, default=None
        Name of an instruction set; None takes the best.
    largest_product : float, default=inf
        Multiplications in a product of matrices above which it is left to the BLAS. A compiler that
        is not like gcc leaves all to it.
    """

    cdef skmlp_program p
    cdef const skmlp_kernels *kernels
    cdef object dtype, memory
    cdef bint is_sparse
    # Most rows of a batch, and how many batches make a call of the kernels.
    cdef Py_ssize_t most_rows, step
    cdef int n_panels

    def __cinit__(self):
        memset(&self.p, 0, sizeof(self.p))

    def __dealloc__(self):
        free(self.p.layers)

    def __init__(self, layers, *, Py_ssize_t n_features, Py_ssize_t n_params,
                 Py_ssize_t n_weights, Py_ssize_t n_learned, dtype, Py_ssize_t batch_size,
                 int loss, double loss_parameter, input_dropout=(0, 1.0), bint is_sparse=False,
                 Py_ssize_t most_stored=0, kernels=None, double largest_product=INFINITY):
        cdef skmlp_program *p = &self.p
        cdef Py_ssize_t fan_in = n_features
        cdef skmlp_layer *last
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise ValueError(f"dtype must be float32 or float64, got {dtype}.")
        if p.layers != NULL:
            raise ValueError("an Executor is initialized once.")
        if not (layers and n_features > 0 and 0 < batch_size < 2**31 and most_stored >= 0):
            raise ValueError("layers, n_features and batch_size must not be empty.")
        if not 0 <= n_weights <= n_learned <= n_params:
            raise ValueError("n_weights, n_learned and n_params must not decrease.")
        self.kernels = choose(kernels)
        self.memory = []
        self.is_sparse = is_sparse
        self.most_rows, self.step, self.n_panels = batch_size, 1, 0
        p.largest_product = largest_product
        p.sgemm, p.dgemm = sgemm, dgemm
        p.n_features, p.n_params = n_features, n_params
        p.n_weights, p.n_learned = n_weights, n_learned
        if loss not in LOSS_CODES.values():
            raise ValueError(f"loss must be one of LOSS_CODES, got {loss}.")
        p.loss, p.loss_parameter = loss, loss_parameter
        p.input_threshold, p.input_keep = input_dropout
        p.layers = <skmlp_layer *> calloc(len(layers), sizeof(skmlp_layer))
        if p.layers == NULL:
            raise MemoryError
        for i, fields in enumerate(layers):
            fan_in = self.add_layer(&p.layers[i], fields, fan_in)
        p.n_layers = len(layers)
        p.n_outputs = fan_in
        last = &p.layers[p.n_layers - 1]
        if last.threshold or last.activation != IDENTITY:
            raise ValueError("the last layer must have neither an activation nor dropout.")
        last.d = last.A
        for i in range(p.n_layers - 1):
            p.layers[i].d = self.room(batch_size * p.layers[i].fan_out)
        p.input = NULL if is_sparse else self.room(batch_size * n_features)
        if is_sparse and p.input_threshold:
            p.n_kept = batch_size * most_stored
            p.kept = self.room(p.n_kept)
        if p.n_layers == 1:
            p.Z = self.room(batch_size * p.n_outputs)
        p.of_outputs = self.room(p.n_outputs)
        p.targets_of_batch = self.room(batch_size * p.n_outputs)
        p.row_loss, p.row_shift = self.room(batch_size), self.room(batch_size)
        p.classes = <int64_t *> self.room(batch_size, np.int64)
        p.row_weight = <double *> self.room(batch_size, np.float64)

    cdef void *room(self, Py_ssize_t n, dtype=None) except NULL:
        """Return memory for so many numbers, at the start of a cache line."""
        dtype = np.dtype(dtype or self.dtype)
        block = np.zeros(max(n, 1) * dtype.itemsize + 64, np.uint8)
        self.memory.append(block)
        cdef uintptr_t at = <uintptr_t> data(block)
        return <void *> (at + 63 & ~(<uintptr_t> 63))

    cdef Py_ssize_t add_layer(self, skmlp_layer *layer, fields, Py_ssize_t fan_in) except -1:
        cdef Py_ssize_t n = fields["fan_out"]
        if fields["fan_in"] != fan_in or not (0 < n < 2**31 and 0 < fan_in < 2**31):
            raise ValueError(f"fan_in must be {fan_in} and fan_out positive, got {fields}.")
        layer.fan_in, layer.fan_out = fan_in, n
        layer.W = self.place(fields["W"], fan_in * n, self.p.n_weights)
        layer.b = self.place(fields["b"], n, self.p.n_learned)
        layer.gamma = self.place(fields["gamma"], n, self.p.n_learned)
        layer.beta = self.place(fields["beta"], n, self.p.n_learned)
        layer.mean = self.place(fields["mean"], n, self.p.n_params)
        layer.variance = self.place(fields["variance"], n, self.p.n_params)
        normed = [layer.gamma >= 0, layer.beta >= 0, layer.mean >= 0, layer.variance >= 0]
        if layer.W < 0 or any(normed) != all(normed):
            raise ValueError(f"a layer must have W, and all arrays of batch norm or none: {fields}")
        layer.share, layer.eps = fields["share"], fields["eps"]
        layer.activation = fields["activation"]
        if layer.activation not in ACTIVATION_CODES.values():
            raise ValueError(f"activation must be one of ACTIVATION_CODES, got {fields}.")
        layer.slope, layer.limit = fields["slope"], fields["limit"]
        layer.threshold, layer.keep = fields["threshold"], fields["keep"]
        layer.A = layer.Y = self.room(self.most_rows * n)
        if layer.gamma >= 0:
            layer.N, layer.inverse = self.room(self.most_rows * n), self.room(n)
        if layer.activation in (GELU, SILU):
            layer.slopes = self.room(self.most_rows * n)
        if layer.threshold:
            layer.Y = self.room(self.most_rows * n)
            layer.mask = <uint8_t *> self.room(self.most_rows * n, np.uint8)
        return n

    cdef Py_ssize_t place(self, Py_ssize_t offset, Py_ssize_t n, Py_ssize_t end) except? -1:
        """Return the offset of an array of n entries, or -1, if it ends where it may."""
        if offset != -1 and not 0 <= offset <= end - n:
            raise ValueError(f"an array of {n} entries at {offset} must end within {end}.")
        return offset

    def run(self, theta, X, targets, weight, *, double n_counted, optimizer, penalty, units,
            order, Py_ssize_t batch_size, rates, rng, crew=None):
        """Make one step for every batch; return the sums of values and of squared norms.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
            The parameters; changed in place.
        X : ndarray of shape (n_rows, n_features), or tuple of values, columns and indptr
            The rows; dense ones may be float32 or float64 whatever the program is, columns are
            int32, indptr is int64.
        targets : ndarray of shape (n_rows,) of int64, or (n_rows, n_outputs)
            Class indices for the softmax loss, else real numbers.
        weight : ndarray of shape (n_rows,) of float64
            Weights of the rows.
        n_counted : float
            A row of a batch of m stands for n_counted / m rows.
        optimizer : dict
            The fields of ``skmlp_optimizer``; `first` and `second` are arrays or None. Its `t`, the
            steps the optimizer has made in its life, goes on, also if an interrupt ends the run.
        penalty : float or ndarray of shape (n_weights,)
            Derivative of the penalty divided by the weight.
        units : None or tuple of two ndarray of shape (n_outputs,)
            Scale and shift of the scores.
        order : ndarray of int64
            Rows in the order of the epoch, cut into batches of `batch_size`.
        rates : ndarray of float64
            Learning rate of every batch.
        rng : numpy.random.Generator
            The source of randomness; its lock is held.
        crew : Crew, default=None
            Chooses how many threads work together, the caller's among them; None for the caller's.

        Returns
        -------
        total, squares : float
            Sum of the batches' values times their rows, and of their gradients' squared norms.
        """
        cdef skmlp_program *p = &self.p
        cdef Py_ssize_t n_batches, n_blocks
        cdef bitgen_t *bitgen
        self.check_ready()
        # As long as theta: a prediction does without.
        if p.gradient == NULL:
            p.gradient = self.room(p.n_params)
            # A block more for each part of theta that is not a multiple of blocks, and one of none.
            n_blocks = p.n_params // STEP_BLOCK + 3
            p.block_sums = <double *> self.room(2 * n_blocks, np.float64)
        if not 0 < batch_size <= self.most_rows:
            raise ValueError(f"batch_size must be in [1, {self.most_rows}], got {batch_size}.")
        p.theta = address("theta", theta, self.dtype, (p.n_params,), True)
        self.bind_data(X, targets, weight)
        self.bind_optimizer(optimizer)
        p.n_counted = n_counted
        p.penalty = NULL
        p.flat_penalty = 0
        if isinstance(penalty, np.ndarray):
            p.penalty = address("penalty", penalty, self.dtype, (p.n_weights,))
        else:
            p.flat_penalty = penalty
        p.scale = p.shift = NULL
        if units is not None:
            p.scale = address("scale", units[0], self.dtype, (p.n_outputs,))
            p.shift = address("shift", units[1], self.dtype, (p.n_outputs,))
        p.n_order, p.batch_size = len(order), batch_size
        n_batches = (p.n_order + batch_size - 1) // batch_size
        p.order = <int64_t *> address("order", order, np.dtype(np.int64), (p.n_order,))
        p.rates = <double *> address("rates", rates, np.dtype(np.float64), (n_batches,))
        capsule = rng.bit_generator.capsule
        bitgen = <bitgen_t *> PyCapsule_GetPointer(capsule, "BitGenerator")
        p.next_random, p.random_state = bitgen.next_uint32, bitgen.state
        p.total = p.squares = 0
        if p.n_layers == 1 and p.optimizer.kind == SGD:
            # May go row by row, with nothing to share.
            crew = None
        with rng.bit_generator.lock:
            try:
                self.work(n_batches, self.kernels.run_float, self.kernels.run_double, crew)
            finally:
                optimizer["t"] = p.optimizer.t
        return p.total, p.squares

    def scores(self, theta, X, Py_ssize_t n_rows, *, crew=None):
        """Return the scores of rows, for layers without batch norm and dropout.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
            The parameters.
        X : ndarray of shape (n_rows, n_features), or tuple of values, columns and indptr
            The rows, in the dtype of theta, as for `run`; `batch_size` are in work at a time.
        n_rows : int
            How many there are.
        crew : Crew, default=None
            Chooses how many threads work together, the caller's among them; None for the caller's.

        Returns
        -------
        F : ndarray of shape (n_rows, n_outputs)
            The scores.
        """
        cdef skmlp_program *p = &self.p
        cdef Py_ssize_t i
        self.check_ready()
        for i in range(p.n_layers):
            if p.layers[i].gamma >= 0 or p.layers[i].threshold or p.input_threshold:
                raise ValueError("layers must have neither batch norm nor dropout to predict.")
        self.bind_rows(X, n_rows)
        if p.X_is_other:
            raise ValueError(f"X must be an array of {self.dtype} to predict, got {X.dtype}.")
        F = np.empty((n_rows, p.n_outputs), self.dtype)
        order = np.arange(n_rows, dtype=np.int64)
        p.theta = address("theta", theta, self.dtype, (p.n_params,))
        p.F, p.order = data(F), <int64_t *> data(order)
        p.batch_size = self.most_rows
        n_blocks = (n_rows + p.batch_size - 1) // p.batch_size
        self.work(n_blocks, self.kernels.predict_float, self.kernels.predict_double, crew)
        return F

    cdef int check_ready(self) except -1:
        if self.p.layers == NULL or self.p.n_layers == 0:
            raise ValueError("an Executor must be initialized before it runs.")
        return 0

    cdef int work(self, Py_ssize_t n, skmlp_runner of_float, skmlp_runner of_double,
                  crew) except -1:
        """Run so many batches without Python's lock, and look for interrupts now and then."""
        global n_running
        cdef skmlp_program *p = &self.p
        cdef Py_ssize_t begin = 0, n_batches
        cdef double began, seconds, pause
        cdef int status = DONE, n_workers = 1
        cdef skmlp_runner run = of_double if self.dtype == np.float64 else of_float
        n_running += 1
        try:
            while begin < n and status == DONE:
                n_batches = min(self.step, n - begin)
                if crew is not None and n_running == 1:
                    n_workers, n_batches = crew.choose(n_batches)
                else:
                    n_workers = 1
                n_workers = max(1, min(n_workers, MAX_WORKERS))
                self.provide(n_workers)
                began = perf_counter()
                status = skmlp_run_by(n_workers, run, p, begin, begin + n_batches)
                PyErr_CheckSignals()
                seconds = max(perf_counter() - began, 1e-6)
                pause = PAUSE if n_workers == 1 else PAUSE_OF_SEVERAL
                self.step = max(1, min(2 * self.step, <Py_ssize_t> (pause / seconds * n_batches)))
                begin += n_batches
                if crew is not None:
                    crew.note(n_workers, n_batches, seconds)
        finally:
            n_running -= 1
        if status != DONE:
            raise ValueError(f"The data must be valid, and stay so: {PROBLEMS[status]}.")
        return 0

    cdef int provide(self, int n_workers) except -1:
        """Make sure that each worker has a panel."""
        if n_workers > self.n_panels:
            self.p.panels, self.n_panels = self.room(n_workers * PANEL_SIZE), n_workers
        return 0

    cdef int bind_rows(self, X, Py_ssize_t n) except -1:
        cdef skmlp_program *p = &self.p
        if n < 0:
            raise ValueError(f"n_rows must not be negative, got {n}.")
        p.n_rows = n
        if self.is_sparse:
            values, columns, indptr = X
            p.n_stored = len(values)
            p.values = address("values", values, self.dtype, (p.n_stored,))
            p.columns = <int32_t *> address("columns", columns, np.dtype(np.int32), (p.n_stored,))
            p.indptr = <int64_t *> address("indptr", indptr, np.dtype(np.int64), (n + 1,))
        else:
            p.X_is_other = X.dtype != self.dtype
            dtype = np.dtype(np.float32 if self.dtype == np.float64 else np.float64)
            p.X = address("X", X, dtype if p.X_is_other else self.dtype, (n, p.n_features))
        return 0

    cdef int bind_data(self, X, targets, weight) except -1:
        cdef skmlp_program *p = &self.p
        cdef Py_ssize_t n = len(weight)
        self.bind_rows(X, n)
        if p.loss == SOFTMAX:
            p.targets = address("targets", targets, np.dtype(np.int64), (n,))
        else:
            p.targets = address("targets", targets, self.dtype, (n, p.n_outputs))
        p.weight = <double *> address("weight", weight, np.dtype(np.float64), (n,))
        return 0

    cdef int bind_optimizer(self, fields) except -1:
        cdef skmlp_optimizer *o = &self.p.optimizer
        cdef Py_ssize_t n = self.p.n_params
        memset(o, 0, sizeof(o[0]))
        o.kind = fields["kind"]
        if o.kind not in OPTIMIZER_CODES.values():
            raise ValueError(f"kind must be one of OPTIMIZER_CODES, got {o.kind}.")
        o.a, o.b, o.eps, o.decay = fields["a"], fields["b"], fields["eps"], fields["decay"]
        o.t = fields["t"]
        if o.kind != SGD:
            o.first = address("first", fields["first"], self.dtype, (n,), True)
        if o.kind == ADAM:
            o.second = address("second", fields["second"], self.dtype, (n,), True)
        clips = fields["clips"]
        if len(clips) > MAX_CLIPS or any(kind not in CLIP_CODES.values() for kind, _ in clips):
            raise ValueError(f"clips must be at most {MAX_CLIPS} of CLIP_CODES, got {clips}.")
        o.n_clips = len(clips)
        for i, (kind, bound) in enumerate(clips):
            o.clips[i], o.bounds[i] = kind, bound
        return 0

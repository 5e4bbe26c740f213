# Included by _linear.pyx.


def duality_gap(LinearProgram program, scores, probabilities, theta, before=None, image=None):
    """Return how far the objective at theta may be above its minimum: see `skmlp.nn.duality`.

    Parameters
    ----------
    program : LinearProgram
        The objective.
    scores, probabilities : ndarray
        Arrays over rows at theta.
    theta : ndarray of shape (n_params,)
        The parameters.
    before, image : ndarray, default=None
        Probabilities before a full Newton step that led here, and its image.

    Returns
    -------
    bound : float
        NaN if the step overflows.
    """
    cdef skmlp_linear *p = &program.p
    cdef Py_ssize_t K = p.n_classes, i
    gradient, excess, tilt, shares = np.empty(program.n_params), np.zeros(K), np.zeros(K), np.zeros(K)
    covariance = np.zeros((K, K), program.dtype)
    cdef double *g = <double *> cnp.PyArray_DATA(gradient)
    cdef double *t = <double *> checked("theta", theta, cnp.NPY_FLOAT64, program.n_params)
    p.gradient, p.excess = g, <double *> cnp.PyArray_DATA(excess)
    p.tilt, p.shares = <double *> cnp.PyArray_DATA(tilt), <double *> cnp.PyArray_DATA(shares)
    p.covariance = cnp.PyArray_DATA(covariance)
    p.probabilities = program.rows("probabilities", probabilities)
    p.before = p.probabilities if before is None else program.rows("before", before)
    p.image = NULL if image is None else program.rows("image", image)
    p.mix = 0
    if p.n_inputs > p.n_features:
        program.sweep(DUAL_START)
        find_tilt(program, excess, tilt, covariance)
        find_mix(program, excess, shares)
    p.start = program.rows("scores", scores)
    program.sweep(DUAL_GAP)
    add(program.n_weights, program.penalty, t, g)
    return fmax(p.divergence, 0) + dot(program.n_weights, g, g) / (2 * program.penalty)


cdef int find_tilt(LinearProgram program, excess, tilt, covariance) except -1:
    """Find the tilt of the rows that takes the excess of the classes out, 0 if there is none."""
    cdef skmlp_linear *p = &program.p
    cdef int K = p.n_classes, one = 1, info
    cdef double[::1] x = tilt
    cdef Py_ssize_t k
    if not np.abs(excess).max() > ROUNDING:
        return 0
    A, mass = -covariance.astype(np.float64), excess + np.asarray(program.class_shares)
    A.flat[:: K + 1] += mass
    # Equal tilts of all classes do nothing, and neither does that of a class without mass; this takes
    # them out of the null space.
    A += A.trace() / K
    A.flat[:: K + 1] += mass <= ROUNDING
    tilt[:] = -excess
    dposv("L", &K, &one, <double *> cnp.PyArray_DATA(A), &K, &x[0], &K, &info)
    if info == 0 and np.abs(tilt).max() < 1:
        before = excess.copy()
        program.sweep(DUAL_TILT)
        if p.least >= 0:
            return 0
        excess[:] = before
    tilt[:] = 0
    return 0


cdef int find_mix(LinearProgram program, excess, shares) except -1:
    """Find the row to mix with, and its part, such that each class gets its share."""
    cdef skmlp_linear *p = &program.p
    cdef double need = 0
    cdef Py_ssize_t k
    for k in range(p.n_classes):
        if program.class_shares[k] > 0:
            need = fmax(need, p.excess[k] / program.class_shares[k])
        elif p.excess[k] > 0:
            need = INFINITY
    p.mix = need / (1 + need) if isfinite(need) else 1
    for k in range(p.n_classes):
        p.shares[k] = p.mix * program.class_shares[k] - (1 - p.mix) * p.excess[k]
    return 0

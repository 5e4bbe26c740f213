# Included by _linear.pyx.


cdef int apply(inverse, Py_ssize_t n, double *v, double *z, bint plain) except -1:
    """Put the approximate inverse times v into z; v itself if `plain`."""
    if plain:
        memcpy(z, v, n * sizeof(double))
    elif isinstance(inverse, Inverse):
        (<Inverse> inverse).check_size(n)
        (<Inverse> inverse).apply(v, z)
    else:
        result = np.ascontiguousarray(inverse(np.asarray(<double[:n]> v)), np.float64)
        memcpy(z, checked("precondition(v)", result, cnp.NPY_FLOAT64, n), n * sizeof(double))
    return 0


def conjugate_gradients(LinearProgram program, probabilities, gradient, inverse, double value,
                        double goal, double residual_target, Py_ssize_t max_cg):
    """Solve for the Newton direction: see `skmlp.optim.newton.conjugate_gradients`.

    Parameters
    ----------
    program : LinearProgram
        The objective.
    probabilities : ndarray
        Array over rows.
    gradient : ndarray of shape (n_params,)
        Gradient of the objective.
    inverse : callable
        Preconditioner.
    value : float
        Value of the objective.
    goal, residual_target, max_cg
        As there.

    Returns
    -------
    direction, decrement, size, n_products, solved
        The fields of a `Solution`.
    """
    cdef Py_ssize_t n = program.n_params, n_products = 0, i
    vectors = np.zeros((4, n))
    direction = np.zeros(n)
    cdef double *x = <double *> cnp.PyArray_DATA(direction)
    cdef double *residual = <double *> cnp.PyArray_DATA(vectors)
    cdef double *z = residual + n
    cdef double *v = z + n
    cdef double *Hv = v + n
    cdef const double *g = <double *> checked("gradient", gradient, cnp.NPY_FLOAT64, n)
    cdef double rho, last_rho, size, share, enough, curvature, decrement = 0
    cdef bint solved, is_last, plain = False
    cdef void *where = program.rows("probabilities", probabilities)
    for i in range(n):
        residual[i] = -g[i]
    apply(inverse, n, residual, z, plain)
    rho = size = dot(n, residual, z)
    if not size > 0:
        # Rounding has made the approximate inverse indefinite: do without.
        plain = True
        memcpy(z, residual, n * sizeof(double))
        rho = size = dot(n, residual, residual)
    share = SHARE * fmin(1, sqrt(sqrt(size / (CLOSE * fmax(fabs(value), TINY)))))
    memcpy(v, z, n * sizeof(double))
    solved = size == 0
    while n_products < max_cg and rho > 0:
        n_products += 1
        # A preconditioner may have used the program meanwhile.
        program.p.probabilities = where
        program.multiply(v, Hv)
        curvature = dot(n, v, Hv)
        if not TINY < curvature < INFINITY:
            break
        add(n, rho / curvature, v, x)
        add(n, -rho / curvature, Hv, residual)
        decrement = -dot(n, g, x)
        apply(inverse, n, residual, z, plain)
        last_rho, rho = rho, dot(n, residual, z)
        is_last = decrement <= 2 * goal
        enough = WORTHLESS * goal if is_last else fmax(share * share * size, WORTHLESS * goal)
        solved = 0 <= rho <= enough
        if solved and not (is_last and sqrt(dot(n, residual, residual)) > residual_target):
            break
        for i in range(n):
            v[i] = z[i] + rho / last_rho * v[i]
    if not 0 < decrement < INFINITY:
        # No curvature to be seen: go down the slope, and let the line search say how far.
        direction, decrement = -gradient, dot(n, g, g)
    return direction, decrement, size, n_products, solved

/* Activations, each with its derivative: the formulas are those of skmlp/nn/activations.py. */

/* A = activation(Z), in place; slopes gets the derivative where A alone does not tell it. */
static void NAME(activate)(const skmlp_layer *layer, ptrdiff_t n, REAL *restrict A,
                           REAL *restrict slopes) {
    const REAL slope = (REAL)layer->slope, limit = (REAL)layer->limit;
    ptrdiff_t i;
    switch (layer->activation) {
    case RELU:
        for (i = 0; i < n; i++) A[i] = A[i] <= 0 ? 0 : A[i];
        break;
    case LEAKY_RELU:
        for (i = 0; i < n; i++) A[i] = A[i] <= 0 ? slope * A[i] : A[i];
        break;
    case EXPONENTIAL_LINEAR:
        for (i = 0; i < n; i++) {
            REAL bent = limit * NAME(expm1)(A[i] > 0 ? 0 : A[i]);
            A[i] = A[i] > 0 ? slope * A[i] : bent;
        }
        break;
    case GELU:
        for (i = 0; i < n; i++) {
            REAL z = A[i], P = NAME(normal_cdf)(z);
            A[i] = z * P;
            slopes[i] = P + z * (REAL)0.39894228040143267794 * NAME(exp)((REAL)-0.5 * z * z);
        }
        break;
    case SILU:
        for (i = 0; i < n; i++) {
            REAL z = A[i], P = NAME(sigmoid)(z);
            A[i] = z * P;
            slopes[i] = P + A[i] * (1 - P);
        }
        break;
    case SOFTPLUS:
        for (i = 0; i < n; i++) {
            REAL z = A[i], positive = z <= 0 ? 0 : z;
            A[i] = positive + NAME(log1p)(NAME(exp)(-NAME(magnitude)(z)));
        }
        break;
    case TANH:
        for (i = 0; i < n; i++) A[i] = NAME(tanh)(A[i]);
        break;
    case LOGISTIC:
        for (i = 0; i < n; i++) A[i] = NAME(sigmoid)(A[i]);
        break;
    }
}

/* dZ = dA * activation'(Z), in place. */
static void NAME(activate_back)(const skmlp_layer *layer, ptrdiff_t n, const REAL *restrict A,
                                const REAL *restrict slopes, REAL *restrict d) {
    const REAL slope = (REAL)layer->slope, limit = (REAL)layer->limit;
    ptrdiff_t i;
    switch (layer->activation) {
    case RELU:
        for (i = 0; i < n; i++) d[i] = A[i] > 0 ? d[i] : 0;
        break;
    case LEAKY_RELU:
        for (i = 0; i < n; i++) d[i] *= A[i] > 0 ? 1 : slope;
        break;
    case EXPONENTIAL_LINEAR:
        for (i = 0; i < n; i++) d[i] *= A[i] > 0 ? slope : A[i] + limit;
        break;
    case GELU:
    case SILU:
        for (i = 0; i < n; i++) d[i] *= slopes[i];
        break;
    case SOFTPLUS:
        for (i = 0; i < n; i++) d[i] *= -NAME(expm1)(-A[i]);
        break;
    case TANH:
        for (i = 0; i < n; i++) d[i] *= 1 - A[i] * A[i];
        break;
    case LOGISTIC:
        for (i = 0; i < n; i++) d[i] *= (1 - A[i]) * A[i];
        break;
    }
}

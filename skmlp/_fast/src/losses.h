/* Losses: the formulas are those of skmlp/nn/losses.py and skmlp/nn/regression_losses.py.
 *
 * Each writes the losses of m rows of a batch from `first` on into row_loss, and over their scores F
 * the derivatives times the weight of the row. */

static void NAME(weigh)(const skmlp_program *p, ptrdiff_t first, ptrdiff_t m, REAL *F) {
    const ptrdiff_t C = p->n_outputs;
    ptrdiff_t i, k;
    for (i = 0; i < m; i++) {
        const REAL w = (REAL)p->row_weight[first + i];
        for (k = 0; k < C; k++) F[i * C + k] *= w;
    }
}

/* Lower each row by its largest score if the exponential of that might overflow; shift is by how
 * much. */
static void NAME(lower)(ptrdiff_t m, ptrdiff_t C, REAL *F, REAL *shift) {
    const REAL limit = PRECISION == 32 ? (REAL)44 : (REAL)354;
    ptrdiff_t i, k;
    int is_large = 0;
    memset(shift, 0, (size_t)m * sizeof *shift);
    for (i = 0; i < m * C; i++) is_large |= F[i] > limit;
    if (!is_large) return;
    for (i = 0; i < m; i++) {
        for (k = 0; k < C; k++) shift[i] = F[i * C + k] > shift[i] ? F[i * C + k] : shift[i];
        /* What is done to a row must not depend on the rows beside it. */
        if (shift[i] <= limit) shift[i] = 0;
        for (k = 0; k < C; k++) F[i * C + k] -= shift[i];
    }
}

static void NAME(softmax_loss)(const skmlp_program *p, ptrdiff_t first, ptrdiff_t m,
                               REAL *restrict F, REAL *restrict loss) {
    const ptrdiff_t C = p->n_outputs;
    const double *weight = p->row_weight + first;
    const int64_t *classes = p->classes + first;
    const REAL even = (REAL)(p->loss_parameter / (double)C), top = (REAL)(1 - p->loss_parameter);
    REAL *restrict shift = (REAL *)p->row_shift + first;
    REAL *restrict smooth = (REAL *)p->targets_of_batch + first;
    ptrdiff_t i, k;
    for (i = 0; i < m; i++) {
        REAL *row = F + i * C, own = row[classes[i]], sum = 0;
        for (k = 0; k < C; k++) row[k] -= own;
        if (even > 0) {
            #pragma omp simd reduction(+ : sum)
            for (k = 0; k < C; k++) sum += row[k];
            smooth[i] = even * sum;
        }
    }
    NAME(lower)(m, C, F, shift);
    for (i = 0; i < m * C; i++) F[i] = NAME(exp)(F[i]);
    for (i = 0; i < m; i++) {
        REAL *row = F + i * C, others = 0, total, w = (REAL)weight[i], factor;
        const ptrdiff_t y = (ptrdiff_t)classes[i];
        row[y] = 0;
        #pragma omp simd reduction(+ : others)
        for (k = 0; k < C; k++) others += row[k];
        total = others + (shift[i] > 0 ? NAME(exp)(-shift[i]) : 1);
        loss[i] = others + (shift[i] > 0 ? NAME(expm1)(-shift[i]) : 0);
        factor = w / total;
        for (k = 0; k < C; k++) row[k] = row[k] * factor - w * even;
        /* P - T of the own class: 1 - P is others / total. */
        row[y] = -others * factor - w * ((top - 1) + even);
    }
    for (i = 0; i < m; i++) loss[i] = shift[i] + NAME(log1p)(loss[i]);
    if (even > 0)
        for (i = 0; i < m; i++) loss[i] -= smooth[i];
}

/* The derivative of the logistic loss of one score f by one target t, for E = exp(-|f|). A score of
 * -0 has the sign of 0, as adding 0 gives it. */
static inline REAL NAME(logistic_slope)(REAL f, REAL t, REAL E) {
    return (f >= 0 ? (REAL)1 : (REAL)0) - t - NAME(with_sign_of)(E / (1 + E), f + 0);
}

static inline REAL NAME(binary_logistic)(REAL f, REAL t, REAL *d) {
    const REAL E = NAME(exp)(-NAME(magnitude)(f));
    *d = NAME(logistic_slope)(f, t, E);
    return ((f >= 0 ? (REAL)1 : (REAL)0) - t) * f + NAME(log1p)(E);
}

static inline REAL NAME(huber)(REAL r, REAL delta, REAL *d) {
    const REAL c = r > delta ? delta : (r < -delta ? -delta : r);
    *d = c;
    return c * (r - c / 2);
}

static inline REAL NAME(log_cosh)(REAL r, REAL *d) {
    /* log(cosh(r)) = |r| - log(2) + log1p(exp(-2 |r|)); near 0, where these cancel,
     * log1p(2 sinh(r / 2)^2) with 2 sinh(r / 2)^2 = expm1(-|r|)^2 / (2 exp(-|r|)). */
    const REAL size = NAME(magnitude)(r), near = size > 1 ? 1 : size;
    const REAL e = NAME(expm1)(-near), far = NAME(exp)(-2 * size);
    const REAL bent = NAME(log1p)(size > 1 ? far : e * e / (2 * (e + 1)));
    *d = NAME(tanh)(r);
    return size > 1 ? size - (REAL)0.693147180559945309 + bent : bent;
}

static inline REAL NAME(poisson)(REAL f, REAL t, REAL *d) {
    const REAL r = NAME(exp)(f) - t;
    *d = r;
    return (t > 0 ? t * LOG(t) : 0) - t * f + r;
}

/* Losses that are sums over outputs: EACH computes `value` and `d` from f, t. */
#define SUM_OVER_OUTPUTS(EACH)                                                                     \
    for (i = 0; i < m; i++) {                                                                      \
        REAL sum = 0;                                                                              \
        for (k = 0; k < C; k++) {                                                                  \
            const REAL f = F[i * C + k], t = T[i * C + k];                                         \
            REAL d, value;                                                                         \
            EACH;                                                                                  \
            F[i * C + k] = d;                                                                      \
            sum += value;                                                                          \
        }                                                                                          \
        loss[i] = sum;                                                                             \
    }                                                                                              \
    break;

static void NAME(loss)(const skmlp_program *p, ptrdiff_t first, ptrdiff_t m, REAL *restrict F,
                       REAL *restrict loss) {
    const ptrdiff_t C = p->n_outputs;
    const REAL *restrict T = (const REAL *)p->targets_of_batch + first * C;
    const REAL c = (REAL)p->loss_parameter;
    ptrdiff_t i, k;
    switch (p->loss) {
    case SOFTMAX:
        NAME(softmax_loss)(p, first, m, F, loss);
        return;
    case BINARY_LOGISTIC:
        SUM_OVER_OUTPUTS(value = NAME(binary_logistic)(f, (1 - c) * t + c / 2, &d))
    case SQUARED:
        SUM_OVER_OUTPUTS((d = 2 * (f - t), value = (f - t) * (f - t)))
    case ABSOLUTE:
        SUM_OVER_OUTPUTS((value = NAME(magnitude)(f - t), d = f > t ? 1 : (f < t ? -1 : f - t)))
    case HUBER:
        SUM_OVER_OUTPUTS(value = NAME(huber)(f - t, c, &d))
    case LOG_COSH:
        SUM_OVER_OUTPUTS(value = NAME(log_cosh)(f - t, &d))
    case QUANTILE:
        SUM_OVER_OUTPUTS((d = f > t ? 1 - c : (f < t ? -c : f - t), value = d * (f - t)))
    case POISSON:
        SUM_OVER_OUTPUTS(value = NAME(poisson)(f, t, &d))
    }
    NAME(weigh)(p, first, m, F);
}

#undef SUM_OVER_OUTPUTS

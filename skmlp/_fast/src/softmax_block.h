/* The losses of a block of rows, as in skmlp/nn/losses.py, rows side by side.
 *
 * F, R and P are (n_outputs, block): scores, their residuals dloss/dF, and probabilities. With one
 * output the loss is binary logistic, else softmax. */

/* Above this, an exponential might overflow. */
#define LARGE_SCORE (PRECISION == 32 ? (REAL)44 : (REAL)354)

static void NAME(softmax_residual)(const skmlp_linear *p, const INT *restrict y,
                                   const REAL *restrict F, REAL *restrict R, REAL *restrict loss) {
    const ptrdiff_t B = p->block, C = p->n_outputs;
    REAL own[MOST_ROWS], shift[MOST_ROWS], others[MOST_ROWS], factor[MOST_ROWS];
    int is_large = 0;
    ptrdiff_t i, k;
    for (i = 0; i < B; i++) {
        own[i] = y[i] < 0 ? 0 : F[y[i] * B + i];
        shift[i] = others[i] = 0;
    }
    for (k = 0; k < C; k++)
        for (i = 0; i < B; i++) is_large |= F[k * B + i] - own[i] > LARGE_SCORE;
    if (is_large)
        for (k = 0; k < C; k++)
            for (i = 0; i < B; i++) {
                const REAL ahead = F[k * B + i] - own[i];
                shift[i] = ahead > shift[i] ? ahead : shift[i];
            }
    for (k = 0; k < C; k++)
        for (i = 0; i < B; i++) {
            const REAL e = NAME(exp)(F[k * B + i] - own[i] - shift[i]);
            const REAL other = y[i] == (INT)k ? 0 : e;
            R[k * B + i] = other;
            others[i] += other;
        }
    for (i = 0; i < B; i++) {
        factor[i] = 1 / (others[i] + NAME(exp)(-shift[i]));
        loss[i] = shift[i] + NAME(log1p)(others[i] + NAME(expm1)(-shift[i]));
    }
    for (k = 0; k < C; k++)
        for (i = 0; i < B; i++)
            R[k * B + i] = factor[i] * (y[i] == (INT)k ? -others[i] : R[k * B + i]);
}

/* Residuals of a block at scores F; returns the weighted sum of the losses. */
static double NAME(residual)(const skmlp_linear *p, const INT *y, const double *w, const REAL *F,
                             REAL *R) {
    REAL loss[MOST_ROWS];
    double value = 0;
    ptrdiff_t i;
    if (p->coupled) NAME(softmax_residual)(p, y, F, R, loss);
    else
        for (i = 0; i < p->block; i++)
            loss[i] = NAME(binary_logistic)(F[i], y[i] == 1 ? (REAL)1 : (REAL)0, &R[i]);
    #pragma omp simd reduction(+ : value)
    for (i = 0; i < p->block; i++) value += w[i] * (double)loss[i];
    return value;
}

/* R becomes P. */
static void NAME(settle_block)(const skmlp_linear *p, const INT *restrict y, REAL *restrict R) {
    const ptrdiff_t B = p->block;
    ptrdiff_t i, k;
    for (k = 0; k < p->n_outputs; k++)
        for (i = 0; i < B; i++)
            R[k * B + i] += y[i] == (INT)(p->coupled ? k : 1) ? (REAL)1 : (REAL)0;
}

/* U becomes the second derivative of the losses along U: D (U - sum of D U). */
static void NAME(bend)(const skmlp_linear *p, const REAL *restrict P, REAL *restrict U) {
    const ptrdiff_t B = p->block, C = p->n_outputs;
    REAL mean[MOST_ROWS];
    ptrdiff_t i, k;
    if (!p->coupled) {
        for (i = 0; i < B; i++) U[i] *= P[i] * (1 - P[i]);
        return;
    }
    for (i = 0; i < B; i++) mean[i] = P[i] * U[i];
    for (k = 1; k < C; k++)
        for (i = 0; i < B; i++) mean[i] += P[k * B + i] * U[k * B + i];
    for (k = 0; k < C; k++)
        for (i = 0; i < B; i++) U[k * B + i] = P[k * B + i] * (U[k * B + i] - mean[i]);
}

/* Multiply every row by its weight; `to` may be `from`. */
static void NAME(weigh_block)(const skmlp_linear *p, const double *w, const REAL *from, REAL *to) {
    const ptrdiff_t B = p->block;
    REAL weight[MOST_ROWS];
    ptrdiff_t i, k;
    for (i = 0; i < B; i++) weight[i] = (REAL)w[i];
    for (k = 0; k < p->n_outputs; k++)
        for (i = 0; i < B; i++) to[k * B + i] = weight[i] * from[k * B + i];
}

/* The weighted sum of R V. */
static double NAME(slope)(const skmlp_linear *p, const double *w, const REAL *R, const REAL *V) {
    const ptrdiff_t B = p->block;
    REAL sum[MOST_ROWS];
    double slope = 0;
    ptrdiff_t i, k;
    for (i = 0; i < B; i++) sum[i] = R[i] * V[i];
    for (k = 1; k < p->n_outputs; k++)
        for (i = 0; i < B; i++) sum[i] += R[k * B + i] * V[k * B + i];
    #pragma omp simd reduction(+ : slope)
    for (i = 0; i < B; i++) slope += w[i] * (double)sum[i];
    return slope;
}

#undef LARGE_SCORE

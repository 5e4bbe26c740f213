/* A block of the certificate: the sums over rows of skmlp/nn/duality.py.
 *
 * Q is (n_classes, block): two classes have two rows here, though one score. */

/* The smallest probability of which a logarithm is taken without care. */
#define SMALLEST (PRECISION == 32 ? (REAL)1e-35 : (REAL)1e-290)
/* The same for the true class, whose probability is 1 plus its residual. */
#define SURE (REAL)1e-6

/* P of a class; with one output that is the one of the second class. */
static inline REAL NAME(of_class)(const skmlp_linear *p, const REAL *P, ptrdiff_t k, ptrdiff_t i) {
    if (p->coupled) return P[k * p->block + i];
    return k == 1 ? P[i] : 1 - P[i];
}

/* Q of m rows from the probabilities before a Newton step and the image of the step: what is outside
 * [0, 1] is cut off, and the rest of the row made to sum to one. */
static void NAME(dual_start)(const skmlp_linear *p, ptrdiff_t m, const REAL *P, const REAL *V,
                             REAL *Q) {
    const ptrdiff_t B = p->block, C = p->n_outputs;
    REAL *to = Q + (p->n_classes - C) * B, sum[MOST_ROWS];
    ptrdiff_t i, k;
    memset(Q, 0, (size_t)(p->n_classes * B) * sizeof *Q);
    memset(sum, 0, sizeof sum);
    if (V != NULL) {
        memcpy(to, V, (size_t)(C * B) * sizeof *to);
        NAME(bend)(p, P, to);
    }
    for (k = 0; k < C; k++)
        for (i = 0; i < B; i++) {
            const REAL q = to[k * B + i] + P[k * B + i];
            const REAL part = q < 0 || i >= m ? 0 : (q > 1 ? 1 : q);
            to[k * B + i] = part;
            sum[i] += part;
        }
    if (!p->coupled) {
        for (i = 0; i < m; i++) Q[i] = 1 - to[i];
        return;
    }
    for (i = 0; i < B; i++) sum[i] = i < m ? 1 / sum[i] : 0;
    for (k = 0; k < C; k++)
        for (i = 0; i < B; i++) to[k * B + i] *= sum[i];
}

/* Add the sums of w (Q - Y). */
static void NAME(add_excess)(skmlp_linear *p, const INT *y, const double *w, const REAL *Q) {
    const ptrdiff_t B = p->block;
    ptrdiff_t i, k;
    for (k = 0; k < p->n_classes; k++) {
        double sum = 0;
        #pragma omp simd reduction(+ : sum)
        for (i = 0; i < B; i++)
            sum += w[i] * (double)(Q[k * B + i] - (y[i] == (INT)k ? (REAL)1 : (REAL)0));
        p->excess[k] += sum;
    }
}

/* Add Q diag(w) Q^T. */
static void NAME(add_covariance)(skmlp_linear *p, const double *w, const REAL *Q) {
    const ptrdiff_t B = p->block;
    char transposed = 'T', plain = 'N';
    int classes = (int)p->n_classes, rows = (int)B;
    REAL one = 1, *wQ = (REAL *)p->work + B * p->n_classes;
    ptrdiff_t i, k;
    for (k = 0; k < p->n_classes; k++)
        for (i = 0; i < B; i++) wQ[k * B + i] = (REAL)w[i] * Q[k * B + i];
    p->GEMM(&transposed, &plain, &classes, &classes, &rows, &one, (REAL *)Q, &rows, wQ, &rows,
            &one, p->covariance, &classes);
}

/* Tilt Q: Q_k becomes Q_k (1 + tilt_k - sum of tilt Q). */
static void NAME(tilt_block)(const skmlp_linear *p, REAL *restrict Q) {
    const ptrdiff_t B = p->block;
    REAL mean[MOST_ROWS];
    ptrdiff_t i, k;
    memset(mean, 0, sizeof mean);
    for (k = 0; k < p->n_classes; k++)
        for (i = 0; i < B; i++) mean[i] += (REAL)p->tilt[k] * Q[k * B + i];
    for (k = 0; k < p->n_classes; k++)
        for (i = 0; i < B; i++)
            Q[k * B + i] *= 1 + (REAL)p->tilt[k] - mean[i];
}

/* KL(R || P) of one row from its scores F, where a probability is not accurate enough. */
static double NAME(careful_divergence)(const skmlp_linear *p, ptrdiff_t i, const REAL *R,
                                       const REAL *F) {
    const ptrdiff_t B = p->block;
    double top = p->coupled ? (double)F[i] : 0, total = 0, sum = 0;
    ptrdiff_t k;
#define SCORE(k) (p->coupled ? (double)F[(k) * B + i] : ((k) == 1 ? (double)F[i] : 0.0))
    for (k = 0; k < p->n_classes; k++) top = SCORE(k) > top ? SCORE(k) : top;
    for (k = 0; k < p->n_classes; k++) total += exp(SCORE(k) - top);
    for (k = 0; k < p->n_classes; k++) {
        const double r = (double)R[k * B + i];
        if (r > 0) sum += r * (log(r) - (SCORE(k) - top - log(total)));
    }
#undef SCORE
    return sum;
}

/* The weighted sum of KL(R || P) over the rows. */
static double NAME(divergence)(const skmlp_linear *p, ptrdiff_t m, const INT *y,
                               const double *w, const REAL *R, const REAL *P, const REAL *F) {
    const ptrdiff_t B = p->block;
    REAL sum[MOST_ROWS], lost[MOST_ROWS];
    double total = 0;
    ptrdiff_t i, k;
    memset(sum, 0, sizeof sum);
    memset(lost, 0, sizeof lost);
    for (k = 0; k < p->n_classes; k++)
        for (i = 0; i < B; i++) {
            const REAL r = R[k * B + i], q = NAME(of_class)(p, P, k, i);
            const REAL a = r > SMALLEST ? r : SMALLEST, b = q > SMALLEST ? q : SMALLEST;
            const REAL least = y[i] == (INT)k ? SURE : SMALLEST;
            sum[i] += r * NAME(log)(a / b) + (q - r);
            lost[i] += r > SMALLEST && !(q > least) ? (REAL)1 : (REAL)0;
        }
    for (i = 0; i < m; i++)
        total += w[i] * (lost[i] > 0 ? NAME(careful_divergence)(p, i, R, F) : (double)sum[i]);
    return total;
}

#undef SMALLEST
#undef SURE

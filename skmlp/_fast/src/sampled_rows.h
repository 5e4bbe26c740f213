/* Rows that stand for all in a preconditioner, in double precision: see skmlp/nn/preconditioners.py.
 *
 * The rows begin to end of the sample are written to `sample`, times the root of what they count. */

/* The curvature of every row, weighted, averaged over the outputs. */
static void NAME(average_curvatures)(const skmlp_linear *p, ptrdiff_t b) {
    const ptrdiff_t B = p->block, C = p->n_outputs;
    const REAL *P = (const REAL *)p->probabilities + b * B * C;
    const double *w = p->weight + b * B;
    const double rounding = PRECISION == 32 ? 1.1920928955078125e-07 : 2.220446049250313e-16;
    double *q = p->curvatures + b * B;
    ptrdiff_t i, k;
    for (i = 0; i < B; i++) q[i] = 0;
    for (k = 0; k < C; k++)
        for (i = 0; i < B; i++) {
            const REAL r = P[k * B + i];
            q[i] += (double)r * (double)(1 - r);
        }
    /* What is below the rounding error of a probability is not known to be there. */
    for (i = 0; i < B; i++) q[i] = w[i] * (q[i] > rounding * C ? q[i] / (double)C : rounding);
}

static ptrdiff_t NAME(place)(const skmlp_linear *p, ptrdiff_t s) {
    return p->sampled ? (ptrdiff_t)p->sampled[s] : s;
}

static double *NAME(sampled_row)(skmlp_linear *p, ptrdiff_t s, ptrdiff_t place) {
    const ptrdiff_t i = NAME(place)(p, s);
    double *to = p->sample + place * p->n_inputs;
    const double root = sqrt(p->counts[s]);
    ptrdiff_t j;
    if (p->X != NULL) {
        const REAL *x = (const REAL *)p->X + i * p->row_step;
        for (j = 0; j < p->n_features; j++) to[j] = root * (double)x[j * p->column_step];
    } else {
        memset(to, 0, (size_t)p->n_features * sizeof *to);
        if (NAME(are_valid)(p, i, 1)) {
            const NAME(sparse_row) x = NAME(stored_row)(p, i);
            for (j = 0; j < x.n; j++) to[x.columns[j]] += root * (double)x.values[j];
        }
    }
    if (p->n_inputs > p->n_features) to[p->n_features] = root;
    return to;
}

static void NAME(gram_rows)(skmlp_linear *p, ptrdiff_t begin, ptrdiff_t end) {
    ptrdiff_t s;
    for (s = begin; s < end; s++) NAME(sampled_row)(p, s, s - begin);
}

/* And for every row the products of its inputs with its probabilities. */
static void NAME(hessian_rows)(skmlp_linear *p, ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t B = p->block, C = p->n_outputs, d = p->n_inputs;
    ptrdiff_t s, j, k;
    for (s = begin; s < end; s++) {
        const ptrdiff_t i = NAME(place)(p, s);
        const REAL *P = (const REAL *)p->probabilities + i / B * B * C + i % B;
        const double *x = NAME(sampled_row)(p, s, s - begin);
        double *to = p->products + (s - begin) * d * C;
        for (k = 0; k < C; k++) {
            const double probability = (double)P[k * B];
            #pragma omp simd
            for (j = 0; j < d; j++) to[k * d + j] = x[j] * probability;
        }
    }
}

/* Add the sums over a block of curvature times feature, squared and as it is. */
static void NAME(add_squares)(skmlp_linear *p, ptrdiff_t b) {
    const ptrdiff_t m = NAME(rows_of_block)(p, b);
    const double *q = p->curvatures + b * p->block;
    double *restrict squares = p->gradient, *restrict sums = p->gradient + p->n_inputs;
    ptrdiff_t i, j;
    if (p->X == NULL && !NAME(are_valid)(p, b * p->block, m)) return;
    for (i = 0; i < m; i++) {
        if (p->X == NULL) {
            const NAME(sparse_row) x = NAME(stored_row)(p, b * p->block + i);
            for (j = 0; j < x.n; j++) {
                const double value = (double)x.values[j];
                squares[x.columns[j]] += q[i] * (value * value);
                sums[x.columns[j]] += q[i] * value;
            }
        } else {
            const REAL *x = (const REAL *)p->X + (b * p->block + i) * p->row_step;
            for (j = 0; j < p->n_features; j++) {
                const double value = (double)x[j * p->column_step];
                squares[j] += q[i] * (value * value);
                sums[j] += q[i] * value;
            }
        }
    }
}

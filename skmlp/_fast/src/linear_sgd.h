/* Plain gradient descent on a linear model, for steps that are too small for matrix products.
 *
 * A step is W <- a W - r X^T dF, with a = 1 - r c for the penalty c / 2 |W|^2. The first factor is
 * applied lazily: W = s V, and only s is multiplied by a, so that a step costs the entries of its
 * rows. The squared norms of W and of the gradient G + c W follow from
 * |W'|^2 = a^2 |W|^2 - 2 a r <G, W> + r^2 |G|^2 and <G, W> = sum of dF * (F - b). */

/* Below this, s is multiplied into V before its digits are lost. */
#define SMALLEST_SCALE 1e-4

typedef struct {
    double scale;             /* s */
    double norm;              /* |W|^2 */
} NAME(lazy);

static int NAME(is_linear_sgd)(const skmlp_program *p) {
    const skmlp_layer *layer = p->layers;
    return p->n_layers == 1 && p->optimizer.kind == SGD && p->optimizer.n_clips == 0 &&
           p->penalty == NULL && p->scale == NULL && layer->gamma < 0 && layer->W == 0 &&
           p->n_weights == layer->fan_in * layer->fan_out && p->input_threshold == 0 &&
           (p->X == NULL || (p->batch_size == 1 && !p->X_is_other));
}

static inline const REAL *NAME(row)(const skmlp_program *p, int64_t i) {
    return (const REAL *)p->X + i * p->n_features;
}

/* Scores of a dense row, without b. */
static FORCE_INLINE void NAME(row_scores)(const ptrdiff_t C, ptrdiff_t d,
                                          const REAL *restrict x, const REAL *restrict V,
                                          REAL *restrict z) {
    ptrdiff_t j, k;
    for (k = 0; k < C; k++) z[k] = 0;
    for (j = 0; j < d; j++)
        for (k = 0; k < C; k++) z[k] += x[j] * V[j * C + k];
}

/* V <- V - x dz^T. */
static FORCE_INLINE void NAME(row_update)(const ptrdiff_t C, ptrdiff_t d,
                                          const REAL *restrict x, const REAL *restrict dz,
                                          REAL *restrict V) {
    ptrdiff_t j, k;
    for (j = 0; j < d; j++)
        for (k = 0; k < C; k++) V[j * C + k] -= x[j] * dz[k];
}

/* The compiler unrolls loops over few outputs if it knows how many they are. */
#define FOR_OUTPUTS(function, C, ...)                                                              \
    switch (C) {                                                                                   \
    case 1: function(1, __VA_ARGS__); break;                                                       \
    case 2: function(2, __VA_ARGS__); break;                                                       \
    case 3: function(3, __VA_ARGS__); break;                                                       \
    case 4: function(4, __VA_ARGS__); break;                                                       \
    default: function(C, __VA_ARGS__);                                                             \
    }

/* Multiply s into V. */
static void NAME(settle)(const skmlp_program *p, NAME(lazy) *lazy) {
    REAL *restrict W = p->theta;
    const REAL scale = (REAL)lazy->scale;
    ptrdiff_t i;
    if (lazy->scale != 1)
        for (i = 0; i < p->n_weights; i++) W[i] *= scale;
    lazy->scale = 1;
}

/* Scores of sparse rows, without b. */
static FORCE_INLINE void NAME(sparse_scores)(const ptrdiff_t C, const skmlp_program *p,
                                             const int64_t *rows, ptrdiff_t m,
                                             const REAL *restrict V, REAL *restrict Z) {
    const REAL *restrict values = p->values;
    ptrdiff_t i, k;
    int64_t s;
    for (i = 0; i < m; i++) {
        for (k = 0; k < C; k++) Z[i * C + k] = 0;
        for (s = p->indptr[rows[i]]; s < p->indptr[rows[i] + 1]; s++)
            for (k = 0; k < C; k++) Z[i * C + k] += values[s] * V[p->columns[s] * C + k];
    }
}

/* Subtract the gradient G of a sparse batch times `rate` from V, and add |G|^2. G is gathered
 * first, since a column may occur more than once; its memory is left at zero. */
static FORCE_INLINE void NAME(sparse_update)(const ptrdiff_t C, const skmlp_program *p,
                                             const int64_t *rows, ptrdiff_t m,
                                             const REAL *restrict dF, REAL rate,
                                             double *norm) {
    const REAL *restrict values = p->values;
    REAL *restrict V = p->theta, *restrict G = p->gradient;
    ptrdiff_t i, k;
    int64_t s;
    for (i = 0; i < m; i++)
        for (s = p->indptr[rows[i]]; s < p->indptr[rows[i] + 1]; s++)
            for (k = 0; k < C; k++) G[p->columns[s] * C + k] += values[s] * dF[i * C + k];
    for (i = 0; i < m; i++)
        for (s = p->indptr[rows[i]]; s < p->indptr[rows[i] + 1]; s++) {
            REAL *restrict g = G + p->columns[s] * C, *restrict v = V + p->columns[s] * C;
            REAL sum = 0;
            /* Where a column comes again, its gradient is zero by then. */
            #pragma omp simd reduction(+ : sum)
            for (k = 0; k < C; k++) {
                sum += g[k] * g[k];
                v[k] -= rate * g[k];
                g[k] = 0;
            }
            *norm += (double)sum;
        }
}

/* Subtract the gradient G of a batch times `rate` from V; returns |G|^2. */
static double NAME(update_linear)(const skmlp_program *p, const int64_t *rows, ptrdiff_t m,
                                  const REAL *dF, REAL rate) {
    const ptrdiff_t C = p->n_outputs, d = p->n_features;
    REAL *dz = p->of_outputs;
    double norm = 0;
    ptrdiff_t k;
    if (p->X == NULL) {
        FOR_OUTPUTS(NAME(sparse_update), C, p, rows, m, dF, rate, &norm)
        return norm;
    }
    for (k = 0; k < C; k++) dz[k] = rate * dF[k];
    FOR_OUTPUTS(NAME(row_update), C, d, NAME(row)(p, rows[0]), dz, p->theta)
    return NAME(sum_of_squares)(d, NAME(row)(p, rows[0])) * NAME(sum_of_squares)(C, dF);
}

static int NAME(linear_step)(skmlp_program *p, ptrdiff_t batch, NAME(lazy) *lazy) {
    const ptrdiff_t start = batch * p->batch_size, left = p->n_order - start;
    const ptrdiff_t m = left < p->batch_size ? left : p->batch_size, C = p->n_outputs;
    const int64_t *rows = p->order + start;
    const double rate = p->rates[batch], c = p->flat_penalty, a = 1 - rate * c;
    REAL *theta = p->theta, *F = p->layers[0].A, *Z = p->Z;
    REAL *b = p->layers[0].b < 0 ? NULL : theta + p->layers[0].b;
    const REAL scale = (REAL)lazy->scale;
    double value, inner = 0, norm;
    ptrdiff_t i, k;
    int status;
    if (a < 0.5) {
        /* A penalty that strong is no slight correction of W. */
        NAME(settle)(p, lazy);
        status = NAME(run_batch)(p, 0, batch);
        memset(p->gradient, 0, (size_t)p->n_params * sizeof(REAL));
        lazy->norm = NAME(sum_of_squares)(p->n_weights, theta);
        return status;
    }
    status = NAME(gather_targets)(p, rows, 0, m, m);
    if (status == DONE && p->X == NULL) status = NAME(gather_sparse)(p, rows, 0, m);
    if (status != DONE) return status;
    if (p->X != NULL) {
        FOR_OUTPUTS(NAME(row_scores), C, p->n_features, NAME(row)(p, rows[0]), theta, Z)
    } else {
        FOR_OUTPUTS(NAME(sparse_scores), C, p, rows, m, theta, Z)
    }
    for (i = 0; i < m; i++)
        for (k = 0; k < C; k++) {
            Z[i * C + k] *= scale;
            F[i * C + k] = b == NULL ? Z[i * C + k] : Z[i * C + k] + b[k];
        }
    NAME(evaluate)(p, 0, m, F);
    value = NAME(mean_loss)(p, m) + 0.5 * c * lazy->norm;
    for (i = 0; i < m * C; i++) inner += (double)(F[i] * Z[i]);
    lazy->scale *= a;
    norm = NAME(update_linear)(p, rows, m, F, (REAL)(rate / lazy->scale));
    p->squares += norm + 2 * c * inner + c * c * lazy->norm;
    lazy->norm = a * a * lazy->norm - 2 * a * rate * inner + rate * rate * norm;
    if (b != NULL) {
        REAL *db = p->of_outputs;
        NAME(column_sums)(m, C, 0, C, F, db);
        p->squares += NAME(sum_of_squares)(C, db);
        for (k = 0; k < C; k++) b[k] -= (REAL)rate * db[k];
    }
    if (lazy->scale < SMALLEST_SCALE) NAME(settle)(p, lazy);
    p->total += value * (double)m;
    return DONE;
}

#undef FOR_OUTPUTS

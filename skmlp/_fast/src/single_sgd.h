/* Gradient descent on a two-class linear model by single rows: a step of `linear_step` in few
 * operations. A step needs no loss, only its derivative; losses are added up many at a time. */

#define LOSSES 128

typedef struct {
    ptrdiff_t n;
    REAL score[LOSSES], target[LOSSES];
    double weight[LOSSES];
} NAME(losses);

static void NAME(add_losses)(skmlp_program *p, NAME(losses) *losses) {
    REAL loss[LOSSES], slope;
    ptrdiff_t i;
    for (i = 0; i < losses->n; i++)
        loss[i] = NAME(binary_logistic)(losses->score[i], losses->target[i], &slope);
    for (i = 0; i < losses->n; i++) p->total += losses->weight[i] * (double)loss[i];
    losses->n = 0;
}

/* Score of a dense row without bias and scale; *norm is its squared norm. */
static REAL NAME(dot)(ptrdiff_t d, const REAL *restrict x, const REAL *restrict V, REAL *norm) {
    REAL score = 0, squares = 0;
    ptrdiff_t j;
    #pragma omp simd reduction(+ : score, squares)
    for (j = 0; j < d; j++) {
        score += x[j] * V[j];
        squares += x[j] * x[j];
    }
    *norm = squares;
    return score;
}

/* Whether the columns of a sparse row are those of features and none occurs twice: they increase,
 * as SciPy sorts them, from 0 at least to the last feature at most. */
static int NAME(increases)(const skmlp_program *p, int64_t begin, int64_t end) {
    int increases = begin == end ||
                    (p->columns[begin] >= 0 && p->columns[end - 1] < p->n_features);
    int64_t s;
    for (s = begin + 1; s < end; s++) increases &= p->columns[s - 1] < p->columns[s];
    return increases;
}

/* Of a long row the processor fetches the end itself. */
#define BEGINNING(n) ((n) < 1024 ? (n) : 1024)

/* Ask for the row of the next step. */
static FORCE_INLINE void NAME(prefetch_next)(const skmlp_program *p, ptrdiff_t step,
                                             ptrdiff_t end) {
    int64_t row = step + 1 < end ? p->order[step + 1] : -1, first, last;
    if (row < 0 || row >= p->n_rows) return;
    if (p->X != NULL) {
        prefetch(NAME(row)(p, row), BEGINNING(p->n_features * (ptrdiff_t)sizeof(REAL)));
        return;
    }
    first = p->indptr[row], last = p->indptr[row + 1];
    if (first < 0 || last < first || last > p->n_stored) return;
    prefetch(p->columns + first, BEGINNING((last - first) * (ptrdiff_t)sizeof(int32_t)));
    prefetch((const REAL *)p->values + first, BEGINNING((last - first) * (ptrdiff_t)sizeof(REAL)));
    row = step + 2 < end ? p->order[step + 2] : -1;
    if (row >= 0 && row < p->n_rows) PREFETCH(p->indptr + row);
}

#undef BEGINNING

static int NAME(single_step)(skmlp_program *p, ptrdiff_t step, NAME(lazy) *lazy,
                             NAME(losses) *losses) {
    const int64_t *row = p->order + step;
    const double rate = p->rates[step], c = p->flat_penalty, a = 1 - rate * c;
    const ptrdiff_t d = p->n_features;
    REAL *theta = p->theta, *b = p->layers[0].b < 0 ? NULL : theta + p->layers[0].b;
    const REAL smoothing = (REAL)p->loss_parameter;
    REAL squares, z, f, target, slope, change;
    double weight, inner, norm;
    int64_t begin = 0, end = 0, s;
    ptrdiff_t j;
    if (*row < 0 || *row >= p->n_rows) return BAD_ROW;
    if (p->X == NULL) {
        begin = p->indptr[*row], end = p->indptr[*row + 1];
        if (begin < 0 || end < begin || end > p->n_stored) return BAD_INDPTR;
    }
    if (a < 0.5 || !NAME(increases)(p, begin, end)) return NAME(linear_step)(p, step, lazy);
    if (p->X != NULL) {
        z = NAME(dot)(d, NAME(row)(p, *row), theta, &squares);
    } else {
        const NAME(sparse_row) x = {(ptrdiff_t)(end - begin), (const REAL *)p->values + begin,
                                    p->columns + begin};
        z = NAME(dot_row)(&x, theta, &squares);
    }
    z *= (REAL)lazy->scale;
    f = b == NULL ? z : z + *b;
    target = (1 - smoothing) * ((const REAL *)p->targets)[*row] + smoothing / 2;
    weight = p->weight[*row] * p->n_counted;
    slope = (REAL)weight * NAME(logistic_slope)(f, target, NAME(exp)(-NAME(magnitude)(f)));
    if (losses->n == LOSSES) NAME(add_losses)(p, losses);
    losses->score[losses->n] = f, losses->target[losses->n] = target;
    losses->weight[losses->n++] = weight;
    p->total += 0.5 * c * lazy->norm;

    lazy->scale *= a;
    change = (REAL)(rate / lazy->scale) * slope;
    if (p->X != NULL) {
        const REAL *restrict x = NAME(row)(p, *row);
        for (j = 0; j < d; j++) theta[j] -= change * x[j];
    } else {
        const REAL *restrict x = p->values;
        for (s = begin; s < end; s++) theta[p->columns[s]] -= change * x[s];
    }
    inner = (double)(slope * z);
    norm = (double)squares * (double)slope * (double)slope;
    p->squares += norm + 2 * c * inner + c * c * lazy->norm;
    lazy->norm = a * a * lazy->norm - 2 * a * rate * inner + rate * rate * norm;
    if (b != NULL) {
        p->squares += (double)slope * (double)slope;
        *b -= (REAL)rate * slope;
    }
    if (lazy->scale < SMALLEST_SCALE) NAME(settle)(p, lazy);
    return DONE;
}

static int NAME(run_linear_sgd)(skmlp_program *p, ptrdiff_t begin, ptrdiff_t end) {
    const int is_single = p->batch_size == 1 && p->n_outputs == 1 && p->loss == BINARY_LOGISTIC;
    NAME(lazy) lazy = {1, NAME(sum_of_squares)(p->n_weights, p->theta)};
    NAME(losses) losses;
    int status = DONE;
    losses.n = 0;
    memset(p->gradient, 0, (size_t)p->n_params * sizeof(REAL));
    for (; begin < end && status == DONE; begin++) {
        if (p->batch_size == 1) NAME(prefetch_next)(p, begin, end);
        status = is_single ? NAME(single_step)(p, begin, &lazy, &losses)
                           : NAME(linear_step)(p, begin, &lazy);
    }
    NAME(add_losses)(p, &losses);
    NAME(settle)(p, &lazy);
    return status;
}

#undef LOSSES

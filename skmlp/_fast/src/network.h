/* Forward and back through the layers, and the loop over batches. */

/* C = A B + bias for matrices row by row; a transposed one is passed as it lies in memory, where
 * the rows of A are A_length apart. */
static void NAME(gemm)(const skmlp_program *p, int worker, char trans_a, char trans_b,
                       ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const REAL *A, ptrdiff_t A_length,
                       const REAL *B, const REAL *bias, REAL *C) {
    int rows = (int)m, columns = (int)n, inner = (int)k;
    int lda = (int)A_length, ldb = trans_b == 'N' ? columns : inner;
    REAL one = 1, beta = bias == NULL ? 0 : 1;
    ptrdiff_t i;
    if (m == 0) return;
#if SKMLP_OWN_PRODUCTS
    if ((double)m * (double)n * (double)k <= p->largest_product) {
        REAL *panel = (REAL *)p->panels + worker * PANEL_SIZE;
        NAME(multiply)(m, n, k, A, trans_a == 'N' ? A_length : 1, trans_a == 'N' ? 1 : A_length, B,
                       trans_b == 'N' ? n : 1, trans_b == 'N' ? 1 : k, bias, C, panel);
        return;
    }
#else
    (void)worker;
#endif
    if (bias != NULL)
        for (i = 0; i < m; i++) memcpy(C + i * n, bias, (size_t)n * sizeof *C);
    /* BLAS has matrices column by column: what it sees is the product of the transposes. */
    p->GEMM(&trans_b, &trans_a, &columns, &rows, &inner, &one, (REAL *)B, &ldb, (REAL *)A, &lda,
            &beta, C, &columns);
}

/* Sums over the rows of `width` columns, whose number the compiler may know. They are added up where
 * no other worker writes: in a cache line of two, each entry would wait for the other's. */
static FORCE_INLINE void NAME(add_rows)(const ptrdiff_t width, ptrdiff_t m, ptrdiff_t n,
                                               const REAL *restrict x, REAL *restrict sums) {
    REAL own[64] = {0};
    ptrdiff_t i, j;
    for (i = 0; i < m; i++)
        for (j = 0; j < width; j++) own[j] += x[i * n + j];
    for (j = 0; j < width; j++) sums[j] = own[j];
}

/* Sums over the rows of columns [begin, end) of an (m, n) array. */
static void NAME(column_sums)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t begin, ptrdiff_t end,
                              const REAL *x, REAL *sums) {
    for (; begin + 64 <= end; begin += 64) NAME(add_rows)(64, m, n, x + begin, sums + begin);
    for (; begin + 16 <= end; begin += 16) NAME(add_rows)(16, m, n, x + begin, sums + begin);
    NAME(add_rows)(end - begin, m, n, x + begin, sums + begin);
}

/* Multiply by a mask drawn entry by entry; the mask is kept for the way back. */
static void NAME(drop)(const skmlp_program *p, uint32_t threshold, REAL keep, ptrdiff_t n,
                       const REAL *x, REAL *y, uint8_t *mask) {
    ptrdiff_t i;
    for (i = 0; i < n; i++) {
        const int is_kept = (p->next_random(p->random_state) >> 8) >= threshold;
        if (mask != NULL) mask[i] = (uint8_t)is_kept;
        y[i] = is_kept ? x[i] * keep : x[i] * 0;
    }
}

/* Values of stored entries of a sparse batch: of a row, or of one that `packed` others precede in
 * the batch. */
static inline const REAL *NAME(stored)(const skmlp_program *p, int64_t row, ptrdiff_t packed) {
    return p->input_threshold > 0 ? (const REAL *)p->kept + packed
                                  : (const REAL *)p->values + p->indptr[row];
}

/* Z = X W + b for rows [begin, end) of a sparse batch. */
static void NAME(sparse_forward)(const skmlp_program *p, const int64_t *rows, ptrdiff_t begin,
                                 ptrdiff_t end, const REAL *W, const REAL *bias, ptrdiff_t n,
                                 REAL *Z) {
    ptrdiff_t i, packed = 0;
    for (i = 0; i < end; i++) {
        const int64_t start = p->indptr[rows[i]];
        const ptrdiff_t length = (ptrdiff_t)(p->indptr[rows[i] + 1] - start);
        const NAME(sparse_row) x = {length, NAME(stored)(p, rows[i], packed), p->columns + start};
        if (i >= begin) NAME(multiply_row)(&x, W, n, bias, Z + i * n);
        packed += length;
    }
}

/* dW = X^T dZ for the first layer of a sparse batch of m rows: a worker's share of the columns. */
static void NAME(sparse_back)(skmlp_program *p, int worker, const int64_t *rows, ptrdiff_t m,
                              const REAL *dZ, ptrdiff_t n, REAL *dW) {
    const ptrdiff_t first = start_of_share(p, worker, p->n_features * n);
    const ptrdiff_t last = start_of_share(p, worker + 1, p->n_features * n);
    const ptrdiff_t begin = start_of_columns(p, worker, n);
    const ptrdiff_t end = start_of_columns(p, worker + 1, n);
    ptrdiff_t i, j, s, packed = 0;
    memset(dW + first, 0, (size_t)(last - first) * sizeof *dW);
    wait_for_all(p);
    for (i = 0; i < m; i++) {
        const REAL *restrict dz = dZ + i * n, *values = NAME(stored)(p, rows[i], packed);
        const int32_t *columns = p->columns + p->indptr[rows[i]];
        const ptrdiff_t length = (ptrdiff_t)(p->indptr[rows[i] + 1] - p->indptr[rows[i]]);
        for (s = 0; s < length; s++) {
            REAL *restrict dw = dW + columns[s] * n;
            for (j = begin; j < end; j++) dw[j] += values[s] * dz[j];
        }
        packed += length;
    }
}

/* Check the stored entries of rows [begin, end) of a sparse batch, and drop some of them. */
static int NAME(gather_sparse)(const skmlp_program *p, const int64_t *rows, ptrdiff_t begin,
                               ptrdiff_t end) {
    ptrdiff_t i, packed = 0;
    int64_t s;
    int is_bad;
    for (i = begin; i < end; i++) {
        const int64_t first = p->indptr[rows[i]], last = p->indptr[rows[i] + 1];
        if (first < 0 || last < first || last > p->n_stored) return BAD_INDPTR;
        /* No way out of the loop, so that it is vector code. */
        for (s = first, is_bad = 0; s < last; s++)
            is_bad |= (p->columns[s] < 0) | (p->columns[s] >= p->n_features);
        if (is_bad) return BAD_COLUMN;
        if (p->input_threshold > 0) {
            if (last - first > p->n_kept - packed) return BAD_INDPTR;
            NAME(drop)(p, p->input_threshold, (REAL)p->input_keep, (ptrdiff_t)(last - first),
                       (const REAL *)p->values + first, (REAL *)p->kept + packed, NULL);
        }
        packed += (ptrdiff_t)(last - first);
    }
    return DONE;
}

/* Bring targets and weights of rows [begin, end) of a batch of m together. */
static int NAME(gather_targets)(const skmlp_program *p, const int64_t *rows, ptrdiff_t begin,
                                ptrdiff_t end, ptrdiff_t m) {
    const ptrdiff_t C = p->n_outputs;
    const double counted = p->n_counted / (double)m;
    ptrdiff_t i;
    for (i = begin; i < end; i++)
        if (rows[i] < 0 || rows[i] >= p->n_rows) return BAD_ROW;
    for (i = begin; i < end; i++) {
        const int64_t row = rows[i];
        p->row_weight[i] = p->weight[row] * counted;
        if (p->loss == SOFTMAX) {
            p->classes[i] = ((const int64_t *)p->targets)[row];
            if (p->classes[i] < 0 || p->classes[i] >= C) return BAD_CLASS;
        } else {
            memcpy((REAL *)p->targets_of_batch + i * C, (const REAL *)p->targets + row * C,
                   (size_t)C * sizeof(REAL));
        }
    }
    return DONE;
}

/* Ask for a dense row that is to be copied soon. */
static FORCE_INLINE void NAME(prefetch_row)(const skmlp_program *p, int64_t row) {
    const size_t number = p->X_is_other ? sizeof(OTHER_REAL) : sizeof(REAL);
    const ptrdiff_t n = p->n_features * (ptrdiff_t)number;
    prefetch((const char *)p->X + row * n, n);
}

/* Copy a dense row, in the precision of the program. */
static void NAME(copy_row)(const skmlp_program *p, int64_t row, REAL *restrict x) {
    const ptrdiff_t d = p->n_features;
    const OTHER_REAL *restrict other = (const OTHER_REAL *)p->X + row * d;
    ptrdiff_t j;
    if (p->X_is_other)
        for (j = 0; j < d; j++) x[j] = (REAL)other[j];
    else
        memcpy(x, (const REAL *)p->X + row * d, (size_t)d * sizeof(REAL));
}

/* Bring a worker's share of the rows of a batch together. Where random numbers are drawn, in the
 * order of the rows, the first worker has them all. */
static int NAME(gather)(const skmlp_program *p, int worker, const int64_t *rows, ptrdiff_t m) {
    const ptrdiff_t d = p->n_features;
    const int is_random = p->input_threshold > 0;
    const ptrdiff_t begin = is_random ? (worker == 0 ? 0 : m) : start_of_share(p, worker, m);
    const ptrdiff_t end = is_random ? m : start_of_share(p, worker + 1, m);
    const int status = NAME(gather_targets)(p, rows, begin, end, m);
    REAL *input = p->input;
    ptrdiff_t i;
    if (status != DONE) return status;
    if (p->X == NULL) return NAME(gather_sparse)(p, rows, begin, end);
    for (i = begin; i < end; i++) {
        if (i + 2 < end) NAME(prefetch_row)(p, rows[i + 2]);
        NAME(copy_row)(p, rows[i], input + i * d);
    }
    if (is_random && worker == 0)
        NAME(drop)(p, p->input_threshold, (REAL)p->input_keep, m * d, input, input, NULL);
    return DONE;
}

/* Batch norm in training, in place, of columns [begin, end); N and inverse are kept for the way
 * back. */
static void NAME(normalize)(const skmlp_program *p, const skmlp_layer *layer, ptrdiff_t m,
                            ptrdiff_t begin, ptrdiff_t end, REAL *restrict Z) {
    const ptrdiff_t n = layer->fan_out;
    REAL *theta = p->theta, *restrict mean = theta + layer->mean;
    REAL *restrict variance = theta + layer->variance, *restrict N = layer->N;
    REAL *restrict inverse = layer->inverse;
    const REAL *restrict gamma = theta + layer->gamma, *restrict beta = theta + layer->beta;
    const REAL share = (REAL)layer->share, stay = (REAL)(1 - layer->share), eps = (REAL)layer->eps;
    const int by_batch = m > 1;
    ptrdiff_t i, j;
    if (by_batch) {
        /* inverse holds the mean of the batch until the variance is known. */
        NAME(column_sums)(m, n, begin, end, Z, inverse);
        for (j = begin; j < end; j++) {
            inverse[j] /= (REAL)m;
            mean[j] = stay * mean[j] + share * inverse[j];
        }
        for (i = 0; i < m; i++)
            for (j = begin; j < end; j++) N[i * n + j] = Z[i * n + j] - inverse[j];
        for (j = begin; j < end; j++) inverse[j] = 0;
        for (i = 0; i < m; i++)
            for (j = begin; j < end; j++) inverse[j] += N[i * n + j] * N[i * n + j];
        for (j = begin; j < end; j++) {
            const REAL v = inverse[j] / (REAL)m;
            variance[j] = stay * variance[j] + share * (v * (REAL)((double)m / (double)(m - 1)));
            inverse[j] = 1 / SQRT(v + eps);
        }
    } else {
        for (j = begin; j < end; j++) {
            N[j] = Z[j] - mean[j];
            inverse[j] = 1 / SQRT(variance[j] + eps);
        }
    }
    for (i = 0; i < m; i++)
        for (j = begin; j < end; j++) {
            N[i * n + j] *= inverse[j];
            Z[i * n + j] = N[i * n + j] * gamma[j] + beta[j];
        }
}

static void NAME(normalize_back)(const skmlp_program *p, const skmlp_layer *layer, ptrdiff_t m,
                                 ptrdiff_t begin, ptrdiff_t end, REAL *restrict d) {
    const ptrdiff_t n = layer->fan_out;
    const REAL *restrict N = layer->N, *restrict inverse = layer->inverse;
    const REAL *restrict gamma = (const REAL *)p->theta + layer->gamma;
    REAL *gradient = p->gradient, *restrict dbeta = gradient + layer->beta;
    REAL *restrict dgamma = gradient + layer->gamma;
    const REAL share = m > 1 ? 1 / (REAL)m : 0;
    ptrdiff_t i, j;
    for (j = begin; j < end; j++) dbeta[j] = dgamma[j] = 0;
    for (i = 0; i < m; i++)
        for (j = begin; j < end; j++) {
            dbeta[j] += d[i * n + j];
            dgamma[j] += d[i * n + j] * N[i * n + j];
        }
    for (i = 0; i < m; i++)
        for (j = begin; j < end; j++)
            d[i * n + j] = (d[i * n + j] - share * dbeta[j] - N[i * n + j] * (share * dgamma[j])) *
                           (gamma[j] * inverse[j]);
}

/* Output of the layer, from the output of the one below: a worker's share of the rows. */
static void NAME(forward)(skmlp_program *p, int worker, const skmlp_layer *layer,
                          const int64_t *rows, ptrdiff_t m, const REAL *X) {
    const ptrdiff_t n = layer->fan_out, fan_in = layer->fan_in;
    const ptrdiff_t begin = start_of_share(p, worker, m), end = start_of_share(p, worker + 1, m);
    const REAL *theta = p->theta, *W = theta + layer->W;
    const REAL *bias = layer->b >= 0 ? theta + layer->b : NULL;
    REAL *A = layer->A, *slopes = layer->slopes;
    if (X != NULL)
        NAME(gemm)(p, worker, 'N', 'N', end - begin, n, fan_in, X + begin * fan_in, fan_in, W,
                   bias, A + begin * n);
    else
        NAME(sparse_forward)(p, rows, begin, end, W, bias, n, A);
    if (layer->gamma >= 0) {
        wait_for_all(p);
        NAME(normalize)(p, layer, m, start_of_columns(p, worker, n),
                        start_of_columns(p, worker + 1, n), A);
        wait_for_all(p);
    }
    NAME(activate)(layer, (end - begin) * n, A + begin * n,
                   slopes == NULL ? NULL : slopes + begin * n);
    if (layer->threshold > 0) {
        wait_for_all(p);
        if (worker == 0)
            NAME(drop)(p, layer->threshold, (REAL)layer->keep, m * n, A, layer->Y, layer->mask);
        wait_for_all(p);
    }
}

/* From dY, in d, to dZ in its place, and to dX unless that is NULL: a worker's share of the rows. */
static void NAME(back)(skmlp_program *p, int worker, const skmlp_layer *layer, ptrdiff_t m,
                       REAL *d, REAL *dX) {
    const ptrdiff_t n = layer->fan_out, fan_in = layer->fan_in;
    const ptrdiff_t begin = start_of_share(p, worker, m), end = start_of_share(p, worker + 1, m);
    const REAL keep = (REAL)layer->keep, *slopes = layer->slopes;
    ptrdiff_t i;
    if (layer->threshold > 0)
        for (i = begin * n; i < end * n; i++) d[i] = layer->mask[i] ? d[i] * keep : d[i] * 0;
    NAME(activate_back)(layer, (end - begin) * n, (const REAL *)layer->A + begin * n,
                        slopes == NULL ? NULL : slopes + begin * n, d + begin * n);
    if (layer->gamma >= 0) {
        wait_for_all(p);
        NAME(normalize_back)(p, layer, m, start_of_columns(p, worker, n),
                             start_of_columns(p, worker + 1, n), d);
        wait_for_all(p);
    }
    if (dX != NULL)
        NAME(gemm)(p, worker, 'N', 'T', end - begin, fan_in, n, d + begin * n, n,
                   (const REAL *)p->theta + layer->W, NULL, dX + begin * fan_in);
}

/* The gradient in weights and bias of a layer, from its dZ: a worker's share of both. */
static void NAME(gradients)(skmlp_program *p, int worker, const skmlp_layer *layer,
                            const int64_t *rows, ptrdiff_t m, const REAL *X, const REAL *dZ) {
    const ptrdiff_t n = layer->fan_out, fan_in = layer->fan_in;
    const ptrdiff_t begin = start_of_share(p, worker, fan_in);
    const ptrdiff_t end = start_of_share(p, worker + 1, fan_in);
    REAL *gradient = p->gradient, *dW = gradient + layer->W;
    if (layer->b >= 0)
        NAME(column_sums)(m, n, start_of_columns(p, worker, n),
                          start_of_columns(p, worker + 1, n), dZ, gradient + layer->b);
    if (X != NULL)
        NAME(gemm)(p, worker, 'T', 'N', end - begin, n, m, X + begin, fan_in, dZ, NULL,
                   dW + begin * n);
    else
        NAME(sparse_back)(p, worker, rows, m, dZ, n, dW);
}

/* The losses of a worker's share of the rows; their derivatives go over the scores. */
static void NAME(evaluate)(const skmlp_program *p, int worker, ptrdiff_t m, REAL *F) {
    const ptrdiff_t C = p->n_outputs;
    const ptrdiff_t begin = start_of_share(p, worker, m), end = start_of_share(p, worker + 1, m);
    const REAL *restrict scale = p->scale, *restrict shift = p->shift;
    ptrdiff_t i, k;
    if (scale != NULL)
        for (i = begin; i < end; i++)
            for (k = 0; k < C; k++) F[i * C + k] = F[i * C + k] * scale[k] + shift[k];
    NAME(loss)(p, begin, end - begin, F + begin * C, (REAL *)p->row_loss + begin);
    if (scale != NULL)
        for (i = begin; i < end; i++)
            for (k = 0; k < C; k++) F[i * C + k] *= scale[k];
}

/* The objective of the batch without its penalty, from the losses. */
static double NAME(mean_loss)(const skmlp_program *p, ptrdiff_t m) {
    const REAL *loss = p->row_loss;
    double value = 0;
    ptrdiff_t i;
    for (i = 0; i < m; i++) value += p->row_weight[i] * (double)loss[i];
    return value;
}

/* One batch: gather, forward, loss, back, step. */
static int NAME(run_batch)(skmlp_program *p, int worker, ptrdiff_t batch) {
    const ptrdiff_t start = batch * p->batch_size, left = p->n_order - start;
    const ptrdiff_t m = left < p->batch_size ? left : p->batch_size;
    const int64_t *rows = p->order + start;
    const REAL *input = p->X == NULL ? NULL : p->input;
    const int last = p->n_layers - 1, is_alone = p->n_workers == 1;
    double value = 0;
    int l, status = worst_status(p, worker, NAME(gather)(p, worker, rows, m));
#define INPUT_OF(l) ((l) == 0 ? input : p->layers[(l) - 1].Y)
#define GRADIENTS(l)                                                                               \
    NAME(gradients)(p, worker, &p->layers[l], rows, m, INPUT_OF(l), p->layers[l].d)
    if (status != DONE) return status;
    for (l = 0; l <= last; l++) NAME(forward)(p, worker, &p->layers[l], rows, m, INPUT_OF(l));
    NAME(evaluate)(p, worker, m, p->layers[last].d);
    for (l = last; l >= 0; l--) {
        REAL *dX = l == 0 ? NULL : p->layers[l - 1].d;
        NAME(back)(p, worker, &p->layers[l], m, p->layers[l].d, dX);
        /* At once, as long as dZ is in the cache; or when others have made their rows of it. */
        if (is_alone) GRADIENTS(l);
    }
    wait_for_all(p);
    if (worker == 0) {
        value = NAME(mean_loss)(p, m);
        p->optimizer.t += p->optimizer.kind == ADAM;
    }
    for (l = last; l >= 0 && !is_alone; l--) GRADIENTS(l);
#undef INPUT_OF
#undef GRADIENTS
    wait_for_all(p);
    value += NAME(make_step)(p, worker, p->rates[batch]);
    if (worker == 0) p->total += value * (double)m;
    return DONE;
}

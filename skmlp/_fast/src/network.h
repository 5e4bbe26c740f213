/* Forward and back through the layers, and the loop over batches. */

/* C = A B + bias for matrices row by row; a transposed one is passed as it lies in memory. */
static void NAME(gemm)(const skmlp_program *p, char trans_a, char trans_b, ptrdiff_t m,
                       ptrdiff_t n, ptrdiff_t k, const REAL *A, const REAL *B, const REAL *bias,
                       REAL *C) {
    int rows = (int)m, columns = (int)n, inner = (int)k;
    int lda = trans_a == 'N' ? inner : rows, ldb = trans_b == 'N' ? columns : inner;
    REAL one = 1, beta = bias == NULL ? 0 : 1;
    ptrdiff_t i;
#if SKMLP_OWN_PRODUCTS
    if ((double)m * (double)n * (double)k <= p->largest_product) {
        NAME(multiply)(m, n, k, A, trans_a == 'N' ? k : 1, trans_a == 'N' ? 1 : m, B,
                       trans_b == 'N' ? n : 1, trans_b == 'N' ? 1 : k, bias, C, p->panel);
        return;
    }
#endif
    if (bias != NULL)
        for (i = 0; i < m; i++) memcpy(C + i * n, bias, (size_t)n * sizeof *C);
    /* BLAS has matrices column by column: what it sees is the product of the transposes. */
    p->GEMM(&trans_b, &trans_a, &columns, &rows, &inner, &one, (REAL *)B, &ldb, (REAL *)A, &lda,
            &beta, C, &columns);
}

/* Sums over the rows of an (m, n) array. */
static void NAME(column_sums)(ptrdiff_t m, ptrdiff_t n, const REAL *restrict x,
                              REAL *restrict sums) {
    ptrdiff_t i, j;
    memset(sums, 0, (size_t)n * sizeof *sums);
    for (i = 0; i < m; i++)
        for (j = 0; j < n; j++) sums[j] += x[i * n + j];
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

/* Z = X W + b for a sparse batch. */
static void NAME(sparse_forward)(const skmlp_program *p, const int64_t *rows, ptrdiff_t m,
                                 const REAL *values, int is_packed, const REAL *W,
                                 const REAL *bias, ptrdiff_t n, REAL *Z) {
    ptrdiff_t i, at = 0;
    for (i = 0; i < m; i++) {
        const int64_t begin = p->indptr[rows[i]];
        const ptrdiff_t length = (ptrdiff_t)(p->indptr[rows[i] + 1] - begin);
        const NAME(sparse_row) x = {length, values + (is_packed ? at : begin), p->columns + begin};
        NAME(multiply_row)(&x, W, n, bias, Z + i * n);
        at += length;
    }
}

/* dW = X^T dZ for the first layer of a sparse batch. */
static void NAME(sparse_back)(const skmlp_program *p, const int64_t *rows, ptrdiff_t m,
                              const REAL *values, int is_packed, const REAL *dZ, ptrdiff_t n,
                              REAL *dW) {
    ptrdiff_t i, j, at = 0;
    int64_t s;
    memset(dW, 0, (size_t)(p->n_features * n) * sizeof *dW);
    for (i = 0; i < m; i++) {
        const REAL *restrict dz = dZ + i * n;
        for (s = p->indptr[rows[i]]; s < p->indptr[rows[i] + 1]; s++, at++) {
            const REAL x = values[is_packed ? at : s];
            REAL *restrict dw = dW + p->columns[s] * n;
            for (j = 0; j < n; j++) dw[j] += x * dz[j];
        }
    }
}

/* Check the stored entries of a sparse batch, and drop some of them. */
static int NAME(gather_sparse)(const skmlp_program *p, const int64_t *rows, ptrdiff_t m) {
    ptrdiff_t i, at = 0;
    int64_t s;
    int is_bad;
    for (i = 0; i < m; i++) {
        const int64_t begin = p->indptr[rows[i]], end = p->indptr[rows[i] + 1];
        if (begin < 0 || end < begin || end > p->n_stored) return BAD_INDPTR;
        /* No way out of the loop, so that it is vector code. */
        for (s = begin, is_bad = 0; s < end; s++)
            is_bad |= (p->columns[s] < 0) | (p->columns[s] >= p->n_features);
        if (is_bad) return BAD_COLUMN;
        if (p->input_threshold > 0) {
            if (end - begin > p->n_kept - at) return BAD_INDPTR;
            NAME(drop)(p, p->input_threshold, (REAL)p->input_keep, (ptrdiff_t)(end - begin),
                       (const REAL *)p->values + begin, (REAL *)p->kept + at, NULL);
        }
        at += (ptrdiff_t)(end - begin);
    }
    return DONE;
}

/* Bring targets and weights of a batch together. */
static int NAME(gather_targets)(const skmlp_program *p, const int64_t *rows, ptrdiff_t m) {
    const ptrdiff_t C = p->n_outputs;
    const double counted = p->n_counted / (double)m;
    ptrdiff_t i;
    for (i = 0; i < m; i++)
        if (rows[i] < 0 || rows[i] >= p->n_rows) return BAD_ROW;
    for (i = 0; i < m; i++) {
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

/* Bring the rows of a batch together. */
static int NAME(gather)(const skmlp_program *p, const int64_t *rows, ptrdiff_t m) {
    const ptrdiff_t d = p->n_features;
    const int status = NAME(gather_targets)(p, rows, m);
    ptrdiff_t i;
    if (status != DONE) return status;
    if (p->X == NULL) return NAME(gather_sparse)(p, rows, m);
    for (i = 0; i < m; i++) {
        if (i + 2 < m) NAME(prefetch_row)(p, rows[i + 2]);
        NAME(copy_row)(p, rows[i], (REAL *)p->input + i * d);
    }
    if (p->input_threshold > 0)
        NAME(drop)(p, p->input_threshold, (REAL)p->input_keep, m * d, p->input, p->input, NULL);
    return DONE;
}

/* Batch norm in training, in place; N and inverse are kept for the way back. */
static void NAME(normalize)(const skmlp_program *p, const skmlp_layer *layer, ptrdiff_t m,
                            REAL *restrict Z) {
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
        NAME(column_sums)(m, n, Z, inverse);
        for (j = 0; j < n; j++) {
            inverse[j] /= (REAL)m;
            mean[j] = stay * mean[j] + share * inverse[j];
        }
        for (i = 0; i < m; i++)
            for (j = 0; j < n; j++) N[i * n + j] = Z[i * n + j] - inverse[j];
        memset(inverse, 0, (size_t)n * sizeof *inverse);
        for (i = 0; i < m; i++)
            for (j = 0; j < n; j++) inverse[j] += N[i * n + j] * N[i * n + j];
        for (j = 0; j < n; j++) {
            const REAL v = inverse[j] / (REAL)m;
            variance[j] = stay * variance[j] + share * (v * (REAL)((double)m / (double)(m - 1)));
            inverse[j] = 1 / SQRT(v + eps);
        }
    } else {
        for (j = 0; j < n; j++) {
            N[j] = Z[j] - mean[j];
            inverse[j] = 1 / SQRT(variance[j] + eps);
        }
    }
    for (i = 0; i < m; i++)
        for (j = 0; j < n; j++) {
            N[i * n + j] *= inverse[j];
            Z[i * n + j] = N[i * n + j] * gamma[j] + beta[j];
        }
}

static void NAME(normalize_back)(const skmlp_program *p, const skmlp_layer *layer, ptrdiff_t m,
                                 REAL *restrict d) {
    const ptrdiff_t n = layer->fan_out;
    const REAL *restrict N = layer->N, *restrict inverse = layer->inverse;
    const REAL *restrict gamma = (const REAL *)p->theta + layer->gamma;
    REAL *gradient = p->gradient, *restrict dbeta = gradient + layer->beta;
    REAL *restrict dgamma = gradient + layer->gamma;
    const REAL share = m > 1 ? 1 / (REAL)m : 0;
    ptrdiff_t i, j;
    memset(dbeta, 0, (size_t)n * sizeof *dbeta);
    memset(dgamma, 0, (size_t)n * sizeof *dgamma);
    for (i = 0; i < m; i++)
        for (j = 0; j < n; j++) {
            dbeta[j] += d[i * n + j];
            dgamma[j] += d[i * n + j] * N[i * n + j];
        }
    for (i = 0; i < m; i++)
        for (j = 0; j < n; j++)
            d[i * n + j] = (d[i * n + j] - share * dbeta[j] - N[i * n + j] * (share * dgamma[j])) *
                           (gamma[j] * inverse[j]);
}

/* Values of the stored entries of a sparse batch. */
static const REAL *NAME(stored)(const skmlp_program *p) {
    return p->input_threshold > 0 ? p->kept : p->values;
}

/* Output of the layer, from the output of the one below. */
static void NAME(forward)(const skmlp_program *p, const skmlp_layer *layer, const int64_t *rows,
                          ptrdiff_t m, const REAL *X) {
    const ptrdiff_t n = layer->fan_out;
    const REAL *theta = p->theta, *W = theta + layer->W;
    const REAL *bias = layer->b >= 0 ? theta + layer->b : NULL;
    REAL *A = layer->A;
    if (X != NULL)
        NAME(gemm)(p, 'N', 'N', m, n, layer->fan_in, X, W, bias, A);
    else
        NAME(sparse_forward)(p, rows, m, NAME(stored)(p), p->input_threshold > 0, W, bias, n, A);
    if (layer->gamma >= 0) NAME(normalize)(p, layer, m, A);
    NAME(activate)(layer, m * n, A, layer->slopes);
    if (layer->threshold > 0)
        NAME(drop)(p, layer->threshold, (REAL)layer->keep, m * n, A, layer->Y, layer->mask);
}

/* From dY, in d, to the gradient in the layer's parameters, and to dX unless that is NULL. */
static void NAME(back)(const skmlp_program *p, const skmlp_layer *layer, const int64_t *rows,
                       ptrdiff_t m, const REAL *X, REAL *d, REAL *dX) {
    const ptrdiff_t n = layer->fan_out;
    REAL *gradient = p->gradient;
    const REAL keep = (REAL)layer->keep;
    ptrdiff_t i;
    if (layer->threshold > 0)
        for (i = 0; i < m * n; i++) d[i] = layer->mask[i] ? d[i] * keep : d[i] * 0;
    NAME(activate_back)(layer, m * n, layer->A, layer->slopes, d);
    if (layer->gamma >= 0) NAME(normalize_back)(p, layer, m, d);
    if (layer->b >= 0) NAME(column_sums)(m, n, d, gradient + layer->b);
    if (X != NULL)
        NAME(gemm)(p, 'T', 'N', layer->fan_in, n, m, X, d, NULL, gradient + layer->W);
    else
        NAME(sparse_back)(p, rows, m, NAME(stored)(p), p->input_threshold > 0, d, n,
                          gradient + layer->W);
    if (dX != NULL)
        NAME(gemm)(p, 'N', 'T', m, layer->fan_in, n, d, (const REAL *)p->theta + layer->W,
                   NULL, dX);
}

/* The objective of the batch without its penalty; the derivative goes over the scores. */
static double NAME(evaluate)(const skmlp_program *p, ptrdiff_t m, REAL *F) {
    const ptrdiff_t C = p->n_outputs;
    const REAL *restrict scale = p->scale, *restrict shift = p->shift;
    REAL *loss = p->row_loss;
    double value = 0;
    ptrdiff_t i, k;
    if (scale != NULL)
        for (i = 0; i < m; i++)
            for (k = 0; k < C; k++) F[i * C + k] = F[i * C + k] * scale[k] + shift[k];
    NAME(loss)(p, m, F, loss);
    if (scale != NULL)
        for (i = 0; i < m; i++)
            for (k = 0; k < C; k++) F[i * C + k] *= scale[k];
    for (i = 0; i < m; i++) value += p->row_weight[i] * (double)loss[i];
    return value;
}

/* One batch: gather, forward, loss, back, step. */
static int NAME(run_batch)(skmlp_program *p, ptrdiff_t batch) {
    const ptrdiff_t start = batch * p->batch_size, left = p->n_order - start;
    const ptrdiff_t m = left < p->batch_size ? left : p->batch_size;
    const int64_t *rows = p->order + start;
    const REAL *input = p->X == NULL ? NULL : p->input;
    const int last = p->n_layers - 1;
    REAL *d = p->layers[last].A;
    double value;
    int l, status = NAME(gather)(p, rows, m);
    if (status != DONE) return status;
    for (l = 0; l <= last; l++)
        NAME(forward)(p, &p->layers[l], rows, m, l == 0 ? input : p->layers[l - 1].Y);
    value = NAME(evaluate)(p, m, d);
    for (l = last; l >= 0; l--) {
        REAL *dX = l == 0 ? NULL : p->back[l % 2];
        NAME(back)(p, &p->layers[l], rows, m, l == 0 ? input : p->layers[l - 1].Y, d, dX);
        d = dX;
    }
    value += NAME(make_step)(p, p->rates[batch]);
    p->total += value * (double)m;
    return DONE;
}

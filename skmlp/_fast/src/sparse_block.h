/* The two products of a block of CSR rows: with theta, and back.
 *
 * An entry meets all outputs of its feature at once, so they are the lanes of the vectors here, and
 * what a block has of rows and outputs is transposed on the way in and out. The outputs of a feature
 * are filled up with zeros, so that they share no cache line with more features than they must. */

static ptrdiff_t NAME(rows_of_block)(const skmlp_linear *p, ptrdiff_t b) {
    const ptrdiff_t left = p->n_rows - b * p->block;
    return left < p->block ? left : p->block;
}

/* Whether m rows lie within the stored entries, and their columns within the features. */
static int NAME(are_valid)(skmlp_linear *p, ptrdiff_t first, ptrdiff_t m) {
    const int64_t *indptr = p->indptr + first;
    int is_bad = indptr[0] < 0 || indptr[m] > p->n_stored;
    int64_t s;
    ptrdiff_t i;
    for (i = 0; i < m; i++) is_bad |= indptr[i] > indptr[i + 1];
    if (!is_bad)
        /* No way out of the loop, so that it is vector code. */
        for (s = indptr[0]; s < indptr[m]; s++)
            is_bad |= (p->columns[s] < 0) | (p->columns[s] >= (int32_t)p->n_features);
    p->is_bad |= is_bad;
    return !is_bad;
}

static inline NAME(sparse_row) NAME(stored_row)(const skmlp_linear *p, ptrdiff_t i) {
    const int64_t begin = p->indptr[i];
    const NAME(sparse_row) x = {(ptrdiff_t)(p->indptr[i + 1] - begin),
                                (const REAL *)p->values + begin, p->columns + begin};
    return x;
}

/* Turn `columns` columns of k numbers, `step` apart, into k rows filled up with zeros to a width. */
static void NAME(turn)(ptrdiff_t k, ptrdiff_t width, ptrdiff_t columns, const REAL *from,
                       ptrdiff_t step, REAL *to) {
#ifdef __GNUC__
    NAME(pack)(k, width, columns, from, 1, step, to);
#else
    ptrdiff_t q, j;
    for (q = 0; q < k; q++)
        for (j = 0; j < width; j++) to[q * width + j] = j < columns ? from[q + j * step] : 0;
#endif
}

static void NAME(sparse_block_scores)(const skmlp_linear *p, ptrdiff_t b, REAL *out) {
    const ptrdiff_t B = p->block, n = p->output_step, m = NAME(rows_of_block)(p, b);
    const REAL *theta = p->theta;
    const REAL *bias = p->n_inputs > p->n_features ? theta + p->n_features * n : NULL;
    REAL *by_rows = p->by_rows;
    ptrdiff_t i;
    for (i = 0; i < m; i++) {
        const NAME(sparse_row) x = NAME(stored_row)(p, b * B + i);
        if (n > 1) NAME(multiply_row)(&x, theta, n, bias, by_rows + i * n);
        else out[i] = NAME(dot_row)(&x, theta, NULL) + (bias == NULL ? 0 : *bias);
    }
    if (n > 1) NAME(turn)(p->n_outputs, B, m, by_rows, n, out);
    else memset(out + m, 0, (size_t)(B - m) * sizeof *out);
}

/* Add x times u, a row of n numbers, to the sums of each feature of x. */
static void NAME(scatter_row)(const NAME(sparse_row) *x, const REAL *u, ptrdiff_t n, REAL *sums) {
    const ptrdiff_t wide = sizeof(NAME(wide)) / sizeof(REAL);
    const ptrdiff_t narrow = sizeof(NAME(narrow)) / sizeof(REAL);
    ptrdiff_t s, k;
    for (s = 0; s < x->n; s++) {
        REAL *to = sums + x->columns[s] * n;
        for (k = 0; k + wide <= n; k += wide)
            *(NAME(wide) *)(to + k) += x->values[s] * *(const NAME(wide) *)(u + k);
        for (; k < n; k += narrow)
            *(NAME(narrow) *)(to + k) += x->values[s] * *(const NAME(narrow) *)(u + k);
    }
}

/* Add X^T U to the sums. */
static void NAME(sparse_block_sums)(const skmlp_linear *p, ptrdiff_t b, const REAL *U) {
    const ptrdiff_t B = p->block, C = p->n_outputs, n = p->output_step;
    const ptrdiff_t m = NAME(rows_of_block)(p, b);
    REAL *by_rows = p->by_rows, *sums = p->sums;
    ptrdiff_t i, k, s;
    if (n > 1) NAME(turn)(m, n, C, U, B, by_rows);
    for (i = 0; i < m; i++) {
        const NAME(sparse_row) x = NAME(stored_row)(p, b * B + i);
        if (n > 1) NAME(scatter_row)(&x, by_rows + i * n, n, sums);
        else
            for (s = 0; s < x.n; s++) sums[x.columns[s]] += x.values[s] * U[i];
    }
    if (p->n_inputs > p->n_features)
        for (k = 0; k < C; k++)
            for (i = 0; i < m; i++) p->gradient[p->n_features * C + k] += (double)U[k * B + i];
}

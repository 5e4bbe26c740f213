/* The two products of a block of rows: with theta, and back.
 *
 * Rows are the lanes of the vectors, so no number of outputs or features leaves lanes empty. For few
 * inputs a block of rows is transposed into the cache; the rest is left to BLAS. For CSR rows see
 * sparse_block.h. */

#define LANES ((ptrdiff_t)(VECTOR_BYTES / sizeof(REAL)))

#if SKMLP_OWN_PRODUCTS

/* Call MACRO(count) for a count from 1 to 8. */
#define FOR_COUNT(MACRO, count)                                                                    \
    switch (count) {                                                                               \
    case 1: MACRO(1); break;                                                                       \
    case 2: MACRO(2); break;                                                                       \
    case 3: MACRO(3); break;                                                                       \
    case 4: MACRO(4); break;                                                                       \
    case 5: MACRO(5); break;                                                                       \
    case 6: MACRO(6); break;                                                                       \
    case 7: MACRO(7); break;                                                                       \
    default: MACRO(8);                                                                             \
    }

/* `rows` outputs of `vectors` vectors of rows. */
static FORCE_INLINE void NAME(score_tile)(const int rows, const int vectors,
                                          const skmlp_linear *p, const REAL *theta,
                                          const REAL *inputs, REAL *out) {
    NAME(vector) sum[8][4];
    const ptrdiff_t B = p->block, C = p->n_outputs, length = p->input_step;
    ptrdiff_t q;
    int r, v;
    UNROLL
    for (r = 0; r < rows; r++)
        UNROLL
        for (v = 0; v < vectors; v++) sum[r][v] = (NAME(vector)){0};
    for (q = 0; q < p->n_inputs; q++) {
        UNROLL
        for (v = 0; v < vectors; v++) {
            const NAME(vector) x = *(const NAME(vector) *)(inputs + q * length + v * LANES);
            UNROLL
            for (r = 0; r < rows; r++) sum[r][v] += theta[q * C + r] * x;
        }
    }
    UNROLL
    for (r = 0; r < rows; r++)
        UNROLL
        for (v = 0; v < vectors; v++) *(NAME(vector) *)(out + r * B + v * LANES) = sum[r][v];
}

/* Few outputs take more vectors at a time: a sum must not wait for itself. */
#define VECTORS(rows) ((rows) < 4 ? 4 : 2)

static void NAME(own_scores)(const skmlp_linear *p, REAL *out) {
    const ptrdiff_t C = p->n_outputs, groups = (C + TILE_ROWS - 1) / TILE_ROWS;
    const REAL *inputs = p->inputs, *theta = p->theta;
    ptrdiff_t k = 0, g, i;
    for (g = 0; g < groups; g++) {
        const ptrdiff_t rows = (C - k) / (groups - g);
#define TILE(rows)                                                                                 \
    for (i = 0; i < p->block; i += VECTORS(rows) * LANES)                                          \
        NAME(score_tile)(rows, VECTORS(rows), p, theta + k, inputs + i, out + k * p->block + i)
        FOR_COUNT(TILE, rows)
#undef TILE
        k += rows;
    }
}

#undef VECTORS

/* `rows` outputs of `columns` inputs, summed over the rows of the block lane by lane. */
static FORCE_INLINE void NAME(sum_tile)(const int rows, const int columns,
                                        const skmlp_linear *p, const REAL *U,
                                        const REAL *inputs, REAL *sums) {
    NAME(vector) sum[8][4];
    const ptrdiff_t B = p->block, length = p->input_step, row = p->n_inputs * LANES;
    ptrdiff_t i;
    int r, c;
    UNROLL
    for (r = 0; r < rows; r++)
        UNROLL
        for (c = 0; c < columns; c++)
            sum[r][c] = *(const NAME(vector) *)(sums + r * row + c * LANES);
    for (i = 0; i < B; i += LANES) {
        NAME(vector) x[4];
        UNROLL
        for (c = 0; c < columns; c++) x[c] = *(const NAME(vector) *)(inputs + c * length + i);
        UNROLL
        for (r = 0; r < rows; r++) {
            const NAME(vector) u = *(const NAME(vector) *)(U + r * B + i);
            UNROLL
            for (c = 0; c < columns; c++) sum[r][c] += u * x[c];
        }
    }
    UNROLL
    for (r = 0; r < rows; r++)
        UNROLL
        for (c = 0; c < columns; c++)
            *(NAME(vector) *)(sums + r * row + c * LANES) = sum[r][c];
}

/* Outputs and inputs of a tile: what fits into the registers. */
#define SUM_ROWS (TILE_ROWS / 2)
#define SUM_COLUMNS 4

static void NAME(own_sums)(const skmlp_linear *p, const REAL *U) {
    const ptrdiff_t C = p->n_outputs, d = p->n_inputs, B = p->block;
    const ptrdiff_t length = p->input_step;
    const ptrdiff_t groups = (C + SUM_ROWS - 1) / SUM_ROWS;
    const REAL *inputs = p->inputs;
    REAL *sums = p->sums;
    ptrdiff_t k = 0, g, j;
    for (g = 0; g < groups; g++) {
        const ptrdiff_t rows = (C - k) / (groups - g);
        for (j = 0; j < d; j += SUM_COLUMNS) {
            const ptrdiff_t left = d - j;
            REAL *to = sums + (k * d + j) * LANES;
#define TILE(rows)                                                                                 \
    if (left >= 4) NAME(sum_tile)(rows, 4, p, U + k * B, inputs + j * length, to);                      \
    else if (left == 3) NAME(sum_tile)(rows, 3, p, U + k * B, inputs + j * length, to);                 \
    else if (left == 2) NAME(sum_tile)(rows, 2, p, U + k * B, inputs + j * length, to);                 \
    else NAME(sum_tile)(rows, 1, p, U + k * B, inputs + j * length, to)
            switch (rows) {
            case 1: TILE(1); break;
            case 2: TILE(2); break;
            case 3: TILE(3); break;
            default: TILE(4);
            }
#undef TILE
        }
        k += rows;
    }
}

#undef SUM_ROWS
#undef SUM_COLUMNS
#undef FOR_COUNT
#else
static void NAME(own_scores)(const skmlp_linear *p, REAL *out) { (void)p, (void)out; }
static void NAME(own_sums)(const skmlp_linear *p, const REAL *U) { (void)p, (void)U; }
#endif

/* Bring a block into the cache; BLAS takes it as it is. Returns whether its rows are such. */
static int NAME(load_block)(skmlp_linear *p, ptrdiff_t b) {
#if SKMLP_OWN_PRODUCTS
    const ptrdiff_t B = p->block, length = p->input_step;
    REAL *inputs = p->inputs;
    ptrdiff_t i;
#endif
    if (p->X == NULL) return NAME(are_valid)(p, b * p->block, NAME(rows_of_block)(p, b));
#if SKMLP_OWN_PRODUCTS
    if (!p->own_products) return 1;
    NAME(pack)(p->n_features, length, NAME(rows_of_block)(p, b),
               (const REAL *)p->X + b * B * p->row_step, p->column_step, p->row_step, inputs);
    if (p->n_inputs > p->n_features)
        for (i = 0; i < B; i++) inputs[p->n_features * length + i] = 1;
#endif
    return 1;
}

/* X theta of the block that has been loaded. */
static void NAME(block_scores)(const skmlp_linear *p, ptrdiff_t b, REAL *out) {
    const ptrdiff_t B = p->block, C = p->n_outputs, m = NAME(rows_of_block)(p, b);
    const REAL *X = (const REAL *)p->X + b * B * p->row_step, *theta = p->theta;
    const int by_rows = p->column_step == 1;
    char trans_X = by_rows ? 'T' : 'N', trans_theta = 'T';
    int rows = (int)m, outputs = (int)C, features = (int)p->n_features, length = (int)B;
    int ld = (int)(by_rows ? p->row_step : p->column_step);
    REAL one = 1, zero = 0;
    ptrdiff_t i, k;
    if (p->X == NULL) {
        NAME(sparse_block_scores)(p, b, out);
        return;
    }
    if (p->own_products) {
        NAME(own_scores)(p, out);
        return;
    }
    if (m < B) memset(out, 0, (size_t)(B * C) * sizeof *out);
    p->GEMM(&trans_X, &trans_theta, &rows, &outputs, &features, &one, (REAL *)X, &ld,
            (REAL *)theta, &outputs, &zero, out, &length);
    if (p->n_inputs > p->n_features)
        for (k = 0; k < C; k++)
            for (i = 0; i < m; i++) out[k * B + i] += theta[p->n_features * C + k];
}

/* Add X^T U to the sums, for the block that has been loaded. */
static void NAME(block_sums)(const skmlp_linear *p, ptrdiff_t b, const REAL *U) {
    const ptrdiff_t B = p->block, C = p->n_outputs, m = NAME(rows_of_block)(p, b);
    const REAL *X = (const REAL *)p->X + b * B * p->row_step;
    const int by_rows = p->column_step == 1;
    char trans_X = by_rows ? 'T' : 'N', trans_U = 'T';
    int rows = (int)m, outputs = (int)C, features = (int)p->n_features, length = (int)B;
    int ld = (int)(by_rows ? p->row_step : p->column_step);
    REAL one = 1, zero = 0, *part = p->sums;
    ptrdiff_t i, k;
    if (p->X == NULL) {
        NAME(sparse_block_sums)(p, b, U);
        return;
    }
    if (p->own_products) {
        NAME(own_sums)(p, U);
        return;
    }
    p->GEMM(&trans_U, &trans_X, &outputs, &features, &rows, &one, (REAL *)U, &length, (REAL *)X,
            &ld, &zero, part, &outputs);
    for (i = 0; i < p->n_features * C; i++) p->gradient[i] += (double)part[i];
    if (p->n_inputs > p->n_features)
        for (k = 0; k < C; k++)
            for (i = 0; i < m; i++) p->gradient[p->n_features * C + k] += (double)U[k * B + i];
}

static void NAME(begin_sums)(const skmlp_linear *p) {
    const size_t n = (size_t)(p->n_inputs * p->n_outputs);
    memset(p->gradient, 0, n * sizeof(double));
    if (p->own_products) memset(p->sums, 0, n * (size_t)LANES * sizeof(REAL));
    if (p->X == NULL)
        memset(p->sums, 0, (size_t)(p->n_features * p->output_step) * sizeof(REAL));
}

static void NAME(end_sums)(const skmlp_linear *p) {
    const ptrdiff_t C = p->n_outputs, d = p->n_inputs;
    const REAL *sums = p->sums;
    ptrdiff_t k, j, i;
    if (p->X == NULL)
        for (j = 0; j < p->n_features; j++)
            for (k = 0; k < C; k++)
                p->gradient[j * C + k] = (double)sums[j * p->output_step + k];
    if (!p->own_products) return;
    for (k = 0; k < C; k++)
        for (j = 0; j < d; j++) {
            double total = 0;
            for (i = 0; i < LANES; i++) total += (double)sums[(k * d + j) * LANES + i];
            p->gradient[j * C + k] = total;
        }
}

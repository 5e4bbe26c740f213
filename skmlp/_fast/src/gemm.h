/* Products of matrices as small as those of a layer and a batch.
 *
 * A library for large matrices spends much of its time on bringing such small ones into shape. Here
 * a panel of B, some vectors wide, is copied into the cache, and a tile of C is kept in registers
 * while A passes by as it lies in memory. */

#ifdef __GNUC__

typedef REAL NAME(vector)
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

#define LANES ((ptrdiff_t)(VECTOR_BYTES / sizeof(REAL)))

/* `rows` rows and `vectors` vectors of C = A panel + start, of which `columns` are stored. */
static inline FORCE_INLINE void NAME(tile)(
    const int rows, const int vectors, ptrdiff_t k, const REAL *A, ptrdiff_t row_step,
    ptrdiff_t step, const REAL *panel, const REAL *start, ptrdiff_t start_step, REAL *C,
    ptrdiff_t row_length, ptrdiff_t columns) {
    NAME(vector) sum[TILE_ROWS][TILE_VECTORS];
    ptrdiff_t q, j;
    int r, v;
    #pragma GCC unroll 8
    for (r = 0; r < rows; r++)
        #pragma GCC unroll 4
        for (v = 0; v < vectors; v++) sum[r][v] = (NAME(vector)){0};
    for (q = 0; q < k; q++) {
        NAME(vector) b[TILE_VECTORS];
        #pragma GCC unroll 4
        for (v = 0; v < vectors; v++)
            b[v] = *(const NAME(vector) *)(panel + (q * vectors + v) * LANES);
        #pragma GCC unroll 8
        for (r = 0; r < rows; r++) {
            const REAL a = A[r * row_step + q * step];
            #pragma GCC unroll 4
            for (v = 0; v < vectors; v++) sum[r][v] += a * b[v];
        }
    }
    #pragma GCC unroll 8
    for (r = 0; r < rows; r++) {
        const REAL *from = start == NULL ? NULL : start + r * start_step;
        REAL *row = C + r * row_length;
        #pragma GCC unroll 4
        for (v = 0; v < vectors; v++) {
            const ptrdiff_t left = columns - v * LANES;
            NAME(vector) c = sum[r][v];
            if (left >= LANES) {
                if (from != NULL) c += *(const NAME(vector) *)(from + v * LANES);
                *(NAME(vector) *)(row + v * LANES) = c;
            } else {
                REAL part[VECTOR_BYTES / sizeof(REAL)];
                *(NAME(vector) *)part = c;
                for (j = 0; j < left; j++)
                    row[v * LANES + j] = part[j] + (from == NULL ? 0 : from[v * LANES + j]);
            }
        }
    }
}

/* All rows of C for a panel of B. */
static inline FORCE_INLINE void NAME(strip)(
    const int vectors, ptrdiff_t m, ptrdiff_t k, const REAL *A, ptrdiff_t row_step,
    ptrdiff_t step, const REAL *panel, const REAL *start, ptrdiff_t start_step, REAL *C,
    ptrdiff_t row_length, ptrdiff_t columns) {
    ptrdiff_t i = 0;
#define ROWS(rows)                                                                                 \
    for (; i + (rows) <= m; i += (rows))                                                           \
        NAME(tile)(rows, vectors, k, A + i * row_step, row_step, step, panel,                      \
                   start == NULL ? NULL : start + i * start_step, start_step,                      \
                   C + i * row_length, row_length, columns);
    ROWS(TILE_ROWS)
#if TILE_ROWS > 4
    ROWS(4)
#endif
    ROWS(2)
    ROWS(1)
#undef ROWS
}

#if VECTOR_BYTES == 64 && !defined(__clang__)
/* Transpose a block of LANES rows and columns: to interleave the upper half of the rows with the
 * lower one does it, log2(LANES) times. */
static inline void NAME(transpose)(const REAL *restrict from, ptrdiff_t row_length,
                                   REAL *restrict to, ptrdiff_t width) {
    typedef INT permutation __attribute__((vector_size(VECTOR_BYTES)));
    enum { N = VECTOR_BYTES / sizeof(REAL) };
    permutation low, high;
    NAME(vector) a[N], b[N];
    int i;
    #pragma GCC unroll 16
    for (i = 0; i < N; i++) {
        low[i] = i / 2 + (i % 2) * N;
        high[i] = low[i] + N / 2;
        a[i] = *(const NAME(vector) *)(from + i * row_length);
    }
#define INTERLEAVE(from, to)                                                                       \
    for (i = 0; i < N / 2; i++) {                                                                  \
        to[2 * i] = __builtin_shuffle(from[i], from[i + N / 2], low);                              \
        to[2 * i + 1] = __builtin_shuffle(from[i], from[i + N / 2], high);                         \
    }
    #pragma GCC unroll 8
    INTERLEAVE(a, b)
    #pragma GCC unroll 8
    INTERLEAVE(b, a)
    #pragma GCC unroll 8
    INTERLEAVE(a, b)
    #pragma GCC unroll 8
    INTERLEAVE(b, a)
#undef INTERLEAVE
    /* Eight rows take three turns, which are in b, and sixteen take four. */
    #pragma GCC unroll 16
    for (i = 0; i < N; i++) *(NAME(vector) *)(to + i * width) = N == 8 ? b[i] : a[i];
}
#define TRANSPOSE
#endif

/* Copy `columns` columns of k rows of B, filled up with zeros to a width. */
static void NAME(pack)(ptrdiff_t k, ptrdiff_t width, ptrdiff_t columns, const REAL *restrict B,
                       ptrdiff_t row_step, ptrdiff_t step, REAL *restrict panel) {
    ptrdiff_t q, i, j;
    if (step == 1) {
        for (q = 0; q < k; q++) {
            const REAL *row = B + q * row_step;
            for (j = 0; j + LANES <= columns; j += LANES)
                *(NAME(vector) *)(panel + q * width + j) = *(const NAME(vector) *)(row + j);
            if (j < width) {
                NAME(vector) end = {0};
                for (i = j; i < columns; i++) end[i - j] = row[i];
                *(NAME(vector) *)(panel + q * width + j) = end;
            }
        }
    } else {
        j = 0;
#ifdef TRANSPOSE
        for (; row_step == 1 && j + LANES <= columns; j += LANES) {
            for (q = 0; q + LANES <= k; q += LANES)
                NAME(transpose)(B + q + j * step, step, panel + q * width + j, width);
            for (; q < k; q++)
                for (i = j; i < j + LANES; i++) panel[q * width + i] = B[q + i * step];
        }
#endif
        for (; j < columns; j++)
            for (q = 0; q < k; q++) panel[q * width + j] = B[q * row_step + j * step];
        for (; j < width; j++)
            for (q = 0; q < k; q++) panel[q * width + j] = 0;
    }
}

/* C = A B + bias for A (m, k) and B (k, n), whose entries lie as far apart as the steps say. */
static void NAME(multiply)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const REAL *A, ptrdiff_t A_row,
                           ptrdiff_t A_column, const REAL *B, ptrdiff_t B_row,
                           ptrdiff_t B_column, const REAL *bias, REAL *C, REAL *panel) {
    const ptrdiff_t n_vectors = (n + LANES - 1) / LANES;
    const ptrdiff_t n_panels = (n_vectors + TILE_VECTORS - 1) / TILE_VECTORS;
    ptrdiff_t q, depth, s;
    for (q = 0; q < k; q += depth) {
        ptrdiff_t first = 0;
        depth = k - q < PANEL_DEPTH ? k - q : PANEL_DEPTH;
        for (s = 0; s < n_panels; s++) {
            /* Panels of about equal width. */
            const ptrdiff_t vectors = (n_vectors - first) / (n_panels - s);
            const ptrdiff_t j = first * LANES, width = vectors * LANES;
            const ptrdiff_t columns = n - j < width ? n - j : width;
            const REAL *a = A + q * A_column;
            const REAL *start = q > 0 ? C + j : (bias == NULL ? NULL : bias + j);
            const ptrdiff_t start_step = q > 0 ? n : 0;
            NAME(pack)(depth, width, columns, B + q * B_row + j * B_column, B_row, B_column,
                       panel);
#define VECTORS(count)                                                                             \
    NAME(strip)(count, m, depth, a, A_row, A_column, panel, start, start_step, C + j, n, columns)
            if (vectors == 1) VECTORS(1);
            else if (vectors == 2) VECTORS(2);
#if TILE_VECTORS > 2
            else VECTORS(3);
#endif
#undef VECTORS
            first += vectors;
        }
    }
}

#undef LANES
#undef TRANSPOSE
#endif

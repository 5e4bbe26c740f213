/* Products of matrices as small as those of a layer and a batch.
 *
 * A library for large matrices spends much of its time on bringing such small ones into shape. Here
 * a panel of B, some vectors wide, is copied into the cache, and a tile of C is kept in registers
 * while A passes by as it lies in memory. */

#if SKMLP_OWN_PRODUCTS

typedef REAL NAME(vector)
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

#define LANES ((ptrdiff_t)(VECTOR_BYTES / sizeof(REAL)))

/* `rows` rows and `vectors` vectors of C = A panel + start, of which `columns` are stored. */
static FORCE_INLINE void NAME(tile)(
    const int rows, const int vectors, ptrdiff_t k, const REAL *A, ptrdiff_t row_step,
    ptrdiff_t step, const REAL *panel, const REAL *start, ptrdiff_t start_step, REAL *C,
    ptrdiff_t row_length, ptrdiff_t columns) {
    NAME(vector) sum[TILE_ROWS][TILE_VECTORS];
    ptrdiff_t q, j;
    int r, v;
    UNROLL
    for (r = 0; r < rows; r++)
        UNROLL
        for (v = 0; v < vectors; v++) sum[r][v] = (NAME(vector)){0};
    for (q = 0; q < k; q++) {
        NAME(vector) b[TILE_VECTORS];
        UNROLL
        for (v = 0; v < vectors; v++)
            b[v] = *(const NAME(vector) *)(panel + (q * vectors + v) * LANES);
        UNROLL
        for (r = 0; r < rows; r++) {
            const REAL a = A[r * row_step + q * step];
            UNROLL
            for (v = 0; v < vectors; v++) sum[r][v] += a * b[v];
        }
    }
    UNROLL
    for (r = 0; r < rows; r++) {
        const REAL *from = start == NULL ? NULL : start + r * start_step;
        REAL *row = C + r * row_length;
        UNROLL
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
static FORCE_INLINE void NAME(strip)(
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

/* Lane by lane of two vectors in turn, the lower halves and the upper ones. */
#if VECTOR_BYTES * 8 / PRECISION == 16
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif VECTOR_BYTES * 8 / PRECISION == 8
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#elif VECTOR_BYTES * 8 / PRECISION == 4
#define LOW 0, 4, 1, 5
#define HIGH 2, 6, 3, 7
#else
#define LOW 0, 2
#define HIGH 1, 3
#endif
#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef INT NAME(lanes) __attribute__((vector_size(VECTOR_BYTES)));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (NAME(lanes)){__VA_ARGS__})
#endif

/* Transpose a block of LANES rows and columns: to interleave the upper half of the rows with the
 * lower one does it, log2(LANES) times. */
static inline void NAME(transpose)(const REAL *restrict from, ptrdiff_t row_length,
                                   REAL *restrict to, ptrdiff_t width) {
    enum { N = VECTOR_BYTES * 8 / PRECISION };
    NAME(vector) a[N], b[N];
    int i, turn;
    UNROLL
    for (i = 0; i < N; i++) a[i] = *(const NAME(vector) *)(from + i * row_length);
    UNROLL
    for (turn = 1; turn < N; turn *= 2) {
        UNROLL
        for (i = 0; i < N / 2; i++) {
            b[2 * i] = SHUFFLE(a[i], a[i + N / 2], LOW);
            b[2 * i + 1] = SHUFFLE(a[i], a[i + N / 2], HIGH);
        }
        UNROLL
        for (i = 0; i < N; i++) a[i] = b[i];
    }
    UNROLL
    for (i = 0; i < N; i++) *(NAME(vector) *)(to + i * width) = a[i];
}

#undef LOW
#undef HIGH
#undef SHUFFLE

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
        for (j = 0; row_step == 1 && j + LANES <= columns; j += LANES) {
            for (q = 0; q + LANES <= k; q += LANES)
                NAME(transpose)(B + q + j * step, step, panel + q * width + j, width);
            for (; q < k; q++)
                for (i = j; i < j + LANES; i++) panel[q * width + i] = B[q + i * step];
        }
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
#endif

/* Products of sparse rows with a matrix.
 *
 * Some units are kept in registers while the entries of a row pass by: to add to them in memory
 * would take longer than to read the matrix. A single unit is summed in four parts, which need not
 * wait for one another; to gather its weights into vectors would take longer. */

#ifdef __GNUC__
typedef NAME(vector) NAME(wide);
typedef REAL NAME(narrow) __attribute__((vector_size(16), aligned(sizeof(REAL)), may_alias));
#else
typedef REAL NAME(wide), NAME(narrow);
#endif

typedef struct {
    ptrdiff_t n;
    const REAL *values;
    const int32_t *columns;
} NAME(sparse_row);

/* Product of a sparse row with a vector. *norm is its squared norm, unless NULL. */
static FORCE_INLINE REAL NAME(dot_row)(const NAME(sparse_row) *row, const REAL *restrict V,
                                              REAL *norm) {
    const REAL *restrict x = row->values;
    const int32_t *columns = row->columns;
    REAL sum[4] = {0}, squares[4] = {0};
    ptrdiff_t s;
    int k;
    for (s = 0; s + 4 <= row->n; s += 4)
        UNROLL for (k = 0; k < 4; k++) {
            sum[k] += x[s + k] * V[columns[s + k]];
            squares[k] += x[s + k] * x[s + k];
        }
    for (; s < row->n; s++) {
        sum[0] += x[s] * V[columns[s]];
        squares[0] += x[s] * x[s];
    }
    if (norm != NULL) *norm = (squares[0] + squares[1]) + (squares[2] + squares[3]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* `count` numbers or vectors, 8 at most, of z = x W + bias, for a W with n columns. The last one
 * begins at `last`: it may begin in the one before, and has the same numbers there. */
#define DEFINE_UNITS(name, type)                                                                   \
    static FORCE_INLINE void NAME(name)(const int count, ptrdiff_t last,                    \
                                               const NAME(sparse_row) *x, const REAL *W,           \
                                               ptrdiff_t n, const REAL *bias, REAL *z) {           \
        const ptrdiff_t width = sizeof(type) / sizeof(REAL);                                       \
        type sum[8];                                                                               \
        ptrdiff_t s;                                                                               \
        int v;                                                                                     \
        UNROLL for (v = 0; v < count; v++) {                                                       \
            const type zero = {0};                                                                 \
            sum[v] = bias == NULL ? zero                                                           \
                                  : *(const type *)(bias + (v + 1 < count ? v * width : last));    \
        }                                                                                          \
        for (s = 0; s < x->n; s++) {                                                               \
            const REAL *w = W + x->columns[s] * n;                                                 \
            UNROLL for (v = 0; v < count; v++)                                                     \
                sum[v] += x->values[s] *                                                           \
                          *(const type *)(w + (v + 1 < count ? v * width : last));                 \
        }                                                                                          \
        UNROLL for (v = 0; v < count; v++)                                                         \
            *(type *)(z + (v + 1 < count ? v * width : last)) = sum[v];                            \
    }

DEFINE_UNITS(wide_units, NAME(wide))
DEFINE_UNITS(narrow_units, NAME(narrow))
DEFINE_UNITS(single_units, REAL)

/* z = x W + bias for one sparse row and all n units. */
static void NAME(multiply_row)(const NAME(sparse_row) *x, const REAL *W, ptrdiff_t n,
                               const REAL *bias, REAL *z) {
    const ptrdiff_t wide = sizeof(NAME(wide)) / sizeof(REAL);
    const ptrdiff_t narrow = sizeof(NAME(narrow)) / sizeof(REAL);
    ptrdiff_t j = 0;
#define UNITS(kind, count, width)                                                                  \
    NAME(kind)(count, n - j - (width), x, W + j, n, bias == NULL ? NULL : bias + j, z + j)
    for (; n - j > 8 * wide; j += 8 * wide)
        NAME(wide_units)(8, 7 * wide, x, W + j, n, bias == NULL ? NULL : bias + j, z + j);
    if (n >= wide) {
        switch ((n - j + wide - 1) / wide) {
        case 1: UNITS(wide_units, 1, wide); break;
        case 2: UNITS(wide_units, 2, wide); break;
        case 3: UNITS(wide_units, 3, wide); break;
        case 4: UNITS(wide_units, 4, wide); break;
        case 5: UNITS(wide_units, 5, wide); break;
        case 6: UNITS(wide_units, 6, wide); break;
        case 7: UNITS(wide_units, 7, wide); break;
        default: UNITS(wide_units, 8, wide);
        }
    } else if (n >= narrow) {
        switch ((n + narrow - 1) / narrow) {
        case 1: UNITS(narrow_units, 1, narrow); break;
        case 2: UNITS(narrow_units, 2, narrow); break;
        case 3: UNITS(narrow_units, 3, narrow); break;
        default: UNITS(narrow_units, 4, narrow);
        }
    } else {
        for (; j < n; j++)
            NAME(single_units)(1, 0, x, W + j, n, bias == NULL ? NULL : bias + j, z + j);
    }
#undef UNITS
}

#undef DEFINE_UNITS

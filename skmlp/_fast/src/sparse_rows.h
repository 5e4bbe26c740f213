/* Products of sparse rows with a matrix.
 *
 * Some units are kept in registers while the entries of a row pass by: to add to them in memory
 * would take longer than to read the matrix. */

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

/* `count` numbers or vectors, 8 at most, of z = x W + bias, for a W with n columns. */
#define DEFINE_UNITS(name, type)                                                                   \
    static FORCE_INLINE void NAME(name)(const int count, const NAME(sparse_row) *x,                \
                                        const REAL *W, ptrdiff_t n, const REAL *bias,              \
                                        REAL *z) {                                                 \
        type sum[8];                                                                               \
        ptrdiff_t s;                                                                               \
        int v;                                                                                     \
        UNROLL for (v = 0; v < count; v++) {                                                       \
            const type zero = {0};                                                                 \
            sum[v] = bias == NULL ? zero : ((const type *)bias)[v];                                \
        }                                                                                          \
        for (s = 0; s < x->n; s++) {                                                               \
            const type *w = (const type *)(W + x->columns[s] * n);                                 \
            UNROLL for (v = 0; v < count; v++) sum[v] += x->values[s] * w[v];                      \
        }                                                                                          \
        UNROLL for (v = 0; v < count; v++) ((type *)z)[v] = sum[v];                                \
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
#define UNITS(kind, count)                                                                         \
    NAME(kind)(count, x, W + j, n, bias == NULL ? NULL : bias + j, z + j)
    for (; n - j >= 8 * wide; j += 8 * wide) UNITS(wide_units, 8);
    if (n - j >= 4 * wide) {
        UNITS(wide_units, 4);
        j += 4 * wide;
    }
    if (n - j >= 2 * wide) {
        UNITS(wide_units, 2);
        j += 2 * wide;
    }
    for (; n - j >= wide; j += wide) UNITS(wide_units, 1);
    /* The last vector may begin in the one before, and has the same numbers there. */
    if (j < n && n >= wide) {
        j = n - wide;
        UNITS(wide_units, 1);
        return;
    }
    for (; n - j >= narrow; j += narrow) UNITS(narrow_units, 1);
    if (j < n && n >= narrow) {
        j = n - narrow;
        UNITS(narrow_units, 1);
        return;
    }
    for (; j < n; j++) UNITS(single_units, 1);
#undef UNITS
}

#undef DEFINE_UNITS

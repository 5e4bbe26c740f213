/* The models of the columns of a code matrix: the formulas are those of skmlp/nn/columns.py. */

/* Numbers that are added up in REAL before their sum goes into a double. */
#define PIECE 512

/* Walk along a ray: u = start + step image, q = 1 / (1 + exp(-u)), for the n cells of a run. Add the
 * weighted sums of the losses and of their derivatives to loss and slope. */
static void NAME(walk_run)(ptrdiff_t n, REAL step, const REAL *restrict start,
                           const REAL *restrict image, const REAL *restrict weight,
                           ptrdiff_t stride, REAL *restrict u, REAL *restrict q, double *loss,
                           double *slope) {
    ptrdiff_t begin, i;
    for (begin = 0; begin < n; begin += PIECE) {
        const ptrdiff_t end = n - begin < PIECE ? n : begin + PIECE;
        REAL losses = 0, slopes = 0;
        #pragma omp simd reduction(+ : losses, slopes)
        for (i = begin; i < end; i++) {
            const REAL x = start[i] + step * image[i], w = weight[i * stride];
            const REAL E = NAME(exp)(-NAME(magnitude)(x)), s = 1 / (1 + E);
            const REAL p = x > 0 ? s : E * s;
            u[i] = x;
            q[i] = p;
            losses += w * ((x > 0 ? x : 0) + NAME(log1p)(E));
            slopes += w * (p * image[i]);
        }
        *loss += losses;
        *slope += slopes;
    }
}

static void NAME(walk)(const skmlp_run *runs, ptrdiff_t n_runs, const double *step,
                       const uint8_t *moving, const void *start, const void *image,
                       const void *weight, void *u, void *q, double *loss, double *slope) {
    ptrdiff_t r;
    for (r = 0; r < n_runs; r++) {
        const skmlp_run *run = runs + r;
        const ptrdiff_t at = (ptrdiff_t)run->start, l = (ptrdiff_t)run->column;
        if (moving[l])
            NAME(walk_run)((ptrdiff_t)run->n, (REAL)step[l], (const REAL *)start + at,
                           (const REAL *)image + at, (const REAL *)weight + run->weight,
                           (ptrdiff_t)run->stride, (REAL *)u + at, (REAL *)q + at, loss + l,
                           slope + l);
    }
}

/* Put the products of any two of p features of n rows, stored by columns, into rows of out. */
static void NAME(pairs)(ptrdiff_t p, ptrdiff_t n, const void *features, ptrdiff_t row,
                        void *products) {
    const REAL *X_T = features;
    REAL *restrict out = products;
    ptrdiff_t i, j, k;
    for (j = 0; j < p; j++)
        for (k = j; k < p; k++, out += row)
            for (i = 0; i < n; i++) out[i] = X_T[j * n + i] * X_T[k * n + i];
}

#undef PIECE

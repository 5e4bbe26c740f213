/* Passes over the rows: what a solver needs, with one look at X. */

/* Scores or residuals of a block. */
#define BLOCK_OF(array) ((array) == NULL ? NULL : (REAL *)(array) + b * p->block * p->n_outputs)

/* Scores a step along an image. */
static void NAME(advance)(const skmlp_linear *p, ptrdiff_t b, REAL *F) {
    const REAL *start = BLOCK_OF(p->start), *V = BLOCK_OF(p->image), step = (REAL)p->step;
    ptrdiff_t i;
    for (i = 0; i < p->block * p->n_outputs; i++) F[i] = V[i] * step + start[i];
}

/* Residuals, value and slope a step along an image. */
static void NAME(move_block)(skmlp_linear *p, ptrdiff_t b, const INT *y, const double *w) {
    REAL *R = BLOCK_OF(p->state);
    NAME(advance)(p, b, p->work);
    p->value += NAME(residual)(p, y, w, p->work, R);
    p->slope += NAME(slope)(p, w, R, BLOCK_OF(p->image));
}

/* Add the gradient of a block of residuals, which then become probabilities. */
static void NAME(pull_block_back)(skmlp_linear *p, ptrdiff_t b, const INT *y, const double *w) {
    REAL *R = BLOCK_OF(p->state);
    if (!NAME(load_block)(p, b)) return;
    NAME(weigh_block)(p, w, R, p->work);
    NAME(block_sums)(p, b, p->work);
    NAME(settle_block)(p, y, R);
}

/* Add the product of the Hessian with theta. */
static void NAME(multiply_block)(skmlp_linear *p, ptrdiff_t b, const double *w) {
    if (!NAME(load_block)(p, b)) return;
    NAME(block_scores)(p, b, p->work);
    NAME(bend)(p, BLOCK_OF(p->probabilities), p->work);
    NAME(weigh_block)(p, w, p->work, p->work);
    NAME(block_sums)(p, b, p->work);
}

static void NAME(start_dual_block)(skmlp_linear *p, ptrdiff_t b, const INT *y, const double *w) {
    NAME(dual_start)(p, NAME(rows_of_block)(p, b), BLOCK_OF(p->before), BLOCK_OF(p->image),
                     p->work);
    NAME(add_excess)(p, y, w, p->work);
    NAME(add_covariance)(p, w, p->work);
}

/* What a tilt would leave of the excess, and the smallest probability then. */
static void NAME(try_tilt)(skmlp_linear *p, ptrdiff_t b, const INT *y, const double *w) {
    const ptrdiff_t B = p->block;
    REAL *R = p->work, least[MOST_ROWS];
    ptrdiff_t i, k;
    NAME(dual_start)(p, NAME(rows_of_block)(p, b), BLOCK_OF(p->before), BLOCK_OF(p->image), R);
    NAME(tilt_block)(p, R);
    memset(least, 0, sizeof least);
    for (k = 0; k < p->n_classes; k++)
        for (i = 0; i < B; i++) least[i] = R[k * B + i] < least[i] ? R[k * B + i] : least[i];
    for (i = 0; i < B; i++) p->least = (double)least[i] < p->least ? (double)least[i] : p->least;
    NAME(add_excess)(p, y, w, R);
}

/* Tilt and mix; the divergence, and the gradient of the dual. */
static void NAME(end_dual_block)(skmlp_linear *p, ptrdiff_t b, const INT *y, const double *w) {
    const ptrdiff_t B = p->block, K = p->n_classes, first = K - p->n_outputs;
    const ptrdiff_t m = NAME(rows_of_block)(p, b);
    const REAL part = (REAL)(1 - p->mix);
    REAL *R = p->work;
    ptrdiff_t i, k;
    NAME(dual_start)(p, m, BLOCK_OF(p->before), BLOCK_OF(p->image), R);
    NAME(tilt_block)(p, R);
    for (k = 0; k < K; k++)
        for (i = 0; i < B; i++) {
            const REAL r = part * R[k * B + i] + (REAL)p->shares[k];
            R[k * B + i] = r < 0 ? 0 : (r > 1 ? 1 : r);
        }
    p->divergence +=
        NAME(divergence)(p, m, y, w, R, BLOCK_OF(p->probabilities), BLOCK_OF(p->start));
    for (k = first; k < K; k++)
        for (i = 0; i < B; i++) R[k * B + i] -= y[i] == (INT)k ? (REAL)1 : (REAL)0;
    NAME(weigh_block)(p, w, R + first * B, R + first * B);
    if (NAME(load_block)(p, b)) NAME(block_sums)(p, b, R + first * B);
}

static void NAME(begin_pass)(skmlp_linear *p, int pass) {
    const size_t K = (size_t)p->n_classes;
    p->value = p->slope = p->divergence = 0;
    p->least = 0;
    if (pass == PULL_BACK || pass == PRODUCT || pass == DUAL_GAP) NAME(begin_sums)(p);
    if (pass == SQUARES) memset(p->gradient, 0, 2 * (size_t)p->n_inputs * sizeof(double));
    if (pass == DUAL_START) memset(p->covariance, 0, K * K * sizeof(REAL));
    if (pass == DUAL_START || pass == DUAL_TILT) memset(p->excess, 0, K * sizeof(double));
}

/* Blocks begin to end of a pass, which begins with the first block and ends with the last. */
static void NAME(linear)(skmlp_linear *p, int pass, ptrdiff_t begin, ptrdiff_t end) {
    ptrdiff_t b;
    if (pass == GRAM_ROWS || pass == HESSIAN_ROWS) {
        (pass == GRAM_ROWS ? NAME(gram_rows) : NAME(hessian_rows))(p, begin, end);
        return;
    }
    if (begin == 0) NAME(begin_pass)(p, pass);
    for (b = begin; b < end; b++) {
        const INT *y = (const INT *)p->classes + b * p->block;
        const double *w = p->weight + b * p->block;
        switch (pass) {
        case IMAGE:
            if (NAME(load_block)(p, b)) NAME(block_scores)(p, b, BLOCK_OF(p->scores));
            break;
        case EVALUATE:
            p->value += NAME(residual)(p, y, w, BLOCK_OF(p->scores), BLOCK_OF(p->state));
            break;
        case MOVE: NAME(move_block)(p, b, y, w); break;
        case ADVANCE: NAME(advance)(p, b, BLOCK_OF(p->start)); break;
        case PULL_BACK: NAME(pull_block_back)(p, b, y, w); break;
        case PRODUCT: NAME(multiply_block)(p, b, w); break;
        case CURVATURES: NAME(average_curvatures)(p, b); break;
        case SQUARES: NAME(add_squares)(p, b); break;
        case DUAL_START: NAME(start_dual_block)(p, b, y, w); break;
        case DUAL_TILT: NAME(try_tilt)(p, b, y, w); break;
        case DUAL_GAP: NAME(end_dual_block)(p, b, y, w); break;
        }
    }
    if (end == p->n_blocks && (pass == PULL_BACK || pass == PRODUCT || pass == DUAL_GAP))
        NAME(end_sums)(p);
}

#undef BLOCK_OF
#undef LANES

/* Optimizers: the formulas are those of skmlp/optim/optimizers.py. A step goes over memory once,
 * block by block: penalty, norm and update while a block is in the cache. */

/* Add the derivative of the L2 penalty to the gradient of weights [begin, end). */
static double NAME(penalize)(const skmlp_program *p, ptrdiff_t begin, ptrdiff_t end) {
    const REAL *restrict w = p->theta, *restrict each = p->penalty;
    REAL *restrict g = p->gradient;
    const REAL flat = (REAL)p->flat_penalty;
    REAL sum = 0;
    ptrdiff_t i;
    if (each != NULL) {
        #pragma omp simd reduction(+ : sum)
        for (i = begin; i < end; i++) {
            const REAL dw = each[i] * w[i];
            g[i] += dw;
            sum += dw * w[i];
        }
    } else if (flat != 0) {
        #pragma omp simd reduction(+ : sum)
        for (i = begin; i < end; i++) {
            const REAL dw = flat * w[i];
            g[i] += dw;
            sum += dw * w[i];
        }
    }
    return 0.5 * (double)sum;
}

static double NAME(sum_of_squares)(ptrdiff_t n, const REAL *x) {
    REAL sum = 0;
    ptrdiff_t i;
    #pragma omp simd reduction(+ : sum)
    for (i = 0; i < n; i++) sum += x[i] * x[i];
    return (double)sum;
}

static double NAME(norm)(ptrdiff_t n, const REAL *x) {
    double sum = 0, largest = 0, size;
    ptrdiff_t i;
    for (i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    if (sum <= 1e300 && sum >= 1e-280) return sqrt(sum);
    /* Squares may have overflowed or underflowed: scale first. */
    for (i = 0; i < n; i++) {
        size = fabs((double)x[i]);
        if (!(size <= largest)) largest = size;
    }
    if (largest == 0 || !(largest < INFINITY)) return largest;
    for (sum = 0, i = 0; i < n; i++) sum += (x[i] / largest) * (x[i] / largest);
    return largest * sqrt(sum);
}

static void NAME(clip)(int kind, double bound, ptrdiff_t n, REAL *g) {
    const REAL limit = (REAL)bound;
    ptrdiff_t i;
    if (kind == CLIP_VALUE) {
        for (i = 0; i < n; i++) {
            g[i] = g[i] > limit ? limit : g[i];
            g[i] = g[i] < -limit ? -limit : g[i];
        }
    } else {
        const double norm = NAME(norm)(n, g);
        const REAL factor = (REAL)(bound / norm);
        if (norm > bound)
            for (i = 0; i < n; i++) g[i] *= factor;
    }
}

/* What a step of Adam multiplies its quotient by, and its bound, for the sums of the state. */
typedef struct {
    REAL rate, shrink, a, b, eps;
} NAME(step);

static NAME(step) NAME(start_step)(const skmlp_optimizer *o, double rate) {
    NAME(step) s = {(REAL)rate, 0, (REAL)o->a, (REAL)o->b, (REAL)o->eps};
    if (o->kind == ADAM) {
        const double t = (double)o->t, root = sqrt((1 - o->b) / (1 - pow(o->b, t)));
        s.shrink = (REAL)(rate * o->decay);
        s.rate = (REAL)(rate * (1 - o->a) / (1 - pow(o->a, t)) / root);
        s.eps = (REAL)(o->eps / root);
    }
    return s;
}

/* theta <- theta - rate * direction(g) for n entries; weights decay by s.shrink. */
static void NAME(update)(const skmlp_optimizer *o, const NAME(step) s, REAL shrink, ptrdiff_t n,
                         REAL *restrict theta, const REAL *restrict g, REAL *restrict first,
                         REAL *restrict second) {
    ptrdiff_t i;
    switch (o->kind) {
    case SGD:
        for (i = 0; i < n; i++) theta[i] -= s.rate * g[i];
        break;
    case MOMENTUM:
        for (i = 0; i < n; i++) {
            first[i] = s.a * first[i] + g[i];
            theta[i] -= s.rate * first[i];
        }
        break;
    case NESTEROV:
        for (i = 0; i < n; i++) {
            first[i] = s.a * first[i] + g[i];
            theta[i] -= s.rate * (s.a * first[i] + g[i]);
        }
        break;
    case ADAGRAD:
        for (i = 0; i < n; i++) {
            first[i] += g[i] * g[i];
            theta[i] -= s.rate * (g[i] / (SQRT(first[i]) + s.eps));
        }
        break;
    case RMSPROP:
        for (i = 0; i < n; i++) {
            first[i] = s.a * first[i] + (1 - s.a) * (g[i] * g[i]);
            theta[i] -= s.rate * (g[i] / (SQRT(first[i]) + s.eps));
        }
        break;
    case ADAM:
        for (i = 0; i < n; i++) {
            first[i] = s.a * first[i] + g[i];
            second[i] = s.b * second[i] + g[i] * g[i];
            theta[i] -= s.rate * (first[i] / (SQRT(second[i]) + s.eps)) + shrink * theta[i];
        }
        break;
    }
}

/* Bound the whole gradient. */
static void NAME(clip_gradient)(const skmlp_program *p) {
    const skmlp_optimizer *o = &p->optimizer;
    REAL *g = p->gradient;
    int clip;
    p->block_sums[0] = NAME(penalize)(p, 0, p->n_weights);
    p->block_sums[1] = NAME(sum_of_squares)(p->n_learned, g);
    for (clip = 0; clip < o->n_clips; clip++)
        NAME(clip)(o->clips[clip], o->bounds[clip], p->n_learned, g);
}

/* The step of one block; returns its end. Its penalty and the squares of its gradient go into two
 * sums, unless the gradient has been clipped, when both have been taken. */
static ptrdiff_t NAME(step_block)(const skmlp_program *p, const NAME(step) s, ptrdiff_t begin,
                                  double *sums) {
    const skmlp_optimizer *o = &p->optimizer;
    const int is_weight = begin < p->n_weights;
    const ptrdiff_t limit = is_weight ? p->n_weights : p->n_learned;
    const ptrdiff_t end = begin + STEP_BLOCK < limit ? begin + STEP_BLOCK : limit;
    REAL *g = p->gradient, *first = o->first, *second = o->second;
    if (o->n_clips == 0) {
        sums[0] = is_weight ? NAME(penalize)(p, begin, end) : 0;
        sums[1] = NAME(sum_of_squares)(end - begin, g + begin);
    }
    NAME(update)(o, s, is_weight ? s.shrink : 0, end - begin, (REAL *)p->theta + begin, g + begin,
                 first ? first + begin : NULL, second ? second + begin : NULL);
    return end;
}

/* A worker's share of a step of the optimizer. The first worker returns the penalty, and adds up
 * the squares of the gradient. */
static double NAME(make_step)(skmlp_program *p, int worker, double rate) {
    const NAME(step) s = NAME(start_step)(&p->optimizer, rate);
    const ptrdiff_t of_weights = (p->n_weights + STEP_BLOCK - 1) / STEP_BLOCK;
    const ptrdiff_t others = (p->n_learned - p->n_weights + STEP_BLOCK - 1) / STEP_BLOCK;
    const ptrdiff_t n_blocks = of_weights + others;
    const ptrdiff_t last = start_of_share(p, worker + 1, n_blocks);
    ptrdiff_t block = start_of_share(p, worker, n_blocks);
    ptrdiff_t at = block < of_weights ? block * STEP_BLOCK
                                      : p->n_weights + (block - of_weights) * STEP_BLOCK;
    double penalty = 0;
    if (p->optimizer.n_clips > 0) {
        if (worker == 0) NAME(clip_gradient)(p);
        wait_for_all(p);
    }
    for (; block < last; block++) at = NAME(step_block)(p, s, at, p->block_sums + 2 * block);
    wait_for_all(p);
    if (worker > 0) return 0;
    for (block = 0; block < (p->optimizer.n_clips > 0 ? 1 : n_blocks); block++) {
        penalty += p->block_sums[2 * block];
        p->squares += p->block_sums[2 * block + 1];
    }
    return penalty;
}

/* What a call from Python runs. */

static int NAME(run)(skmlp_program *p, ptrdiff_t begin, ptrdiff_t end) {
    int status = DONE;
    if (NAME(is_linear_sgd)(p)) return NAME(run_linear_sgd)(p, begin, end);
    for (; begin < end && status == DONE; begin++) status = NAME(run_batch)(p, begin);
    return status;
}

/* Scores of the rows of some blocks, for a program without batch norm and dropout. */
static int NAME(predict)(skmlp_program *p, ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t d = p->n_features, C = p->n_outputs, last = p->n_layers - 1;
    ptrdiff_t l;
    for (; begin < end; begin++) {
        const ptrdiff_t start = begin * p->batch_size, left = p->n_rows - start;
        const ptrdiff_t m = left < p->batch_size ? left : p->batch_size;
        const int64_t *rows = p->order + start;
        const REAL *input = p->X == NULL ? NULL : (const REAL *)p->X + start * d;
        const int status = p->X == NULL ? NAME(gather_sparse)(p, rows, m) : DONE;
        if (status != DONE) return status;
        for (l = 0; l <= last; l++) {
            NAME(forward)(p, &p->layers[l], rows, m, input);
            input = p->layers[l].Y;
        }
        memcpy((REAL *)p->F + start * C, input, (size_t)(m * C) * sizeof(REAL));
    }
    return DONE;
}

/* What a call from Python runs. */

static int NAME(run)(skmlp_program *p, int worker, ptrdiff_t begin, ptrdiff_t end) {
    int status = DONE;
    /* One row after the other: nothing to share. */
    if (NAME(is_linear_sgd)(p)) return worker == 0 ? NAME(run_linear_sgd)(p, begin, end) : DONE;
    for (; begin < end && status == DONE; begin++) status = NAME(run_batch)(p, worker, begin);
    return status;
}

/* Scores of the rows of some blocks, for a program without batch norm and dropout. */
static int NAME(predict)(skmlp_program *p, int worker, ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t d = p->n_features, C = p->n_outputs, last = p->n_layers - 1;
    int status = DONE;
    ptrdiff_t l;
    for (; begin < end; begin++) {
        const ptrdiff_t start = begin * p->batch_size, left = p->n_rows - start;
        const ptrdiff_t m = left < p->batch_size ? left : p->batch_size;
        const ptrdiff_t first = start_of_share(p, worker, m);
        const ptrdiff_t end_of_share = start_of_share(p, worker + 1, m);
        const int64_t *rows = p->order + start;
        const REAL *input = p->X == NULL ? NULL : (const REAL *)p->X + start * d;
        /* Shares of a block are the same places as those of the one before, unless it is shorter. */
        if (m < p->batch_size) wait_for_all(p);
        if (status == DONE && p->X == NULL)
            status = NAME(gather_sparse)(p, rows, first, end_of_share);
        /* Not out of the loop: others may wait. */
        if (status != DONE) continue;
        for (l = 0; l <= last; l++) {
            NAME(forward)(p, worker, &p->layers[l], rows, m, input);
            input = p->layers[l].Y;
        }
        memcpy((REAL *)p->F + (start + first) * C, input + first * C,
               (size_t)((end_of_share - first) * C) * sizeof(REAL));
    }
    return status;
}

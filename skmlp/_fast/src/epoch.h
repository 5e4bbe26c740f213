/* What a call from Python runs. */

static int NAME(run)(skmlp_program *p, ptrdiff_t begin, ptrdiff_t end) {
    int status = DONE;
    if (NAME(is_linear_sgd)(p)) return NAME(run_linear_sgd)(p, begin, end);
    for (; begin < end && status == DONE; begin++) status = NAME(run_batch)(p, begin);
    return status;
}

/* A linear model on fixed rows as data, for the solvers that look at all rows in every step.
 *
 * Rows come in blocks, and an array over rows and outputs is (n_blocks, n_outputs, block): the
 * numbers of one output in one block lie side by side, so that rows are the lanes of vectors. The
 * last block is filled up with rows of weight zero and class -1. Arrays of real numbers are of the
 * precision of X, and hence void here, unless they say double. */
#ifndef SKMLP_LINEAR_PROGRAM_H
#define SKMLP_LINEAR_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "program.h"

/* Most rows of a block. */
#define MOST_ROWS 256

/* Whether the kernels have matrix products of their own, which take vectors of gcc and clang. */
#ifdef __GNUC__
#define SKMLP_OWN_PRODUCTS 1
#else
#define SKMLP_OWN_PRODUCTS 0
#endif

/* The passes over blocks, or over sampled rows; see linear_passes.h and sampled_rows.h. */
enum { IMAGE, EVALUATE, MOVE, ADVANCE, PULL_BACK, PRODUCT, SQUARES, DUAL_START, DUAL_TILT, DUAL_GAP };
enum { GRAM_ROWS = DUAL_GAP + 1, HESSIAN_ROWS, CURVATURES };

typedef struct skmlp_linear {
    skmlp_sgemm sgemm;
    skmlp_dgemm dgemm;
    ptrdiff_t n_rows, n_features, n_outputs, n_blocks, block;
    ptrdiff_t n_inputs;       /* features, and 1 for the intercept if there is one */
    int coupled;              /* softmax; else one output, and the binary logistic loss */
    int own_products;         /* whether products are made here, and not by BLAS */

    /* Data. A dense X has `X` and the steps, a CSR one the next four. */
    const void *X;
    ptrdiff_t row_step, column_step;
    const void *values;
    const int32_t *columns;
    const int64_t *indptr;
    int64_t n_stored;
    int is_bad;               /* a pass has met rows that are none */
    const double *weight;     /* (n_blocks * block,) */
    const void *classes;      /* the same, integers as wide as a real number */

    void *theta;              /* (n_inputs, output_step), what a pass multiplies X by */
    ptrdiff_t output_step;    /* n_outputs; with CSR rows, more for the sake of cache lines */
    double *gradient;         /* (n_inputs, n_outputs), what a pass sums up; (2, n_inputs) SQUARES */

    /* Arrays over rows and outputs. */
    void *start;              /* scores to move from */
    const void *image;        /* how they change along a direction, or NULL */
    double step;              /* how far */
    void *scores;             /* where a pass puts scores */
    void *state;              /* residuals dloss/dF, or once `settled` probabilities */
    const void *probabilities;
    const void *before;       /* probabilities before a Newton step */
    double value, slope;      /* of the sum of the losses */

    /* The certificate: see skmlp/nn/duality.py. K is the number of classes. */
    ptrdiff_t n_classes;
    void *covariance;         /* (K, K) */
    double *excess, *tilt;    /* (K,) */
    double *shares;           /* (K,), what is added to each row of (1 - mix) R */
    double mix, least, divergence;

    double *curvatures;       /* (n_blocks * block,), averaged over the outputs */

    /* Sampled rows: which, NULL for all, and what they count. */
    const int64_t *sampled;
    const double *counts;
    double *sample;           /* (rows, n_inputs), times the root of the row's weight */
    double *products;         /* (rows, n_inputs * n_outputs) */

    /* Room for a block. */
    void *inputs;             /* (n_inputs, input_step), rows of a block and room beside them */
    ptrdiff_t input_step;
    void *work;               /* two of (n_classes, block) */
    void *sums;               /* lanes of the gradient, or a gradient of one block; with CSR rows
                               * the gradient, (n_features, output_step) */
    void *by_rows;            /* CSR: (block, output_step) */
} skmlp_linear;

#endif

/* A network and its training as data: what Python fills in and the executor runs.
 *
 * Arrays of real numbers are of the precision of the program, float or double, and hence void here.
 * Whoever fills in a program answers for the lengths of its arrays; what varies from batch to batch
 * (numbers of rows, of columns, of classes) is checked by the executor, which reports a status. */
#ifndef SKMLP_PROGRAM_H
#define SKMLP_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { IDENTITY, RELU, LEAKY_RELU, EXPONENTIAL_LINEAR, GELU, SILU, SOFTPLUS, TANH, LOGISTIC };
enum { SOFTMAX, BINARY_LOGISTIC, SQUARED, ABSOLUTE, HUBER, LOG_COSH, QUANTILE, POISSON };
enum { SGD, MOMENTUM, NESTEROV, ADAGRAD, RMSPROP, ADAM };
enum { CLIP_NORM, CLIP_VALUE };
enum { EXP, EXPM1, LOG_FUNCTION, LOG1P, TANH_FUNCTION, SIGMOID, NORMAL_CDF, N_FUNCTIONS };

/* What a run may report. */
enum { DONE, BAD_ROW, BAD_COLUMN, BAD_CLASS, BAD_INDPTR };

#define MAX_CLIPS 4
#define MAX_WORKERS 64

/* Parameters that an optimizer's step has in the cache at a time. */
#define STEP_BLOCK 2048

/* Rows of a panel in a product of matrices, and numbers in it: three vectors of 64 bytes each. */
#define PANEL_DEPTH 256
#define PANEL_SIZE (PANEL_DEPTH * 3 * 16)

/* Dense, batch norm, activation and dropout: one layer of units. Offsets count from the start of
 * theta; -1 says that there is no such array. */
typedef struct {
    ptrdiff_t fan_in, fan_out;
    ptrdiff_t W, b;
    ptrdiff_t gamma, beta, mean, variance;
    double share, eps;        /* of batch norm: share of a batch in the averages, added variance */
    int activation;
    double slope, limit;      /* of the activation, where it has such */
    uint32_t threshold;       /* of dropout: 24 random bits below it silence a unit; 0 for none */
    double keep;              /* what the others are multiplied by */

    /* Room for a batch. Y is what the next layer sees: A itself without dropout. */
    void *A, *Y, *N, *slopes; /* each (batch_size, fan_out) or NULL */
    void *d;                  /* (batch_size, fan_out), derivatives by Y, then by Z; last A itself */
    void *inverse;            /* (fan_out,) */
    uint8_t *mask;            /* (batch_size, fan_out) */
} skmlp_layer;

typedef struct {
    int kind;
    double a, b, eps;         /* shares that survive a step, and the bound on a quotient */
    double decay;             /* AdamW's, of weights alone */
    int64_t t;                /* steps made */
    void *first, *second;     /* memory, (n_params,) or NULL */
    int n_clips;
    int clips[MAX_CLIPS];
    double bounds[MAX_CLIPS];
} skmlp_optimizer;

typedef void (*skmlp_sgemm)(char *, char *, int *, int *, int *, float *, float *, int *, float *,
                            int *, float *, float *, int *);
typedef void (*skmlp_dgemm)(char *, char *, int *, int *, int *, double *, double *, int *,
                            double *, int *, double *, double *, int *);

typedef struct {
    skmlp_sgemm sgemm;
    skmlp_dgemm dgemm;
    double largest_product;   /* multiplications in a matrix product; above them BLAS makes it */

    int n_layers;
    skmlp_layer *layers;
    ptrdiff_t n_features, n_outputs;
    ptrdiff_t n_params, n_weights, n_learned;
    void *theta, *gradient;

    int loss;
    double loss_parameter;    /* label smoothing, delta or quantile */
    void *scale, *shift;      /* (n_outputs,), units of the output, or NULL */

    void *penalty;            /* (n_weights,), derivative of the penalty by its weight, or NULL */
    double flat_penalty;      /* the same where one number serves all */
    skmlp_optimizer optimizer;

    /* Data. A dense X has `X`, a sparse one the other three. */
    ptrdiff_t n_rows, n_stored;
    const void *X;
    int X_is_other;           /* X has the other precision, double or float */
    const void *values;
    const int32_t *columns;
    const int64_t *indptr;
    const void *targets;      /* (n_rows, n_outputs) real, or (n_rows,) int64 class indices */
    const double *weight;     /* (n_rows,) */
    double n_counted;         /* rows that the weights, which sum to one, stand for */

    const int64_t *order;     /* (n_order,), rows in the order of the epoch */
    ptrdiff_t n_order, batch_size;
    const double *rates;      /* learning rate of every batch */

    uint32_t (*next_random)(void *);
    void *random_state;

    /* Dropout of the input. */
    uint32_t input_threshold;
    double input_keep;
    void *kept;               /* sparse: stored entries of a batch after dropout */
    ptrdiff_t n_kept;         /* room for so many */

    /* Room for a batch. */
    void *input;              /* (batch_size, n_features), dense only */
    void *targets_of_batch, *row_loss, *row_shift;
    int64_t *classes;
    double *row_weight;
    void *Z;                  /* (batch_size, n_outputs), scores of a linear model without bias */
    void *of_outputs;         /* (n_outputs,) */
    void *panels;             /* PANEL_SIZE numbers for each worker */
    double *block_sums;       /* penalty and squared norm of the gradient, block by block */

    void *F;                  /* (n_rows, n_outputs), the scores of a prediction */

    /* Sums over batches. */
    double total, squares;

    /* Workers, and what they tell each other: see team.h. */
    int n_workers, n_arrived, turn;
    int status[MAX_WORKERS];
} skmlp_program;

/* The cells of one problem of a code matrix in one block of rows. */
typedef struct {
    int64_t start, n;         /* where they are among all cells, and how many */
    int64_t column;           /* the problem */
    int64_t weight, stride;   /* the weight of the first, and how far it is to that of the next */
} skmlp_run;

typedef void (*skmlp_walker)(const skmlp_run *runs, ptrdiff_t n_runs, const double *step,
                             const uint8_t *moving, const void *start, const void *image,
                             const void *weight, void *u, void *q, double *loss, double *slope);

struct skmlp_linear;

/* What is compiled once for every instruction set. */
typedef struct {
    const char *name;
    int (*run_float)(skmlp_program *, int, ptrdiff_t, ptrdiff_t);
    int (*run_double)(skmlp_program *, int, ptrdiff_t, ptrdiff_t);
    int (*predict_float)(skmlp_program *, int, ptrdiff_t, ptrdiff_t);
    int (*predict_double)(skmlp_program *, int, ptrdiff_t, ptrdiff_t);
    void (*map_float)(int, ptrdiff_t, const float *, float *);
    void (*map_double)(int, ptrdiff_t, const double *, double *);
    skmlp_walker walk_float, walk_double;
    void (*pairs_float)(ptrdiff_t, ptrdiff_t, const void *, ptrdiff_t, void *);
    void (*pairs_double)(ptrdiff_t, ptrdiff_t, const void *, ptrdiff_t, void *);
    void (*linear_float)(struct skmlp_linear *, int, ptrdiff_t, ptrdiff_t);
    void (*linear_double)(struct skmlp_linear *, int, ptrdiff_t, ptrdiff_t);
} skmlp_kernels;

/* The best kernels that this processor can run, or the best up to a level that is named. */
const skmlp_kernels *skmlp_choose_kernels(const char *name);
const char *skmlp_compiler(void);

#endif

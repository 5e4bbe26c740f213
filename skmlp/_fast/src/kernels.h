/* All kernels in both precisions, for one instruction set: KERNELS is what they are called. */
#include <math.h>
#include <string.h>

#include "linear_program.h"
#include "program.h"
#include "team.h"

/* UNROLL precedes a loop that counts to a constant, 16 at most. */
#ifdef __GNUC__
#define FORCE_INLINE inline __attribute__((always_inline))
#define PREFETCH(address) __builtin_prefetch(address)
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#else
#ifdef _MSC_VER
#define restrict __restrict
#define FORCE_INLINE __forceinline
#else
#define FORCE_INLINE inline
#endif
#define PREFETCH(address) ((void)(address))
#define UNROLL
#endif
#define JOIN(a, b) a##_##b

/* Ask for memory that is to be read soon: rows come in random order, and memory is far away.
 * Inlined, or gcc would take calls of functions that only prefetch for useless. */
static FORCE_INLINE void prefetch(const void *start, ptrdiff_t n_bytes) {
    ptrdiff_t at;
    for (at = 0; at < n_bytes; at += 64) PREFETCH((const char *)start + at);
}

/* What a tile of a product may take of the registers, and the widest vectors. */
#ifndef VECTOR_BYTES
#define VECTOR_BYTES 16
#define TILE_VECTORS 2
#ifdef __aarch64__ /* 32 registers, elsewhere 16 */
#define TILE_ROWS 8
#else
#define TILE_ROWS 4
#endif
#endif

#define PRECISION 32
#define REAL float
#define OTHER_REAL double
#define UINT uint32_t
#define INT int32_t
#define NAME(name) JOIN(name, float)
#define GEMM sgemm
#define SQRT sqrtf
#define LOG logf
#include "elementary.h"
#include "activations.h"
#include "losses.h"
#include "gemm.h"
#include "sparse_rows.h"
#include "optimizers.h"
#include "network.h"
#include "linear_sgd.h"
#include "single_sgd.h"
#include "columns.h"
#include "epoch.h"
#include "sparse_block.h"
#include "block_products.h"
#include "softmax_block.h"
#include "dual_block.h"
#include "sampled_rows.h"
#include "linear_passes.h"
#undef PRECISION
#undef REAL
#undef OTHER_REAL
#undef UINT
#undef INT
#undef NAME
#undef GEMM
#undef SQRT
#undef LOG

#define PRECISION 64
#define REAL double
#define OTHER_REAL float
#define UINT uint64_t
#define INT int64_t
#define NAME(name) JOIN(name, double)
#define GEMM dgemm
#define SQRT sqrt
#define LOG log
#include "elementary.h"
#include "activations.h"
#include "losses.h"
#include "gemm.h"
#include "sparse_rows.h"
#include "optimizers.h"
#include "network.h"
#include "linear_sgd.h"
#include "single_sgd.h"
#include "columns.h"
#include "epoch.h"
#include "sparse_block.h"
#include "block_products.h"
#include "softmax_block.h"
#include "dual_block.h"
#include "sampled_rows.h"
#include "linear_passes.h"

const skmlp_kernels KERNELS = {KERNELS_NAME, run_float, run_double, predict_float,
                               predict_double, map_float, map_double, walk_float,
                               walk_double, pairs_float, pairs_double, linear_float,
                               linear_double};

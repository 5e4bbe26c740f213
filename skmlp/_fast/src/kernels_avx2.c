/* For x86 processors with AVX2 and FMA. */
#include "instruction_sets.h"

#ifdef SKMLP_X86
TARGET_AVX2
#define KERNELS skmlp_kernels_avx2
#define KERNELS_NAME "avx2"
#define VECTOR_BYTES 32
#define TILE_ROWS 4
#define TILE_VECTORS 3
#include "kernels.h"
END_TARGET
#else
typedef int skmlp_no_avx2;
#endif

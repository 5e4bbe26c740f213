/* For x86 processors with AVX-512. */
#include "instruction_sets.h"

#ifdef SKMLP_X86
TARGET_AVX512
#define KERNELS skmlp_kernels_avx512
#define KERNELS_NAME "avx512"
#define VECTOR_BYTES 64
#define TILE_ROWS 8
#define TILE_VECTORS 3
#include "kernels.h"
END_TARGET
#else
typedef int skmlp_no_avx512;
#endif

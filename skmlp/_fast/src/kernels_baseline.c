/* For every processor that the compiler's defaults allow. */
#define KERNELS skmlp_kernels_baseline
#define KERNELS_NAME "baseline"
#include "kernels.h"

/* Which kernels this processor can run. */
#include <string.h>

#include "instruction_sets.h"
#include "program.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

extern const skmlp_kernels skmlp_kernels_baseline;
#ifdef SKMLP_X86
extern const skmlp_kernels skmlp_kernels_avx2, skmlp_kernels_avx512;
#endif

const skmlp_kernels *skmlp_choose_kernels(const char *name) {
#ifdef SKMLP_X86
    const int any = name == NULL;
    __builtin_cpu_init();
    if (any || strcmp(name, "avx512") == 0)
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("fma"))
            return &skmlp_kernels_avx512;
    if (any || strcmp(name, "avx2") == 0)
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
            return &skmlp_kernels_avx2;
#endif
    return name == NULL || strcmp(name, "baseline") == 0 ? &skmlp_kernels_baseline : NULL;
}

const char *skmlp_compiler(void) {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#elif defined(_MSC_VER)
    return "MSVC " TEXT(_MSC_VER);
#else
    return "unknown compiler";
#endif
}

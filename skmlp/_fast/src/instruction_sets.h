/* How gcc and clang are told to use more than the instructions of every x86 processor in one file.
 * Other compilers, and other processors, have the baseline alone. */
#ifndef SKMLP_INSTRUCTION_SETS_H
#define SKMLP_INSTRUCTION_SETS_H

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#define SKMLP_X86
#define PRAGMA(text) _Pragma(#text)
#ifdef __clang__
#define TARGET_AVX2 \
    PRAGMA(clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function))
#define TARGET_AVX512 \
    PRAGMA(clang attribute push( \
        __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))), apply_to = function))
#define END_TARGET PRAGMA(clang attribute pop)
#else
#define TARGET_AVX2 PRAGMA(GCC target("avx2,fma"))
#define TARGET_AVX512 \
    PRAGMA(GCC target("avx512f,avx512vl,avx512dq,avx512bw,fma,prefer-vector-width=512"))
#define END_TARGET
#endif
#endif

#endif

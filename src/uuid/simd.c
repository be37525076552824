/* SPDX-License-Identifier: MIT */
#include "uuid/simd.h"

unsigned tkr_simd = 0;

#if TKR_SIMD
__attribute__((constructor)) static void detect(void)
{
    __builtin_cpu_init();
    tkr_simd |= TKR_SIMD_SSE2;
    if (__builtin_cpu_supports("ssse3")) {
        tkr_simd |= TKR_SIMD_SSSE3;
    }
    if (__builtin_cpu_supports("avx2")) {
        tkr_simd |= TKR_SIMD_AVX2;
    }
}
#endif

/* SPDX-License-Identifier: MIT */
/*
 * Which vector instructions are used. Found out once, when the library is loaded; tests clear bits to force the
 * slower paths. A build with TKR_NO_SIMD, or for another processor, has the portable path only.
 */
#ifndef TKR_UUID_SIMD_H
#define TKR_UUID_SIMD_H

#if defined(__x86_64__) && !defined(TKR_NO_SIMD)
#define TKR_SIMD 1
#else
#define TKR_SIMD 0
#endif

#define TKR_SIMD_SSE2 1u
#define TKR_SIMD_SSSE3 2u
#define TKR_SIMD_AVX2 4u

#pragma GCC visibility push(hidden)

extern unsigned tkr_simd;

#pragma GCC visibility pop

#endif

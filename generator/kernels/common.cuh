// What the kernels share: bf16 in 32-bit pairs, 16-byte loads, warp reductions, tensor-core products.
//
// Activations and the cache are bf16, read and written as raw bits (two values in an `unsigned`, the
// first in the low half); all arithmetic is f32. Compiled by nvcc these are single instructions; with
// kernels/check/device.h in place of the compiler's own they are plain C++, so that the kernels run,
// slowly, on a machine without a GPU (scripts/check-kernels.sh).
#pragma once

#ifdef __CUDACC__
#include <stdint.h>
#define DEVICE __device__ __forceinline__
#else
#include "check/device.h"
#endif

// Tokens in one block of the KV cache: BLOCK_TOKENS in compute/plan.rs.
constexpr unsigned BLOCK_TOKENS = 32;
constexpr float LOG2E = 1.4426950408889634f;

// The first (low half) and the second (high half) of two bf16.
DEVICE float first_of(unsigned pair) { return __uint_as_float(pair << 16); }
DEVICE float second_of(unsigned pair) { return __uint_as_float(pair & 0xffff0000u); }

#ifdef __CUDACC__

// Two f32 rounded to bf16, to the nearest, ties to even.
DEVICE unsigned pair_of(float first, float second) {
    unsigned pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
    return pair;
}

// 2^x by the special-function unit; 2^-inf is 0.
DEVICE float power_of_two(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// 16 bytes that no other thread will want: past the L1 cache, which is left to what is read twice.
DEVICE uint4 stream16(const void *from) {
    uint4 v;
    asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
        : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
        : "l"(from));
    return v;
}

// D = A·B + D with A 16×16, B 16×8 (bf16) and D 16×8 (f32). Lane 4g+t holds of A: a0 = row g, columns
// 2t and 2t+1; a1 = row g+8; a2 = row g, columns 2t+8 and 2t+9; a3 = row g+8 of those. Of B: b0 = rows
// 2t and 2t+1 of column g; b1 = rows 2t+8 and 2t+9. Of D: d0, d1 = row g, columns 2t and 2t+1; d2, d3 =
// row g+8. (PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type".)
DEVICE void multiply(float (&d)[4], unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0,
                     unsigned b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// Four 8×8 matrices of 16-bit values from shared memory. Lane 8m+r names row r (16 bytes) of matrix m;
// lane 4g+t then holds of each matrix row g, columns 2t and 2t+1 (or, transposed, column g, rows 2t and
// 2t+1).
DEVICE void load_matrices(unsigned (&r)[4], const void *row) {
    unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(at)
                 : "memory");
}
DEVICE void load_matrices_transposed(unsigned (&r)[4], const void *row) {
    unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(at)
                 : "memory");
}

// Starts a copy of 16 bytes to shared memory; zeros are written, and nothing is read, if not `valid`.
DEVICE void copy16(void *to, const void *from, bool valid) {
    unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(to));
    int bytes = valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes)
                 : "memory");
}
DEVICE void copies_end() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until all but the last `PENDING` groups of this thread's copies are there.
template <int PENDING> DEVICE void copies_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

#endif

DEVICE uint4 zeros16() { return make_uint4(0, 0, 0, 0); }

// Both sum and maximum end in every lane; the order of the additions does not depend on the data.
DEVICE float warp_sum(float v) {
#pragma unroll
    for (int step = 16; step > 0; step >>= 1) v += __shfl_xor_sync(0xffffffffu, v, step);
    return v;
}

// The four lanes that hold one row of a product.
DEVICE float row_max(float v) {
    v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, 1));
    return fmaxf(v, __shfl_xor_sync(0xffffffffu, v, 2));
}
DEVICE float row_sum(float v) {
    v += __shfl_xor_sync(0xffffffffu, v, 1);
    return v + __shfl_xor_sync(0xffffffffu, v, 2);
}

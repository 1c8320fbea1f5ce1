// Attention of single rows over their whole past (flash-decoding): the past is split into parts of 128
// tokens, each part is a block of its own, and a second kernel joins the parts. The parts depend on
// nothing but the row's position, so a row's result is the same whatever else is in the batch.
//
// A block serves up to 8 query heads that share one key and value head: keys and values are read once
// for all of them. Each of its 4 warps takes one block of the cache (32 tokens) straight from memory to
// registers in the order that the tensor cores want, without shared memory: see gemv.cu for the trick
// with the order of the inputs; for the values it is the order of the outputs that is free.
#include "common.cuh"

constexpr unsigned PART_TOKENS = 128; // PART_TOKENS in compute/cuda/shape.rs
constexpr unsigned WARPS = PART_TOKENS / BLOCK_TOKENS;
constexpr unsigned GROUP = 8;

// Two bf16 of the same dimension and two neighbouring tokens.
DEVICE unsigned across(const uint4 &a, const uint4 &b, int i) {
    const unsigned from_a[4] = {a.x, a.y, a.z, a.w}, from_b[4] = {b.x, b.y, b.z, b.w};
    return __byte_perm(from_a[i / 2], from_b[i / 2], i % 2 ? 0x7632 : 0x5410);
}

// `rows`: for each row of this launch its row in the batch and where its block table begins in
// `tables`. `sums` and `outs` hold for [row of this launch][head][part] the maximum and the sum of the
// exponentials, and the weighted values not yet divided by that sum. With one part the result goes to
// `out` at once. Grid: (parts, kv_heads * ceil(group / 8), rows of this launch), 128 threads.
template <int HEAD_DIM>
DEVICE void decode(const uint16_t *q, const uint16_t *keys, const uint16_t *values,
                   const uint2 *rows, const unsigned *positions, const unsigned *tables, float2 *sums,
                   float *outs, uint16_t *out, unsigned heads, unsigned kv_heads, float scale) {
    constexpr int STEPS = HEAD_DIM / 32;  // 16-byte loads of a lane along a key
    constexpr int HALVES = HEAD_DIM / 64; // 16-byte loads of a lane along a value
    __shared__ float maxima[WARPS][GROUP], totals[WARPS][GROUP];
    __shared__ float weighted[WARPS][GROUP][HEAD_DIM];

    unsigned row = rows[blockIdx.z].x, table = rows[blockIdx.z].y;
    unsigned context = positions[row] + 1;
    unsigned start = blockIdx.x * PART_TOKENS;
    if (start >= context) return;
    unsigned group = heads / kv_heads, slices = (group + GROUP - 1) / GROUP;
    unsigned kv = blockIdx.y / slices, slice = blockIdx.y % slices;
    unsigned first_head = kv * group + slice * GROUP;
    unsigned served = min(GROUP, group - slice * GROUP);

    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    unsigned g = lane / 4, t = lane % 4;
    unsigned token = start + warp * BLOCK_TOKENS;
    bool any = token < context;
    size_t block = any ? tables[table + token / BLOCK_TOKENS] : 0;
    size_t origin = (block * kv_heads + kv) * BLOCK_TOKENS * HEAD_DIM;
    unsigned held = any ? min(BLOCK_TOKENS, context - token) : 0; // tokens of this warp that exist

    uint4 query[STEPS], key[4][STEPS], value[2][HALVES][4];
    const uint16_t *mine = q + (static_cast<size_t>(row) * heads + first_head + g) * HEAD_DIM + t * 8;
#pragma unroll
    for (int s = 0; s < STEPS; ++s)
        query[s] = g < served ? *reinterpret_cast<const uint4 *>(mine + s * 32) : zeros16();
    // What is past the context is never read: another sequence's leavings could be NaN.
#pragma unroll
    for (int n = 0; n < 4; ++n) {
        unsigned at = n * 8 + g;
#pragma unroll
        for (int s = 0; s < STEPS; ++s)
            key[n][s] = at < held ? stream16(keys + origin + at * HEAD_DIM + s * 32 + t * 8) : zeros16();
    }
#pragma unroll
    for (int k = 0; k < 2; ++k) {
#pragma unroll
        for (int h = 0; h < HALVES; ++h) {
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                unsigned at = k * 16 + (j / 2) * 8 + 2 * t + j % 2;
                value[k][h][j] =
                    at < held ? stream16(values + origin + at * HEAD_DIM + h * 64 + g * 8) : zeros16();
            }
        }
    }

    // Scores of head g for tokens 8n + 2t and 8n + 2t + 1; the lower eight rows of the product are empty.
    float score[4][4] = {};
    float maximum = -INFINITY;
#pragma unroll
    for (int n = 0; n < 4; ++n) {
#pragma unroll
        for (int s = 0; s < STEPS; ++s) {
            multiply(score[n], query[s].x, 0, query[s].y, 0, key[n][s].x, key[n][s].y);
            multiply(score[n], query[s].z, 0, query[s].w, 0, key[n][s].z, key[n][s].w);
        }
#pragma unroll
        for (int e = 0; e < 2; ++e) {
            if (n * 8 + 2 * t + e >= held) score[n][e] = -INFINITY;
            maximum = fmaxf(maximum, score[n][e]);
        }
    }
    maximum = row_max(maximum);
    float base = any ? maximum * scale * LOG2E : 0.0f;
    float total = 0;
#pragma unroll
    for (int n = 0; n < 4; ++n) {
#pragma unroll
        for (int e = 0; e < 2; ++e) {
            score[n][e] = power_of_two(score[n][e] * scale * LOG2E - base);
            total += score[n][e];
        }
    }
    total = row_sum(total);

    float sum[HALVES][8][4] = {};
#pragma unroll
    for (int k = 0; k < 2; ++k) {
        unsigned low = pair_of(score[2 * k][0], score[2 * k][1]);
        unsigned high = pair_of(score[2 * k + 1][0], score[2 * k + 1][1]);
#pragma unroll
        for (int h = 0; h < HALVES; ++h) {
#pragma unroll
            for (int i = 0; i < 8; ++i)
                multiply(sum[h][i], low, 0, high, 0, across(value[k][h][0], value[k][h][1], i),
                         across(value[k][h][2], value[k][h][3], i));
        }
    }
    if (t == 0) {
        maxima[warp][g] = any ? maximum : -INFINITY;
        totals[warp][g] = total;
    }
#pragma unroll
    for (int h = 0; h < HALVES; ++h) {
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            weighted[warp][g][h * 64 + 2 * t * 8 + i] = sum[h][i][0];
            weighted[warp][g][h * 64 + (2 * t + 1) * 8 + i] = sum[h][i][1];
        }
    }
    __syncthreads();

    unsigned parts = gridDim.x;
    for (unsigned i = threadIdx.x; i < served * HEAD_DIM; i += blockDim.x) {
        unsigned head = i / HEAD_DIM, dim = i % HEAD_DIM;
        // The first warp always holds a token, so the maximum is a number.
        float most = maxima[0][head];
#pragma unroll
        for (unsigned w = 1; w < WARPS; ++w) most = fmaxf(most, maxima[w][head]);
        float together = 0, all = 0;
#pragma unroll
        for (unsigned w = 0; w < WARPS; ++w) {
            float weight = power_of_two((maxima[w][head] - most) * scale * LOG2E);
            together += weight * weighted[w][head][dim];
            all += weight * totals[w][head];
        }
        size_t to = static_cast<size_t>(blockIdx.z) * heads + first_head + head;
        if (parts == 1) {
            size_t place = static_cast<size_t>(row) * heads + first_head + head;
            out[place * HEAD_DIM + dim] = static_cast<uint16_t>(pair_of(together / all, 0.0f));
        } else {
            outs[(to * parts + blockIdx.x) * HEAD_DIM + dim] = together;
            if (dim == 0) sums[to * parts + blockIdx.x] = make_float2(most, all);
        }
    }
}

// Joins the parts of each row and head. Grid: (heads, rows of the launch), HEAD_DIM threads.
template <int HEAD_DIM>
DEVICE void join(const float2 *sums, const float *outs, const uint2 *rows, const unsigned *positions,
                 uint16_t *out, unsigned heads, unsigned parts, float scale) {
    unsigned row = rows[blockIdx.y].x;
    unsigned filled = (positions[row] + PART_TOKENS) / PART_TOKENS; // ceil of the context
    size_t from = (static_cast<size_t>(blockIdx.y) * heads + blockIdx.x) * parts;
    float most = sums[from].x;
    for (unsigned p = 1; p < filled; ++p) most = fmaxf(most, sums[from + p].x);
    float together = 0, all = 0;
    for (unsigned p = 0; p < filled; ++p) {
        float2 part = sums[from + p];
        float weight = power_of_two((part.x - most) * scale * LOG2E);
        together += weight * outs[(from + p) * HEAD_DIM + threadIdx.x];
        all += weight * part.y;
    }
    size_t place = static_cast<size_t>(row) * heads + blockIdx.x;
    out[place * HEAD_DIM + threadIdx.x] = static_cast<uint16_t>(pair_of(together / all, 0.0f));
}

#define DECODE(head_dim)                                                                             \
    extern "C" __global__ void __launch_bounds__(PART_TOKENS, 2) decode_##head_dim(                  \
        const uint16_t *q, const uint16_t *keys, const uint16_t *values, const uint2 *rows,          \
        const unsigned *positions, const unsigned *tables, float2 *sums, float *outs, uint16_t *out, \
        unsigned heads, unsigned kv_heads, float scale) {                                            \
        decode<head_dim>(q, keys, values, rows, positions, tables, sums, outs, out, heads, kv_heads, \
                         scale);                                                                     \
    }                                                                                                \
    extern "C" __global__ void __launch_bounds__(head_dim) join_##head_dim(                          \
        const float2 *sums, const float *outs, const uint2 *rows, const unsigned *positions,         \
        uint16_t *out, unsigned heads, unsigned parts, float scale) {                                \
        join<head_dim>(sums, outs, rows, positions, out, heads, parts, scale);                       \
    }

DECODE(64)
DECODE(128)

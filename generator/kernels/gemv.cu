// out = x · weightᵀ for a few rows of x, at the speed at which the weights can be read.
//
// A block takes 16 outputs; its 8 warps take turns along the inputs and their sums meet in shared
// memory at the end. The 16 weight rows are the left side of a tensor-core product and up to 8 rows of
// x the right side, so that the arithmetic costs nothing beside the reads. In such a product the order
// of the inputs is free as long as both sides agree on it: each lane takes 8 neighbouring inputs of a
// row, one 16-byte load, and feeds the first half to one product and the second half to the next.
// The order of the additions does not depend on how many rows there are.
#include "common.cuh"

constexpr int WARPS = 8;
constexpr int AHEAD = 4; // loads of one weight row in flight per lane

template <int TILES, bool WIDE_OUT>
DEVICE void gemv(const uint16_t *weight, const uint16_t *x, const float *bias, void *out,
                 unsigned outputs, unsigned inputs, unsigned rows, unsigned first, unsigned stride) {
    __shared__ float parts[WARPS][TILES * 8][17];
    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    unsigned g = lane / 4, t = lane % 4;
    unsigned output = blockIdx.x * 16;
    // Past the last output the last one is read again and its sum thrown away.
    const uint16_t *upper = weight + static_cast<size_t>(min(output + g, outputs - 1)) * inputs;
    const uint16_t *lower = weight + static_cast<size_t>(min(output + g + 8, outputs - 1)) * inputs;
    float sums[TILES][4] = {};
    for (unsigned base = warp * 32 * AHEAD; base < inputs; base += WARPS * 32 * AHEAD) {
        uint4 a[AHEAD], b[AHEAD], v[TILES][AHEAD];
#pragma unroll
        for (int i = 0; i < AHEAD; ++i) {
            unsigned at = base + i * 32 + t * 8;
            bool inside = at < inputs;
            a[i] = inside ? stream16(upper + at) : zeros16();
            b[i] = inside ? stream16(lower + at) : zeros16();
#pragma unroll
            for (int tile = 0; tile < TILES; ++tile) {
                unsigned row = tile * 8 + g;
                v[tile][i] = inside && row < rows
                                 ? *reinterpret_cast<const uint4 *>(
                                       x + static_cast<size_t>(row) * inputs + at)
                                 : zeros16();
            }
        }
#pragma unroll
        for (int i = 0; i < AHEAD; ++i) {
#pragma unroll
            for (int tile = 0; tile < TILES; ++tile) {
                multiply(sums[tile], a[i].x, b[i].x, a[i].y, b[i].y, v[tile][i].x, v[tile][i].y);
                multiply(sums[tile], a[i].z, b[i].z, a[i].w, b[i].w, v[tile][i].z, v[tile][i].w);
            }
        }
    }
#pragma unroll
    for (int tile = 0; tile < TILES; ++tile) {
        parts[warp][tile * 8 + 2 * t][g] = sums[tile][0];
        parts[warp][tile * 8 + 2 * t + 1][g] = sums[tile][1];
        parts[warp][tile * 8 + 2 * t][g + 8] = sums[tile][2];
        parts[warp][tile * 8 + 2 * t + 1][g + 8] = sums[tile][3];
    }
    __syncthreads();
    for (unsigned i = threadIdx.x; i < TILES * 8 * 16; i += WARPS * 32) {
        unsigned row = i / 16, at = output + i % 16;
        if (row >= rows || at >= outputs) continue;
        float sum = 0;
#pragma unroll
        for (int w = 0; w < WARPS; ++w) sum += parts[w][row][i % 16];
        if (bias) sum += bias[at];
        size_t to = static_cast<size_t>(row) * stride + first + at;
        if (WIDE_OUT) {
            static_cast<float *>(out)[to] = sum;
        } else {
            static_cast<uint16_t *>(out)[to] = static_cast<uint16_t>(pair_of(sum, 0.0f));
        }
    }
}

#define GEMV(name, tiles, wide_out)                                                                  \
    extern "C" __global__ void __launch_bounds__(WARPS * 32, 2)                                      \
        name(const uint16_t *weight, const uint16_t *x, const float *bias, void *out,                \
             unsigned outputs, unsigned inputs, unsigned rows, unsigned first, unsigned stride) {    \
        gemv<tiles, wide_out>(weight, x, bias, out, outputs, inputs, rows, first, stride);           \
    }

// Up to 8 and up to 16 rows; bf16 and f32 results.
GEMV(gemv_8, 1, false)
GEMV(gemv_16, 2, false)
GEMV(gemv_8_f32, 1, true)
GEMV(gemv_16_f32, 2, true)

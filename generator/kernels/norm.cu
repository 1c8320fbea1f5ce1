// Root-mean-square norm, alone or fused with the addition of the residual before it.
#include "common.cuh"

constexpr int CHUNKS = 4; // 16-byte chunks a thread keeps: rows of up to 4 * 1024 * 8 values

DEVICE float squares(uint4 v) {
    float sum = 0;
    const unsigned words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        sum += first_of(words[i]) * first_of(words[i]);
        sum += second_of(words[i]) * second_of(words[i]);
    }
    return sum;
}

DEVICE unsigned scaled(unsigned pair, float scale, float w0, float w1) {
    return pair_of(first_of(pair) * scale * w0, second_of(pair) * scale * w1);
}

DEVICE uint4 sum16(uint4 a, uint4 b) {
    return make_uint4(pair_of(first_of(a.x) + first_of(b.x), second_of(a.x) + second_of(b.x)),
                      pair_of(first_of(a.y) + first_of(b.y), second_of(a.y) + second_of(b.y)),
                      pair_of(first_of(a.z) + first_of(b.z), second_of(a.z) + second_of(b.z)),
                      pair_of(first_of(a.w) + first_of(b.w), second_of(a.w) + second_of(b.w)));
}

// One block a row; `wide` = columns / 8 <= CHUNKS * blockDim.x. The norm is taken of the sum as it was
// rounded, which is what the next layer adds to.
template <bool ADD>
DEVICE void norm(const uint4 *x, const uint4 *delta, const float4 *weight, uint4 *sum, uint4 *out,
                 unsigned wide, float eps) {
    __shared__ float parts[32];
    size_t row = static_cast<size_t>(blockIdx.x) * wide;
    uint4 kept[CHUNKS];
    float mine = 0;
#pragma unroll
    for (int i = 0; i < CHUNKS; ++i) {
        unsigned at = threadIdx.x + i * blockDim.x;
        if (at < wide) {
            kept[i] = x[row + at];
            if (ADD) {
                kept[i] = sum16(kept[i], delta[row + at]);
                sum[row + at] = kept[i];
            }
            mine += squares(kept[i]);
        }
    }
    mine = warp_sum(mine);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = mine;
    __syncthreads();
    float total = 0;
    for (unsigned w = 0; w < blockDim.x / 32; ++w) total += parts[w];
    float scale = rsqrtf(total / static_cast<float>(wide * 8) + eps);
#pragma unroll
    for (int i = 0; i < CHUNKS; ++i) {
        unsigned at = threadIdx.x + i * blockDim.x;
        if (at < wide) {
            float4 a = weight[2 * at], b = weight[2 * at + 1];
            out[row + at] = make_uint4(
                scaled(kept[i].x, scale, a.x, a.y), scaled(kept[i].y, scale, a.z, a.w),
                scaled(kept[i].z, scale, b.x, b.y), scaled(kept[i].w, scale, b.z, b.w));
        }
    }
}

extern "C" __global__ void __launch_bounds__(1024, 1)
    rms_norm(const uint4 *x, const float4 *weight, uint4 *out, unsigned wide, float eps) {
    norm<false>(x, nullptr, weight, nullptr, out, wide, eps);
}

extern "C" __global__ void __launch_bounds__(1024, 1)
    add_rms_norm(const uint4 *x, const uint4 *delta, const float4 *weight, uint4 *sum, uint4 *out,
                 unsigned wide, float eps) {
    norm<true>(x, delta, weight, sum, out, wide, eps);
}

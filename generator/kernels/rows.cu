// Row-wise work that needs no reduction: embedding and row gather, biases, SwiGLU, rotary
// positions with the write into the cache. Widths are multiples of 8 (checked by the caller), so that
// every access is 16 bytes.
#include "common.cuh"

// out[r] = table[ids[r]]; `wide` = columns / 8. Grid: (rows, wide / 256).
extern "C" __global__ void gather_rows(const uint4 *table, const unsigned *ids, uint4 *out,
                                       unsigned wide) {
    unsigned column = blockIdx.y * blockDim.x + threadIdx.x;
    if (column >= wide) return;
    size_t from = static_cast<size_t>(ids[blockIdx.x]) * wide;
    out[static_cast<size_t>(blockIdx.x) * wide + column] = table[from + column];
}

// Adds an f32 bias to columns `first .. first + width` of rows that are `stride` wide, in place.
// Grid: (rows, width / 2 / 256).
extern "C" __global__ void add_bias(unsigned *x, const float *bias, unsigned first, unsigned width,
                                    unsigned stride) {
    unsigned pair = blockIdx.y * blockDim.x + threadIdx.x;
    if (pair * 2 >= width) return;
    size_t at = (static_cast<size_t>(blockIdx.x) * stride + first) / 2 + pair;
    unsigned v = x[at];
    x[at] = pair_of(first_of(v) + bias[2 * pair], second_of(v) + bias[2 * pair + 1]);
}

DEVICE float silu(float x) { return x / (1.0f + power_of_two(-x * LOG2E)); }

DEVICE unsigned gated(unsigned gate, unsigned up) {
    return pair_of(silu(first_of(gate)) * first_of(up), silu(second_of(gate)) * second_of(up));
}

// silu(gate) * up of rows that hold gate and up side by side; `wide` = width of one / 8, `count` =
// rows * wide.
extern "C" __global__ void silu_mul(const uint4 *gate_up, uint4 *out, unsigned wide,
                                    unsigned long long count) {
    size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= count) return;
    size_t row = i / wide, column = i % wide;
    uint4 g = gate_up[row * 2 * wide + column], u = gate_up[(row * 2 + 1) * wide + column];
    out[i] = make_uint4(gated(g.x, u.x), gated(g.y, u.y), gated(g.z, u.z), gated(g.w, u.w));
}

// Copies `width` bf16 pairs a row between matrices of different width. Grid: (rows, width / 256).
extern "C" __global__ void place_columns(const unsigned *from, unsigned *to, unsigned width,
                                         unsigned first, unsigned stride) {
    unsigned column = blockIdx.y * blockDim.x + threadIdx.x;
    if (column >= width) return;
    to[static_cast<size_t>(blockIdx.x) * stride + first + column] =
        from[static_cast<size_t>(blockIdx.x) * width + column];
}

// Rotates q and k by the row's position and writes k and v into the row's slot of the cache. One
// thread turns two neighbouring pairs of one head. Grid: (rows, (heads + 2 kv_heads) * head_dim / 4 /
// blockDim.x). `side_by_side`: the pairs are (2i, 2i+1), as in Llama's GGUF files; else (i, i + half),
// as in published weights. A slot of ~0 writes nothing: a row that only fills up a batch.
extern "C" __global__ void rotate_and_store(const uint16_t *qkv, const float2 *cosines,
                                            const float2 *sines, const unsigned *positions,
                                            const unsigned *slots, uint16_t *queries, uint16_t *keys,
                                            uint16_t *values, unsigned heads, unsigned kv_heads,
                                            unsigned head_dim, unsigned side_by_side) {
    unsigned quads = head_dim / 4;
    unsigned thread = blockIdx.y * blockDim.x + threadIdx.x;
    unsigned head = thread / quads, i = thread % quads;
    if (head >= heads + 2 * kv_heads) return;
    size_t row = blockIdx.x;
    const uint16_t *from = qkv + (row * (heads + 2 * kv_heads) + head) * head_dim;
    unsigned low = side_by_side ? 4 * i : 2 * i;
    unsigned high = side_by_side ? 4 * i + 2 : head_dim / 2 + 2 * i;
    unsigned a = *reinterpret_cast<const unsigned *>(from + low);
    unsigned b = *reinterpret_cast<const unsigned *>(from + high);
    if (head < heads + kv_heads) {
        size_t angle = static_cast<size_t>(positions[row]) * quads + i;
        float2 c = cosines[angle], s = sines[angle];
        if (side_by_side) {
            float x0 = first_of(a), y0 = second_of(a), x1 = first_of(b), y1 = second_of(b);
            a = pair_of(x0 * c.x - y0 * s.x, y0 * c.x + x0 * s.x);
            b = pair_of(x1 * c.y - y1 * s.y, y1 * c.y + x1 * s.y);
        } else {
            float x0 = first_of(a), x1 = second_of(a), y0 = first_of(b), y1 = second_of(b);
            a = pair_of(x0 * c.x - y0 * s.x, x1 * c.y - y1 * s.y);
            b = pair_of(y0 * c.x + x0 * s.x, y1 * c.y + x1 * s.y);
        }
    }
    uint16_t *to;
    if (head < heads) {
        to = queries + (row * heads + head) * head_dim;
    } else {
        unsigned slot = slots[row];
        if (slot == ~0u) return;
        unsigned kv = head - heads;
        uint16_t *cache = kv < kv_heads ? keys : values;
        if (kv >= kv_heads) kv -= kv_heads;
        size_t block = slot / BLOCK_TOKENS;
        to = cache + ((block * kv_heads + kv) * BLOCK_TOKENS + slot % BLOCK_TOKENS) * head_dim;
    }
    *reinterpret_cast<unsigned *>(to + low) = a;
    *reinterpret_cast<unsigned *>(to + high) = b;
}

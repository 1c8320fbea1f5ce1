// Attention of many rows of one sequence over its past (FlashAttention-2, Dao 2023, on mma.sync).
//
// A block takes 64 queries: the rows of a few neighbouring positions times the heads that share one key
// and value head, so that keys and values are read once for all of them. It walks over the past in
// tiles of 64 tokens, which two sets of buffers in shared memory hold in turn: the copy of the next
// tile runs while the tensor cores work on this one. Each of the 4 warps owns 16 queries and keeps
// their running maximum, sum and output in registers.
#include "common.cuh"

constexpr unsigned TILE = 64;    // queries of a block, and tokens of a tile: TILE in compute/cuda/shape.rs
constexpr unsigned THREADS = 128;

// One sequence of the launch: SpanEntry in compute/cuda/shape.rs.
struct Span {
    unsigned first_row, rows, first_position, table;
};

// Rows in shared memory are HEAD_DIM long; their 16-byte chunks change places so that the eight rows
// that a matrix load touches lie in different banks.
template <int HEAD_DIM> DEVICE uint16_t *chunk(uint16_t *tile, unsigned row, unsigned index) {
    return tile + row * HEAD_DIM + ((index ^ (row & 7)) * 8);
}

template <int HEAD_DIM>
DEVICE void fetch(uint16_t *to, const uint16_t *cache, const unsigned *table, unsigned tile,
                  unsigned limit, unsigned kv, unsigned kv_heads) {
    constexpr unsigned CHUNKS = HEAD_DIM / 8;
#pragma unroll
    for (unsigned i = 0; i < TILE * CHUNKS / THREADS; ++i) {
        unsigned index = i * THREADS + threadIdx.x;
        unsigned row = index / CHUNKS, part = index % CHUNKS, token = tile * TILE + row;
        bool valid = token < limit; // past the limit: zeros, and the table is not read
        size_t block = valid ? table[token / BLOCK_TOKENS] : 0;
        size_t from = ((block * kv_heads + kv) * BLOCK_TOKENS + token % BLOCK_TOKENS) * HEAD_DIM;
        copy16(chunk<HEAD_DIM>(to, row, part), cache + (valid ? from + part * 8 : 0), valid);
    }
}

// Grid: (tiles of the longest span, kv_heads, spans). group = heads / kv_heads <= TILE.
template <int HEAD_DIM>
DEVICE void prefill(const uint16_t *q, const uint16_t *keys, const uint16_t *values, const Span *spans,
                    const unsigned *tables, uint16_t *out, unsigned heads, unsigned kv_heads,
                    float scale, uint16_t *shared) {
    constexpr int STEPS = HEAD_DIM / 16;
    constexpr unsigned BUFFER = TILE * HEAD_DIM;
    Span span = spans[blockIdx.z];
    unsigned group = heads / kv_heads, kv = blockIdx.y;
    unsigned positions = TILE / group;                                // of one block
    unsigned first = (gridDim.x - 1 - blockIdx.x) * positions;        // the longest walks start first
    if (first >= span.rows) return;
    unsigned count = min(positions, span.rows - first);
    unsigned limit = span.first_position + first + count;             // tokens that some row sees
    unsigned tiles = (limit + TILE - 1) / TILE;
    const unsigned *table = tables + span.table;

    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    unsigned g = lane / 4, t = lane % 4;
    // This lane's two queries: warp * 16 + g and the one 8 below.
    bool real[2];
    unsigned position[2];
    size_t place[2]; // of the query and of its result, in heads
#pragma unroll
    for (int r = 0; r < 2; ++r) {
        unsigned index = warp * 16 + g + 8 * r, local = index / group;
        real[r] = local < count;
        if (!real[r]) local = 0; // computed like another and thrown away
        position[r] = span.first_position + first + local;
        place[r] = static_cast<size_t>(span.first_row + first + local) * heads + kv * group + index % group;
    }
    unsigned query[STEPS][4];
#pragma unroll
    for (int s = 0; s < STEPS; ++s) {
#pragma unroll
        for (int i = 0; i < 4; ++i)
            query[s][i] = *reinterpret_cast<const unsigned *>(q + place[i % 2] * HEAD_DIM + s * 16 +
                                                              (i / 2) * 8 + 2 * t);
    }

    float output[HEAD_DIM / 8][4] = {};
    float maximum[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
    fetch<HEAD_DIM>(shared, keys, table, 0, limit, kv, kv_heads);
    fetch<HEAD_DIM>(shared + 2 * BUFFER, values, table, 0, limit, kv, kv_heads);
    copies_end();
    for (unsigned tile = 0; tile < tiles; ++tile) {
        unsigned now = tile % 2, next = 1 - now;
        if (tile + 1 < tiles) {
            fetch<HEAD_DIM>(shared + next * BUFFER, keys, table, tile + 1, limit, kv, kv_heads);
            fetch<HEAD_DIM>(shared + (2 + next) * BUFFER, values, table, tile + 1, limit, kv, kv_heads);
        }
        copies_end();
        copies_wait<1>();
        __syncthreads();
        uint16_t *key = shared + now * BUFFER, *value = shared + (2 + now) * BUFFER;

        float score[TILE / 8][4] = {};
        unsigned m = lane / 8, r = lane % 8; // the matrix, and its row, that this lane names
#pragma unroll
        for (int s = 0; s < STEPS; ++s) {
#pragma unroll
            for (int n = 0; n < static_cast<int>(TILE / 16); ++n) {
                unsigned b[4];
                load_matrices(b, chunk<HEAD_DIM>(key, n * 16 + (m / 2) * 8 + r, s * 2 + m % 2));
                multiply(score[2 * n], query[s][0], query[s][1], query[s][2], query[s][3], b[0], b[1]);
                multiply(score[2 * n + 1], query[s][0], query[s][1], query[s][2], query[s][3], b[2],
                         b[3]);
            }
        }
        // Only tiles that reach past the first position of the block hide something.
        if ((tile + 1) * TILE > span.first_position + first + 1) {
#pragma unroll
            for (int n = 0; n < static_cast<int>(TILE / 8); ++n) {
#pragma unroll
                for (int e = 0; e < 4; ++e)
                    if (tile * TILE + n * 8 + 2 * t + e % 2 > position[e / 2])
                        score[n][e] = -INFINITY;
            }
        }
        float rescale[2], base[2];
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            float most = maximum[h];
#pragma unroll
            for (int n = 0; n < static_cast<int>(TILE / 8); ++n)
                most = fmaxf(most, fmaxf(score[n][2 * h], score[n][2 * h + 1]));
            // Every query sees the first token, so from the first tile on this is a number (or NaN,
            // which stays and is found when the token is chosen).
            most = row_max(most);
            rescale[h] = power_of_two((maximum[h] - most) * scale * LOG2E);
            base[h] = most * scale * LOG2E;
            maximum[h] = most;
            total[h] *= rescale[h];
        }
#pragma unroll
        for (int n = 0; n < static_cast<int>(TILE / 8); ++n) {
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                score[n][e] = power_of_two(score[n][e] * scale * LOG2E - base[e / 2]);
                total[e / 2] += score[n][e];
            }
        }
#pragma unroll
        for (int d = 0; d < HEAD_DIM / 8; ++d) {
#pragma unroll
            for (int e = 0; e < 4; ++e) output[d][e] *= rescale[e / 2];
        }
#pragma unroll
        for (int k = 0; k < static_cast<int>(TILE / 16); ++k) {
            unsigned a0 = pair_of(score[2 * k][0], score[2 * k][1]);
            unsigned a1 = pair_of(score[2 * k][2], score[2 * k][3]);
            unsigned a2 = pair_of(score[2 * k + 1][0], score[2 * k + 1][1]);
            unsigned a3 = pair_of(score[2 * k + 1][2], score[2 * k + 1][3]);
#pragma unroll
            for (int d = 0; d < HEAD_DIM / 16; ++d) {
                unsigned b[4];
                load_matrices_transposed(
                    b, chunk<HEAD_DIM>(value, k * 16 + (m % 2) * 8 + r, d * 2 + m / 2));
                multiply(output[2 * d], a0, a1, a2, a3, b[0], b[1]);
                multiply(output[2 * d + 1], a0, a1, a2, a3, b[2], b[3]);
            }
        }
        __syncthreads(); // the next turn writes over what was read here
    }
#pragma unroll
    for (int h = 0; h < 2; ++h) {
        float sum = row_sum(total[h]);
        if (!real[h]) continue;
        unsigned *to = reinterpret_cast<unsigned *>(out + place[h] * HEAD_DIM + 2 * t);
#pragma unroll
        for (int d = 0; d < HEAD_DIM / 8; ++d)
            to[d * 4] = pair_of(output[d][2 * h] / sum, output[d][2 * h + 1] / sum);
    }
}

#ifdef __CUDACC__
extern __shared__ uint4 dynamic_shared[];
#define SHARED reinterpret_cast<uint16_t *>(dynamic_shared)
#else
#define SHARED static_cast<uint16_t *>(dynamic_shared())
#endif

#define PREFILL(head_dim)                                                                            \
    extern "C" __global__ void __launch_bounds__(THREADS, 2) prefill_##head_dim(                     \
        const uint16_t *q, const uint16_t *keys, const uint16_t *values, const Span *spans,          \
        const unsigned *tables, uint16_t *out, unsigned heads, unsigned kv_heads, float scale) {     \
        prefill<head_dim>(q, keys, values, spans, tables, out, heads, kv_heads, scale, SHARED);      \
    }

PREFILL(64)
PREFILL(128)

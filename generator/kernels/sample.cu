// Choosing the next token where the logits are: only the token's id goes back to the host.
//
// Most probable token: the largest logit among those the mask allows, the lowest id among equals.
// With a temperature: the smallest set of most probable tokens whose mass reaches top_p (all equals of
// the last one belong to it), and of this set, walked by ascending id, the token in which `noise` of its
// mass falls. Masses are whole numbers (2^40 for the most probable token), so that sums do not depend on
// the order of the threads and a seed always gives the same text on the same device.
#include "common.cuh"

constexpr unsigned SLICES = 64;   // blocks that search one row: SLICES in compute/cuda/shape.rs
constexpr unsigned BINS = 2048;   // 11 bits of a logit's order at a time
constexpr unsigned PIECES = 512;  // stretches of the vocabulary in the last walk
constexpr unsigned THREADS = 512;

// How to choose after one row: ChoiceEntry in compute/cuda/shape.rs. `mask` is 0 or the address of one
// bit a token, of which there are `masked`.
struct Choice {
    unsigned long long mask;
    unsigned masked;
    float temperature, top_p, noise;
};

DEVICE float logit(const uint16_t *logits, size_t at) {
    return __uint_as_float(static_cast<unsigned>(logits[at]) << 16);
}
DEVICE float logit(const float *logits, size_t at) { return logits[at]; }

// Larger numbers have larger keys; adding 0 makes -0 and 0 one.
DEVICE unsigned order(float v) {
    unsigned bits = __float_as_uint(v + 0.0f);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
DEVICE float unorder(unsigned key) {
    return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

DEVICE bool allows(const Choice &choice, unsigned token) {
    if (choice.mask == 0) return true;
    if (token >= choice.masked) return false;
    const unsigned *words = reinterpret_cast<const unsigned *>(choice.mask);
    return words[token / 32] >> (token % 32) & 1;
}

typedef unsigned long long u64;

DEVICE u64 most_of_warp(u64 v) {
#pragma unroll
    for (int step = 16; step > 0; step >>= 1) {
        u64 other = __shfl_xor_sync(0xffffffffu, v, step);
        v = other > v ? other : v;
    }
    return v;
}
DEVICE u64 sum_of_warp(u64 v) {
#pragma unroll
    for (int step = 16; step > 0; step >>= 1) v += __shfl_xor_sync(0xffffffffu, v, step);
    return v;
}

// The best of one slice of a row: order of the logit above, complement of the id below; 0 if nothing is
// allowed, ~0 if the slice holds NaN or +inf. Grid: (SLICES, rows), 256 threads.
template <typename T>
DEVICE void best(const T *logits, const Choice *choices, u64 *bests, unsigned vocab) {
    __shared__ u64 parts[8];
    Choice choice = choices[blockIdx.y];
    size_t row = static_cast<size_t>(blockIdx.y) * vocab;
    u64 mine = 0;
    for (unsigned token = blockIdx.x * 256 + threadIdx.x; token < vocab; token += SLICES * 256) {
        float v = logit(logits, row + token);
        if (!(v < INFINITY)) {
            mine = ~0ull;
        } else if (v > -INFINITY && allows(choice, token)) {
            u64 key = static_cast<u64>(order(v)) << 32 | static_cast<unsigned>(~token);
            mine = key > mine ? key : mine;
        }
    }
    mine = most_of_warp(mine);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = mine;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int w = 1; w < 8; ++w) mine = parts[w] > mine ? parts[w] : mine;
        bests[blockIdx.y * SLICES + blockIdx.x] = mine;
    }
}

DEVICE u64 mass(float v, float most, float temperature) {
    return static_cast<u64>(expf((v - most) / temperature) * 1099511627776.0f);
}

// chosen[2 row] = token, chosen[2 row + 1] = 1 if it may be used. Grid: rows, 512 threads.
template <typename T>
DEVICE void choose(const T *logits, const Choice *choices, const u64 *bests, unsigned *chosen,
                   unsigned vocab) {
    __shared__ u64 bins[BINS];
    __shared__ u64 lanes[32];
    __shared__ u64 wanted;
    __shared__ unsigned eligible; // the order of the least eligible logit, as far as it is known
    Choice choice = choices[blockIdx.x];
    size_t row = static_cast<size_t>(blockIdx.x) * vocab;
    u64 top = 0;
    for (unsigned i = 0; i < SLICES; ++i) {
        u64 key = bests[blockIdx.x * SLICES + i];
        top = key > top ? key : top;
    }
    bool usable = top != 0 && top != ~0ull;
    if (!usable || !(choice.temperature > 0)) {
        if (threadIdx.x == 0) {
            chosen[2 * blockIdx.x] = usable ? ~static_cast<unsigned>(top) : 0;
            chosen[2 * blockIdx.x + 1] = usable;
        }
        return; // the whole block alike
    }
    float most = unorder(static_cast<unsigned>(top >> 32)), temperature = choice.temperature;

    // The order below which a token is not eligible, eleven bits at a time from the top: first the mass
    // in each bin, then the bin in which the mass from above reaches what is wanted.
    if (threadIdx.x == 0) eligible = 0;
    if (choice.top_p > 0 && choice.top_p < 1) {
        for (int digit = 0; digit < 3; ++digit) {
            for (unsigned i = threadIdx.x; i < BINS; i += THREADS) bins[i] = 0;
            __syncthreads();
            unsigned prefix = eligible, shift = digit == 0 ? 21 : digit == 1 ? 10 : 0;
            unsigned count = digit == 2 ? 1024 : 2048;
            for (unsigned token = threadIdx.x; token < vocab; token += THREADS) {
                if (!allows(choice, token)) continue;
                float v = logit(logits, row + token);
                unsigned key = order(v);
                int settled = digit == 1 ? 21 : 10; // the bits above are those of the bin found before
                bool same = digit == 0 || key >> settled == prefix >> settled;
                u64 m = same ? mass(v, most, temperature) : 0;
                if (m) atomicAdd(&bins[key >> shift & (count - 1)], m);
            }
            __syncthreads();
            if (threadIdx.x < 32) {
                unsigned each = count / 32;
                u64 sum = 0;
                for (unsigned i = 0; i < each; ++i) sum += bins[threadIdx.x * each + i];
                lanes[threadIdx.x] = sum;
            }
            __syncthreads();
            if (threadIdx.x == 0) {
                u64 all = 0;
                for (int lane = 0; lane < 32; ++lane) all += lanes[lane];
                if (digit == 0) {
                    u64 goal = static_cast<u64>(static_cast<double>(choice.top_p) * static_cast<double>(all));
                    wanted = goal > 0 ? goal : 1;
                }
                u64 left = wanted;
                int lane = 31;
                while (lane > 0 && lanes[lane] < left) left -= lanes[lane--];
                unsigned each = count / 32;
                int bin = static_cast<int>((lane + 1) * each) - 1;
                while (bin > static_cast<int>(lane * each) && bins[bin] < left) left -= bins[bin--];
                wanted = left;
                eligible = prefix | static_cast<unsigned>(bin) << shift;
            }
            __syncthreads();
        }
    }
    __syncthreads();
    unsigned least = eligible;

    // The mass of each stretch of the vocabulary, one warp a stretch; then the stretch that holds the
    // point, and in it the token.
    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    unsigned piece = ((vocab + PIECES - 1) / PIECES + 31) / 32 * 32;
    unsigned pieces = (vocab + piece - 1) / piece;
    for (unsigned p = warp; p < pieces; p += THREADS / 32) {
        u64 sum = 0;
        for (unsigned i = lane; i < piece; i += 32) {
            unsigned token = p * piece + i;
            if (token >= vocab || !allows(choice, token)) continue;
            float v = logit(logits, row + token);
            if (order(v) >= least) sum += mass(v, most, temperature);
        }
        sum = sum_of_warp(sum);
        if (lane == 0) bins[p] = sum;
    }
    __syncthreads();
    if (warp != 0) return;
    u64 all = 0;
    for (unsigned p = lane; p < pieces; p += 32) all += bins[p];
    all = sum_of_warp(all);
    u64 point = static_cast<u64>(static_cast<double>(choice.noise) * static_cast<double>(all));
    if (point >= all) point = all - 1;
    unsigned p = 0;
    while (p + 1 < pieces && point >= bins[p]) point -= bins[p++];
    unsigned found = ~static_cast<unsigned>(top);
    for (unsigned i = 0; i < piece; i += 32) {
        unsigned token = p * piece + i + lane;
        u64 m = 0;
        if (token < vocab && allows(choice, token)) {
            float v = logit(logits, row + token);
            if (order(v) >= least) m = mass(v, most, temperature);
        }
        u64 before = m;
#pragma unroll
        for (int step = 1; step < 32; step <<= 1) {
            u64 other = __shfl_up_sync(0xffffffffu, before, step);
            if (lane >= static_cast<unsigned>(step)) before += other;
        }
        unsigned past = __ballot_sync(0xffffffffu, before > point);
        if (past) {
            found = p * piece + i + __ffs(past) - 1;
            break;
        }
        point -= __shfl_sync(0xffffffffu, before, 31);
    }
    if (lane == 0) {
        chosen[2 * blockIdx.x] = found;
        chosen[2 * blockIdx.x + 1] = 1;
    }
}

#define SAMPLE(name, type)                                                                           \
    extern "C" __global__ void __launch_bounds__(256) best_##name(                                   \
        const type *logits, const Choice *choices, u64 *bests, unsigned vocab) {                     \
        best<type>(logits, choices, bests, vocab);                                                   \
    }                                                                                                \
    extern "C" __global__ void __launch_bounds__(THREADS, 1) choose_##name(                          \
        const type *logits, const Choice *choices, const u64 *bests, unsigned *chosen,               \
        unsigned vocab) {                                                                            \
        choose<type>(logits, choices, bests, chosen, vocab);                                         \
    }

SAMPLE(bf16, uint16_t)
SAMPLE(f32, float)

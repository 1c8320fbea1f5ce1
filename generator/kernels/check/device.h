// Stands in for the CUDA compiler: runs the kernels on the CPU, one block at a time, each thread as a
// coroutine. Collective operations (barriers, shuffles, matrix loads and products) wait for the live
// threads of the warp or block; a wait that can never end is reported. The layout of the operands of
// matrix loads and products follows the PTX manual. Slow and exact enough to find wrong indices,
// missing barriers, reads past the end of a sequence and forgotten waits for copies; it says nothing
// about speed, and of races it finds only those that the order of the threads brings out.
#pragma once
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#define DEVICE inline
#define __global__
#define __shared__ static
#define __launch_bounds__(...)

struct uint2 { unsigned x, y; };
struct uint4 { unsigned x, y, z, w; };
struct float2 { float x, y; };
struct float4 { float x, y, z, w; };
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
struct Index { unsigned x, y, z; };
using std::min;

namespace emulated {

struct Barrier {
    unsigned live = 0, arrived = 0, generation = 0;
};
struct Warp {
    Barrier barrier;
    unsigned char slots[2][32][32];
};
struct Copy {
    void *to;
    const void *from;
    bool valid;
};
struct Thread {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    Index index;
    Warp *warp;
    unsigned lane;
    bool done = false;
    const Barrier *waits = nullptr;
    unsigned waits_past = 0;
    std::vector<std::vector<Copy>> groups;
    std::vector<Copy> open;
};

inline Index block_index, block_size, grid_size;
inline Thread *current;
inline ucontext_t scheduler;
inline Barrier block_barrier;
inline std::function<void()> body;
inline std::vector<uint4> dynamic;
// Whether the last warp of a block runs first.
inline bool backwards = false;

inline void wait_at(Barrier &barrier) {
    unsigned generation = barrier.generation;
    if (++barrier.arrived == barrier.live) {
        barrier.arrived = 0;
        ++barrier.generation;
        return;
    }
    current->waits = &barrier;
    current->waits_past = generation;
    Thread *me = current;
    swapcontext(&me->context, &scheduler);
    me->waits = nullptr;
}

inline void leave(Barrier &barrier) {
    --barrier.live;
    if (barrier.live > 0 && barrier.arrived == barrier.live) {
        barrier.arrived = 0;
        ++barrier.generation;
    }
}

inline void enter() {
    body();
    current->done = true;
    leave(current->warp->barrier);
    leave(block_barrier);
    swapcontext(&current->context, &scheduler);
}

// Every lane lays down `mine`; the answer is what all 32 laid down.
template <typename T> const T *exchange(const T &mine, std::vector<T> &all) {
    static_assert(sizeof(T) <= 32, "slot");
    Warp &warp = *current->warp;
    unsigned lane = current->lane, turn = warp.barrier.generation % 2;
    std::memcpy(warp.slots[turn][lane], &mine, sizeof(T));
    wait_at(warp.barrier);
    all.resize(32);
    for (int i = 0; i < 32; ++i) std::memcpy(&all[i], warp.slots[turn][i], sizeof(T));
    return all.data();
}

inline void run_block(unsigned threads) {
    unsigned warps = (threads + 31) / 32;
    std::vector<Warp> of_block(warps);
    static std::vector<std::unique_ptr<Thread>> pool;
    while (pool.size() < threads) pool.push_back(std::make_unique<Thread>());
    block_barrier = Barrier{threads, 0, 0};
    for (unsigned i = 0; i < threads; ++i) {
        Thread &thread = *pool[i];
        if (!thread.stack) thread.stack = std::make_unique<char[]>(64 * 1024);
        thread.index = {i, 0, 0};
        thread.warp = &of_block[i / 32];
        thread.lane = i % 32;
        thread.done = false;
        thread.waits = nullptr;
        thread.groups.clear();
        thread.open.clear();
        ++thread.warp->barrier.live;
        getcontext(&thread.context);
        thread.context.uc_stack.ss_sp = thread.stack.get();
        thread.context.uc_stack.ss_size = 64 * 1024;
        thread.context.uc_link = &scheduler;
        makecontext(&thread.context, enter, 0);
    }
    // Each warp goes as far as it can before the next one starts: what lacks a barrier meets another's
    // past or future.
    for (;;) {
        bool moved = false, left = false;
        for (unsigned w = 0; w < warps; ++w) {
            unsigned first = (backwards ? warps - 1 - w : w) * 32, last = min(first + 32, threads);
            for (bool going = true; going;) {
                going = false;
                for (unsigned i = first; i < last; ++i) {
                    Thread &thread = *pool[i];
                    if (thread.done) continue;
                    left = true;
                    if (thread.waits && thread.waits->generation == thread.waits_past) continue;
                    going = moved = true;
                    current = &thread;
                    swapcontext(&scheduler, &thread.context);
                }
            }
        }
        if (!left) return;
        if (!moved) {
            std::fprintf(stderr, "some threads of a block wait for others that never come\n");
            std::abort();
        }
    }
}

// kernel<<<grid, threads, shared bytes>>>; shared memory begins as NaN.
template <typename F> void launch(Index grid, unsigned threads, size_t shared, F &&kernel) {
    grid_size = grid;
    block_size = {threads, 1, 1};
    body = kernel;
    for (unsigned z = 0; z < grid.z; ++z)
        for (unsigned y = 0; y < grid.y; ++y)
            for (unsigned x = 0; x < grid.x; ++x) {
                block_index = {x, y, z};
                dynamic.assign(shared / 16 + 1, uint4{~0u, ~0u, ~0u, ~0u});
                run_block(threads);
            }
}

} // namespace emulated

#define threadIdx (emulated::current->index)
#define blockIdx (emulated::block_index)
#define blockDim (emulated::block_size)
#define gridDim (emulated::grid_size)

inline void *dynamic_shared() { return emulated::dynamic.data(); }
inline void __syncthreads() { emulated::wait_at(emulated::block_barrier); }

inline float __uint_as_float(unsigned bits) {
    float v;
    std::memcpy(&v, &bits, 4);
    return v;
}
inline unsigned __float_as_uint(float v) {
    unsigned bits;
    std::memcpy(&bits, &v, 4);
    return bits;
}
inline unsigned round_to_bf16(float v) {
    unsigned bits = __float_as_uint(v);
    if (v != v) return 0x7fff;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
inline unsigned pair_of(float first, float second) {
    return round_to_bf16(first) | round_to_bf16(second) << 16;
}
inline float power_of_two(float x) { return exp2f(x); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline uint4 stream16(const void *from) {
    if (reinterpret_cast<uintptr_t>(from) % 16) {
        std::fprintf(stderr, "a 16-byte load from an odd address\n");
        std::abort();
    }
    uint4 v;
    std::memcpy(&v, from, 16);
    return v;
}
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
    uint64_t both = static_cast<uint64_t>(b) << 32 | a;
    unsigned out = 0;
    for (int i = 0; i < 4; ++i)
        out |= static_cast<unsigned>(both >> (8 * (selector >> (4 * i) & 7)) & 0xff) << (8 * i);
    return out;
}
inline int __ffs(unsigned v) { return __builtin_ffs(static_cast<int>(v)); }
inline unsigned long long atomicAdd(unsigned long long *at, unsigned long long v) {
    unsigned long long before = *at;
    *at += v;
    return before;
}

template <typename T> T __shfl_xor_sync(unsigned, T v, int mask) {
    std::vector<T> all;
    return emulated::exchange(v, all)[emulated::current->lane ^ mask];
}
template <typename T> T __shfl_up_sync(unsigned, T v, int step) {
    std::vector<T> all;
    int lane = static_cast<int>(emulated::current->lane);
    return emulated::exchange(v, all)[lane >= step ? lane - step : lane];
}
template <typename T> T __shfl_sync(unsigned, T v, int from) {
    std::vector<T> all;
    return emulated::exchange(v, all)[from];
}
inline unsigned __ballot_sync(unsigned, bool v) {
    std::vector<unsigned> all;
    unsigned bits = 0;
    emulated::exchange<unsigned>(v, all);
    for (int i = 0; i < 32; ++i) bits |= (all[i] & 1) << i;
    return bits;
}

inline float half_of(unsigned pair, int i) {
    return __uint_as_float(i ? pair & 0xffff0000u : pair << 16);
}

inline void multiply(float (&d)[4], unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0,
                     unsigned b1) {
    struct Operands { unsigned a[4], b[2]; };
    std::vector<Operands> all;
    emulated::exchange(Operands{{a0, a1, a2, a3}, {b0, b1}}, all);
    unsigned g = emulated::current->lane / 4, t = emulated::current->lane % 4;
    for (int i = 0; i < 4; ++i) {
        unsigned row = g + 8 * (i / 2), column = 2 * t + i % 2;
        float sum = 0;
        for (unsigned k = 0; k < 16; ++k) {
            unsigned from_a = all[row % 8 * 4 + k % 8 / 2].a[row / 8 + 2 * (k / 8)];
            unsigned from_b = all[column * 4 + k % 8 / 2].b[k / 8];
            sum += half_of(from_a, k % 2) * half_of(from_b, k % 2);
        }
        d[i] += sum;
    }
}

inline void load_four(unsigned (&r)[4], const void *row, bool transposed) {
    std::vector<const void *> rows;
    emulated::exchange(row, rows);
    unsigned g = emulated::current->lane / 4, t = emulated::current->lane % 4;
    for (unsigned m = 0; m < 4; ++m) {
        auto at = [&](unsigned i, unsigned j) -> unsigned {
            return static_cast<const uint16_t *>(rows[8 * m + i])[j];
        };
        r[m] = transposed ? at(2 * t, g) | at(2 * t + 1, g) << 16 : at(g, 2 * t) | at(g, 2 * t + 1) << 16;
    }
}
inline void load_matrices(unsigned (&r)[4], const void *row) { load_four(r, row, false); }
inline void load_matrices_transposed(unsigned (&r)[4], const void *row) { load_four(r, row, true); }

inline void make(const emulated::Copy &copy) {
    if (copy.valid)
        std::memcpy(copy.to, copy.from, 16);
    else
        std::memset(copy.to, 0, 16);
}
// Forwards, the copies are made when somebody waits for them and not before; backwards, at once. Both
// are allowed to a GPU, and so is everything between.
inline void copy16(void *to, const void *from, bool valid) {
    if (emulated::backwards)
        make({to, from, valid});
    else
        emulated::current->open.push_back({to, from, valid});
}
inline void copies_end() {
    emulated::current->groups.push_back(std::move(emulated::current->open));
    emulated::current->open.clear();
}
template <int PENDING> void copies_wait() {
    auto &groups = emulated::current->groups;
    while (groups.size() > PENDING) {
        for (const auto &copy : groups.front()) make(copy);
        groups.erase(groups.begin());
    }
}

// Runs every kernel on the CPU (device.h) against plain loops in double precision.
// Built and run by scripts/check-kernels.sh; says what differs and exits with 1.
#include "../common.cuh"

namespace rows_cu {
#include "../rows.cu"
}
namespace norm_cu {
#include "../norm.cu"
}
namespace gemv_cu {
#include "../gemv.cu"
}
namespace decode_cu {
#include "../decode.cu"
}
namespace prefill_cu {
#include "../prefill.cu"
}
namespace sample_cu {
#include "../sample.cu"
}

#include <random>
#include <string>

using emulated::launch;
typedef std::vector<uint16_t> Halves;

static std::mt19937 generator(7);
static int failures = 0;
static const uint16_t NAN_BITS = 0x7fff;

static float real(uint16_t bits) { return __uint_as_float(static_cast<unsigned>(bits) << 16); }
static uint16_t rounded(double v) { return static_cast<uint16_t>(round_to_bf16(static_cast<float>(v))); }

static Halves random_halves(size_t count, float size = 1) {
    std::normal_distribution<float> normal(0, size);
    Halves v(count);
    for (auto &x : v) x = rounded(normal(generator));
    return v;
}
static std::vector<float> random_floats(size_t count) {
    std::normal_distribution<float> normal(0, 1);
    std::vector<float> v(count);
    for (auto &x : v) x = normal(generator);
    return v;
}

// Every value within `relative` of the greatest expected magnitude; an untouched output is NaN and fails.
template <typename Got>
static void compare(const std::string &what, size_t count, Got got, const std::vector<double> &wanted,
                    double relative) {
    double greatest = 0, worst = 0;
    size_t at = 0;
    for (double w : wanted) greatest = std::max(greatest, std::fabs(w));
    for (size_t i = 0; i < count; ++i) {
        double off = std::fabs(got(i) - wanted[i]);
        if (!(off <= worst)) {
            worst = off;
            at = i;
            if (off != off) break;
        }
    }
    bool good = worst <= relative * greatest;
    std::printf("%s %-60s worst %.2e of %.2e\n", good ? "ok  " : "FAIL", what.c_str(), worst, greatest);
    if (!good) {
        std::printf("     at %zu: %g instead of %g\n", at, static_cast<double>(got(at)), wanted[at]);
        ++failures;
    }
}
static void compare(const std::string &what, const Halves &got, const std::vector<double> &wanted,
                    double relative = 0.01) {
    compare(what, wanted.size(), [&](size_t i) { return real(got[i]); }, wanted, relative);
}
static void expect(const std::string &what, bool good) {
    std::printf("%s %s\n", good ? "ok  " : "FAIL", what.c_str());
    if (!good) ++failures;
}
template <typename T> static uint4 *wide(T &v) { return reinterpret_cast<uint4 *>(v.data()); }

static void check_rows() {
    using namespace rows_cu;
    unsigned rows = 5, columns = 576;
    Halves table = random_halves(40 * columns), out(rows * columns, NAN_BITS);
    std::vector<unsigned> ids = {3, 39, 0, 3, 17};
    launch({rows, 1, 1}, 256, 0, [&] { gather_rows(wide(table), ids.data(), wide(out), columns / 8); });
    bool same = true;
    for (unsigned r = 0; r < rows; ++r)
        same = same && std::equal(out.begin() + r * columns, out.begin() + (r + 1) * columns,
                                  table.begin() + ids[r] * columns);
    expect("gather_rows", same);

    Halves a = random_halves(rows * columns);
    std::vector<double> wanted(rows * columns);
    auto bias = random_floats(64);
    Halves biased = a;
    launch({rows, 1, 1}, 256, 0,
           [&] { add_bias(reinterpret_cast<unsigned *>(biased.data()), bias.data(), 32, 64, columns); });
    for (size_t i = 0; i < wanted.size(); ++i) {
        unsigned c = i % columns;
        wanted[i] = real(a[i]) + (c >= 32 && c < 96 ? bias[c - 32] : 0);
    }
    compare("add_bias", biased, wanted);

    Halves gate_up = random_halves(rows * 2 * columns, 2);
    for (unsigned r = 0; r < rows; ++r)
        for (unsigned c = 0; c < columns; ++c) {
            double g = real(gate_up[r * 2 * columns + c]), u = real(gate_up[(r * 2 + 1) * columns + c]);
            wanted[r * columns + c] = g / (1 + std::exp(-g)) * u;
        }
    std::fill(out.begin(), out.end(), NAN_BITS);
    launch({2, 1, 1}, 256, 0,
           [&] { silu_mul(wide(gate_up), wide(out), columns / 8, rows * columns / 8); });
    compare("silu_mul", out, wanted);

    Halves placed(rows * 1000, 0), part = random_halves(rows * 64);
    launch({rows, 1, 1}, 256, 0, [&] {
        place_columns(reinterpret_cast<unsigned *>(part.data()),
                      reinterpret_cast<unsigned *>(placed.data()), 32, 100, 500);
    });
    same = true;
    for (unsigned r = 0; r < rows; ++r)
        for (unsigned c = 0; c < 64; ++c) same = same && placed[r * 1000 + 200 + c] == part[r * 64 + c];
    expect("place_columns", same);
}

static void check_rotation(unsigned heads, unsigned kv_heads, unsigned head_dim, bool side_by_side) {
    unsigned rows = 3, half = head_dim / 2, width = heads + 2 * kv_heads, blocks = 4;
    Halves qkv = random_halves(rows * width * head_dim);
    std::vector<unsigned> positions = {0, 7, 61}, slots = {3 * BLOCK_TOKENS + 5, 0, ~0u};
    std::vector<float> cosines(64 * half), sines(64 * half);
    for (unsigned p = 0; p < 64; ++p)
        for (unsigned i = 0; i < half; ++i) {
            double angle = p * std::pow(10000.0, -2.0 * i / head_dim);
            cosines[p * half + i] = std::cos(angle);
            sines[p * half + i] = std::sin(angle);
        }
    Halves q(rows * heads * head_dim, NAN_BITS);
    Halves keys(blocks * kv_heads * BLOCK_TOKENS * head_dim, 0), values = keys;
    unsigned threads = width * head_dim / 4;
    launch({rows, (threads + 255) / 256, 1}, 256, 0, [&] {
        rows_cu::rotate_and_store(qkv.data(), reinterpret_cast<float2 *>(cosines.data()),
                                  reinterpret_cast<float2 *>(sines.data()), positions.data(),
                                  slots.data(), q.data(), keys.data(), values.data(), heads, kv_heads,
                                  head_dim, side_by_side);
    });
    std::vector<double> want_q(q.size()), want_k(keys.size(), 0), want_v(keys.size(), 0);
    for (unsigned r = 0; r < rows; ++r)
        for (unsigned h = 0; h < width; ++h)
            for (unsigned d = 0; d < head_dim; ++d) {
                const uint16_t *head = &qkv[(r * width + h) * head_dim];
                unsigned pair = side_by_side ? d / 2 : d % half;
                bool second = side_by_side ? d % 2 : d >= half;
                unsigned partner = side_by_side ? d ^ 1 : (d + half) % head_dim;
                double c = cosines[positions[r] * half + pair], s = sines[positions[r] * half + pair];
                double x = real(head[d]), y = real(head[partner]);
                double turned = second ? x * c + y * s : x * c - y * s;
                if (h < heads) {
                    want_q[(r * heads + h) * head_dim + d] = turned;
                } else if (slots[r] != ~0u) {
                    bool key = h < heads + kv_heads;
                    unsigned kv = key ? h - heads : h - heads - kv_heads;
                    size_t at = ((slots[r] / BLOCK_TOKENS * kv_heads + kv) * BLOCK_TOKENS +
                                 slots[r] % BLOCK_TOKENS) * head_dim + d;
                    (key ? want_k : want_v)[at] = key ? turned : x;
                }
            }
    std::string name = "rotate_and_store " + std::to_string(heads) + "/" + std::to_string(kv_heads) +
                       "x" + std::to_string(head_dim) + (side_by_side ? " pairs" : " halves");
    compare(name + " q", q, want_q);
    compare(name + " k", keys, want_k);
    compare(name + " v", values, want_v);
}

static void check_norm(unsigned columns, unsigned threads) {
    unsigned rows = 3;
    Halves x = random_halves(rows * columns, 3), delta = random_halves(rows * columns);
    Halves sum(rows * columns, NAN_BITS), out(rows * columns, NAN_BITS);
    auto weight = random_floats(columns);
    float eps = 1e-5f;
    auto weights = reinterpret_cast<const float4 *>(weight.data());
    std::vector<double> wanted(x.size()), wanted_sum(x.size());
    for (int fused = 0; fused < 2; ++fused) {
        for (unsigned r = 0; r < rows; ++r) {
            double squares = 0;
            for (unsigned c = 0; c < columns; ++c) {
                double v = real(x[r * columns + c]);
                if (fused) v = real(rounded(v + real(delta[r * columns + c])));
                wanted_sum[r * columns + c] = v;
                squares += v * v;
            }
            for (unsigned c = 0; c < columns; ++c)
                wanted[r * columns + c] =
                    wanted_sum[r * columns + c] / std::sqrt(squares / columns + eps) * weight[c];
        }
        std::fill(out.begin(), out.end(), NAN_BITS);
        launch({rows, 1, 1}, threads, 0, [&] {
            if (fused)
                norm_cu::add_rms_norm(wide(x), wide(delta), weights, wide(sum), wide(out), columns / 8,
                                      eps);
            else
                norm_cu::rms_norm(wide(x), weights, wide(out), columns / 8, eps);
        });
        std::string name = (fused ? "add_rms_norm " : "rms_norm ") + std::to_string(columns);
        compare(name, out, wanted);
        if (fused) compare(name + " sum", sum, wanted_sum);
    }
}

static void check_gemv(unsigned outputs, unsigned inputs, unsigned rows, bool with_bias) {
    Halves weight = random_halves(static_cast<size_t>(outputs) * inputs, 0.05f);
    Halves x = random_halves(static_cast<size_t>(rows) * inputs);
    auto bias = random_floats(outputs);
    const float *of_bias = with_bias ? bias.data() : nullptr;
    unsigned first = 8, stride = outputs + 24;
    std::vector<double> wanted(rows * outputs);
    for (unsigned r = 0; r < rows; ++r)
        for (unsigned o = 0; o < outputs; ++o) {
            double sum = with_bias ? bias[o] : 0;
            for (unsigned i = 0; i < inputs; ++i)
                sum += static_cast<double>(real(weight[static_cast<size_t>(o) * inputs + i])) *
                       real(x[static_cast<size_t>(r) * inputs + i]);
            wanted[r * outputs + o] = sum;
        }
    Index grid = {(outputs + 15) / 16, 1, 1};
    std::string name = "gemv " + std::to_string(outputs) + "x" + std::to_string(inputs) + " rows " +
                       std::to_string(rows);
    auto run = [&](unsigned count, Halves &out) {
        launch(grid, 256, 0, [&] {
            (count <= 8 ? gemv_cu::gemv_8 : gemv_cu::gemv_16)(weight.data(), x.data(), of_bias, out.data(),
                                                              outputs, inputs, count, first, stride);
        });
    };
    Halves out(rows * stride, NAN_BITS);
    run(rows, out);
    compare(name, wanted.size(),
            [&](size_t i) { return real(out[i / outputs * stride + first + i % outputs]); }, wanted, 0.01);
    Halves alone(stride, NAN_BITS);
    run(1, alone);
    expect(name + " equals one row alone",
           std::equal(alone.begin() + first, alone.begin() + first + outputs, out.begin() + first));
    std::vector<float> exact(rows * stride, NAN);
    launch(grid, 256, 0, [&] {
        (rows <= 8 ? gemv_cu::gemv_8_f32 : gemv_cu::gemv_16_f32)(
            weight.data(), x.data(), of_bias, exact.data(), outputs, inputs, rows, first, stride);
    });
    compare(name + " f32", wanted.size(),
            [&](size_t i) { return exact[i / outputs * stride + first + i % outputs]; }, wanted, 1e-5);
}

// A cache in which every sequence's blocks lie scattered and whatever no sequence holds is NaN.
struct Cache {
    unsigned kv_heads, head_dim;
    Halves keys, values;
    std::vector<unsigned> tables;
    unsigned next = 0;
    std::vector<unsigned> order;

    Cache(unsigned kv_heads, unsigned head_dim, unsigned blocks) : kv_heads(kv_heads), head_dim(head_dim) {
        keys.assign(static_cast<size_t>(blocks) * kv_heads * BLOCK_TOKENS * head_dim, NAN_BITS);
        values = keys;
        for (unsigned b = 0; b < blocks; ++b) order.push_back(b);
        std::shuffle(order.begin(), order.end(), generator);
    }
    size_t at(unsigned table, unsigned token, unsigned kv) const {
        size_t block = tables[table + token / BLOCK_TOKENS];
        return ((block * kv_heads + kv) * BLOCK_TOKENS + token % BLOCK_TOKENS) * head_dim;
    }
    // Where the new sequence's table begins.
    unsigned sequence(unsigned tokens) {
        unsigned table = static_cast<unsigned>(tables.size());
        for (unsigned i = 0; i < tokens; i += BLOCK_TOKENS) tables.push_back(order[next++]);
        for (unsigned token = 0; token < tokens; ++token)
            for (unsigned kv = 0; kv < kv_heads; ++kv) {
                Halves k = random_halves(head_dim), v = random_halves(head_dim);
                std::copy(k.begin(), k.end(), keys.begin() + at(table, token, kv));
                std::copy(v.begin(), v.end(), values.begin() + at(table, token, kv));
            }
        return table;
    }
    void attend(const uint16_t *q, unsigned table, unsigned context, unsigned kv, double *out) const {
        std::vector<double> score(context);
        double most = -INFINITY, total = 0;
        for (unsigned token = 0; token < context; ++token) {
            double dot = 0;
            for (unsigned d = 0; d < head_dim; ++d)
                dot += static_cast<double>(real(q[d])) * real(keys[at(table, token, kv) + d]);
            score[token] = dot / std::sqrt(static_cast<double>(head_dim));
            most = std::max(most, score[token]);
        }
        std::fill(out, out + head_dim, 0.0);
        for (unsigned token = 0; token < context; ++token) {
            double weight = std::exp(score[token] - most);
            total += weight;
            for (unsigned d = 0; d < head_dim; ++d) out[d] += weight * real(values[at(table, token, kv) + d]);
        }
        for (unsigned d = 0; d < head_dim; ++d) out[d] /= total;
    }
};

static void check_decode(unsigned heads, unsigned kv_heads, unsigned head_dim,
                         const std::vector<unsigned> &contexts) {
    Cache cache(kv_heads, head_dim, 64);
    unsigned count = static_cast<unsigned>(contexts.size()), batch = count + 2;
    Halves q = random_halves(batch * heads * head_dim, 2);
    std::vector<unsigned> positions(batch, 0);
    std::vector<uint2> rows;
    unsigned longest = 0;
    for (unsigned i = 0; i < count; ++i) {
        rows.push_back({i + 1, cache.sequence(contexts[i])}); // the batch's first row is another's
        positions[i + 1] = contexts[i] - 1;
        longest = std::max(longest, contexts[i]);
    }
    unsigned parts = (longest + decode_cu::PART_TOKENS - 1) / decode_cu::PART_TOKENS;
    unsigned group = heads / kv_heads, slices = (group + 7) / 8;
    std::vector<float2> sums(count * heads * parts, {NAN, NAN});
    std::vector<float> outs(count * heads * parts * head_dim, NAN);
    Halves out(q.size(), NAN_BITS);
    float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
    launch({parts, kv_heads * slices, count}, 128, 0, [&] {
        (head_dim == 64 ? decode_cu::decode_64 : decode_cu::decode_128)(
            q.data(), cache.keys.data(), cache.values.data(), rows.data(), positions.data(),
            cache.tables.data(), sums.data(), outs.data(), out.data(), heads, kv_heads, scale);
    });
    if (parts > 1)
        launch({heads, count, 1}, head_dim, 0, [&] {
            (head_dim == 64 ? decode_cu::join_64 : decode_cu::join_128)(
                sums.data(), outs.data(), rows.data(), positions.data(), out.data(), heads, parts, scale);
        });
    size_t width = heads * head_dim;
    std::vector<double> wanted(count * width);
    for (unsigned i = 0; i < count; ++i)
        for (unsigned h = 0; h < heads; ++h)
            cache.attend(&q[(i + 1) * width + h * head_dim], rows[i].y, contexts[i], h / group,
                         &wanted[i * width + h * head_dim]);
    std::string name = "decode " + std::to_string(heads) + "/" + std::to_string(kv_heads) + "x" +
                       std::to_string(head_dim) + " up to " + std::to_string(longest);
    compare(name, wanted.size(), [&](size_t i) { return real(out[width + i]); }, wanted, 0.01);
    expect(name + " leaves other rows alone", out[0] == NAN_BITS && out.back() == NAN_BITS);
}

static void check_prefill(unsigned heads, unsigned kv_heads, unsigned head_dim,
                          const std::vector<std::pair<unsigned, unsigned>> &rows_and_contexts) {
    Cache cache(kv_heads, head_dim, 64);
    std::vector<prefill_cu::Span> spans;
    unsigned batch = 1, longest = 0;
    for (auto [rows, context] : rows_and_contexts) {
        spans.push_back({batch, rows, context - rows, cache.sequence(context)});
        batch += rows;
        longest = std::max(longest, rows);
    }
    Halves q = random_halves(batch * heads * head_dim, 2), out(q.size(), NAN_BITS);
    unsigned group = heads / kv_heads, positions = prefill_cu::TILE / group;
    float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
    Index grid = {(longest + positions - 1) / positions, kv_heads, static_cast<unsigned>(spans.size())};
    launch(grid, prefill_cu::THREADS, 4 * prefill_cu::TILE * head_dim * 2, [&] {
        (head_dim == 64 ? prefill_cu::prefill_64 : prefill_cu::prefill_128)(
            q.data(), cache.keys.data(), cache.values.data(), spans.data(), cache.tables.data(),
            out.data(), heads, kv_heads, scale);
    });
    size_t width = heads * head_dim;
    std::vector<double> wanted((batch - 1) * width);
    for (const auto &span : spans)
        for (unsigned r = 0; r < span.rows; ++r)
            for (unsigned h = 0; h < heads; ++h)
                cache.attend(&q[(span.first_row + r) * width + h * head_dim], span.table,
                             span.first_position + r + 1, h / group,
                             &wanted[(span.first_row - 1 + r) * width + h * head_dim]);
    std::string name = "prefill " + std::to_string(heads) + "/" + std::to_string(kv_heads) + "x" +
                       std::to_string(head_dim) + " " + std::to_string(batch - 1) + " rows";
    compare(name, wanted.size(), [&](size_t i) { return real(out[width + i]); }, wanted, 0.01);
    expect(name + " leaves other rows alone", out[0] == NAN_BITS && out[width - 1] == NAN_BITS);
}

// The rule of compute/cpu, except that the kept tokens are walked by their ids.
static unsigned sampled(const std::vector<float> &logits, const std::vector<unsigned> &mask,
                        float temperature, float top_p, float noise) {
    std::vector<unsigned> ids;
    for (unsigned i = 0; i < logits.size(); ++i)
        if (mask.empty() || mask[i / 32] >> (i % 32) & 1) ids.push_back(i);
    std::stable_sort(ids.begin(), ids.end(), [&](unsigned a, unsigned b) { return logits[a] > logits[b]; });
    if (temperature == 0) return ids[0];
    float most = logits[ids[0]];
    auto mass = [&](unsigned id) {
        return std::floor(std::exp((logits[id] - most) / temperature) * 1099511627776.0);
    };
    double total = 0, kept = 0;
    for (unsigned id : ids) total += mass(id);
    double goal = top_p > 0 && top_p < 1 ? std::max(1.0, std::floor(top_p * total)) : total;
    size_t last = 0;
    while (kept < goal && last < ids.size()) kept += mass(ids[last++]);
    while (last < ids.size() && logits[ids[last]] == logits[ids[last - 1]]) kept += mass(ids[last++]);
    ids.resize(last);
    std::sort(ids.begin(), ids.end());
    double point = noise * kept;
    for (unsigned id : ids) {
        if (mass(id) > point) return id;
        point -= mass(id);
    }
    return ids.back();
}

static void check_sampling(unsigned vocab) {
    struct Case { float temperature, top_p, noise; bool masked; };
    std::vector<Case> cases = {{0, 1, 0, false},     {0, 1, 0, true},        {1, 1, 0.3f, false},
                               {1, 0.9f, 0.5f, true}, {0.7f, 0.5f, 0.99f, false}, {0.2f, 0.95f, 0, false},
                               {1, 0.0f, 0.7f, true}, {2, 0.8f, 0.25f, false}};
    unsigned rows = static_cast<unsigned>(cases.size());
    Halves logits = random_halves(static_cast<size_t>(rows) * vocab, 3);
    std::vector<float> exact(logits.size());
    for (size_t i = 0; i < exact.size(); ++i) exact[i] = real(logits[i]);
    std::vector<unsigned> mask((vocab + 31) / 32);
    for (auto &word : mask) word = generator() & generator();
    std::vector<sample_cu::Choice> choices;
    for (const auto &c : cases)
        choices.push_back({c.masked ? reinterpret_cast<unsigned long long>(mask.data()) : 0, vocab,
                           c.temperature, c.top_p, c.noise});
    std::vector<unsigned long long> bests(rows * sample_cu::SLICES);
    for (int wide_logits = 0; wide_logits < 2; ++wide_logits) {
        std::vector<unsigned> chosen(2 * rows, ~0u);
        launch({sample_cu::SLICES, rows, 1}, 256, 0, [&] {
            if (wide_logits)
                sample_cu::best_f32(exact.data(), choices.data(), bests.data(), vocab);
            else
                sample_cu::best_bf16(logits.data(), choices.data(), bests.data(), vocab);
        });
        launch({rows, 1, 1}, sample_cu::THREADS, 0, [&] {
            if (wide_logits)
                sample_cu::choose_f32(exact.data(), choices.data(), bests.data(), chosen.data(), vocab);
            else
                sample_cu::choose_bf16(logits.data(), choices.data(), bests.data(), chosen.data(), vocab);
        });
        for (unsigned r = 0; r < rows; ++r) {
            std::vector<float> row(exact.begin() + static_cast<size_t>(r) * vocab,
                                   exact.begin() + static_cast<size_t>(r + 1) * vocab);
            const auto &c = cases[r];
            unsigned wanted = sampled(row, c.masked ? mask : std::vector<unsigned>(), c.temperature,
                                      c.top_p, c.noise);
            expect("choose of " + std::to_string(vocab) + ", case " + std::to_string(r) +
                       (wide_logits ? " f32" : " bf16"),
                   chosen[2 * r] == wanted && chosen[2 * r + 1] == 1);
        }
    }
}

static void check_refusals() {
    unsigned vocab = 300;
    std::vector<float> logits(4 * vocab, 1.0f);
    logits[0 * vocab + 299] = NAN;
    logits[1 * vocab + 5] = INFINITY;
    for (unsigned i = 0; i < vocab; ++i) logits[2 * vocab + i] = -INFINITY;
    std::vector<unsigned> nothing((vocab + 31) / 32, 0);
    std::vector<sample_cu::Choice> choices(4, {0, vocab, 0, 1, 0});
    choices[3].mask = reinterpret_cast<unsigned long long>(nothing.data());
    std::vector<unsigned long long> bests(4 * sample_cu::SLICES);
    std::vector<unsigned> chosen(8, ~0u);
    launch({sample_cu::SLICES, 4, 1}, 256, 0,
           [&] { sample_cu::best_f32(logits.data(), choices.data(), bests.data(), vocab); });
    launch({4, 1, 1}, sample_cu::THREADS, 0, [&] {
        sample_cu::choose_f32(logits.data(), choices.data(), bests.data(), chosen.data(), vocab);
    });
    const char *names[] = {"NaN", "infinity", "no finite logit", "an empty mask"};
    for (int r = 0; r < 4; ++r) expect(std::string("choose refuses ") + names[r], chosen[2 * r + 1] == 0);
}

static void check_all() {
    check_rows();
    for (bool side_by_side : {false, true}) {
        check_rotation(9, 3, 64, side_by_side);
        check_rotation(8, 2, 128, side_by_side);
    }
    check_norm(576, 96);
    check_norm(4096, 512);
    check_norm(16384, 1024);
    check_gemv(40, 576, 1, true);
    check_gemv(48, 96, 3, false);
    check_gemv(33, 2056, 8, true);
    check_gemv(64, 1024, 13, false);
    check_decode(9, 3, 64, {1, 31, 32, 33, 128});
    check_decode(8, 2, 128, {129, 300, 5, 256});
    check_decode(8, 1, 128, {200});
    check_decode(4, 4, 64, {97, 130});
    check_decode(20, 2, 64, {70, 140});
    check_prefill(9, 3, 64, {{1, 1}, {5, 5}, {70, 70}});
    check_prefill(8, 2, 128, {{64, 64}, {33, 133}});
    check_prefill(8, 1, 128, {{17, 81}, {2, 300}});
    check_prefill(2, 2, 64, {{130, 130}});
    check_sampling(1000);
    check_sampling(33000);
    check_refusals();
}

int main() {
    for (bool backwards : {false, true}) {
        emulated::backwards = backwards;
        check_all();
    }
    if (failures)
        std::printf("%d checks failed\n", failures);
    else
        std::printf("every check holds\n");
    return failures != 0;
}

/* What llama.cpp computes, in a form that tests can be compared with. Linked against the library
 * that npm's node-llama-cpp ships; headers come with it too. See README.md.
 *
 *   llama_peer CPU_LIBRARY quantize IN OUT TYPE          TYPE: Q8_0 Q4_1 Q4_K_M Q6_K Q5_0 ...
 *   llama_peer CPU_LIBRARY logits MODEL OUT F16|F32 ID...     all positions, f32, row after row
 *   llama_peer CPU_LIBRARY greedy MODEL COUNT < texts         one text a line (\n escaped) ->
 *                                                             "prompt ids | continuation ids | margins"
 *   llama_peer CPU_LIBRARY speed MODEL PROMPT COUNT THREADS   tokens read and written a second
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ggml-backend.h"
#include "llama.h"

static void quiet(enum ggml_log_level level, const char *text, void *data) {
    (void)data;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static struct llama_model *load(const char *path) {
    struct llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = 0;
    struct llama_model *model = llama_model_load_from_file(path, params);
    if (!model) fail("cannot load the model");
    return model;
}

static struct llama_context *context(struct llama_model *model, enum ggml_type cache, int threads) {
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = 1024;
    params.n_batch = 1024;
    params.n_ubatch = 512;
    params.n_threads = params.n_threads_batch = threads;
    params.type_k = params.type_v = cache;
    params.flash_attn_type =
        getenv("FLASH") ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_AUTO;
    if (getenv("NOFLASH")) params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    struct llama_context *made = llama_init_from_model(model, params);
    if (!made) fail("cannot make a context");
    return made;
}

static void quantize(const char *in, const char *out, const char *type) {
    static const struct { const char *name; enum llama_ftype type; } types[] = {
        {"F16", LLAMA_FTYPE_MOSTLY_F16},       {"Q4_0", LLAMA_FTYPE_MOSTLY_Q4_0},
        {"Q4_1", LLAMA_FTYPE_MOSTLY_Q4_1},     {"Q5_0", LLAMA_FTYPE_MOSTLY_Q5_0},
        {"Q5_1", LLAMA_FTYPE_MOSTLY_Q5_1},     {"Q8_0", LLAMA_FTYPE_MOSTLY_Q8_0},
        {"Q4_K_M", LLAMA_FTYPE_MOSTLY_Q4_K_M}, {"Q5_K_M", LLAMA_FTYPE_MOSTLY_Q5_K_M},
        {"Q6_K", LLAMA_FTYPE_MOSTLY_Q6_K},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, type)) continue;
        struct llama_model_quantize_params params = llama_model_quantize_default_params();
        params.nthread = 1;
        params.ftype = types[i].type;
        params.pure = getenv("PURE") != NULL;
        if (llama_model_quantize(in, out, &params)) fail("cannot quantize");
        return;
    }
    fail("unknown type");
}

static void logits(const char *path, const char *out, const char *cache, int count, char **ids) {
    struct llama_model *model = load(path);
    struct llama_context *ctx = context(model, strcmp(cache, "F32") ? GGML_TYPE_F16 : GGML_TYPE_F32, 1);
    int vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    struct llama_batch batch = llama_batch_init(count, 0, 1);
    batch.n_tokens = count;
    for (int i = 0; i < count; i++) {
        batch.token[i] = atoi(ids[i]);
        batch.pos[i] = i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 1;
    }
    if (llama_decode(ctx, batch)) fail("cannot decode");
    FILE *file = fopen(out, "wb");
    if (!file) fail("cannot write");
    for (int i = 0; i < count; i++)
        fwrite(llama_get_logits_ith(ctx, i), sizeof(float), (size_t)vocab, file);
    fclose(file);
}

static void greedy(const char *path, int count) {
    struct llama_model *model = load(path);
    const struct llama_vocab *vocab = llama_model_get_vocab(model);
    int words = llama_vocab_n_tokens(vocab);
    static char line[1 << 16], text[1 << 16];
    static llama_token ids[4096];
    while (fgets(line, sizeof line, stdin)) {
        size_t length = 0;
        for (char *c = line; *c && *c != '\n'; c++) {
            if (c[0] == '\\' && c[1] == 'n') { text[length++] = '\n'; c++; }
            else text[length++] = *c;
        }
        int prompt = llama_tokenize(vocab, text, (int)length, ids, 4096, false, true);
        if (prompt <= 0) fail("cannot tokenize");
        struct llama_context *ctx = context(model, GGML_TYPE_F16, 1);
        for (int i = 0; i < prompt; i++) printf("%d ", ids[i]);
        printf("|");
        llama_token next = 0;
        static float margins[4096];
        for (int step = 0; step < count; step++) {
            struct llama_batch batch =
                step ? llama_batch_get_one(&next, 1) : llama_batch_get_one(ids, prompt);
            if (llama_decode(ctx, batch)) fail("cannot decode");
            const float *row = llama_get_logits_ith(ctx, -1);
            int best = 0;
            float second = -INFINITY;
            for (int i = 1; i < words; i++) if (row[i] > row[best]) best = i;
            for (int i = 0; i < words; i++) if (i != best && row[i] > second) second = row[i];
            next = best;
            margins[step] = row[best] - second;
            printf(" %d", next);
        }
        printf(" |");
        for (int step = 0; step < count; step++) printf(" %.3f", (double)margins[step]);
        printf("\n");
        fflush(stdout);
        llama_free(ctx);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The prompt is random tokens; medians of five. */
static void speed(const char *path, int prompt, int count, int threads) {
    struct llama_model *model = load(path);
    int words = llama_vocab_n_tokens(llama_model_get_vocab(model));
    struct llama_context *ctx = context(model, GGML_TYPE_F16, threads);
    llama_token *ids = malloc((size_t)prompt * sizeof *ids);
    if (!ids) fail("out of memory");
    double reads[5], writes[5];
    srand(1);
    for (int round = -1; round < 5; round++) {
        for (int i = 0; i < prompt; i++) ids[i] = rand() % words;
        llama_memory_clear(llama_get_memory(ctx), true);
        double begun = now();
        if (llama_decode(ctx, llama_batch_get_one(ids, prompt))) fail("cannot decode");
        llama_synchronize(ctx);
        double read = now();
        for (int step = 0; step < count; step++) {
            const float *row = llama_get_logits_ith(ctx, -1);
            llama_token best = 0;
            for (int i = 1; i < words; i++) if (row[i] > row[best]) best = i;
            if (llama_decode(ctx, llama_batch_get_one(&best, 1))) fail("cannot decode");
        }
        llama_synchronize(ctx);
        if (round < 0) continue;
        reads[round] = prompt / (read - begun);
        writes[round] = count / (now() - read);
    }
    qsort(reads, 5, sizeof *reads, ascending);
    qsort(writes, 5, sizeof *writes, ascending);
    printf("{\"prefill_tokens_per_second\": %.1f, \"decode_tokens_per_second\": %.1f}\n", reads[2], writes[2]);
}

int main(int argc, char **argv) {
    if (argc < 5) fail("usage: see the head of this file");
    llama_log_set(quiet, NULL);
    if (!ggml_backend_load(argv[1])) fail("cannot load the CPU library");
    llama_backend_init();
    if (!strcmp(argv[2], "quantize") && argc == 6) quantize(argv[3], argv[4], argv[5]);
    else if (!strcmp(argv[2], "logits") && argc > 6) logits(argv[3], argv[4], argv[5], argc - 6, argv + 6);
    else if (!strcmp(argv[2], "greedy") && argc == 5) greedy(argv[3], atoi(argv[4]));
    else if (!strcmp(argv[2], "speed") && argc == 7)
        speed(argv[3], atoi(argv[4]), atoi(argv[5]), atoi(argv[6]));
    else fail("usage: see the head of this file");
    return 0;
}

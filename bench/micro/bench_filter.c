// What one filter costs on one film-like document, with and without its footer. Arguments: rounds
// (default 200000). Prints ns per document, the best of fifty short runs of each.
#include <stdio.h>
#include <stdlib.h>

#include "base/err/check.h"
#include "doc/footer.h"
#include "doc/json.h"
#include "filter/filter.h"

enum { DOCS = 64, RUNS = 50 };

static const char *const filters[] = {
    "year > 2000 AND genres CONTAINS 'Drama'",
    "year = 1994",
    "title STARTS WITH 'The'",
    "year BETWEEN 1990 AND 1999 AND genres IN ('Drama', 'Comedy', 'Crime')",
    "director.name = 'Person 3' OR cast.name = 'Actor 7'",
    "language != 'en' AND NOT (rating < 5.5 OR votes IS NULL)",
    "{\"title\":{\"$regex\":\"night\",\"$options\":\"i\"}}",
};

struct films {
    struct doc docs[DOCS];
    size_t body_bytes, footer_bytes;
};

static struct slice keep(struct ctx *ctx, const struct buf *buf) {
    void *copy = arena_copy(&ctx->arena, buf->p, buf->n);
    CHECK(buf_status(buf) == NACRE_OK && copy);
    return slice_of(copy, buf->n);
}

static void film_text(struct buf *out, int i) {
    static const char *const genres[] = {"Drama", "Comedy", "Crime", "Action", "Horror"};
    buf_reset(out);
    buf_printf(
        out,
        "{\"_id\":\"film-%d\",\"title\":\"%s Night of Film %d\",\"original_title\":\"Film %d\","
        "\"year\":%d,\"runtime\":%d,\"language\":\"%s\",\"rating\":%d.%d,\"votes\":%d,",
        i, i % 3 ? "A" : "The", i, i, 1960 + i, 80 + i, i % 4 ? "en" : "fr", 4 + i % 5, i % 10,
        i * 131);
    buf_printf(
        out,
        "\"genres\":[\"%s\",\"%s\"],\"director\":{\"name\":\"Person %d\",\"born\":%d},\"cast\":[",
        genres[i % 5], genres[(i + 1) % 5], i % 9, 1930 + i);
    for (int k = 0; k < 5; k++)
        buf_printf(out, "%s{\"name\":\"Actor %d\",\"role\":\"Role %d\"}", k ? "," : "",
                   (i + k) % 30, k);
    buf_printf(
        out,
        "],\"countries\":[\"US\"],\"budget\":%d,\"revenue\":%d,\"status\":\"released\",\"plot\":"
        "\"Somebody comes to a town and everything changes, for a while, until it does not.\"}",
        i * 10000, i * 30000);
}

static void make_films(struct ctx *ctx, bool with_footer, struct films *out) {
    BUF_CLEANUP struct buf text;
    BUF_CLEANUP struct buf bytes;
    struct json_options options = {0};
    buf_init(&text, NULL, 1u << 20);
    buf_init(&bytes, NULL, 1u << 20);
    *out = (struct films){0};
    for (int i = 0; i < DOCS; i++) {
        film_text(&text, i);
        buf_reset(&bytes);
        CHECK(json_parse(ctx, buf_slice(&text), &options, &bytes) == NACRE_OK);
        out->docs[i].body = keep(ctx, &bytes);
        out->body_bytes += bytes.n;
        if (!with_footer) continue;
        buf_reset(&bytes);
        footer_build(&bytes, out->docs[i].body);
        out->docs[i].footer = keep(ctx, &bytes);
        out->footer_bytes += bytes.n;
    }
}

static double run(struct ctx *ctx, const struct filter *filter, const struct films *films,
                  long rounds, long *out_matches) {
    uint64_t start = world_mono_ns(&world_system);
    long matches = 0;
    for (long i = 0; i < rounds; i++) {
        bool match = false;
        CHECK(filter_eval(ctx, filter, &films->docs[i % DOCS], &match) == NACRE_OK);
        matches += match;
    }
    *out_matches = matches;
    return (double)(world_mono_ns(&world_system) - start) / (double)rounds;
}

static double best_of(struct ctx *ctx, const struct filter *filter, const struct films *films,
                      long rounds, long *out_matches) {
    double best = run(ctx, filter, films, rounds, out_matches);
    for (int i = 1; i < RUNS; i++) {
        double ns = run(ctx, filter, films, rounds, out_matches);
        if (ns < best) best = ns;
    }
    return best;
}

int main(int argc, char **argv) {
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 20000;
    struct films plain, footed;
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    make_films(&ctx, false, &plain);
    make_films(&ctx, true, &footed);
    printf("body %zu bytes, footer %zu bytes\n", plain.body_bytes / DOCS,
           footed.footer_bytes / DOCS);
    printf("%10s %10s %8s  filter\n", "footer ns", "plain ns", "matched");
    for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
        struct filter *filter;
        CHECK(filter_parse_any(&ctx, slice_str(filters[i]), &filter_regex_pcre2, &filter) ==
              NACRE_OK);
        long a = 0, b = 0;
        double with = best_of(&ctx, filter, &footed, rounds, &a);
        double without = best_of(&ctx, filter, &plain, rounds, &b);
        CHECK(a == b);
        printf("%10.1f %10.1f %7.1f%%  %s\n", with, without, 100.0 * (double)a / (double)rounds,
               filters[i]);
    }
    ctx_free(&ctx);
    return 0;
}

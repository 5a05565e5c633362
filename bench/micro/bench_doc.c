// Documents: field access, JSON in, JSON out, footer and row, on films of about 1 KB and 2 KB.
// Prints the median of many batches, in nanoseconds a call. Goals: JSON in ≤ 1,500, JSON out ≤
// 2,000 and the check against a schema ≤ 2,000 for 1 KB, a field of the 2 KB document through its
// footer ≤ 200.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err/check.h"
#include "base/err/ctx.h"
#include "doc/footer.h"
#include "doc/json.h"
#include "doc/row.h"
#include "doc/schema/schema.h"
#include "kit/kit.h"

enum { BATCHES = 101, BATCH_NS = 400000 };

static const char film_1k[] =
    "{\"_id\":\"The Grand Meridian_1987\",\"title\":\"The Grand Meridian\",\"year\":1987,"
    "\"cast\":[\"Ana Torrent\",\"José Sacristán\",\"Fernando Fernán Gómez\",\"Laura del Sol\"],"
    "\"genres\":[\"Drama\",\"Historical\",\"Romance\"],\"href\":\"The_Grand_Meridian_(film)\","
    "\"extract\":\"The Grand Meridian is a 1987 historical drama film about the surveyors who in "
    "1792 set out to measure the length of a quarter of the Earth's meridian. The film follows two "
    "astronomers through seven years of revolution, war and self-doubt, and was praised for its "
    "photography of the Pyrenees and for a script in which, as one critic said, \\\"every number "
    "is "
    "a character\\\". It was shown in the main section of three festivals and was released on 14 "
    "October 1987.\",\"thumbnail\":\"https://upload.example.org/wikipedia/en/thumb/3/3a/"
    "The_Grand_Meridian_poster.jpg/220px-The_Grand_Meridian_poster.jpg\",\"thumbnail_width\":220,"
    "\"thumbnail_height\":326,\"rating\":7.4,\"votes\":18234}";

static const char extra_2k[] =
    ",\"director\":\"Pilar Miró Romero\",\"writers\":[\"Mario Camus\",\"Rafael Azcona\"],"
    "\"country\":\"Spain\",\"language\":\"Spanish\",\"runtime_minutes\":134,\"color\":true,"
    "\"box_office\":{\"budget\":4200000,\"opening\":310442.5,\"gross\":9100341,\"currency\":"
    "\"EUR\"},"
    "\"awards\":{\"won\":4,\"nominated\":11,\"festival\":\"San Sebastián\",\"best_actor\":false},"
    "\"release\":{\"date\":{\"$date\":\"1987-10-14T00:00:00.000Z\"},\"premiere\":\"Madrid\","
    "\"studio\":\"Pórtico Films\",\"distributor\":\"Cinematográfica del Norte\"},"
    "\"keywords\":[\"meridian\",\"astronomy\",\"revolution\",\"measurement\",\"metre\","
    "\"Pyrenees\"],"
    "\"ratings\":{\"critics\":81,\"audience\":74,\"weighted\":7.62,\"count\":20331},"
    "\"locations\":[{\"name\":\"Barcelona\",\"lon\":2.1734,\"lat\":41.3851},{\"name\":\"Dunkirk\","
    "\"lon\":2.3768,\"lat\":51.0344}],\"sound\":\"Dolby Stereo\",\"ratio\":1.85,\"restored\":null,"
    "\"notes\":\"Restored in 2017 from the camera negative.\",\"last_field\":42}";

// What somebody would write for such films: each field, nothing else.
static const char film_schema[] =
    "{\"type\":\"object\",\"required\":[\"title\",\"year\"],\"additionalProperties\":false,"
    "\"properties\":{\"title\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200},"
    "\"year\":{\"type\":\"integer\",\"minimum\":1880,\"maximum\":2100},"
    "\"cast\":{\"$ref\":\"#/$defs/names\"},\"genres\":{\"$ref\":\"#/$defs/names\"},"
    "\"href\":{\"type\":\"string\"},\"extract\":{\"type\":\"string\",\"maxLength\":10000},"
    "\"thumbnail\":{\"type\":\"string\"},\"thumbnail_width\":{\"type\":\"integer\"},"
    "\"thumbnail_height\":{\"type\":\"integer\"},\"rating\":{\"type\":\"number\",\"minimum\":0,"
    "\"maximum\":10,\"multipleOf\":0.1},\"votes\":{\"type\":\"integer\",\"minimum\":0}},"
    "\"$defs\":{\"names\":{\"type\":\"array\",\"uniqueItems\":true,"
    "\"items\":{\"type\":\"string\",\"minLength\":1}}}}";

struct bench {
    struct ctx ctx;
    struct slice json;
    struct buf bson, footer, out, row;
    struct path path;
    struct doc doc;
    struct schema *schema;
};

static int64_t now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef void bench_call(struct bench *b);

static double batch_ns(bench_call *call, struct bench *b, int calls) {
    int64_t start = now_ns();
    for (int i = 0; i < calls; i++)
        call(b);
    return (double)(now_ns() - start) / calls;
}

static void measure(const char *name, bench_call *call, struct bench *b) {
    double samples[BATCHES], once = batch_ns(call, b, 1000);
    int calls = 1 + (int)(BATCH_NS / (once + 1));
    for (int i = 0; i < BATCHES; i++)
        samples[i] = batch_ns(call, b, calls);
    qsort(samples, BATCHES, sizeof *samples, compare_doubles);
    double ns = samples[BATCHES / 2];
    printf("  %-34s %8.1f ns\n", name, ns);
    if (b->json.n < 1300 && strcmp(name, "JSON in") == 0)
        kit_row("JSON in, 1 KB", "≤ 1.5 µs", ns <= 1500, "%.2f µs", ns / 1000);
    if (b->json.n < 1300 && strcmp(name, "JSON out") == 0)
        kit_row("JSON out, 1 KB", "≤ 2 µs", ns <= 2000, "%.2f µs", ns / 1000);
    if (strcmp(name, "schema") == 0)
        kit_row("schema check of a 1 KB document", "≤ 2 µs", ns <= 2000, "%.2f µs", ns / 1000);
    if (b->json.n > 1300 && strcmp(name, "field last_field, footer") == 0)
        kit_row("field access in a 2 KB document", "≤ 0.2 µs", ns <= 200, "%.3f µs", ns / 1000);
}

static void call_parse(struct bench *b) {
    buf_reset(&b->out);
    CHECK(json_parse(&b->ctx, b->json, NULL, &b->out) == NACRE_OK);
}

static void call_write(struct bench *b) {
    buf_reset(&b->out);
    json_write_doc(&b->out, buf_slice(&b->bson), JSON_INT64_NUMBER);
}

static void call_validate(struct bench *b) {
    CHECK(bson_validate(&b->ctx, buf_slice(&b->bson)) == NACRE_OK);
}

static void call_schema(struct bench *b) {
    struct val v = val_bytes(VAL_OBJECT, buf_slice(&b->bson));
    CHECK(schema_validate(&b->ctx, b->schema, v) == NACRE_OK);
}

static void measure_schema(struct bench *b) {
    BUF_CLEANUP struct buf bson;
    struct json_options names = {.allow_dollar_names = true};
    struct schema_options options = {.collection = true};
    buf_init(&bson, NULL, 1 << 20);
    CHECK(json_parse(&b->ctx, slice_str(film_schema), &names, &bson) == NACRE_OK);
    struct val v = val_bytes(VAL_OBJECT, buf_slice(&bson));
    CHECK(schema_compile(&b->ctx, v, &options, &b->schema) == NACRE_OK);
    measure("schema", call_schema, b);
    schema_free(b->schema);
}

static void call_footer(struct bench *b) {
    buf_reset(&b->out);
    footer_build(&b->out, buf_slice(&b->bson));
}

static void call_get(struct bench *b) {
    uint8_t scratch[64];
    struct val v = doc_get(&b->doc, &b->path, scratch);
    __asm__ volatile("" : : "r"(v.p) : "memory");
}

static void call_row_encode(struct bench *b) {
    buf_reset(&b->out);
    struct row row = {.version = 1, .body = buf_slice(&b->bson), .footer = buf_slice(&b->footer)};
    row_encode(&b->out, SLICE_LIT("Dsome key"), &row);
}

static void call_row_decode(struct bench *b) {
    struct row row;
    CHECK(row_decode(&b->ctx, SLICE_LIT("Dsome key"), buf_slice(&b->row), true, &row) == NACRE_OK);
}

static void measure_field(struct bench *b, const char *path, bool with_footer) {
    char name[80];
    CHECK(path_parse(&b->ctx, slice_str(path), &b->path) == NACRE_OK);
    b->doc = (struct doc){.body = buf_slice(&b->bson)};
    if (with_footer) b->doc.footer = buf_slice(&b->footer);
    snprintf(name, sizeof name, "field %s%s", path, with_footer ? ", footer" : "");
    measure(name, call_get, b);
}

static void run(const char *json, const char *const *paths) {
    struct bench b;
    ctx_init(&b.ctx, &world_system, NULL, 1 << 20);
    buf_init(&b.bson, NULL, 1 << 20);
    buf_init(&b.footer, NULL, 1 << 20);
    buf_init(&b.out, NULL, 1 << 20);
    buf_init(&b.row, NULL, 1 << 20);
    b.json = slice_str(json);
    CHECK(json_parse(&b.ctx, b.json, NULL, &b.bson) == NACRE_OK);
    footer_build(&b.footer, buf_slice(&b.bson));
    struct row row = {.version = 1, .body = buf_slice(&b.bson), .footer = buf_slice(&b.footer)};
    row_encode(&b.row, SLICE_LIT("Dsome key"), &row);
    printf("JSON %zu bytes, BSON %zu, footer %zu, %u fields\n", b.json.n, b.bson.n, b.footer.n,
           bson_count(buf_slice(&b.bson)));
    measure("JSON in", call_parse, &b);
    measure("JSON out", call_write, &b);
    measure("validate", call_validate, &b);
    if (b.json.n < 1300) measure_schema(&b);
    measure("footer", call_footer, &b);
    measure("row encode", call_row_encode, &b);
    measure("row decode and verify", call_row_decode, &b);
    for (; *paths; paths++) {
        measure_field(&b, *paths, true);
        measure_field(&b, *paths, false);
    }
    buf_free(&b.bson);
    buf_free(&b.footer);
    buf_free(&b.out);
    buf_free(&b.row);
    ctx_free(&b.ctx);
}

int main(void) {
    char film_2k[4096];
    snprintf(film_2k, sizeof film_2k, "%.*s%s", (int)sizeof film_1k - 2, film_1k, extra_2k);
    const char *const few[] = {"title", "votes", "absent", NULL};
    const char *const many[] = {"title",      "last_field",     "box_office.gross", "ratings.count",
                                "keywords.5", "release.absent", "absent",           NULL};
    run(film_1k, few);
    run(film_2k, many);
    return 0;
}

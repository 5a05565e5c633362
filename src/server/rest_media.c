// Media types: what a body is, and which of the forms of an answer was asked for.
#include <stdio.h>

#include "server/server.h"

static const char *const media_names[] = {
    [OP_JSON] = "application/json",
    [OP_MERGE_PATCH] = "application/merge-patch+json",
    [OP_JSON_PATCH] = "application/json-patch+json",
    [OP_NDJSON] = "application/x-ndjson",
    [OP_CSV] = "text/csv",
    [OP_EVENTS] = "text/event-stream",
};
enum { MEDIA = sizeof media_names / sizeof *media_names, QUALITY_MAX = 1000 };

const char *rest_media_name(enum op_media media) { return media_names[media]; }

static struct slice trim(struct slice text) {
    while (text.n && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = slice_skip(text, 1);
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

// What stands before the next separator, which *rest is after.
static struct slice take_part(struct slice *rest, char separator) {
    const uint8_t *end = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
    size_t size = end ? (size_t)(end - rest->p) : rest->n;
    struct slice part = trim(slice_of(rest->p, size));
    *rest = slice_skip(*rest, size + (end != NULL));
    return part;
}

static bool is_listed(const char *list, int media) {
    return op_is_listed(list, slice_str(media_names[media]));
}

// --- bodies ---

static nacre_status unsupported(struct op_call *call, const char *header, struct slice given) {
    char takes[200] = "";
    size_t n = 0;
    for (const char *at = call->op->media; *at && n + 1 < sizeof takes; at++)
        n += (size_t)snprintf(takes + n, sizeof takes - n, *at == ',' ? ", " : "%c", *at);
    err_set(call->ctx, NACRE_UNSUPPORTED_MEDIA_TYPE, "%s takes %s, not %.*s", call->op->name,
            header[8] == 'T' ? takes : "a body as it is", (int)(given.n < 80 ? given.n : 80),
            (const char *)given.p);
    err_header(call->ctx, header);
    return NACRE_UNSUPPORTED_MEDIA_TYPE;
}

static enum op_media usual_media(const struct op *op) {
    return op->media && !is_listed(op->media, OP_JSON) ? OP_NDJSON : OP_JSON;
}

nacre_status rest_media_take(struct op_call *call, const struct http_request *request) {
    struct slice type = http_header(request, "content-type");
    struct slice coding = http_header(request, "content-encoding");
    struct slice media = take_part(&type, ';');
    call->media = usual_media(call->op);
    if (!call->op->media) return NACRE_OK;
    if (coding.n && !http_header_is(coding, "identity"))
        return unsupported(call, "Content-Encoding", coding);
    if (!media.n) return NACRE_OK;
    for (int i = 0; i < MEDIA; i++) {
        if (!is_listed(call->op->media, i) || !http_header_is(media, media_names[i])) continue;
        call->media = (enum op_media)i;
        return NACRE_OK;
    }
    return unsupported(call, "Content-Type", media);
}

// --- answers ---

// "0.5" in thousandths; nonsense is 1.
static unsigned quality_of(struct slice text) {
    unsigned value = 0, digit = QUALITY_MAX;
    if (!text.n || text.p[0] < '0' || text.p[0] > '1') return QUALITY_MAX;
    for (size_t i = 0; i < text.n && digit; i++) {
        if (text.p[i] == '.') continue;
        if (text.p[i] < '0' || text.p[i] > '9') return QUALITY_MAX;
        value += (unsigned)(text.p[i] - '0') * digit;
        digit /= 10;
    }
    return value > QUALITY_MAX ? QUALITY_MAX : value;
}

// How well a range fits a type: 3 is it, 2 of its kind, 1 anything, 0 not.
static unsigned fit_of(struct slice range, const char *name) {
    size_t kind = strcspn(name, "/") + 1;
    if (http_header_is(range, name)) return 3;
    if (http_header_is(range, "*/*")) return 1;
    bool of_kind = range.n == kind + 1 && range.p[kind] == '*' && !memcmp(range.p, name, kind);
    return of_kind ? 2 : 0;
}

// One type's place among the ranges of Accept: RFC 9110, 12.5.1.
struct choice {
    unsigned quality, fit;
    size_t place;
};

static void consider(struct slice range, size_t place, const char *name, struct choice *out) {
    struct slice type = take_part(&range, ';');
    unsigned quality = QUALITY_MAX, fit = fit_of(type, name);
    while (range.n) {
        struct slice parameter = take_part(&range, ';');
        if (parameter.n > 2 && (parameter.p[0] | 0x20) == 'q' && parameter.p[1] == '=')
            quality = quality_of(slice_skip(parameter, 2));
    }
    if (fit > out->fit) *out = (struct choice){.quality = quality, .fit = fit, .place = place};
}

static struct choice choice_of(const struct http_request *request, const char *name) {
    struct choice out = {0};
    size_t place = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        if (!http_header_is(request->headers[i].name, "accept")) continue;
        struct slice rest = request->headers[i].value;
        while (rest.n)
            consider(take_part(&rest, ','), place++, name, &out);
    }
    return out;
}

static bool is_better(struct choice a, struct choice b) {
    if (a.quality != b.quality) return a.quality > b.quality;
    if (a.fit != b.fit) return a.fit > b.fit;
    return a.place < b.place;
}

// Where nothing fits, the usual form: an answer that is not understood tells more than none.
void rest_media_choose(struct op_call *call, const struct http_request *request) {
    struct slice offers = slice_str(call->op->offers);
    struct choice best = {0};
    bool first = true;
    while (offers.n) {
        struct slice offer = take_part(&offers, ',');
        int media = 0;
        while (!slice_eq_str(offer, media_names[media]))
            media++; // the table's are all there: tools/gen.py checks
        struct choice choice = choice_of(request, media_names[media]);
        if (first || (choice.quality && is_better(choice, best))) {
            best = choice;
            call->accept = (enum op_media)media;
        }
        first = false;
    }
}

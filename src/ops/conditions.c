// Headers that say when and how: entity tags, preferences, conditions of writes.
#include <strings.h>

#include "ops/op.h"

enum { TAGS_MAX = 64 };
// Of a tag that no version has.
#define NO_VERSION UINT64_MAX

static nacre_status bad_header(struct op_call *call, enum op_header header, const char *expected) {
    nacre_status status = err_set(call->ctx, NACRE_INVALID_ARGUMENT, "%s: expected %s, got %.80s",
                                  op_header_names[header], expected, call->headers[header]);
    err_header(call->ctx, op_header_names[header]);
    return status;
}

// --- tags ---

// The version that a tag names: "7" without leading zeros.
static uint64_t version_of(const char *text, size_t size) {
    uint64_t version = 0;
    if (size == 0 || size > 19 || text[0] == '0') return NO_VERSION;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') return NO_VERSION;
        version = version * 10 + (uint64_t)(text[i] - '0');
    }
    return version;
}

static const char *skip_blanks(const char *at) { return at + strspn(at, " \t"); }

// "7", W/"8": the versions; *any for *. weak: weak tags count, too. RFC 9110, 8.8.3 and 13.1.
static nacre_status take_tags(struct op_call *call, enum op_header header, bool weak,
                              uint64_t versions[TAGS_MAX], size_t *out_count, bool *any) {
    static const char *const expected = "a list of versions in quotes, as in \"7\", or *";
    const char *at = call->headers[header];
    bool found = false;
    *out_count = 0;
    *any = strcmp(at, "*") == 0;
    if (*any) return NACRE_OK;
    for (at = skip_blanks(at); *at; at = skip_blanks(at + (*at == ','))) {
        bool is_weak = strncmp(at, "W/", 2) == 0;
        if (*at == ',') continue; // an empty element
        if (is_weak) at += 2;
        size_t size = *at == '"' ? strcspn(at + 1, "\"") : 0;
        if (*at != '"' || at[size + 1] != '"' || *out_count == TAGS_MAX)
            return bad_header(call, header, expected);
        uint64_t version = is_weak && !weak ? NO_VERSION : version_of(at + 1, size);
        if (version != NO_VERSION) versions[(*out_count)++] = version;
        found = true;
        at = skip_blanks(at + size + 2);
        if (*at && *at != ',') return bad_header(call, header, expected);
    }
    if (!found) return bad_header(call, header, expected);
    if (!*out_count) versions[(*out_count)++] = NO_VERSION; // none can fit
    return NACRE_OK;
}

static bool has_version(const uint64_t *versions, size_t count, uint64_t version) {
    for (size_t i = 0; i < count; i++)
        if (versions[i] == version) return true;
    return false;
}

nacre_status op_matches(struct op_call *call, uint64_t version, bool *out) {
    uint64_t versions[TAGS_MAX];
    size_t count;
    bool any;
    *out = false;
    if (call->headers[OP_HEADER_IF_MATCH]) {
        TRY(take_tags(call, OP_HEADER_IF_MATCH, false, versions, &count, &any));
        if (!any && !has_version(versions, count, version)) {
            nacre_status status =
                err_set(call->ctx, NACRE_VERSION_MISMATCH, "the document has version %llu",
                        (unsigned long long)version);
            err_version(call->ctx, version);
            return status;
        }
    }
    if (!call->headers[OP_HEADER_IF_NONE_MATCH]) return NACRE_OK;
    TRY(take_tags(call, OP_HEADER_IF_NONE_MATCH, true, versions, &count, &any));
    *out = any || has_version(versions, count, version);
    return NACRE_OK;
}

// --- preferences ---

// Whether one preference is return=minimal: RFC 7240, names without case, value maybe in quotes.
static bool is_minimal(struct slice text) {
    char word[40];
    size_t n = 0;
    for (size_t i = 0; i < text.n && text.p[i] != ';' && n < sizeof word - 1; i++)
        if (text.p[i] != ' ' && text.p[i] != '\t' && text.p[i] != '"') word[n++] = (char)text.p[i];
    word[n] = '\0';
    return strcasecmp(word, "return=minimal") == 0;
}

bool op_is_minimal(struct op_call *call) {
    const char *at = call->headers[OP_HEADER_PREFER];
    while (at && *at) {
        size_t size = strcspn(at, ",");
        if (is_minimal(slice_of(at, size))) return call->answer.minimal = true;
        at += size + (at[size] == ',');
    }
    return false;
}

// --- writes ---

nacre_status op_write_options(struct op_call *call, nacre_write *out, uint64_t versions[64]) {
    bool any = false;
    *out = (nacre_write){
        .durability = op_durability(call),
        .if_filter = call->params[OP_PARAM_IF],
        .has_ttl = call->params[OP_PARAM_TTL_SECONDS] != NULL,
        .ttl_seconds = op_number(call, OP_PARAM_TTL_SECONDS, 0),
        .lease = call->headers[OP_HEADER_NACRE_LEASE],
        .idempotency_key = call->headers[OP_HEADER_IDEMPOTENCY_KEY],
        .want_document = !op_is_minimal(call),
    };
    if (call->headers[OP_HEADER_IF_NONE_MATCH]) {
        if (strcmp(call->headers[OP_HEADER_IF_NONE_MATCH], "*") != 0)
            return bad_header(call, OP_HEADER_IF_NONE_MATCH, "*, on a write");
        out->if_absent = 1;
    }
    if (!call->headers[OP_HEADER_IF_MATCH]) return NACRE_OK;
    TRY(take_tags(call, OP_HEADER_IF_MATCH, false, versions, &out->if_version_count, &any));
    out->if_versions = versions;
    out->if_present = any;
    return NACRE_OK;
}

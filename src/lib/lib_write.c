// Writes of one document.
#include "lib/lib_write.h"

#include "base/bits/bits.h"
#include "doc/json.h"
#include "doc/key.h"
#include "lib/lib_token.h"

enum { ANSWER_ROOM = 2 * KEY_ID_TEXT_MAX + LIB_TOKEN_MAX + 16 };

// --- options ---

nacre_status lib_write_bad_option(struct nacre_session *s, const char *name, const char *detail) {
    nacre_status status = err_set(&s->ctx, NACRE_INVALID_ARGUMENT, "%s", detail);
    err_parameter(&s->ctx, name);
    return status;
}

static nacre_status check_common(struct nacre_session *s, const nacre_write *o) {
    if (o->durability != NACRE_SYNCED && o->durability != NACRE_MEMORY)
        return lib_write_bad_option(s, "durability",
                                    "durability: expected NACRE_SYNCED or NACRE_MEMORY, "
                                    "got another number");
    if (o->idempotency_key && !o->idempotency_key[0])
        return lib_write_bad_option(s, "idempotency_key",
                                    "idempotency_key is empty; expected 1..255 bytes, or none");
    return NACRE_OK;
}

static nacre_status check_options(struct nacre_session *s, const nacre_write *o) {
    if (!o) return NACRE_OK;
    TRY(check_common(s, o));
    if (o->if_version_count && !o->if_versions)
        return lib_write_bad_option(s, "if_versions",
                                    "if_versions is NULL; expected if_version_count "
                                    "versions");
    if (o->if_version_count > COMMAND_VERSIONS_MAX)
        return lib_write_bad_option(s, "if_versions",
                                    "if_version_count: expected at most 64, got more");
    if (o->if_absent && (o->if_present || o->if_version_count || o->if_filter || o->lease))
        return lib_write_bad_option(
            s, "if_absent",
            "if_absent asks for no document, another condition for one: no write "
            "can fit both");
    if (o->ttl_seconds && !o->has_ttl)
        return lib_write_bad_option(s, "has_ttl",
                                    "ttl_seconds is given but has_ttl is 0; expected has_ttl 1");
    return NACRE_OK;
}

nacre_status lib_write_check_plain(struct nacre_session *s, const nacre_write *o,
                                   const char *call) {
    if (!o) return NACRE_OK;
    TRY(check_common(s, o));
    bool conditions = o->if_absent || o->if_present || o->if_version_count || o->if_filter ||
                      o->has_ttl || o->ttl_seconds || o->lease;
    if (!conditions) return NACRE_OK;
    nacre_status status = err_set(&s->ctx, NACRE_INVALID_ARGUMENT,
                                  "%s takes durability, idempotency_key and want_document; got "
                                  "a condition, a time to live or a lease",
                                  call);
    err_parameter(&s->ctx, "options");
    return status;
}

enum durability lib_write_durability(const nacre_write *o) {
    return o && o->durability == NACRE_MEMORY ? DURABILITY_MEMORY : DURABILITY_SYNCED;
}

struct idempotency lib_write_idempotency(const struct nacre_session *s, const nacre_write *o,
                                         struct slice body, uint64_t seed) {
    struct idempotency out = {0};
    if (!o || !o->idempotency_key) return out;
    out.key = slice_str(o->idempotency_key);
    if (s->caller) out.principal = slice_str(s->caller);
    out.body_hash = hash_bytes_seed(body.p, body.n, seed);
    return out;
}

bool lib_write_is_of_whole(nacre_status status) {
    switch (status) {
    case NACRE_COLLECTION_NOT_FOUND:
    case NACRE_DATABASE_NOT_FOUND:
    case NACRE_IDEMPOTENCY_KEY_REUSED:
    case NACRE_CONFLICT:
    case NACRE_TRANSACTION_TOO_LARGE:
    case NACRE_REQUEST_TOO_LARGE:
    case NACRE_PERMISSION_DENIED:
    case NACRE_CANCELLED:
        return true;
    case NACRE_UNIMPLEMENTED:
    case NACRE_QUOTA_EXCEEDED:
        return false;
    default:
        return nacre_status_http(status) >= 500;
    }
}

// --- answers ---

nacre_status lib_write_reserve(struct nacre_session *s) {
    lib_text_reset(&s->answer);
    return buf_reserve(&s->answer, ANSWER_ROOM) ? NACRE_OK : err_buf(&s->ctx, &s->answer);
}

nacre_status lib_write_id(struct nacre_session *s, const struct op_result *op, struct val *out) {
    struct slice in = op->id_key;
    return key_decode(&s->ctx, &in, false, KEY_TB_PLAIN, out);
}

nacre_status lib_write_document(struct nacre_session *s, const struct op_result *op,
                                bool with_token, struct buf *out) {
    struct row row;
    struct lib_row_options options = {.with_token = with_token};
    TRY(row_decode(&s->ctx, slice_of(NULL, 0), op->row, false, &row));
    return lib_row_json(s, &row, &options, out);
}

static nacre_status done_but_untold(struct nacre_session *s) {
    nacre_status status = err_set(&s->ctx, NACRE_OUTCOME_UNKNOWN,
                                  "the write was done, but there is no memory to tell its answer");
    err_hint(&s->ctx, "read the document to see it");
    return status;
}

nacre_status lib_write_answer(struct nacre_session *s, const struct result *result,
                              const nacre_write *o, nacre_result *out) {
    char token[LIB_TOKEN_MAX];
    struct buf *b = &s->answer;
    struct val id;
    if (!out || !result->count) return NACRE_OK;
    const struct op_result *op = &result->ops[0];
    if (lib_write_id(s, op, &id) != NACRE_OK) return done_but_untold(s);
    id_print(b, id);
    buf_put_u8(b, 0);
    size_t token_at = b->n;
    lib_token_print(result->generation, result->seq, token);
    buf_put_str(b, s->in_tx ? "" : token); // only the commit has one
    buf_put_u8(b, 0);
    size_t json_at = b->n;
    bool with_json = o && o->want_document && op->row.n;
    if (with_json && lib_write_document(s, op, false, b) != NACRE_OK) return done_but_untold(s);
    size_t json_size = b->n - json_at;
    buf_put_u8(b, 0);
    if (buf_status(b) != NACRE_OK) return done_but_untold(s);
    *out = (nacre_result){.created = (op->flags & RESULT_CREATED) != 0,
                          .replayed = (result->flags & RESULT_REPLAYED) != 0,
                          .version = op->version,
                          .id = (const char *)b->p,
                          .sequence = (const char *)b->p + token_at};
    if (!with_json) return NACRE_OK;
    out->json = (const char *)b->p + json_at;
    out->json_size = json_size;
    return NACRE_OK;
}

// --- one write ---

struct one {
    nacre_collection *collection;
    const nacre_write *options;
    struct write_item item;
    struct slice body; // as given
};

static void set_conditions(struct write_item *item, const nacre_write *o) {
    if (!o) return;
    item->if_absent = o->if_absent != 0;
    item->if_present = o->if_present != 0;
    item->version_count = (uint32_t)o->if_version_count;
    item->versions = o->if_versions;
    if (o->if_filter) item->filter = slice_str(o->if_filter);
    item->has_ttl = o->has_ttl != 0;
    item->ttl_seconds = o->ttl_seconds;
    if (o->lease) item->token = slice_str(o->lease);
    item->want_document = o->want_document != 0;
}

static nacre_status run(struct nacre_session *s, struct one *one, nacre_result *out) {
    struct result result;
    struct write_item *item = &one->item;
    uint64_t seed = (uint64_t)item->kind << 8 | (uint64_t)item->format;
    struct write_request request = {.atomic = true,
                                    .count = 1,
                                    .items = item,
                                    .durability = lib_write_durability(one->options)};
    TRY(lib_target(s, one->collection, &request.target));
    set_conditions(item, one->options);
    if (one->options && one->options->lease && !one->options->lease[0])
        return lib_write_bad_option(s, "lease", "lease is empty; expected a token, or none");
    if (one->options && one->options->if_filter && !one->options->if_filter[0])
        return lib_write_bad_option(s, "if_filter",
                                    "if_filter is empty; expected a filter, or none");
    request.idempotency = lib_write_idempotency(s, one->options, one->body, seed);
    TRY(lib_write_reserve(s));
    TRY(lib_done(s, lib_tx_write(s, &request, &result)));
    return lib_write_answer(s, &result, one->options, out);
}

static nacre_status check_text(struct nacre_session *s, const char *json, size_t size,
                               struct slice *out) {
    if (!json) return lib_null(s, "json", "JSON text");
    *out = slice_of(json, size);
    return NACRE_OK;
}

static nacre_status write_document(struct nacre_session *s, struct one *one, const nacre_id *id,
                                   nacre_result *out) {
    s->body.max = DOC_BYTES_MAX;
    lib_text_reset(&s->body);
    TRY(lib_done(s, json_parse(&s->ctx, one->body, NULL, &s->body)));
    one->item.body = buf_slice(&s->body);
    if (id) one->item.id = lib_id(*id);
    return run(s, one, out);
}

nacre_status nacre_put(nacre_session *s, nacre_collection *collection, const nacre_id *id,
                       const char *json, size_t size, const nacre_write *options,
                       nacre_result *out) {
    struct one one = {.collection = collection, .options = options, .item.kind = WRITE_PUT};
    TRY(lib_begin(s));
    TRY(check_options(s, options));
    TRY(check_text(s, json, size, &one.body));
    return write_document(s, &one, id, out);
}

nacre_status nacre_insert(nacre_session *s, nacre_collection *collection, const nacre_id *id,
                          const char *json, size_t size, const nacre_write *options,
                          nacre_result *out) {
    struct one one = {.collection = collection, .options = options, .item.kind = WRITE_INSERT};
    TRY(lib_begin(s));
    TRY(check_options(s, options));
    TRY(check_text(s, json, size, &one.body));
    return write_document(s, &one, id, out);
}

// A JSON Patch is an array; commands carry it as {"ops": […]}.
static nacre_status read_ops(struct nacre_session *s, struct slice text, struct slice *out) {
    struct val ops;
    struct bson_writer w;
    TRY(json_parse_value(&s->ctx, text, NULL, &s->scratch, NULL, &ops));
    if (ops.type != VAL_ARRAY) {
        nacre_status status =
            err_set(&s->ctx, NACRE_INVALID_ARGUMENT,
                    "a JSON Patch is an array of operations, got %s", val_type_name(ops.type));
        err_expected(&s->ctx, "", "an array", val_type_name(ops.type));
        err_hint(&s->ctx, "merge patches and operators are objects, of the types "
                          "application/merge-patch+json and application/json (NACRE_PATCH)");
        return status;
    }
    bson_begin(&w, &s->body);
    bson_put(&w, SLICE_LIT("ops"), ops);
    bson_end(&w);
    if (buf_status(&s->body) != NACRE_OK) return err_buf(&s->ctx, &s->body);
    *out = buf_slice(&s->body);
    return NACRE_OK;
}

static nacre_status read_object(struct nacre_session *s, struct slice text, bool dollar,
                                struct slice *out) {
    struct json_options options = {.allow_dollar_names = dollar};
    nacre_status status = json_parse(&s->ctx, text, &options, &s->body);
    if (status != NACRE_OK) {
        const uint8_t *p = text.p, *end = text.p + text.n;
        while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
            p++;
        if (p < end && *p == '[')
            err_hint(&s->ctx,
                     "a JSON Patch has the type application/json-patch+json (NACRE_PATCH_JSON)");
        return status;
    }
    *out = buf_slice(&s->body);
    return NACRE_OK;
}

nacre_status lib_write_patch(struct nacre_session *s, nacre_patch_kind kind, struct slice json,
                             enum patch_format *format, struct slice *out) {
    s->body.max = s->scratch.max = 2 * (size_t)DOC_BYTES_MAX;
    lib_text_reset(&s->body);
    lib_text_reset(&s->scratch);
    switch (kind) {
    case NACRE_PATCH:
        *format = PATCH_FORMAT_OBJECT;
        return read_object(s, json, true, out);
    case NACRE_PATCH_MERGE:
        *format = PATCH_FORMAT_MERGE;
        return read_object(s, json, false, out);
    case NACRE_PATCH_JSON:
        *format = PATCH_FORMAT_OPS;
        return read_ops(s, json, out);
    }
    return lib_write_bad_option(s, "kind",
                                "kind: expected NACRE_PATCH, NACRE_PATCH_MERGE or "
                                "NACRE_PATCH_JSON, got another number");
}

nacre_status nacre_patch(nacre_session *s, nacre_collection *collection, nacre_id id,
                         nacre_patch_kind kind, const char *json, size_t size,
                         const nacre_write *options, nacre_result *out) {
    struct one one = {.collection = collection, .options = options};
    one.item.kind = WRITE_PATCH;
    one.item.id = lib_id(id);
    TRY(lib_begin(s));
    TRY(check_options(s, options));
    TRY(check_text(s, json, size, &one.body));
    TRY(lib_done(s, lib_write_patch(s, kind, one.body, &one.item.format, &one.item.body)));
    return run(s, &one, out);
}

nacre_status nacre_delete(nacre_session *s, nacre_collection *collection, nacre_id id,
                          const nacre_write *options, nacre_result *out) {
    struct one one = {.collection = collection, .options = options};
    one.item.kind = WRITE_DELETE;
    one.item.id = lib_id(id);
    TRY(lib_begin(s));
    TRY(check_options(s, options));
    if (options && options->has_ttl)
        return lib_write_bad_option(s, "has_ttl",
                                    "a deleted document has no time to live; expected 0");
    return run(s, &one, out);
}

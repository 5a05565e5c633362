// Claims and leases.
#include "base/bits/bits.h"
#include "doc/json.h"
#include "lib/lib_body.h"
#include "lib/lib_write.h"

enum claim_member {
    CLAIM_FILTER,
    CLAIM_SORT,
    CLAIM_SET,
    CLAIM_LEASE_MS,
    CLAIM_HOLDER,
    CLAIM_ON_EXPIRE,
    CLAIM_MAX_EXAMINED
};
enum { LEASE_SEED = 0x200, EXTEND_SEED = 0x300, CLAIM_SEED = 0x400 };

static nacre_status read_sort(const struct lib_body *b, const struct lib_member *m,
                              struct val *out) {
    if (!m->raw.n) return NACRE_OK;
    TRY(lib_body_value(b, m, out));
    if (out->type == VAL_ARRAY) return NACRE_OK;
    return lib_body_bad(b, m->name, "an array of terms as in [\"a\",\"-b\"]", *out);
}

static nacre_status read_numbers(const struct lib_body *b, const struct lib_member *m,
                                 struct claim_request *out) {
    uint64_t examined = 0;
    if (m[CLAIM_LEASE_MS].raw.n)
        TRY(lib_body_integer(b, &m[CLAIM_LEASE_MS], 1, LEASE_MS_MAX, &out->lease_ms));
    if (m[CLAIM_MAX_EXAMINED].raw.n)
        TRY(lib_body_integer(b, &m[CLAIM_MAX_EXAMINED], 1, UINT32_MAX, &examined));
    out->max_examined = (uint32_t)examined;
    return NACRE_OK;
}

static nacre_status read_claim(const struct lib_body *b, struct lib_member *m,
                               struct claim_request *out) {
    TRY(lib_body_members(b, b->whole, m));
    if (m[CLAIM_FILTER].raw.n) TRY(lib_body_filter(b, &m[CLAIM_FILTER], &out->filter));
    TRY(read_sort(b, &m[CLAIM_SORT], &out->sort));
    if (m[CLAIM_SET].raw.n) TRY(lib_body_object(b, &m[CLAIM_SET], false, &out->set));
    if (m[CLAIM_ON_EXPIRE].raw.n)
        TRY(lib_body_object(b, &m[CLAIM_ON_EXPIRE], true, &out->on_expire));
    if (m[CLAIM_HOLDER].raw.n) TRY(lib_body_string(b, &m[CLAIM_HOLDER], &out->holder));
    return read_numbers(b, m, out);
}

static nacre_status answer_claim(struct nacre_session *s, const struct result *result,
                                 const char **out, size_t *out_size) {
    if (!result->count || (result->flags & RESULT_EMPTY)) {
        *out = NULL;
        if (out_size) *out_size = 0;
        return NACRE_OK;
    }
    nacre_status status = lib_write_document(s, &result->ops[0], true, &s->text);
    if (status == NACRE_OK) status = lib_text_give(s, &s->text, out, out_size);
    if (status == NACRE_OK) return NACRE_OK;
    status = err_set(&s->ctx, NACRE_OUTCOME_UNKNOWN,
                     "a document was claimed, but there is no memory to tell it");
    err_hint(&s->ctx, "its lease ends by itself; then it can be claimed again");
    return status;
}

nacre_status nacre_claim(nacre_session *s, nacre_collection *collection, const char *spec,
                         const nacre_write *options, const char **out, size_t *out_size) {
    struct claim_request request = {.durability = lib_write_durability(options)};
    struct result result;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the document goes");
    lib_last_keep(s, NULL);
    TRY(lib_write_check_plain(s, options, "nacre_claim"));
    TRY(lib_target(s, collection, &request.target));
    struct lib_body body = {.ctx = &s->ctx,
                            .bson = &s->body,
                            .whole = slice_str(spec && spec[0] ? spec : "{}"),
                            .what = "a claim"};
    struct lib_member members[] = {
        {.name = "filter"}, {.name = "sort"},      {.name = "set"},          {.name = "lease_ms"},
        {.name = "holder"}, {.name = "on_expire"}, {.name = "max_examined"}, {.name = NULL}};
    s->body.max = LIB_TEXT_MAX;
    lib_text_reset(&s->body);
    lib_text_reset(&s->text);
    TRY(lib_done(s, read_claim(&body, members, &request)));
    request.idempotency = lib_write_idempotency(s, options, body.whole, CLAIM_SEED);
    nacre_status status = s->in_tx ? engine_tx_claim(&s->ctx, s->tx, &request, &result)
                                   : engine_claim(&s->ctx, s->db->engine, &request, &result);
    status = lib_done(s, status);
    if (status != NACRE_OK) lib_body_place_filter(&body, request.filter);
    TRY(status);
    if (result.count && !(result.flags & RESULT_EMPTY)) lib_last_keep(s, &result);
    return answer_claim(s, &result, out, out_size);
}

// The token is a part of the body that an idempotency key came with.
static uint64_t lease_seed(const char *token, uint64_t seed) {
    return hash_bytes_seed(token, strlen(token), seed);
}

static nacre_status begin_lease(struct nacre_session *s, nacre_collection *collection, nacre_id id,
                                const char *token, const nacre_write *options,
                                struct lease_request *out) {
    TRY(lib_begin(s));
    if (!token) return lib_null(s, "token", "the token of the lease");
    TRY(lib_write_check_plain(s, options, "this call"));
    TRY(lib_target(s, collection, &out->target));
    out->id = lib_id(id);
    out->token = slice_str(token);
    out->durability = lib_write_durability(options);
    return lib_write_reserve(s);
}

nacre_status nacre_release(nacre_session *s, nacre_collection *collection, nacre_id id,
                           const char *token, const char *set, const nacre_write *options,
                           nacre_result *out) {
    struct lease_request request = {0};
    struct result result;
    TRY(begin_lease(s, collection, id, token, options, &request));
    s->body.max = 2 * (size_t)DOC_BYTES_MAX;
    lib_text_reset(&s->body);
    if (set) {
        TRY(json_parse(&s->ctx, slice_str(set), NULL, &s->body));
        request.set = buf_slice(&s->body);
    }
    request.idempotency =
        lib_write_idempotency(s, options, slice_str(set ? set : ""), lease_seed(token, LEASE_SEED));
    nacre_status status = s->in_tx ? engine_tx_release(&s->ctx, s->tx, &request, &result)
                                   : engine_release(&s->ctx, s->db->engine, &request, &result);
    TRY(lib_done(s, status));
    return lib_write_answer(s, &result, options, out);
}

nacre_status nacre_extend(nacre_session *s, nacre_collection *collection, nacre_id id,
                          const char *token, uint64_t lease_ms, const nacre_write *options,
                          nacre_result *out) {
    struct lease_request request = {.lease_ms = lease_ms};
    struct result result;
    TRY(begin_lease(s, collection, id, token, options, &request));
    request.idempotency = lib_write_idempotency(s, options, slice_of(&lease_ms, sizeof lease_ms),
                                                lease_seed(token, EXTEND_SEED));
    nacre_status status = s->in_tx ? engine_tx_extend(&s->ctx, s->tx, &request, &result)
                                   : engine_extend(&s->ctx, s->db->engine, &request, &result);
    TRY(lib_done(s, status));
    return lib_write_answer(s, &result, options, out);
}

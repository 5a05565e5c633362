// Reads of an earlier time, and versions.
#include "base/text/time.h"
#include "lib/lib.h"

nacre_status lib_as_of(struct nacre_session *s, const char *text, int64_t *out_ms) {
    if (!text) return lib_null(s, "as_of", "a time as in \"2026-01-31T12:00:00Z\"");
    if (time_parse(slice_str(text), out_ms)) return NACRE_OK;
    nacre_status status =
        err_set(&s->ctx, NACRE_INVALID_ARGUMENT,
                "as_of is no time; expected RFC 3339 as in \"2026-01-31T12:00:00Z\"");
    err_parameter(&s->ctx, "as_of");
    return status;
}

nacre_status lib_query_target_past(struct nacre_session *s, struct query_target *target,
                                   int64_t as_of_ms) {
    struct view *past;
    uint32_t tablet = target->collection->tablet;
    TRY(engine_view_past(&s->ctx, s->db->engine, tablet, as_of_ms, &past));
    txn_view_release(target->view);
    // Checked by engine_view_past: the collection is there.
    *target = (struct query_target){.view = past,
                                    .collection = catalog_by_tablet(past->catalog, tablet),
                                    .spill = target->spill,
                                    .memo = target->memo};
    return NACRE_OK;
}

static const char *const change_names[] = {
    [CHANGE_INSERT] = "insert", [CHANGE_UPDATE] = "update", [CHANGE_DELETE] = "delete"};

const char *lib_change_name(enum change_op op) { return change_names[op]; }

void lib_version_json(struct nacre_session *s, const struct engine_version *version,
                      struct buf *out) {
    char time[TIME_TEXT_MAX];
    int n = (int)time_print(row_ts_ms(version->begin_ts), time);
    buf_printf(out, "{\"version\":%llu,\"op\":\"%s\",\"time\":\"%.*s\"",
               (unsigned long long)version->version, lib_change_name(version->op), n, time);
    if (version->document) {
        struct present_options options = {.now_ms = (int64_t)engine_now_ms(s->db->engine)};
        buf_put_str(out, ",\"document\":");
        present_doc(out, version->document, &options);
    }
    buf_put_u8(out, '}');
}
